#include "snapshot/filters.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void copy_texts(const hf_strings *from, hf_strings *to)
{
    for (size_t i = 0; from != NULL && i < from->count; i++)
        hf_strings_add(to, from->items[i]);
}

/* Tables of extensions have no entry in the archive. */
static hf_status filter_archive(hf_archive *archive, const hf_filter *filter, const hf_manifest *manifest,
                                hf_filtered *filtered, hf_error *error)
{
    HF_AUTO(hf_freep) hf_filter_name *members = hf_alloc((manifest->tables.count + 1) * sizeof(*members));
    size_t count = 0;

    for (size_t i = 0; i < manifest->tables.count; i++)
        if (manifest->tables.items[i].condition != NULL)
            members[count++] =
                (hf_filter_name){manifest->tables.items[i].schema, manifest->tables.items[i].name};
    return hf_archive_filter(archive, filter, members, count, filtered, error);
}

static void note_without_data(const hf_filtered_object *object, hf_manifest *manifest)
{
    for (size_t i = 0; i < manifest->tables.count; i++) {
        hf_table *table = &manifest->tables.items[i];

        if (hf_streq(table->schema, object->schema) && hf_streq(table->name, object->name))
            table->data_excluded = true;
    }
    for (size_t i = 0; i < manifest->populated_matviews.count; i++) {
        hf_relation_name *matview = &manifest->populated_matviews.items[i];

        if (!hf_streq(matview->schema, object->schema) || !hf_streq(matview->name, object->name))
            continue;
        free(matview->schema);
        free(matview->name);
        *matview = manifest->populated_matviews.items[--manifest->populated_matviews.count];
        return;
    }
}

static void note_filters(const hf_filter *filter, const hf_filtered *filtered, hf_manifest *manifest)
{
    copy_texts(filter->include, &manifest->filters.include);
    copy_texts(filter->exclude, &manifest->filters.exclude);
    copy_texts(filter->exclude_data, &manifest->filters.exclude_data);
    for (size_t i = 0; i < filtered->left_out.count; i++) {
        const hf_filtered_object *object = &filtered->left_out.items[i];

        *HF_APPEND_NEW(&manifest->filters.left_out) = (hf_left_out){.kind = hf_strdup(object->kind),
                                                                    .schema = hf_strdup(object->schema),
                                                                    .name = hf_strdup(object->name),
                                                                    .why = hf_strdup(object->why)};
        if (object->why == NULL || hf_streq(object->kind, "SEQUENCE"))
            continue;
        HF_AUTO_STR text =
            hf_format("left out: %s %s%s%s: %s", object->kind, object->schema != NULL ? object->schema : "",
                      object->schema != NULL ? "." : "", object->name, object->why);
        hf_strings_add(&manifest->warnings, text);
    }
    for (size_t i = 0; i < filtered->without_data.count; i++)
        note_without_data(&filtered->without_data.items[i], manifest);
    for (size_t i = 0; i < filtered->unmatched.count; i++) {
        HF_AUTO_STR text = hf_format("the pattern \"%s\" fits nothing", filtered->unmatched.items[i]);
        hf_strings_add(&manifest->warnings, text);
    }
}

static int by_name(const void *a_, const void *b_)
{
    const hf_relation_name *a = a_, *b = b_;
    int order = strcmp(a->schema, b->schema);

    return order != 0 ? order : strcmp(a->name, b->name);
}

typedef struct left_names { /* relations, sorted; borrowed */
    hf_relation_name *items;
    size_t count;
} left_names;

static bool is_left_out(const left_names *left, char *schema, char *name)
{
    const hf_relation_name wanted = {schema, name};

    return left->count > 0 && bsearch(&wanted, left->items, left->count, sizeof(wanted), by_name) != NULL;
}

static void prune_tables(const left_names *left, hf_manifest *manifest)
{
    size_t kept = 0;

    for (size_t i = 0; i < manifest->tables.count; i++) {
        hf_table *table = &manifest->tables.items[i];

        if (is_left_out(left, table->schema, table->name))
            hf_table_done(table);
        else
            manifest->tables.items[kept++] = *table;
    }
    manifest->tables.count = kept;
}

void hf_filters_prune(hf_manifest *manifest)
{
    static const char *const RELATIONS[] = {"TABLE", "SEQUENCE", "MATERIALIZED VIEW"};
    left_names left = {.items = hf_alloc((manifest->filters.left_out.count + 1) * sizeof(*left.items))};
    size_t kept = 0;

    for (size_t i = 0; i < manifest->filters.left_out.count; i++)
        for (size_t kind = 0; kind < sizeof(RELATIONS) / sizeof(*RELATIONS); kind++)
            if (hf_streq(manifest->filters.left_out.items[i].kind, RELATIONS[kind]))
                left.items[left.count++] = (hf_relation_name){manifest->filters.left_out.items[i].schema,
                                                              manifest->filters.left_out.items[i].name};
    if (left.count > 1)
        qsort(left.items, left.count, sizeof(*left.items), by_name);
    prune_tables(&left, manifest);
    for (size_t i = 0; i < manifest->sequences.count; i++) {
        hf_sequence *sequence = &manifest->sequences.items[i];

        if (!is_left_out(&left, sequence->schema, sequence->name)) {
            manifest->sequences.items[kept++] = *sequence;
            continue;
        }
        free(sequence->schema);
        free(sequence->name);
    }
    manifest->sequences.count = kept;
    kept = 0;
    for (size_t i = 0; i < manifest->populated_matviews.count; i++) {
        hf_relation_name *matview = &manifest->populated_matviews.items[i];

        if (!is_left_out(&left, matview->schema, matview->name)) {
            manifest->populated_matviews.items[kept++] = *matview;
            continue;
        }
        free(matview->schema);
        free(matview->name);
    }
    manifest->populated_matviews.count = kept;
    free(left.items);
}

/* The name in quotes or without; a longer name that has it inside counts too. */
static bool is_role_named(const hf_archive *archive, const hf_manifest *manifest, const char *role)
{
    if (hf_streq(manifest->database.owner, role) ||
        (manifest->database.acl != NULL && strstr(manifest->database.acl, role) != NULL))
        return true;
    for (size_t i = 0; i < manifest->database.settings.count; i++)
        if (hf_streq(manifest->database.settings.items[i].role, role))
            return true;
    for (size_t i = 0; i < archive->entries.count; i++)
        if (hf_streq(archive->entries.items[i].owner, role) ||
            strstr(archive->entries.items[i].definition, role) != NULL)
            return true;
    return strpbrk(role, "\"\\") != NULL; /* spelled in other ways */
}

/* Those that only what was left out names are not needed. */
static void prune_roles(const hf_archive *archive, hf_manifest *manifest)
{
    size_t kept = 0;

    for (size_t i = 0; i < manifest->roles.count; i++) {
        if (is_role_named(archive, manifest, manifest->roles.items[i]))
            manifest->roles.items[kept++] = manifest->roles.items[i];
        else
            free(manifest->roles.items[i]);
    }
    manifest->roles.count = kept;
}

hf_status hf_filters_apply(hf_archive *archive, const hf_filter *filter, hf_manifest *manifest,
                           hf_error *error)
{
    HF_AUTO(hf_filtered_done) hf_filtered filtered = {0};

    HF_TRY(filter_archive(archive, filter, manifest, &filtered, error));
    note_filters(filter, &filtered, manifest);
    prune_roles(archive, manifest);
    hf_filters_prune(manifest);
    return HF_OK;
}

static bool is_degraded(const hf_manifest *manifest, const hf_table *table)
{
    for (size_t i = 0; i < manifest->degraded.count; i++)
        if (hf_streq(manifest->degraded.items[i].name, table->name) &&
            hf_streq(manifest->degraded.items[i].schema, table->schema))
            return true;
    return false;
}

void hf_filters_loosen(hf_archive *archive, const hf_manifest *manifest, hf_strings *ret_notes)
{
    HF_AUTO(hf_freep) hf_filter_name *names = hf_alloc((manifest->tables.count + 1) * sizeof(*names));
    HF_AUTO(hf_freep) bool *empty = hf_alloc(manifest->tables.count + 1);
    size_t count = 0;

    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        if (!table->data_excluded && !is_degraded(manifest, table))
            continue;
        empty[count] = table->data_excluded;
        names[count++] = (hf_filter_name){table->schema, table->name};
    }
    hf_archive_loosen_keys(archive, names, empty, count, ret_notes);
}

hf_filter hf_filters_of(const hf_manifest *manifest)
{
    return (hf_filter){.include = &manifest->filters.include,
                       .exclude = &manifest->filters.exclude,
                       .exclude_data = &manifest->filters.exclude_data};
}
