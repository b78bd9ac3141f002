#include "repository/proof.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/layout.h"

#define PROOF_MAX (16u << 20)

void hf_proof_differences_done(hf_proof_differences *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].kind);
        free(list->items[i].schema);
        free(list->items[i].name);
        free(list->items[i].why);
    }
    free(list->items);
    *list = (hf_proof_differences){0};
}

void hf_proof_differences_add(hf_proof_differences *list, const char *kind, const char *schema,
                              const char *name, const char *why)
{
    const hf_proof_difference item = {
        .kind = hf_strdup(kind), .schema = hf_strdup(schema), .name = hf_strdup(name), .why = hf_strdup(why)};

    HF_PUSH(list, item);
}

void hf_proof_done(hf_proof *proof)
{
    free(proof->target);
    free(proof->snapshot);
    free(proof->user);
    free(proof->host);
    free(proof->holdfast_version);
    free(proof->server_version);
    hf_proof_differences_done(&proof->differences);
    *proof = (hf_proof){0};
}

void hf_proofs_done(hf_proofs *proofs)
{
    for (size_t i = 0; i < proofs->count; i++)
        hf_proof_done(&proofs->items[i]);
    free(proofs->items);
    *proofs = (hf_proofs){0};
}

static char *proof_key(const char *target, const char *id)
{
    return hf_format("proofs/%s/%s.json", target, id);
}

static json_t *differences_json(const hf_proof *proof)
{
    json_t *array = json_array();

    for (size_t i = 0; i < proof->differences.count && i < HF_PROOF_DIFFERENCES_MAX; i++) {
        const hf_proof_difference *item = &proof->differences.items[i];

        json_array_append_new(array, json_pack("{s:s, s:s?, s:s, s:s}", "kind", item->kind, "schema",
                                               item->schema, "name", item->name, "why", item->why));
    }
    return array;
}

hf_status hf_proof_put(hf_repository *repository, const hf_proof *proof, hf_error *error)
{
    char at[32], digest[HF_SHA256_HEX];

    HF_TRY(hf_check_repository_name("target name", proof->target, error));
    HF_TRY(hf_check_repository_name("snapshot id", proof->snapshot, error));
    HF_AUTO_JSON json =
        json_pack("{s:i, s:s, s:s, s:s, s:I, s:s, s:{s:s, s:s}, s:s, s:s, s:I, s:I, s:o}", "format",
                  HF_REPOSITORY_FORMAT, "target", proof->target, "snapshot", proof->snapshot, "at",
                  hf_time_format(proof->at_ms, at), "took_ms", (json_int_t) proof->took_ms, "verdict",
                  proof->equal ? "equal" : "different", "by", "user", proof->user, "host", proof->host,
                  "holdfast_version", proof->holdfast_version, "server_version", proof->server_version,
                  "rows", (json_int_t) proof->rows, "difference_count", (json_int_t) proof->difference_count,
                  "differences", differences_json(proof));
    if (json == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "a name in the proof is not valid UTF-8");
    hf_canonical_digest(json, NULL, digest);
    (void) json_object_set_new(json, "digest", json_string(digest));

    HF_AUTO_STR canonical = hf_canonical_json(json);
    HF_AUTO_STR text = hf_format("%s\n", canonical);
    HF_AUTO_STR key = proof_key(proof->target, proof->snapshot);

    if (strlen(text) > PROOF_MAX)
        return hf_fail(error, HF_E_LIMIT, "the proof of snapshot \"%s\" is too long", proof->snapshot);
    return hf_document_put(repository, key, text, error);
}

static void read_differences(const hf_reader *root, hf_proof *proof)
{
    const json_t *array = hf_read_array(root, "differences", HF_PROOF_DIFFERENCES_MAX);

    for (size_t i = 0; i < json_array_size(array); i++) {
        hf_reader item = hf_reader_item(root, "differences", array, i);

        hf_proof_differences_add(&proof->differences, hf_read_text(&item, "kind"),
                                 hf_read_text_or_null(&item, "schema"), hf_read_text(&item, "name"),
                                 hf_read_text(&item, "why"));
    }
}

static hf_status read_proof(const char *target, const char *id, const hf_buf *text, hf_proof *proof,
                            hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "the proof", .error = error};
    char digest[HF_SHA256_HEX];

    HF_TRY(hf_parse_document(reading.what, text, &json, error));
    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    hf_canonical_digest(json, "digest", digest);
    if (!hf_streq(hf_read_text(&root, "digest"), digest))
        hf_reader_fail(&root, "digest", "is not that of the proof: it was changed");
    if (!hf_streq(hf_read_text(&root, "target"), target))
        hf_reader_fail(&root, "target", "is not that of its folder");
    if (!hf_streq(hf_read_text(&root, "snapshot"), id))
        hf_reader_fail(&root, "snapshot", "is not that of its file");
    hf_reader by = hf_read_object(&root, "by");

    proof->target = hf_strdup(target);
    proof->snapshot = hf_strdup(id);
    proof->user = hf_strdup(hf_read_text(&by, "user"));
    proof->host = hf_strdup(hf_read_text(&by, "host"));
    proof->holdfast_version = hf_strdup(hf_read_text(&root, "holdfast_version"));
    proof->server_version = hf_strdup(hf_read_text(&root, "server_version"));
    proof->at_ms = hf_read_time(&root, "at");
    proof->took_ms = hf_read_i64(&root, "took_ms", 0, INT64_MAX);
    proof->equal = hf_streq(hf_read_text(&root, "verdict"), "equal");
    proof->rows = hf_read_u64(&root, "rows", HF_NUMBER_MAX);
    proof->difference_count = hf_read_u64(&root, "difference_count", HF_NUMBER_MAX);
    read_differences(&root, proof);
    return reading.status;
}

hf_status hf_proof_get(hf_repository *repository, const char *target, const char *id, hf_proof *ret_proof,
                       hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(PROOF_MAX);
    HF_AUTO(hf_proof_done) hf_proof proof = {0};

    HF_TRY(hf_check_repository_name("target name", target, error));
    HF_TRY(hf_check_repository_name("snapshot id", id, error));
    HF_AUTO_STR key = proof_key(target, id);
    HF_TRY(hf_document_get(repository, key, &text, error));
    HF_TRY(read_proof(target, id, &text, &proof, error));
    *ret_proof = proof;
    proof = (hf_proof){0};
    return HF_OK;
}

hf_status hf_proof_remove(hf_repository *repository, const char *target, const char *id, hf_error *error)
{
    HF_AUTO_STR key = proof_key(target, id);

    return hf_storage_remove(hf_repository_storage(repository), key, error);
}

static hf_status collect_key(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) bytes;
    (void) error;
    hf_strings_add(context, key);
    return HF_OK;
}

hf_status hf_proof_list(hf_repository *repository, const char *target, hf_proofs *ret_proofs, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings keys = {0};
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};

    if (target != NULL)
        HF_TRY(hf_check_repository_name("target name", target, error));
    HF_AUTO_STR prefix = target != NULL ? hf_format("proofs/%s/", target) : hf_strdup("proofs/");
    HF_TRY(hf_storage_list(hf_repository_storage(repository), prefix, collect_key, &keys, error));
    for (size_t i = 0; i < keys.count; i++) {
        HF_AUTO_STR of = NULL;
        HF_AUTO_STR id = NULL;
        hf_proof proof = {0};
        hf_error why = {0};

        if (!hf_split_document_key("proofs", keys.items[i], &of, &id))
            continue;
        hf_status status = hf_proof_get(repository, of, id, &proof, &why);
        if (status == HF_OK)
            HF_PUSH(&proofs, proof);
        if (status == HF_OK || hf_is_damage(status))
            continue;
        if (error != NULL)
            *error = why;
        return status;
    }
    *ret_proofs = proofs;
    proofs = (hf_proofs){0};
    return HF_OK;
}

const hf_proof *hf_proofs_find(const hf_proofs *proofs, const char *target, const char *id)
{
    for (size_t i = 0; i < proofs->count; i++)
        if (hf_streq(proofs->items[i].snapshot, id) && hf_streq(proofs->items[i].target, target))
            return &proofs->items[i];
    return NULL;
}
