/* What a report has beside the journal's facts, and where it is delivered by itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/machine.h"
#include "deploy/report_build.h"

/* ---- tables, before and after ---- */

static const json_t *find_table(const json_t *tables, const char *schema, const char *name)
{
    const json_t *table;
    size_t i;

    json_array_foreach(tables, i, table)
    {
        if (hf_streq(hf_json_member(table, "name"), name) &&
            hf_streq(hf_json_member(table, "schema"), schema))
            return table;
    }
    return NULL;
}

static json_t *null_or(const json_t *value)
{
    return json_is_integer(value) ? json_deep_copy(value) : json_null();
}

static void add_before(json_t *tables, const hf_table *table, uint32_t block_size, const json_t *after)
{
    const json_t *now = find_table(json_object_get(after, "tables"), table->schema, table->name);
    const uint64_t bytes = table->pages > 0 ? (uint64_t) table->pages * block_size : table->raw_bytes;
    const bool complete =
        json_is_array(json_object_get(after, "tables")) && !json_is_true(json_object_get(after, "more"));

    json_array_append_new(
        tables, json_pack("{s:s, s:s, s:I, s:I, s:o, s:b, s:b}", "schema", table->schema, "name", table->name,
                          "bytes", (json_int_t) bytes, "rows_before", (json_int_t) table->total.rows,
                          "rows_after", null_or(json_object_get(now, "rows")), "exact",
                          json_is_true(json_object_get(now, "exact")), "gone", complete && now == NULL));
}

static int by_size(const void *a, const void *b)
{
    const json_int_t x = json_integer_value(json_object_get(*(json_t *const *) a, "bytes")),
                     y = json_integer_value(json_object_get(*(json_t *const *) b, "bytes"));

    return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *sorted_by_size(json_t *tables)
{
    const size_t count = json_array_size(tables);
    json_t **items = hf_realloc_array(NULL, count + 1, sizeof(*items)), *sorted = json_array();

    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(tables, i);
    qsort(items, count, sizeof(*items), by_size);
    for (size_t i = 0; i < count; i++)
        json_array_append(sorted, items[i]);
    free(items);
    json_decref(tables);
    return sorted;
}

static json_t *tables_of(const hf_manifest *manifest, const json_t *after)
{
    json_t *tables = json_array(), *known = json_object();
    const json_t *now;
    size_t i;

    for (i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];
        HF_AUTO_STR name = hf_format("%s.%s", table->schema, table->name);

        add_before(tables, table, manifest->server.block_size, after);
        json_object_set_new(known, name, json_true());
    }
    json_array_foreach(json_object_get(after, "tables"), i, now)
    {
        const char *schema = hf_json_member(now, "schema"), *name = hf_json_member(now, "name");
        HF_AUTO_STR whole = hf_format("%s.%s", schema, name);

        if (json_object_get(known, whole) == NULL)
            json_array_append_new(tables,
                                  json_pack("{s:s, s:s, s:O?, s:n, s:o, s:b, s:b}", "schema", schema, "name",
                                            name, "bytes", json_object_get(now, "bytes"), "rows_before",
                                            "rows_after", null_or(json_object_get(now, "rows")), "exact",
                                            json_is_true(json_object_get(now, "exact")), "gone", false));
    }
    json_decref(known);
    return sorted_by_size(tables);
}

void hf_report_complete(hf_repository *repository, json_t *cycle)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    const char *snapshot = hf_json_member(cycle, "snapshot");
    hf_error ignored;

    json_object_set_new(cycle, "next", hf_report_next(cycle));
    if (snapshot[0] != '\0' && hf_repository_load(repository, hf_json_member(cycle, "target"), snapshot,
                                                  &manifest, &ignored) == HF_OK)
        json_object_set_new(cycle, "tables", tables_of(manifest, json_object_get(cycle, "after")));
}

/* ---- delivery ---- */

/* Appending is what a job's summary asks for; a kill leaves a part of a text that nothing reads again. */
static void append_summary(const hf_buf *text)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    hf_error error;

    if (path == NULL || path[0] == '\0')
        return;
    HF_AUTO_FD fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        hf_log(HF_LOG_WARNING, "the report could not be added to \"%s\": %s", path, strerror(errno));
        return;
    }
    if (hf_fd_write_all(fd, text->data, text->len, path, &error) != HF_OK)
        hf_log(HF_LOG_WARNING, "the report could not be added to the job's summary: %s", error.message);
}

/* All at once: a kill before leaves no incident report, and `holdfast report` still has it all. */
static void write_incident(const hf_target_config *target, const json_t *cycle, const hf_buf *text)
{
    HF_AUTO_STR path =
        hf_format("%s/incident-%s-%s.md", target->deploy.reports, target->name, hf_json_member(cycle, "id"));
    hf_error error;
    hf_status status = hf_make_folders(target->deploy.reports, &error);

    if (status == HF_OK)
        status = hf_file_write_atomic(path, text->data, text->len, &error);
    if (status != HF_OK)
        hf_log(HF_LOG_WARNING, "the incident report could not be written: %s", error.message);
    else
        hf_log(HF_LOG_INFO, "incident report: %s", path);
}

void hf_report_deliver(const hf_target_config *target, const json_t *cycle)
{
    HF_AUTO(hf_report_done) hf_report report = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(HF_REPORT_MAX_BYTES);
    const char *state = hf_json_member(cycle, "state");

    hf_report_make(cycle, &report);
    hf_report_markdown(&report, &text);
    append_summary(&text);
    if (hf_streq(state, hf_cycle_state_name(HF_CYCLE_ROLLED_BACK)) ||
        hf_streq(state, hf_cycle_state_name(HF_CYCLE_STUCK)))
        write_incident(target, cycle, &text);
}
