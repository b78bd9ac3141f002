#include "restore/table_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/catalog.h"
#include "pg/pattern.h"

#define NAME_MAX_BYTES 63
#define SUFFIX "__restored"

void hf_table_wishes_done(hf_table_wishes *wishes)
{
    for (size_t i = 0; i < wishes->count; i++) {
        free(wishes->items[i].schema);
        free(wishes->items[i].name);
    }
    free(wishes->items);
    *wishes = (hf_table_wishes){0};
}

static hf_status parse(const char *option, const char *text, hf_pattern *p, hf_error *error)
{
    if (hf_pattern_parse(text, p))
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "\"--%s\" must be schema.table or table, not \"%.200s\"", option, text);
    (void) hf_hint(error,
                   "a part with a dot, a quote or a star in it goes in double quotes: 'public.\"odd.name\"'");
    return HF_E_USAGE;
}

/* The new name for one part: what was given, with * standing for `star`. */
static char *put_star(const hf_pattern_part *given, const char *star)
{
    HF_AUTO_BUF text = HF_BUF_MAX(8192);

    for (const char *at = given->text; *at != '\0'; at++) {
        if (*at == '*' && !given->quoted)
            hf_buf_puts(&text, star);
        else
            hf_buf_putc(&text, *at);
    }
    return hf_buf_take(&text);
}

static hf_status add_wish(hf_table_wishes *wishes, const hf_table *table, const hf_pattern *as,
                          hf_error *error)
{
    hf_table_wish wish = {.table = table};

    if (as->name.text == NULL) {
        wish.schema = hf_strdup(table->schema);
        wish.name = hf_text_with_suffix(table->name, SUFFIX, NAME_MAX_BYTES);
    } else {
        wish.schema =
            as->schema.text == NULL ? hf_strdup(table->schema) : put_star(&as->schema, table->schema);
        wish.name = put_star(&as->name, table->name);
    }
    HF_PUSH(wishes, wish);

    HF_AUTO_STR from = hf_pg_table_shown(table->schema, table->name);
    HF_AUTO_STR to = hf_pg_table_shown(wish.schema, wish.name);
    if (strlen(wish.schema) > NAME_MAX_BYTES || strlen(wish.name) > NAME_MAX_BYTES ||
        !hf_is_utf8(wish.schema, strlen(wish.schema)) || !hf_is_utf8(wish.name, strlen(wish.name)))
        return hf_fail(error, HF_E_USAGE,
                       "%s cannot be the name of a table: each part may have 63 bytes of UTF-8", to);
    for (size_t i = 0; i + 1 < wishes->count; i++) {
        const hf_table_wish *other = &wishes->items[i];

        if (!hf_streq(other->schema, wish.schema) || !hf_streq(other->name, wish.name))
            continue;
        HF_AUTO_STR first = hf_pg_table_shown(other->table->schema, other->table->name);
        (void) hf_fail(error, HF_E_USAGE, "%s and %s would both become %s", first, from, to);
        (void) hf_hint(error, "use * for the tables' own names: --as 'rescue.*'");
        return HF_E_USAGE;
    }
    return HF_OK;
}

/* Tables whose rows are not there, or that only an extension can make. */
static hf_status check_table(const hf_table *table, hf_error *error)
{
    HF_AUTO_STR shown = hf_pg_table_shown(table->schema, table->name);

    if (table->data_excluded)
        return hf_fail(error, HF_E_UNSUPPORTED, "the snapshot excludes the rows of %s", shown);
    if (table->condition != NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "%s belongs to an extension, which alone can make it", shown);
    return HF_OK;
}

static hf_status find(const hf_manifest *manifest, const hf_table_choice *choice, hf_table_wishes *wishes,
                      hf_error *error)
{
    HF_AUTO(hf_pattern_done) hf_pattern wanted = {0};
    HF_AUTO(hf_pattern_done) hf_pattern as = {0};
    bool found = false;

    HF_TRY(parse("table", choice->pattern, &wanted, error));
    if (choice->as != NULL)
        HF_TRY(parse("as", choice->as, &as, error));
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        if (!hf_pattern_fits(&wanted, table->schema, table->name))
            continue;
        found = true;
        HF_TRY(check_table(table, error));
        HF_TRY(add_wish(wishes, table, &as, error));
    }
    if (found)
        return HF_OK;
    (void) hf_fail(error, HF_E_NOT_FOUND, "snapshot \"%s\" has no table \"%.200s\"", manifest->id,
                   choice->pattern);
    (void) hf_hint(error, "`holdfast show %s` lists them; of a partitioned table name the partitions",
                   manifest->id);
    return HF_E_NOT_FOUND;
}

hf_status hf_table_wishes_find(const hf_manifest *manifest, const hf_table_choice *choices, size_t count,
                               hf_table_wishes *ret_wishes, hf_error *error)
{
    HF_AUTO(hf_table_wishes_done) hf_table_wishes wishes = {0};

    for (size_t i = 0; i < count; i++)
        HF_TRY(find(manifest, &choices[i], &wishes, error));
    *ret_wishes = wishes;
    wishes = (hf_table_wishes){0};
    return HF_OK;
}
