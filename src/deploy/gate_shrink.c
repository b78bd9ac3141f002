/*
 * A table that lost a large part of its rows since the snapshot before: perhaps somebody's mistake, which a deploy must not bury.
 *
 * The snapshot of a deploy that was refused is not what the next is compared with, or trying again would be enough.  Why it was
 * refused does not matter: a kill between the snapshot and the journal's entry leaves no reason.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "deploy/gate.h"
#include "repository/journal.h"

static bool was_refused(const hf_deploy_options *options, const hf_snapshot_info *info)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    hf_error ignored;

    return info->cycle != NULL &&
           hf_journal_load(options->repository, options->target->name, info->cycle, &journal, &ignored) ==
               HF_OK &&
           hf_streq(hf_journal_state(journal), "refused");
}

/* The newest whole one before it; *ret_manifest stays NULL if there is none. */
static hf_status snapshot_before(const hf_deploy_options *options, const hf_manifest *manifest,
                                 hf_manifest **ret_manifest, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    HF_TRY(hf_repository_list(options->repository, options->target->name, &list, error));
    for (size_t i = list.count; i-- > 0;) {
        const hf_snapshot_info *info = &list.items[i];

        if (info->broken != NULL || info->degraded || info->filtered || hf_snapshot_is_replaced(info) ||
            hf_streq(info->id, manifest->id) || info->created_ms > manifest->created_ms ||
            was_refused(options, info))
            continue;
        return hf_repository_load(options->repository, options->target->name, info->id, ret_manifest, error);
    }
    return HF_OK;
}

static bool is_ignored(const hf_strings *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (hf_glob_match(patterns->items[i], name))
            return true;
    return false;
}

static json_t *find_shrunk(const hf_gates_config *gates, const hf_manifest *before, const hf_manifest *after)
{
    json_t *shrunk = json_array();

    for (size_t i = 0; i < before->tables.count; i++) {
        const hf_table *then = &before->tables.items[i];
        const hf_table *now = hf_manifest_find_table(after, then->schema, then->name);
        HF_AUTO_STR name = hf_format("%s.%s", then->schema, then->name);

        /* one that is gone is a change of the schema, which is drift's */
        if (now == NULL || then->data_excluded || then->total.rows < (uint64_t) gates->shrink_min_rows ||
            (double) now->total.rows >= (double) then->total.rows * (100 - gates->shrink_max_percent) / 100 ||
            is_ignored(&gates->shrink_ignore, name))
            continue;
        json_array_append_new(shrunk, json_pack("{s:s, s:s, s:I, s:I}", "schema", then->schema, "name",
                                                then->name, "before", (json_int_t) then->total.rows, "after",
                                                (json_int_t) now->total.rows));
    }
    if (json_array_size(shrunk) > 0)
        return shrunk;
    json_decref(shrunk);
    return NULL;
}

hf_status hf_gate_shrink(const hf_deploy_options *options, const hf_manifest *manifest, json_t **ret_fact,
                         hf_error *error)
{
    const hf_gates_config *gates = &options->target->deploy.gates;
    HF_AUTO(hf_manifest_freep) hf_manifest *before = NULL;
    char then[32], now[32];

    *ret_fact = NULL;
    if (gates->shrink_max_percent == 0)
        return HF_OK;
    HF_TRY(snapshot_before(options, manifest, &before, error));
    if (before == NULL || (*ret_fact = find_shrunk(gates, before, manifest)) == NULL ||
        hf_gate_is_overridden(options, "shrink"))
        return HF_OK;
    const json_t *first = json_array_get(*ret_fact, 0);
    const size_t others = json_array_size(*ret_fact) - 1;
    (void) hf_fail(error, HF_E_REFUSED, "table %s.%s has shrunk from %s to %s rows since snapshot %s%s",
                   json_string_value(json_object_get(first, "schema")),
                   json_string_value(json_object_get(first, "name")),
                   hf_show_count((uint64_t) json_integer_value(json_object_get(first, "before")), then),
                   hf_show_count((uint64_t) json_integer_value(json_object_get(first, "after")), now),
                   before->id, others > 0 ? ", and others too" : "");
    return hf_hint(
        error,
        "holdfast diff %s live shows what is missing; if it is meant: deploy --override shrink --reason "
        "TEXT, or deploy.shrink.ignore",
        before->id);
}
