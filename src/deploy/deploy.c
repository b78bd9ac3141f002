/* A deploy from its beginning, and from where an interrupted one was left; cycle.c is the walk between. */
#include "deploy/deploy.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "deploy/cycle.h"
#include "deploy/expire.h"
#include "deploy/fence.h"
#include "deploy/phase.h"
#include "deploy/tell.h"
#include "repository/lock.h"
#include "restore/swap.h"

/* The target's newest cycle and its state.  HF_E_NOT_FOUND when there is none. */
hf_status hf_cycle_newest(hf_repository *repository, const char *target, hf_journal **ret_journal,
                          hf_cycle_state *ret_state, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

    HF_TRY(hf_journal_list(repository, target, &cycles, error));
    if (cycles.count == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "target \"%s\" has no cycle", target);
    HF_TRY(hf_journal_load(repository, target, cycles.items[cycles.count - 1], &journal, error));
    if (!hf_cycle_state_parse(hf_journal_state(journal), ret_state))
        return hf_fail(error, HF_E_CORRUPT, "cycle %s has an unknown state \"%s\"",
                       cycles.items[cycles.count - 1], hf_journal_state(journal));
    *ret_journal = HF_TAKE(journal);
    return HF_OK;
}

bool hf_cycle_can_resume(const hf_journal *journal, hf_cycle_state state)
{
    return !hf_cycle_is_final(state) || state == HF_CYCLE_STUCK || hf_fence_is_up(journal);
}

/* Only the newest cycle can be unfinished: none begins before it has ended. */
hf_status hf_deploy_unfinished(hf_repository *repository, const char *target, char **ret_cycle,
                               hf_error *error)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    hf_cycle_state state;
    hf_status status = hf_cycle_newest(repository, target, &journal, &state, error);

    if (status != HF_OK && status != HF_E_NOT_FOUND)
        return status;
    *ret_cycle =
        status == HF_OK && hf_cycle_can_resume(journal, state) ? hf_strdup(hf_journal_cycle(journal)) : NULL;
    return HF_OK;
}

static hf_status refuse_interrupted(const hf_deploy_options *options, bool may_be_stuck, hf_error *error)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    hf_cycle_state state;
    hf_status status = hf_cycle_newest(options->repository, options->target->name, &journal, &state, error);

    if (status == HF_E_NOT_FOUND)
        return HF_OK;
    HF_TRY(status);
    HF_TRY(hf_journal_settle(journal, error));
    if (!hf_cycle_can_resume(journal, state) || (may_be_stuck && state == HF_CYCLE_STUCK))
        return HF_OK;
    (void) hf_fail(error, HF_E_INTERRUPTED, "cycle %s was left in state \"%s\"%s", hf_journal_cycle(journal),
                   hf_cycle_state_name(state), hf_fence_is_up(journal) ? ", its fence up" : "");
    return hf_hint(error, "run `holdfast resume` first");
}

hf_status hf_deploy_refuse_unfinished(const hf_deploy_options *options, hf_error *error)
{
    return refuse_interrupted(options, true, error);
}

json_t *hf_operator_json(void)
{
    char host[256] = "";
    const struct passwd *account = getpwuid(getuid());
    const char *user = account != NULL ? account->pw_name : getenv("USER");

    (void) gethostname(host, sizeof(host) - 1);
    return json_pack("{s:s, s:s, s:i}", "user", user != NULL ? user : "", "host", host, "pid",
                     (int) getpid());
}

hf_status hf_cycle_claim(hf_cycle *cycle, const hf_deploy_options *options, const char *purpose,
                         bool new_cycle, hf_error *error)
{
    HF_TRY(hf_fence_url(&options->target->deploy.fence, options->url, &cycle->passing, error));
    cycle->own = *options;
    cycle->own.url = cycle->passing;
    cycle->options = &cycle->own;
    HF_TRY(hf_lock_take(options->repository, options->target->name, purpose, &cycle->lock, error));
    return new_cycle ? refuse_interrupted(options, false, error) : HF_OK;
}

/* When a cycle began, by its id; 0: it does not tell. */
static int64_t began_ms(const char *id)
{
    int64_t time_ms = 0;

    if (strlen(id) < strlen("20261121T073002Z"))
        return 0;
    HF_AUTO_STR text =
        hf_format("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11, id + 13);
    return hf_time_parse(text, &time_ms, NULL) == HF_OK ? time_ms : 0;
}

hf_status hf_cycle_new_id(const hf_deploy_options *options, char **ret_id, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    char time[32], random[7];

    HF_TRY(hf_journal_list(options->repository, options->target->name, &cycles, error));
    const int64_t last_ms = cycles.count > 0 ? began_ms(cycles.items[cycles.count - 1]) : 0;
    const int64_t now_ms = hf_now_ms();

    hf_random_hex(3, random);
    *ret_id = hf_format("%s-%s", hf_time_compact(now_ms > last_ms ? now_ms : last_ms + 1000, time), random);
    return HF_OK;
}

hf_status hf_cycle_open(hf_cycle *cycle, const char *id, json_t *group, hf_error *error)
{
    const hf_deploy_options *options = cycle->options;
    HF_AUTO_STR url = hf_pg_url_shown(options->url);

    cycle->journal = hf_journal_new(options->repository, options->target->name, id);
    hf_cycle_fact(cycle, "url", json_string(url));
    hf_cycle_fact(cycle, "operator", hf_operator_json());
    hf_cycle_fact(cycle, "holdfast", json_string(HF_VERSION));
    hf_cycle_fact(cycle, "group", json_incref(group));
    HF_TRY(hf_cycle_note(cycle, "opened", error));
    hf_log(HF_LOG_INFO, "cycle %s on target \"%s\"", id, options->target->name);
    return HF_OK;
}

hf_status hf_deploy_run(const hf_deploy_options *options, char **ret_cycle, hf_error *error)
{
    HF_AUTO(hf_cycle_done) hf_cycle cycle = {.state = HF_CYCLE_OPENED};
    HF_AUTO_STR id = NULL;

    HF_TRY(hf_cycle_claim(&cycle, options, "deploy", true, error));
    HF_TRY(hf_cycle_guard(&cycle, error));
    HF_TRY(hf_cycle_new_id(options, &id, error));
    HF_TRY(hf_cycle_open(&cycle, id, NULL, error));
    *ret_cycle = HF_TAKE(id);
    hf_status status = hf_cycle_walk(&cycle, error);
    if (status == HF_OK)
        hf_deploy_expire(options);
    hf_cycles_told(&(hf_cycle *){&cycle}, 1);
    return status;
}

/* No cycle is to be ended, but one may have been killed before it removed its clone, or `restore --swap` while it kept clients out. */
static hf_status reopen(const hf_cycle *cycle, hf_error *error)
{
    const hf_deploy_options *options = cycle->options;
    HF_AUTO_STR live = hf_pg_url_database(options->url);
    bool reopened = false;
    hf_error ignored;

    if (cycle->journal != NULL)
        HF_TRY(hf_cycle_remove_clone(options, cycle->journal, error));
    if (hf_swap_reopen(options->url, live, &reopened, &ignored) != HF_OK || !reopened)
        return HF_E_NOT_FOUND;
    hf_log(HF_LOG_WARNING, "a swap of databases was cut short; clients are let into \"%s\" again", live);
    return HF_OK;
}

/* A migrator that runs on another machine is out of our reach. */
static void warn_of_other_host(const hf_cycle *cycle)
{
    const char *began_on =
        json_string_value(json_object_get(hf_journal_fact(cycle->journal, "operator"), "host"));
    char host[256] = "";

    (void) gethostname(host, sizeof(host) - 1);
    if (began_on != NULL && !hf_streq(began_on, host) &&
        cycle->options->target->migrations.kind == HF_MIGRATIONS_COMMAND)
        hf_log(HF_LOG_WARNING,
               "the cycle began on \"%s\": make sure that its migration command no longer runs there",
               began_on);
}

hf_status hf_cycle_take_up(hf_cycle *cycle, hf_cycle_event *ret_event, hf_error *error)
{
    bool swapped = false;

    if (cycle->state == HF_CYCLE_WAITING && !cycle->options->proceed) {
        (void) hf_fail(error, HF_E_INTERRUPTED,
                       "cycle %s waits: rows were written since its snapshot, or may have been",
                       hf_journal_cycle(cycle->journal));
        return hf_hint(error, "`holdfast report` lists them; `holdfast resume --proceed` takes the way back");
    }
    if (cycle->options->settled && cycle->state != HF_CYCLE_STUCK) {
        (void) hf_fail(error, HF_E_USAGE, "cycle %s is not stuck; it was left in state \"%s\"",
                       hf_journal_cycle(cycle->journal), hf_cycle_state_name(cycle->state));
        return hf_hint(error, "`holdfast resume` without --settled brings it to its end");
    }
    HF_TRY(hf_cycle_guard(cycle, error));
    /* another restore beside would then be swapped with the wrong database */
    if (!cycle->options->settled && hf_transition_find(cycle->state, HF_EVENT_SWAPPED) != NULL)
        HF_TRY(hf_cycle_is_swapped(cycle, &swapped, error));
    hf_log(HF_LOG_INFO, "resuming cycle %s of target \"%s\", left in state \"%s\"",
           hf_journal_cycle(cycle->journal), cycle->options->target->name, hf_cycle_state_name(cycle->state));
    hf_cycle_fact(cycle, "resumed_by", hf_operator_json());
    cycle->was_held = cycle->was_held || hf_journal_fact(cycle->journal, "held") != NULL;
    if (cycle->options->proceed)
        hf_cycle_fact(cycle, "proceed", json_true());
    warn_of_other_host(cycle);
    HF_TRY(hf_cycle_end_orphans(cycle, error));
    if (cycle->state == HF_CYCLE_CLONING) /* before it counts as refused, clients must be let in */
        HF_TRY(hf_cycle_remove_clone(cycle->options, cycle->journal, error));
    bool ended = hf_cycle_is_final(cycle->state) && cycle->state != HF_CYCLE_STUCK;
    *ret_event = cycle->options->settled ? HF_EVENT_SETTLED
                 : swapped               ? HF_EVENT_SWAPPED
                 : ended                 ? HF_EVENT_DONE
                                         : HF_EVENT_INTERRUPTED;
    return HF_OK;
}

/* It has ended, and only the repository did not know. */
static hf_status end_unrecorded(hf_cycle *cycle, char **ret_cycle, hf_error *error)
{
    const json_t *cause = json_object_get(hf_journal_fact(cycle->journal, "error"), "message");
    const hf_status status = hf_cycle_status(cycle->state);

    *ret_cycle = hf_strdup(hf_journal_cycle(cycle->journal));
    HF_TRY(hf_journal_settle(cycle->journal, error));
    HF_TRY(hf_cycle_remove_clone(cycle->options, cycle->journal, error));
    if (status == HF_OK)
        return HF_OK;
    return hf_fail(error, status, "%s", cause != NULL ? json_string_value(cause) : hf_status_meaning(status));
}

hf_status hf_deploy_resume(const hf_deploy_options *options, char **ret_cycle, hf_error *error)
{
    HF_AUTO(hf_cycle_done) hf_cycle cycle = {0};
    hf_cycle_event event;

    HF_TRY(hf_cycle_claim(&cycle, options, "resume", false, error));
    hf_status found =
        hf_cycle_newest(options->repository, options->target->name, &cycle.journal, &cycle.state, error);
    if (found == HF_OK && hf_journal_is_ahead(cycle.journal) &&
        !hf_cycle_can_resume(cycle.journal, cycle.state))
        return end_unrecorded(&cycle, ret_cycle, error);
    if (found == HF_OK && !hf_cycle_can_resume(cycle.journal, cycle.state))
        found = hf_fail(error, HF_E_NOT_FOUND, "nothing to resume: cycle %s ended as \"%s\"",
                        hf_journal_cycle(cycle.journal), hf_cycle_state_name(cycle.state));
    if (found == HF_E_NOT_FOUND)
        return reopen(&cycle, error);
    HF_TRY(found);
    if (hf_journal_fact(cycle.journal, "group") != NULL) /* alone it could not know what was decided */
        return hf_fail(error, HF_E_USAGE, "cycle %s is one of a group", hf_journal_cycle(cycle.journal));
    *ret_cycle = hf_strdup(hf_journal_cycle(cycle.journal));
    HF_TRY(hf_cycle_take_up(&cycle, &event, error));
    if (options->held == HF_HELD_ROLL_BACK && event == HF_EVENT_INTERRUPTED &&
        (cycle.state == HF_CYCLE_HELD || cycle.state == HF_CYCLE_VERIFYING)) {
        event = hf_phase_or_unchanged(&cycle, HF_EVENT_FAILED);
        (void) hf_fail(&cycle.error, HF_E_CHECKS_FAILED, "told to go back while the checks had not passed");
    }
    if (event == HF_EVENT_DONE && hf_cycle_is_final(cycle.state) && cycle.state != HF_CYCLE_STUCK)
        hf_cycle_tell(&cycle); /* it has ended, but for its fence */
    else
        hf_cycle_step(&cycle, event);
    hf_status status = hf_cycle_walk(&cycle, error);
    hf_cycles_told(&(hf_cycle *){&cycle}, 1);
    return status;
}
