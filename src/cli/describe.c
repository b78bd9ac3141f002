#include "cli/describe.h"

#include "base/text.h"
#include "cli/output.h"

enum { LOST_SHOWN = 20 };

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t) value);
}

json_t *hf_describe_info(const hf_snapshot_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:o}", "id",
                     hf_json_text(info->id), "target", hf_json_text(info->target), "database",
                     hf_json_text(info->database), "created_at", hf_json_time(info->created_ms), "label",
                     hf_json_text(info->label), "rows", number(info->rows), "raw_bytes",
                     number(info->raw_bytes), "stored_bytes", number(info->stored_bytes), "tables",
                     number(info->tables), "cycle", hf_json_text(info->cycle), "pinned", (int) info->pinned,
                     "filtered", (int) info->filtered, "degraded", (int) info->degraded, "broken",
                     hf_json_text(info->broken));
}

json_t *hf_describe_manifest(const hf_manifest *manifest)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "id",
                     hf_json_text(manifest->id), "target", hf_json_text(manifest->target), "database",
                     hf_json_text(manifest->database.name), "created_at", hf_json_time(manifest->created_ms),
                     "label", hf_json_text(manifest->label), "rows", number(hf_manifest_rows(manifest)),
                     "raw_bytes", number(hf_manifest_raw_bytes(manifest)), "stored_bytes",
                     number(hf_manifest_stored_bytes(manifest)), "tables", number(manifest->tables.count),
                     "cycle", hf_json_text(manifest->cycle), "pinned", (int) manifest->pinned, "filters",
                     hf_describe_filters(manifest), "degraded", hf_describe_degraded(manifest));
}

static json_t *texts(const hf_strings *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, hf_json_text(list->items[i]));
    return array;
}

json_t *hf_describe_filters(const hf_manifest *manifest)
{
    json_t *left_out = json_array();

    for (size_t i = 0; i < manifest->filters.left_out.count; i++) {
        const hf_left_out *item = &manifest->filters.left_out.items[i];

        json_array_append_new(left_out, json_pack("{s:o, s:o, s:o, s:o}", "kind", hf_json_text(item->kind),
                                                  "schema", hf_json_text(item->schema), "name",
                                                  hf_json_text(item->name), "why", hf_json_text(item->why)));
    }
    if (!hf_manifest_is_filtered(manifest)) {
        json_decref(left_out);
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "include", texts(&manifest->filters.include), "exclude",
                     texts(&manifest->filters.exclude), "exclude_data",
                     texts(&manifest->filters.exclude_data), "left_out", left_out);
}

json_t *hf_describe_degraded(const hf_manifest *manifest)
{
    json_t *list = json_array();

    for (size_t i = 0; i < manifest->degraded.count; i++) {
        const hf_lost *item = &manifest->degraded.items[i];

        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I, s:o, s:o}", "schema",
                                              hf_json_text(item->schema), "table", hf_json_text(item->name),
                                              "first_page", (json_int_t) item->first_page, "end_page",
                                              (json_int_t) item->end_page, "ctids", texts(&item->ctids),
                                              "reason", hf_json_text(item->reason)));
    }
    return list;
}

char *hf_filters_shown(const hf_manifest *manifest)
{
    size_t without_rows = 0;

    if (!hf_manifest_is_filtered(manifest))
        return NULL;
    for (size_t i = 0; i < manifest->tables.count; i++)
        without_rows += manifest->tables.items[i].data_excluded;
    return hf_format("%zu %s left out, %zu %s without rows", manifest->filters.left_out.count,
                     manifest->filters.left_out.count == 1 ? "object is" : "objects are", without_rows,
                     without_rows == 1 ? "table is" : "tables are");
}

char *hf_degraded_shown(const hf_manifest *manifest)
{
    HF_AUTO_BUF names = HF_BUF_MAX(300);
    const hf_lost *before = NULL;
    size_t tables = 0;

    for (size_t i = 0; i < manifest->degraded.count; i++) {
        const hf_lost *item = &manifest->degraded.items[i];

        if (before != NULL && hf_streq(item->name, before->name) && hf_streq(item->schema, before->schema))
            continue;
        if (tables++ < 3)
            hf_buf_printf(&names, "%s%s.%s", tables > 1 ? ", " : "", item->schema, item->name);
        before = item;
    }
    if (tables == 0)
        return NULL;
    return hf_format("rows are LOST in %zu damaged %s: %s%s", tables, tables == 1 ? "table" : "tables",
                     hf_buf_text(&names), tables > 3 ? ", ..." : "");
}

static void print_lost(const hf_lost *lost)
{
    if (hf_lost_is_large_object(lost))
        hf_out_fact("", "large object %u: %s", lost->first_page, lost->reason);
    else if (lost->ctids.count > 0)
        hf_out_fact("", "%s.%s, page %u, %zu %s at %s%s: %s", lost->schema, lost->name, lost->first_page,
                    lost->ctids.count, lost->ctids.count == 1 ? "row" : "rows", lost->ctids.items[0],
                    lost->ctids.count == 1 ? "" : ", ...", lost->reason);
    else if (lost->end_page - lost->first_page == 1)
        hf_out_fact("", "%s.%s, page %u: %s", lost->schema, lost->name, lost->first_page, lost->reason);
    else
        hf_out_fact("", "%s.%s, pages %u to %u: %s", lost->schema, lost->name, lost->first_page,
                    lost->end_page - 1, lost->reason);
}

void hf_print_incompleteness(const hf_manifest *manifest)
{
    HF_AUTO_STR filtered = hf_filters_shown(manifest);
    HF_AUTO_STR degraded = hf_degraded_shown(manifest);

    if (filtered != NULL)
        hf_out_fact("FILTERED", "%s", filtered);
    if (degraded != NULL)
        hf_out_fact("DEGRADED", "%s", degraded);
    for (size_t i = 0; i < manifest->degraded.count && i < LOST_SHOWN; i++)
        print_lost(&manifest->degraded.items[i]);
    if (manifest->degraded.count > LOST_SHOWN)
        hf_out_fact("", "and %zu more", manifest->degraded.count - LOST_SHOWN);
}

json_t *hf_describe_tables(const hf_manifest *manifest)
{
    json_t *list = json_array();

    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];
        char digest[HF_ROW_DIGEST_HEX];

        hf_row_digest_hex(&table->total, digest);
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:b}", "schema",
                            hf_json_text(table->schema), "name", hf_json_text(table->name), "rows",
                            number(table->total.rows), "raw_bytes", number(table->raw_bytes), "stored_bytes",
                            number(table->stored_bytes), "chunks", number(table->chunks.count), "format",
                            table->format, "digest", digest, "data_excluded", (int) table->data_excluded));
    }
    return list;
}

void hf_print_manifest(const hf_manifest *manifest)
{
    char time[32], age[48], count[32], raw[32], stored[32], took[32];

    hf_out("snapshot %s of %s\n\n", manifest->id, manifest->target);
    hf_out_fact("taken", "%s, %s", hf_show_time(manifest->created_ms, time),
                hf_show_age(manifest->created_ms, age));
    if (manifest->label != NULL)
        hf_out_fact("label", "%s", manifest->label);
    if (manifest->cycle != NULL)
        hf_out_fact("for deploy", "%s", manifest->cycle);
    if (manifest->pinned)
        hf_out_fact("pinned", "yes");
    hf_print_incompleteness(manifest);
    hf_out_fact("content", "%s rows in %zu tables, %u schema objects",
                hf_show_count(hf_manifest_rows(manifest), count), manifest->tables.count,
                manifest->schema_entries);
    hf_out_fact("size", "%s, stored as %s", hf_show_size(hf_manifest_raw_bytes(manifest), raw),
                hf_show_size(hf_manifest_stored_bytes(manifest), stored));
    hf_out_fact("took", "%s", hf_show_duration(manifest->finished_ms - manifest->created_ms, took));
}

void hf_describe_proof(json_t *snapshot, const hf_proof *proof)
{
    json_object_set_new(snapshot, "proven", json_boolean(proof != NULL && proof->equal));
    json_object_set_new(snapshot, "proven_at", hf_json_time(proof == NULL ? 0 : proof->at_ms));
}

void hf_print_proof(const hf_proof *proof)
{
    char age[48], took[32];

    if (proof == NULL)
        hf_out_fact("proven", "never");
    else if (proof->equal)
        hf_out_fact("proven", "%s by %s@%s, in %s: all equal", hf_show_age(proof->at_ms, age), proof->user,
                    proof->host, hf_show_duration(proof->took_ms, took));
    else
        hf_out_fact("proven", "FAILED %s by %s@%s: %llu differences", hf_show_age(proof->at_ms, age),
                    proof->user, proof->host, (unsigned long long) proof->difference_count);
}
