#include "deploy/scene.h"

#include "repository/proof.h"

static json_t *error_json(const hf_error *error)
{
    return json_pack("{s:s}", "error", error->message);
}

/* The row counts of a snapshot, of the tables that have them. */
static json_t *rows_of(const hf_manifest *manifest)
{
    json_t *tables = json_array();

    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        if (!table->data_excluded && table->condition == NULL)
            json_array_append_new(tables, json_pack("{s:s, s:s, s:I}", "schema", table->schema, "name",
                                                    table->name, "rows", (json_int_t) table->total.rows));
    }
    return json_pack("{s:s, s:o}", "id", manifest->id, "tables", tables);
}

static json_t *read_rows(hf_repository *repository, const char *target, const char *snapshot)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO_STR id = NULL;
    hf_error error = {0};

    if (hf_repository_find(repository, target, snapshot != NULL ? snapshot : "latest", &id, &error) !=
            HF_OK ||
        hf_repository_load(repository, target, id, &manifest, &error) != HF_OK)
        return error_json(&error);
    return rows_of(manifest);
}

static json_t *info_json(const hf_snapshot_info *info)
{
    return json_pack("{s:s, s:I}", "id", info->id, "created_ms", (json_int_t) info->created_ms);
}

/* The newest whole one whose manifest is sound, and the newest that a restore has proven. */
static json_t *read_newest(hf_repository *repository, const char *target)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};
    json_t *newest = NULL, *proven = NULL;
    hf_error error = {0};

    if (hf_repository_list(repository, target, &list, &error) != HF_OK ||
        hf_proof_list(repository, target, &proofs, &error) != HF_OK)
        return error_json(&error);
    for (size_t i = list.count; i-- > 0 && (newest == NULL || proven == NULL);) {
        const hf_snapshot_info *info = &list.items[i];
        const hf_proof *proof = hf_proofs_find(&proofs, target, info->id);
        HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;

        if (info->broken != NULL || info->filtered || info->degraded || hf_snapshot_is_replaced(info))
            continue;
        if (newest != NULL && (proof == NULL || !proof->equal))
            continue;
        if (hf_repository_load(repository, target, info->id, &manifest, &error) != HF_OK)
            continue;
        if (newest == NULL)
            newest = info_json(info);
        if (proven == NULL && proof != NULL && proof->equal)
            proven = info_json(info);
    }
    return json_pack("{s:o?, s:o?}", "newest", newest, "proven", proven);
}

void hf_scene_init(hf_repository *repository, const hf_target_config *target, const char *url,
                   const char *snapshot, hf_scene *ret_scene)
{
    const unsigned needs = hf_checks_need(&target->checks);

    *ret_scene = (hf_scene){.scene = {.target = target->name,
                                      .url = url != NULL ? url : "",
                                      .on_inconclusive = target->deploy.on_inconclusive}};
    if ((needs & HF_CHECKS_NEED_SNAPSHOT) != 0)
        ret_scene->snapshot = read_rows(repository, target->name, snapshot);
    if ((needs & HF_CHECKS_NEED_NEWEST) != 0)
        ret_scene->newest = read_newest(repository, target->name);
    ret_scene->scene.snapshot = ret_scene->snapshot;
    ret_scene->scene.newest = ret_scene->newest;
}

void hf_scene_done(hf_scene *scene)
{
    json_decref(scene->snapshot);
    json_decref(scene->newest);
    *scene = (hf_scene){0};
}
