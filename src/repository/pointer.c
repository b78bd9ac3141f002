#include "repository/pointer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "repository/document.h"

/* Add the digest; the stored text, which the caller owns. */
static char *sign(json_t *json)
{
    char digest[HF_SHA256_HEX];

    hf_canonical_digest(json, NULL, digest);
    (void) json_object_set_new(json, "digest", json_string(digest));

    HF_AUTO_STR text = hf_canonical_json(json);

    return hf_format("%s\n", text);
}

/* Texts were checked to be UTF-8 when the manifest became JSON, so packing cannot fail. */
char *hf_pointer_write(const hf_manifest *manifest, const hf_object_ref *object)
{
    char created_at[32];
    HF_AUTO_JSON json = json_pack(
        "{s:i, s:s, s:s, s:s?, s:s, s:s?, s:s?, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:{s:s, s:I, s:I}}", "format",
        HF_REPOSITORY_FORMAT, "id", manifest->id, "target", manifest->target, "database",
        manifest->database.name, "created_at",
        hf_time_format(manifest->created_ms, created_at), "label", manifest->label, "cycle", manifest->cycle,
        "pinned", manifest->pinned, "filtered", (int) hf_manifest_is_filtered(manifest), "degraded",
        (int) (manifest->degraded.count > 0), "rows", (json_int_t) hf_manifest_rows(manifest), "raw_bytes",
        (json_int_t) hf_manifest_raw_bytes(manifest), "stored_bytes",
        (json_int_t) hf_manifest_stored_bytes(manifest), "tables", (json_int_t) manifest->tables.count,
        "manifest", "object", object->name, "raw_bytes", (json_int_t) object->raw_bytes, "stored_bytes",
        (json_int_t) object->stored_bytes);

    return sign(json);
}

hf_status hf_pointer_pin(const hf_buf *text, bool pinned, char **ret_text, hf_error *error)
{
    HF_AUTO_JSON json = NULL;

    HF_TRY(hf_parse_document("the pointer", text, &json, error));
    (void) json_object_del(json, "digest");
    (void) json_object_set_new(json, "pinned", json_boolean(pinned));
    *ret_text = sign(json);
    return HF_OK;
}

static void check_digest(const hf_reader *root)
{
    char digest[HF_SHA256_HEX];

    hf_canonical_digest(root->json, "digest", digest);
    if (!hf_streq(hf_read_text(root, "digest"), digest))
        hf_reader_fail(root, "digest", "is not that of the pointer: it was changed");
}

static void read_manifest_ref(const hf_reader *root, hf_object_ref *ret_object)
{
    hf_reader reader = hf_read_object(root, "manifest");
    const char *name = hf_read_text(&reader, "object");

    ret_object->raw_bytes = hf_read_u64(&reader, "raw_bytes", HF_MANIFEST_RAW_MAX);
    ret_object->stored_bytes = hf_read_u64(&reader, "stored_bytes", HF_NUMBER_MAX);

    if (root->reading->status == HF_OK && !hf_is_sha256_hex(name))
        hf_reader_fail(&reader, "object", "is not the name of an object");
    if (root->reading->status == HF_OK)
        memcpy(ret_object->name, name, HF_SHA256_HEX);
}

/* Earlier writers did not know of it. */
static bool read_flag(const hf_reader *root, const char *member)
{
    return json_object_get(root->json, member) != NULL && hf_read_bool(root, member);
}

hf_status hf_pointer_read(const char *target, const char *id, const hf_buf *text, hf_snapshot_info *ret_info,
                          hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "the pointer", .error = error};
    HF_AUTO(hf_snapshot_info_done) hf_snapshot_info info = {0};

    ret_info->id = hf_strdup(id);
    ret_info->target = hf_strdup(target);
    HF_TRY(hf_parse_document(reading.what, text, &json, error));

    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    check_digest(&root);
    if (!hf_streq(hf_read_text(&root, "id"), id))
        hf_reader_fail(&root, "id", "is not that of its file");
    if (!hf_streq(hf_read_text(&root, "target"), target))
        hf_reader_fail(&root, "target", "is not that of its folder");

    info.created_ms = hf_read_time(&root, "created_at");
    if (json_object_get(root.json, "database") != NULL)
        info.database = hf_strdup(hf_read_text_or_null(&root, "database"));
    info.label = hf_strdup(hf_read_text_or_null(&root, "label"));
    info.cycle = hf_strdup(hf_read_text_or_null(&root, "cycle"));
    info.pinned = hf_read_bool(&root, "pinned");
    info.filtered = read_flag(&root, "filtered");
    info.degraded = read_flag(&root, "degraded");
    info.rows = hf_read_u64(&root, "rows", HF_NUMBER_MAX);
    info.raw_bytes = hf_read_u64(&root, "raw_bytes", HF_NUMBER_MAX);
    info.stored_bytes = hf_read_u64(&root, "stored_bytes", HF_NUMBER_MAX);
    info.tables = (uint32_t) hf_read_u64(&root, "tables", UINT32_MAX);
    read_manifest_ref(&root, &info.manifest);
    if (reading.status != HF_OK)
        return reading.status;

    info.id = HF_TAKE(ret_info->id);
    info.target = HF_TAKE(ret_info->target);
    *ret_info = info;
    info = (hf_snapshot_info){0};
    return HF_OK;
}

void hf_snapshot_info_done(hf_snapshot_info *info)
{
    free(info->id);
    free(info->target);
    free(info->database);
    free(info->label);
    free(info->cycle);
    free(info->broken);
    *info = (hf_snapshot_info){0};
}

void hf_snapshot_list_done(hf_snapshot_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hf_snapshot_info_done(&list->items[i]);
    free(list->items);
    *list = (hf_snapshot_list){0};
}
