/*
 * The copy of the live database, made before it is migrated, for the way back `clone`.
 *
 * What the cycle's journal has as `clone` is its name from the preflight on, and what it is known by once it is whole.  Whoever ends the cycle, or
 * finds that it was ended, removes it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "restore/clone.h"

#define PATIENCE_MS 120000 /* for a server that was lost */

static json_t *clone_json(const char *name, const hf_clone *clone)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:o}", "database", name, "oid", (json_int_t) clone->oid,
                     "mark", clone->mark, "blocked_ms", (json_int_t) clone->blocked_ms, "took_ms",
                     (json_int_t) clone->took_ms, "later", hf_difference_list_json(&clone->later));
}

const char *hf_cycle_clone(const hf_journal *journal)
{
    return json_string_value(json_object_get(hf_journal_fact(journal, "clone"), "database"));
}

static void tell(const char *name, const hf_clone *clone)
{
    char took[32], blocked[32];

    hf_log(HF_LOG_INFO, "the clone \"%s\" is made in %s; clients were kept out for %s", name,
           hf_show_duration(clone->took_ms, took), hf_show_duration(clone->blocked_ms, blocked));
    for (size_t i = 0; i < clone->later.count; i++)
        hf_log(HF_LOG_WARNING,
               "%s.%s was written to between the snapshot and the clone, which has that as well: %s",
               clone->later.items[i].schema, clone->later.items[i].table, clone->later.items[i].why);
}

hf_status hf_cycle_remove_clone(const hf_deploy_options *options, const hf_journal *journal, hf_error *error)
{
    const char *name = hf_cycle_clone(journal);
    const char *live = hf_journal_text(journal, "database");
    hf_retry retry = {
        .max_tries = 20, .max_total_ms = PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    hf_error scratch;
    hf_error *why = error != NULL ? error : &scratch;
    hf_status status;

    if (name == NULL || live == NULL)
        return HF_OK;
    do {
        status = hf_clone_remove(options->url, live, name, why);
    } while (status == HF_E_CONNECTION && hf_retry_again(&retry, status, 0));
    return status == HF_OK ? HF_OK : hf_prefix(why, "the clone \"%s\" is left", name);
}

hf_cycle_event hf_phase_clone(hf_cycle *cycle)
{
    const hf_target_config *target = cycle->options->target;
    const char *name = hf_cycle_clone(cycle->journal);
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_clone_done) hf_clone clone = {0};
    hf_error ignored;
    hf_status status = hf_repository_load(cycle->options->repository, target->name,
                                          hf_cycle_text(cycle, "snapshot"), &manifest, &cycle->error);

    if (status == HF_OK)
        status = hf_cycle_guard(cycle, &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);
    hf_progress_begin("clone", cycle->options->progress);
    status = hf_clone_make(&(hf_clone_options){.repository = cycle->options->repository,
                                               .manifest = manifest,
                                               .url = cycle->options->url,
                                               .live = hf_cycle_text(cycle, "database"),
                                               .clone = name,
                                               .pg_dump = &target->snapshot.pg_dump,
                                               .jobs = target->snapshot.jobs,
                                               .compare = target->deploy.compare_clone,
                                               .progress = cycle->options->progress},
                           &clone, &cycle->error);
    hf_progress_end();
    if (status == HF_OK) {
        tell(name, &clone);
        hf_cycle_fact(cycle, "clone", clone_json(name, &clone));
        return HF_EVENT_DONE;
    }
    if (hf_cycle_remove_clone(cycle->options, cycle->journal, &ignored) != HF_OK)
        hf_log_error(&ignored);
    return hf_cycle_outcome(status);
}
