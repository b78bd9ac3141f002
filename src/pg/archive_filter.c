#include "pg/archive_filter.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/text.h"
#include "pg/catalog.h"
#include "pg/pattern.h"

typedef HF_VECTOR(hf_pattern) patterns;

/* What is known of an entry while the archive is filtered. */
typedef struct entry_note {
    bool out;
    bool without_data;
    size_t above;   /* of a partition: the entry of the table above it, or NONE */
    size_t because; /* the entry that it needs, or NONE: by a pattern */
} entry_note;

#define NONE SIZE_MAX

typedef struct work {
    hf_archive *archive;
    entry_note *notes; /* as the entries */
    patterns include, exclude, exclude_data;
    bool *include_fits, *exclude_fits, *exclude_data_fits;
} work;

/* ---- lists ---- */

static void objects_done(hf_filtered_objects *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].kind);
        free(list->items[i].schema);
        free(list->items[i].name);
        free(list->items[i].why);
    }
    free(list->items);
}

void hf_filtered_done(hf_filtered *filtered)
{
    objects_done(&filtered->left_out);
    objects_done(&filtered->without_data);
    hf_strings_done(&filtered->unmatched);
    *filtered = (hf_filtered){0};
}

static void add_object(hf_filtered_objects *list, const char *kind, const char *schema, const char *name,
                       const char *why)
{
    *HF_APPEND_NEW(list) = (hf_filtered_object){
        .kind = hf_strdup(kind), .schema = hf_strdup(schema), .name = hf_strdup(name), .why = hf_strdup(why)};
}

/* ---- patterns ---- */

static size_t count_of(const hf_strings *list)
{
    return list != NULL ? list->count : 0;
}

bool hf_filter_is_empty(const hf_filter *filter)
{
    return count_of(filter->include) + count_of(filter->exclude) + count_of(filter->exclude_data) == 0;
}

static hf_status check_patterns(const hf_strings *list, hf_error *error)
{
    for (size_t i = 0; i < count_of(list); i++) {
        HF_AUTO(hf_pattern_done) hf_pattern pattern = {0};

        if (hf_pattern_parse(list->items[i], &pattern))
            continue;
        (void) hf_fail(error, HF_E_USAGE, "a pattern must be schema.table or table, not \"%.200s\"",
                       list->items[i]);
        return hf_hint(error, "* and ? are allowed; a part with a dot, a quote or a star of its own goes in "
                              "double quotes: public.\"odd.name\"");
    }
    return HF_OK;
}

hf_status hf_filter_check(const hf_filter *filter, hf_error *error)
{
    HF_TRY(check_patterns(filter->include, error));
    HF_TRY(check_patterns(filter->exclude, error));
    return check_patterns(filter->exclude_data, error);
}

static bool *parse_all(const hf_strings *list, patterns *ret_patterns)
{
    for (size_t i = 0; i < count_of(list); i++)
        (void) hf_pattern_parse(list->items[i], HF_APPEND_NEW(ret_patterns));
    return hf_alloc(ret_patterns->count + 1);
}

static void patterns_done(patterns *list)
{
    for (size_t i = 0; i < list->count; i++)
        hf_pattern_done(&list->items[i]);
    free(list->items);
}

static bool any_fits(const patterns *list, bool *fits, const char *schema, const char *name)
{
    bool any = false;

    for (size_t i = 0; i < list->count; i++)
        if (hf_pattern_fits(&list->items[i], schema, name))
            any = fits[i] = true;
    return any;
}

static void add_unmatched(const hf_strings *list, const bool *fits, hf_strings *ret_unmatched)
{
    for (size_t i = 0; i < count_of(list); i++)
        if (!fits[i])
            hf_strings_add(ret_unmatched, list->items[i]);
}

/* ---- relations ---- */

static bool is_kind(const hf_entry *entry, const char *kind)
{
    return strcmp(entry->kind, kind) == 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

bool hf_entry_is_relation(const hf_entry *entry)
{
    static const char *const KINDS[] = {"TABLE",         "VIEW",     "MATERIALIZED VIEW",
                                        "FOREIGN TABLE", "SEQUENCE", NULL};

    return is_one_of(entry->kind, KINDS);
}

static size_t position(const hf_archive *archive, int32_t id)
{
    const hf_entry *entry = hf_archive_find(archive, id);

    return entry != NULL ? (size_t) (entry - archive->entries.items) : NONE;
}

/* Is the entry one of this table, by its tag "table name", or the table's own name alone? */
static bool is_named_after(const hf_entry *entry, const hf_entry *table)
{
    size_t len = strlen(table->tag);

    return hf_streq(entry->schema, table->schema) && strncmp(entry->tag, table->tag, len) == 0 &&
           (entry->tag[len] == ' ' || entry->tag[len] == '\0');
}

/* A TABLE ATTACH is named after the partition, and depends on it and the table above. */
static void link_partitions(const hf_archive *archive, entry_note *notes)
{
    for (size_t i = 0; i < archive->entries.count; i++)
        notes[i] = (entry_note){.above = NONE, .because = NONE};
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *attach = &archive->entries.items[i];
        size_t below = NONE, above = NONE;

        for (size_t d = 0; is_kind(attach, "TABLE ATTACH") && d < attach->dependencies.count; d++) {
            size_t at = position(archive, attach->dependencies.items[d]);

            if (at == NONE || !hf_entry_is_relation(&archive->entries.items[at]))
                continue;
            const hf_entry *table = &archive->entries.items[at];
            if (below == NONE && hf_streq(table->tag, attach->tag) && hf_streq(table->schema, attach->schema))
                below = at;
            else
                above = at;
        }
        if (below != NONE && above != NONE)
            notes[below].above = above;
    }
}

/* Its own name, or that of a table above it. */
static bool fits_upwards(const work *w, const patterns *list, bool *fits, size_t number)
{
    bool any = false;
    size_t steps = 0;

    for (size_t at = number; at != NONE && steps++ < w->archive->entries.count; at = w->notes[at].above) {
        const hf_entry *entry = &w->archive->entries.items[at];
        any = any_fits(list, fits, entry->schema, entry->tag) || any;
    }
    return any;
}

static void choose_relations(work *w)
{
    for (size_t i = 0; i < w->archive->entries.count; i++) {
        const hf_entry *entry = &w->archive->entries.items[i];

        if (!hf_entry_is_relation(entry))
            continue;
        bool included = w->include.count == 0 || is_kind(entry, "SEQUENCE") ||
                        fits_upwards(w, &w->include, w->include_fits, i);
        bool excluded = fits_upwards(w, &w->exclude, w->exclude_fits, i);
        w->notes[i].out = excluded || !included;
        if (is_kind(entry, "TABLE") || is_kind(entry, "MATERIALIZED VIEW"))
            w->notes[i].without_data = fits_upwards(w, &w->exclude_data, w->exclude_data_fits, i);
    }
}

/* ---- what hangs on them ---- */

static void spread(work *w)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < w->archive->entries.count; i++) {
            const hf_entry *entry = &w->archive->entries.items[i];

            for (size_t d = 0; !w->notes[i].out && d < entry->dependencies.count; d++) {
                size_t at = position(w->archive, entry->dependencies.items[d]);

                /* a partition is made on its own, and then attached */
                if (at == NONE || !w->notes[at].out || w->notes[i].above == at)
                    continue;
                w->notes[i].out = true;
                w->notes[i].because = at;
                changed = true;
            }
        }
    }
}

/* Does it go with the relation as a part of it, without a word? */
static bool belongs(const work *w, const hf_entry *entry)
{
    static const char *const ALWAYS[] = {"ACL",          "COMMENT",           "SECURITY LABEL",
                                         "INDEX ATTACH", "ROW SECURITY",      "SEQUENCE OWNED BY",
                                         "DEFAULT ACL",  "PUBLICATION TABLE", NULL};
    static const char *const BY_TAG[] = {"FK CONSTRAINT", "CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE",
                                         "POLICY",        "DEFAULT",    "TABLE ATTACH",     NULL};
    static const char *const BY_TABLE[] = {"INDEX", "STATISTICS", NULL};
    bool by_tag = is_one_of(entry->kind, BY_TAG), by_table = is_one_of(entry->kind, BY_TABLE);
    bool needs_kept = false;

    if (is_one_of(entry->kind, ALWAYS))
        return true;
    for (size_t d = 0; (by_tag || by_table) && d < entry->dependencies.count; d++) {
        size_t at = position(w->archive, entry->dependencies.items[d]);

        if (at == NONE || !hf_entry_is_relation(&w->archive->entries.items[at]))
            continue;
        if (by_tag && w->notes[at].out && is_named_after(entry, &w->archive->entries.items[at]))
            return true;
        needs_kept |= !w->notes[at].out;
    }
    return by_table && !needs_kept;
}

static char *shown(const hf_entry *entry)
{
    return entry->schema != NULL && entry->schema[0] != '\0' ? hf_pg_table_shown(entry->schema, entry->tag)
                                                             : hf_strdup(entry->tag);
}

static hf_status refuse_table(const hf_entry *table, const hf_entry *needed, hf_error *error)
{
    HF_AUTO_STR name = shown(table);
    HF_AUTO_STR other = shown(needed);

    (void) hf_fail(error, HF_E_REFUSED, "table %s needs %s %s, which the filters leave out", name,
                   needed->kind, other);
    return hf_hint(error, "leave table %s out too, keep %s, or use exclude_data, which keeps the definition",
                   name, other);
}

static hf_status tell(const work *w, hf_filtered *filtered, hf_error *error)
{
    for (size_t i = 0; i < w->archive->entries.count; i++) {
        const hf_entry *entry = &w->archive->entries.items[i];
        const entry_note *note = &w->notes[i];

        if (note->out && note->because == NONE) {
            add_object(&filtered->left_out, entry->kind, entry->schema, entry->tag, NULL);
        } else if (note->out) {
            const hf_entry *needed = &w->archive->entries.items[note->because];

            if (is_kind(entry, "TABLE"))
                return refuse_table(entry, needed, error);
            if (belongs(w, entry))
                continue;
            HF_AUTO_STR other = shown(needed);
            HF_AUTO_STR why = hf_format("it needs %s %s, which is left out", needed->kind, other);
            add_object(&filtered->left_out, entry->kind, entry->schema, entry->tag, why);
        } else if (note->without_data) {
            add_object(&filtered->without_data, entry->kind, entry->schema, entry->tag, NULL);
        }
    }
    return HF_OK;
}

/* ---- the archive without them ---- */

static void take_out(hf_archive *archive, const entry_note *notes)
{
    size_t kept = 0;
    hf_error unused;

    for (size_t i = 0; i < archive->entries.count; i++) {
        if (notes[i].out)
            hf_entry_done(&archive->entries.items[i]);
        else
            archive->entries.items[kept++] = archive->entries.items[i];
    }
    archive->entries.count = kept;
    (void) !hf_archive_index(archive, &unused); /* the ids were different before */
}

static void filter_members(work *w, const hf_filter_name *members, size_t count, hf_filtered *filtered)
{
    for (size_t i = 0; i < count; i++) {
        const char *schema = members[i].schema, *name = members[i].name;
        bool included = w->include.count == 0 || any_fits(&w->include, w->include_fits, schema, name);
        bool excluded = any_fits(&w->exclude, w->exclude_fits, schema, name);

        if (excluded || !included)
            add_object(&filtered->left_out, "TABLE", schema, name, NULL);
        else if (any_fits(&w->exclude_data, w->exclude_data_fits, schema, name))
            add_object(&filtered->without_data, "TABLE", schema, name, NULL);
    }
}

hf_status hf_archive_filter(hf_archive *archive, const hf_filter *filter, const hf_filter_name *members,
                            size_t member_count, hf_filtered *ret_filtered, hf_error *error)
{
    work w = {.archive = archive};

    HF_TRY(hf_filter_check(filter, error));
    w.notes = hf_alloc((archive->entries.count + 1) * sizeof(*w.notes));
    w.include_fits = parse_all(filter->include, &w.include);
    w.exclude_fits = parse_all(filter->exclude, &w.exclude);
    w.exclude_data_fits = parse_all(filter->exclude_data, &w.exclude_data);
    link_partitions(archive, w.notes);
    choose_relations(&w);
    filter_members(&w, members, member_count, ret_filtered);
    spread(&w);
    hf_status status = tell(&w, ret_filtered, error);
    if (status == HF_OK) {
        add_unmatched(filter->include, w.include_fits, &ret_filtered->unmatched);
        add_unmatched(filter->exclude, w.exclude_fits, &ret_filtered->unmatched);
        add_unmatched(filter->exclude_data, w.exclude_data_fits, &ret_filtered->unmatched);
        take_out(archive, w.notes);
    }
    patterns_done(&w.include);
    patterns_done(&w.exclude);
    patterns_done(&w.exclude_data);
    free(w.include_fits);
    free(w.exclude_fits);
    free(w.exclude_data_fits);
    free(w.notes);
    return status;
}

/* ---- foreign keys to what is not all there ---- */

typedef struct incomplete_table {
    char *key;
    bool empty;
    UT_hash_handle hh;
} incomplete_table;

static char *key_of(const char *schema, const char *name)
{
    return hf_format("%s\x1f%s", schema != NULL ? schema : "", name);
}

static void free_incomplete(incomplete_table **tables)
{
    incomplete_table *item, *next;

    HASH_ITER(hh, *tables, item, next)
    {
        HASH_DEL(*tables, item);
        free(item->key);
        free(item);
    }
}

/* "...;\n" -> "... NOT VALID;\n".  False if it is so already. */
static bool add_not_valid(hf_entry *entry)
{
    char *end = strrchr(entry->definition, ';');

    if (end == NULL || (end - entry->definition >= 10 && strncmp(end - 10, " NOT VALID", 10) == 0))
        return false;
    char *changed = hf_format("%.*s NOT VALID%s", (int) (end - entry->definition), entry->definition, end);
    free(entry->definition);
    entry->definition = changed;
    return true;
}

/* `without_data` says "has no rows at all", `out` says "is not whole". */
static void mark_incomplete(const hf_archive *archive, entry_note *notes, incomplete_table *tables)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];

        if (!is_kind(entry, "TABLE"))
            continue;
        HF_AUTO_STR key = key_of(entry->schema, entry->tag);
        incomplete_table *found = NULL;
        HASH_FIND_STR(tables, key, found);
        if (found == NULL)
            continue;
        notes[i].without_data = found->empty;
        size_t steps = 0;
        for (size_t at = i; at != NONE && steps++ < archive->entries.count; at = notes[at].above)
            notes[at].out = true;
    }
}

/* The table that a foreign key refers to, if that is not whole; NONE if there is nothing to loosen. */
static size_t broken_reference(const hf_archive *archive, const entry_note *notes, const hf_entry *key)
{
    size_t found = NONE;

    for (size_t d = 0; d < key->dependencies.count; d++) {
        size_t at = position(archive, key->dependencies.items[d]);

        if (at == NONE || !is_kind(&archive->entries.items[at], "TABLE"))
            continue;
        bool own = is_named_after(key, &archive->entries.items[at]);
        if (own && notes[at].without_data)
            return NONE;
        if (notes[at].out && (found == NONE || !own))
            found = at;
    }
    return found;
}

void hf_archive_loosen_keys(hf_archive *archive, const hf_filter_name *incomplete, const bool *empty,
                            size_t count, hf_strings *ret_notes)
{
    HF_AUTO(free_incomplete) incomplete_table *tables = NULL;
    entry_note *notes = hf_alloc((archive->entries.count + 1) * sizeof(*notes));
    entry_note *gone = hf_alloc((archive->entries.count + 1) * sizeof(*gone));

    for (size_t i = 0; i < count; i++) {
        incomplete_table *item = hf_alloc(sizeof(*item));

        item->key = key_of(incomplete[i].schema, incomplete[i].name);
        item->empty = empty[i];
        HASH_ADD_KEYPTR(hh, tables, item->key, strlen(item->key), item);
    }
    link_partitions(archive, notes);
    link_partitions(archive, gone);
    mark_incomplete(archive, notes, tables);
    for (size_t i = 0; count > 0 && i < archive->entries.count; i++) {
        hf_entry *entry = &archive->entries.items[i];
        size_t other = is_kind(entry, "FK CONSTRAINT") ? broken_reference(archive, notes, entry) : NONE;

        if (other == NONE)
            continue;
        gone[i].out = !hf_starts_with(entry->definition, "ALTER TABLE ONLY ");
        bool changed = gone[i].out || add_not_valid(entry);
        if (!changed || ret_notes == NULL)
            continue;
        HF_AUTO_STR table = shown(&archive->entries.items[other]);
        HF_AUTO_STR note = hf_format("foreign key %s: %s, because rows of table %s are not in the snapshot",
                                     entry->tag, gone[i].out ? "left out" : "not validated", table);
        hf_strings_add(ret_notes, note);
    }
    spread(&(work){.archive = archive, .notes = gone}); /* comments on them */
    take_out(archive, gone);
    free(gone);
    free(notes);
}
