#include "cli/describe.h"

#include "base/text.h"
#include "cli/output.h"

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t) value);
}

json_t *hf_describe_info(const hf_snapshot_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "id", hf_json_text(info->id),
                     "target", hf_json_text(info->target), "created_at", hf_json_time(info->created_ms),
                     "label", hf_json_text(info->label), "rows", number(info->rows), "raw_bytes",
                     number(info->raw_bytes), "stored_bytes", number(info->stored_bytes), "tables",
                     number(info->tables), "cycle", hf_json_text(info->cycle), "pinned", (int) info->pinned,
                     "broken", hf_json_text(info->broken));
}

json_t *hf_describe_manifest(const hf_manifest *manifest)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "id", hf_json_text(manifest->id),
                     "target", hf_json_text(manifest->target), "created_at",
                     hf_json_time(manifest->created_ms), "label", hf_json_text(manifest->label), "rows",
                     number(hf_manifest_rows(manifest)), "raw_bytes", number(hf_manifest_raw_bytes(manifest)),
                     "stored_bytes", number(hf_manifest_stored_bytes(manifest)), "tables",
                     number(manifest->tables.count), "cycle", hf_json_text(manifest->cycle), "pinned",
                     (int) manifest->pinned);
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
