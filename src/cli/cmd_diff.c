#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "pg/catalog.h"
#include "pg/connection.h"
#include "pg/pg_dump.h"
#include "restore/compare.h"
#include "snapshot/filters.h"

static const hf_cli_option options[] = {
    {"jobs", "N", "connections that read the live database side by side; default as configured"},
    {NULL, NULL, NULL},
};

/* What is compared; the lists borrow from the rest. */
typedef struct comparison {
    hf_manifest *a, *b; /* b NULL: the live database */
    hf_archive *archive_a, *archive_b;
    hf_pg_sequences live_sequences;
    HF_VECTOR(hf_sequence) live; /* the same, in the manifest's form */
    char *live_name;
    hf_schema_differences schema;
    hf_difference_list tables;
    hf_sequence_differences sequences;
    hf_strings left_out; /* by a filter of either side: "schema.name", quoted */
} comparison;

static void comparison_done(comparison *c)
{
    free(c->schema.items);
    free(c->sequences.items);
    hf_difference_list_done(&c->tables);
    free(c->live.items);
    hf_pg_sequences_done(&c->live_sequences);
    hf_archive_free(c->archive_a);
    hf_archive_free(c->archive_b);
    hf_manifest_free(c->a);
    hf_manifest_free(c->b);
    free(c->live_name);
    hf_strings_done(&c->left_out);
}

static bool is_equal(const comparison *c)
{
    return c->schema.count == 0 && c->tables.count == 0 && c->sequences.count == 0;
}

static hf_status read_live(const hf_session *session, long jobs, comparison *c, hf_error *error)
{
    const hf_strings *configured = &session->target->snapshot.pg_dump;
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
    HF_AUTO_PG pg = NULL;
    hf_progress progress = {0};

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = session->url, .purpose = "diff", .exact_text = true}, &pg,
                         error));
    c->live_name = hf_strdup(hf_pg_database(pg));
    HF_TRY(hf_pg_dump_find(configured->count > 0 ? configured : NULL, hf_pg_version(pg), &dump, error));
    HF_TRY(hf_pg_dump_schema(&dump, session->url, NULL, NULL, &c->archive_b, error));
    HF_TRY(hf_pg_list_sequences(pg, &c->live_sequences, error));
    for (size_t i = 0; i < c->live_sequences.count; i++) {
        const hf_pg_sequence *from = &c->live_sequences.items[i];
        const hf_sequence sequence = {from->schema, from->name, from->last_value, from->is_called};

        HF_PUSH(&c->live, sequence);
    }

    hf_progress_begin("reading", &progress);
    hf_status status = hf_verify_database(
        &(hf_verify_options){
            .url = session->url, .manifest = c->a, .jobs = (size_t) jobs, .progress = &progress},
        &c->tables, error);
    hf_progress_end();
    return status;
}

static char *quoted(const char *schema, const char *name)
{
    HF_AUTO_BUF key = HF_BUF_MAX(4096);

    hf_sql_qualified(&key, schema != NULL ? schema : "", name);
    return hf_buf_take(&key);
}

static void note_left_out(comparison *c, const char *schema, const char *name)
{
    HF_AUTO_STR key = quoted(schema, name);

    hf_strings_add(&c->left_out, key);
}

/* What one side leaves out is left out of the other side too. */
static hf_status leave_out(comparison *c, const hf_manifest *from, hf_archive *other, hf_error *error)
{
    HF_AUTO(hf_filtered_done) hf_filtered filtered = {0};

    if (hf_manifest_is_filtered(from)) {
        const hf_filter filter = hf_filters_of(from);

        HF_TRY(hf_archive_filter(other, &filter, NULL, 0, &filtered, error));
        for (size_t i = 0; i < filtered.left_out.count; i++)
            note_left_out(c, filtered.left_out.items[i].schema, filtered.left_out.items[i].name);
        for (size_t i = 0; i < from->filters.left_out.count; i++)
            note_left_out(c, from->filters.left_out.items[i].schema, from->filters.left_out.items[i].name);
    }
    hf_filters_loosen(other, from, NULL);
    return HF_OK;
}

static bool is_left_out(const comparison *c, const char *schema, const char *name)
{
    HF_AUTO_STR key = quoted(schema, name);

    return hf_strings_has(&c->left_out, key);
}

static void drop_left_out(comparison *c)
{
    size_t tables = 0, sequences = 0;

    for (size_t i = 0; i < c->tables.count; i++) {
        hf_difference *item = &c->tables.items[i];

        if (!is_left_out(c, item->schema, item->table)) {
            c->tables.items[tables++] = *item;
            continue;
        }
        free(item->schema);
        free(item->table);
        free(item->why);
    }
    c->tables.count = tables;
    for (size_t i = 0; i < c->sequences.count; i++) {
        const hf_sequence *named =
            c->sequences.items[i].a != NULL ? c->sequences.items[i].a : c->sequences.items[i].b;

        if (!is_left_out(c, named->schema, named->name))
            c->sequences.items[sequences++] = c->sequences.items[i];
    }
    c->sequences.count = sequences;
}

static hf_status compare(const hf_session *session, const char *a, const char *b, long jobs, comparison *c,
                         hf_error *error)
{
    bool live = hf_streq(b, "live");

    HF_TRY(hf_session_manifest(session, a, &c->a, error));
    HF_TRY(hf_compare_load_archive(session->repository, c->a, &c->archive_a, error));
    if (live) {
        HF_TRY(read_live(session, jobs, c, error));
    } else {
        HF_TRY(hf_session_manifest(session, b, &c->b, error));
        HF_TRY(hf_compare_load_archive(session->repository, c->b, &c->archive_b, error));
        hf_compare_tables(c->a, c->b, &c->tables);
    }
    HF_TRY(leave_out(c, c->a, c->archive_b, error));
    if (!live)
        HF_TRY(leave_out(c, c->b, c->archive_a, error));
    hf_compare_schemas(c->archive_a, c->archive_b, &c->schema);
    hf_compare_sequences((hf_sequence_list){c->a->sequences.items, c->a->sequences.count},
                         live ? (hf_sequence_list){c->live.items, c->live.count}
                              : (hf_sequence_list){c->b->sequences.items, c->b->sequences.count},
                         &c->sequences);
    if (c->left_out.count > 0)
        drop_left_out(c);
    return HF_OK;
}

static const char *const changes[] = {
    [HF_SCHEMA_REMOVED] = "removed", [HF_SCHEMA_ADDED] = "added", [HF_SCHEMA_CHANGED] = "changed"};

static json_t *sequence_json(const hf_sequence *sequence)
{
    return sequence == NULL ? json_null()
                            : json_pack("{s:I, s:b}", "last_value", (json_int_t) sequence->last_value,
                                        "is_called", (int) sequence->is_called);
}

static json_t *comparison_json(const comparison *c)
{
    json_t *schema = json_array();
    json_t *sequences = json_array();

    for (size_t i = 0; i < c->schema.count; i++) {
        const hf_entry *entry = c->schema.items[i].entry;

        json_array_append_new(schema,
                              json_pack("{s:s, s:s, s:o, s:o}", "change", changes[c->schema.items[i].change],
                                        "kind", entry->kind, "schema", hf_json_text(entry->schema), "name",
                                        hf_json_text(entry->tag)));
    }
    for (size_t i = 0; i < c->sequences.count; i++) {
        const hf_sequence_difference *item = &c->sequences.items[i];
        const hf_sequence *named = item->a != NULL ? item->a : item->b;

        json_array_append_new(sequences,
                              json_pack("{s:o, s:o, s:o, s:o}", "schema", hf_json_text(named->schema), "name",
                                        hf_json_text(named->name), "a", sequence_json(item->a), "b",
                                        sequence_json(item->b)));
    }
    return json_pack("{s:b, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o}", "equal",
                     (int) is_equal(c), "a", "snapshot", hf_json_text(c->a->id), "filters",
                     hf_describe_filters(c->a), "degraded", hf_describe_degraded(c->a), "b", "snapshot",
                     hf_json_text(c->b == NULL ? NULL : c->b->id), "live", hf_json_text(c->live_name),
                     "filters", c->b == NULL ? json_null() : hf_describe_filters(c->b), "degraded",
                     c->b == NULL ? json_array() : hf_describe_degraded(c->b), "schema", schema, "tables",
                     hf_difference_list_json(&c->tables), "sequences", sequences);
}

static void print_sequence(const hf_sequence *sequence, const char *before)
{
    if (sequence == NULL)
        hf_out("%snone", before);
    else
        hf_out("%s%lld%s", before, (long long) sequence->last_value,
               sequence->is_called ? "" : " (not called)");
}

/* What the comparison says nothing about. */
static void print_incomplete(const hf_manifest *manifest)
{
    HF_AUTO_STR filtered = manifest != NULL ? hf_filters_shown(manifest) : NULL;
    HF_AUTO_STR degraded = manifest != NULL ? hf_degraded_shown(manifest) : NULL;

    if (filtered != NULL)
        hf_out("not compared: snapshot %s is FILTERED: %s\n", manifest->id, filtered);
    if (degraded != NULL)
        hf_out("snapshot %s is DEGRADED: %s\n", manifest->id, degraded);
}

static void print(const comparison *c)
{
    char count[32];

    hf_out("%s: snapshot %s and %s %s\n", is_equal(c) ? "equal" : "DIFFERENT", c->a->id,
           c->b != NULL ? "snapshot" : "the live database", c->b != NULL ? c->b->id : c->live_name);
    print_incomplete(c->a);
    print_incomplete(c->b);
    if (is_equal(c)) {
        hf_out("\n");
        hf_out_fact("tables", "%zu, %s rows, row for row", c->a->tables.count,
                    hf_show_count(hf_manifest_rows(c->a), count));
        hf_out_fact("schema", "%u objects", c->a->schema_entries);
        hf_out_fact("sequences", "%zu", c->a->sequences.count);
        return;
    }
    if (c->tables.count > 0)
        hf_out("\nrows\n");
    for (size_t i = 0; i < c->tables.count; i++)
        hf_out("  %s.%s: %s\n", c->tables.items[i].schema, c->tables.items[i].table, c->tables.items[i].why);
    if (c->schema.count > 0)
        hf_out("\nschema\n");
    for (size_t i = 0; i < c->schema.count; i++) {
        const hf_entry *entry = c->schema.items[i].entry;

        hf_out("  %-7s  %s %s%s%s\n", changes[c->schema.items[i].change], entry->kind,
               entry->schema == NULL ? "" : entry->schema, entry->schema == NULL ? "" : ".", entry->tag);
    }
    if (c->sequences.count > 0)
        hf_out("\nsequences\n");
    for (size_t i = 0; i < c->sequences.count; i++) {
        const hf_sequence_difference *item = &c->sequences.items[i];
        const hf_sequence *named = item->a != NULL ? item->a : item->b;

        hf_out("  %s.%s", named->schema, named->name);
        print_sequence(item->a, ": ");
        print_sequence(item->b, " -> ");
        hf_out("\n");
    }
}

/* "1 table, 2 schema objects and 3 sequences", without those of which there is none.  The caller owns it. */
static char *counted(const comparison *c)
{
    const struct {
        size_t count;
        const char *name;
    } parts[] = {
        {c->tables.count, "table"}, {c->schema.count, "schema object"}, {c->sequences.count, "sequence"}};
    size_t left = 0, shown = 0;
    hf_buf text = HF_BUF_MAX(256);

    for (size_t i = 0; i < 3; i++)
        left += parts[i].count > 0;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].count == 0)
            continue;
        left--;
        hf_buf_printf(&text, "%s%zu %s%s",
                      shown++ == 0 ? ""
                      : left == 0  ? " and "
                                   : ", ",
                      parts[i].count, parts[i].name, parts[i].count == 1 ? "" : "s");
    }
    return hf_buf_take(&text);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *a = hf_cli_argument(cli, 0);
    const char *b = hf_cli_argument(cli, 1) == NULL ? "live" : hf_cli_argument(cli, 1);
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(comparison_done) comparison c = {0};
    long jobs = 0;

    if (hf_streq(a, "live")) {
        hf_fail(error, HF_E_USAGE, "the live database comes second");
        return hf_hint(error, "usage: holdfast diff ID live");
    }
    HF_TRY(hf_session_open(cli,
                           HF_READS_OBJECTS | (hf_streq(b, "live") ? HF_NEEDS_DATABASE : HF_NEEDS_TARGET),
                           &session, error));
    HF_TRY(hf_cli_number(cli, "jobs", 1, 64, (long) session.target->snapshot.jobs, &jobs, error));
    HF_TRY(compare(&session, a == NULL ? "latest" : a, b, jobs, &c, error));
    hf_cli_result(cli, comparison_json(&c));
    if (!cli->json)
        print(&c);
    if (is_equal(&c))
        return HF_OK;
    HF_AUTO_STR what = counted(&c);
    return hf_fail(error, HF_E_DIFFERENT, "%s differ%s", what,
                   c.tables.count + c.schema.count + c.sequences.count == 1 ? "s" : "");
}

const hf_command hf_command_diff = {
    .name = "diff",
    .arguments = "[ID [ID|live]]",
    .summary = "compare a snapshot with the live database or with another one",
    .details =
        "Schema objects, the rows of every table (by digest, whatever their order) and sequences. The "
        "snapshot\n"
        "is the latest unless named, and it is compared with the live database unless told otherwise. What a "
        "filtered\n"
        "snapshot leaves out is not compared.",
    .max_arguments = 2,
    .options = options,
    .run = run,
};
