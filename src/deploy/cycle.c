/*
 * The walk through the table: journal the state, act, look up what follows.
 *
 * An entry that cannot be stored ends the cycle in REFUSED while nothing has been touched.  After that the walk goes on and
 * says so: a database half migrated is worse than a record half written.
 */
#include "deploy/cycle.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/orphans.h"
#include "base/signals.h"
#include "base/text.h"
#include "config/secret.h"
#include "deploy/fence.h"
#include "deploy/hook.h"
#include "deploy/phase.h"
#include "deploy/preflight.h"
#include "deploy/tell.h"
#include "repository/lock.h"

void hf_cycle_fact(hf_cycle *cycle, const char *name, json_t *value)
{
    if (value == NULL)
        return;
    if (cycle->facts == NULL)
        cycle->facts = json_object();
    json_object_set_new(cycle->facts, name, value);
}

const json_t *hf_cycle_known(const hf_cycle *cycle, const char *name)
{
    const json_t *value = json_object_get(cycle->facts, name);

    return value != NULL ? value : hf_journal_fact(cycle->journal, name);
}

json_t *hf_cycle_error_json(const hf_error *error)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "code", hf_status_name(error->code), "message", error->message,
                     "hint", error->hint, "sqlstate", error->sqlstate);
}

void hf_cycle_done(hf_cycle *cycle)
{
    hf_journal_free(cycle->journal);
    hf_pg_free(cycle->guard);
    json_decref(cycle->facts);
    hf_lock_release(cycle->lock);
    hf_secret_freep(&cycle->passing);
    *cycle = (hf_cycle){0};
}

/* The repository's lock.  While the advisory lock has been held all the time, a repository out of reach is no obstacle. */
static hf_status check_lock(hf_cycle *cycle, bool was_guarded, hf_error *error)
{
    hf_error seen;
    hf_status status = hf_lock_check(cycle->lock, &seen);

    cycle->lost = cycle->lost || status == HF_E_BUSY;
    if (status == HF_OK || (was_guarded && !cycle->lost))
        return HF_OK;
    if (error != NULL)
        *error = seen;
    return status;
}

/* Does the session that holds the lock answer, and soon? */
static bool is_guarded(const hf_cycle *cycle)
{
    hf_error ignored;

    if (cycle->guard == NULL)
        return false;
    hf_pg_set_deadline(cycle->guard, hf_monotonic_ms() + hf_pg_patience_ms(cycle->guard));
    hf_status status = hf_pg_exec(cycle->guard, "SELECT 1", &ignored);
    hf_pg_set_deadline(cycle->guard, 0);
    return status == HF_OK;
}

/* It may have changed something on the server that it began on. */
static bool is_bound(const hf_cycle *cycle)
{
    return cycle->journal != NULL && cycle->state > HF_CYCLE_SNAPSHOT;
}

/* advisory locks are a database's own, and the live one is about to be renamed, so it is one of the maintenance database */
static hf_status try_lock(const hf_cycle *cycle, hf_pg *pg, bool *ret_locked, hf_error *error)
{
    HF_AUTO_STR database = hf_pg_url_database(cycle->options->url);
    HF_AUTO_STR locked = NULL;
    const char *params[] = {database};

    HF_TRY(hf_pg_query_text(pg,
                            "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('holdfast deploy'), "
                            "pg_catalog.hashtext($1))",
                            1, params, &locked, error));
    *ret_locked = hf_streq(locked, "t");
    return HF_OK;
}

/*
 * The server may not know yet that the session before is given up.  It was this process's, which has the repository's lock all the
 * time, so it may be ended.
 */
static hf_status end_former_guard(const hf_cycle *cycle, hf_pg *pg, bool *ret_locked, hf_error *error)
{
    HF_AUTO_STR pid = hf_format("%d", cycle->guard_pid);
    HF_AUTO_STR ended = NULL;
    const char *params[] = {pid};
    const int64_t deadline = hf_monotonic_ms() + hf_pg_patience_ms(pg);

    HF_TRY(hf_pg_query_text(
        pg,
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid "
        "= $1::int4 AND application_name = 'holdfast: deploy lock'",
        1, params, &ended, error));
    while (ended != NULL && !*ret_locked && hf_monotonic_ms() < deadline) {
        HF_TRY(hf_sleep_ms(100, error));
        HF_TRY(try_lock(cycle, pg, ret_locked, error));
    }
    return HF_OK;
}

char *hf_cycle_server(hf_pg *pg)
{
    static const char sql[] = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
    char *server = NULL;
    hf_error ignored;

    return hf_pg_query_text(pg, sql, 0, NULL, &server, &ignored) == HF_OK ? server : NULL;
}

hf_status hf_cycle_same_server(const hf_cycle *cycle, hf_pg *pg, hf_error *error)
{
    const char *began_on = hf_journal_text(cycle->journal, "system_identifier");
    /* whoever settles it by hand may have done so on another one */
    HF_AUTO_STR here = began_on != NULL && !cycle->options->settled ? hf_cycle_server(pg) : NULL;

    if (here == NULL || hf_streq(here, began_on))
        return HF_OK;
    (void) hf_fail(error, HF_E_INTERRUPTED,
                   "the database URL leads to another server now: its system identifier is %s, and the cycle "
                   "began on %s",
                   here, began_on);
    return hf_hint(
        error, "nothing is changed there; have the URL lead to the first one and run `holdfast resume`; "
               "if that one is gone for good, `holdfast resume --settled` ends a deploy that is stuck, and "
               "else go on under another target name");
}

/* What was named by the URL may be another server since.  One that cannot be reached now is found out by what comes next. */
static hf_status check_server(const hf_cycle *cycle, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    hf_error ignored;

    if (!is_bound(cycle) ||
        hf_maintenance_connect(cycle->options->target, cycle->options->url, "deploy", &pg, &ignored) != HF_OK)
        return HF_OK;
    return hf_cycle_same_server(cycle, pg, error);
}

hf_status hf_cycle_guard(hf_cycle *cycle, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    const bool was_guarded = is_guarded(cycle);
    bool locked = false;

    HF_TRY(check_lock(cycle, was_guarded, error));
    if (was_guarded)
        return check_server(cycle, error);
    hf_pg_freep(&cycle->guard);
    HF_TRY(hf_maintenance_connect(cycle->options->target, cycle->options->url, "deploy lock", &pg, error));
    if (is_bound(cycle))
        HF_TRY(hf_cycle_same_server(cycle, pg, error));
    HF_TRY(try_lock(cycle, pg, &locked, error));
    if (!locked && cycle->guard_pid > 0)
        HF_TRY(end_former_guard(cycle, pg, &locked, error));
    if (!locked) {
        (void) hf_fail(error, HF_E_BUSY, "another holdfast is deploying to this database");
        return hf_hint(
            error,
            "wait for it; on the server: SELECT * FROM pg_stat_activity WHERE application_name = 'holdfast: "
            "deploy lock'");
    }
    cycle->guard_pid = hf_pg_pid(pg);
    cycle->guard = HF_TAKE(pg);
    return HF_OK;
}

static void mark_children(const hf_cycle *cycle)
{
    (void) setenv(HF_CYCLE_MARK, hf_journal_cycle(cycle->journal), 1);
}

hf_status hf_cycle_end_orphans(const hf_cycle *cycle, hf_error *error)
{
    HF_AUTO_STR variable = hf_format("%s=%s", HF_CYCLE_MARK, hf_journal_cycle(cycle->journal));
    size_t ended = 0;

    HF_TRY(hf_orphans_end(variable, &ended, error));
    if (ended > 0)
        hf_log(HF_LOG_WARNING, "ended %zu process%s that this cycle had left running", ended,
               ended > 1 ? "es" : "");
    return HF_OK;
}

/* Make `state` durable together with what the last action found. */
static hf_status record(hf_cycle *cycle, hf_cycle_state state, const char *event, hf_error *error)
{
    json_t *facts = HF_TAKE(cycle->facts);
    hf_error lost;

    if (check_lock(cycle, true, &lost) != HF_OK) { /* the journal is another's too */
        json_decref(facts);
        if (error != NULL)
            *error = lost;
        return HF_E_BUSY;
    }
    return hf_journal_append(cycle->journal, hf_cycle_state_name(state), event, facts, error);
}

hf_status hf_cycle_note(hf_cycle *cycle, const char *event, hf_error *error)
{
    return record(cycle, cycle->state, event, error);
}

/* After record() failed: what has begun must be brought to an end, with or without the repository.  An error only if it is another's now. */
static hf_status go_on_unrecorded(hf_cycle *cycle, const hf_error *why, hf_error *error)
{
    hf_error nowhere;

    if (cycle->lost) {
        if (error != NULL)
            *error = *why;
        return why->code;
    }
    hf_log_error(why);
    hf_log(HF_LOG_ERROR, "the journal could not be written; going on without it");
    if (hf_journal_keep(cycle->journal, &nowhere) != HF_OK)
        hf_log_error(&nowhere);
    cycle->unrecorded = true;
    return HF_OK;
}

hf_status hf_cycle_note_or_go_on(hf_cycle *cycle, const char *event, hf_error *error)
{
    hf_error why;

    return hf_cycle_note(cycle, event, &why) == HF_OK ? HF_OK : go_on_unrecorded(cycle, &why, error);
}

/* No row has been touched before this state is entered; a fence comes down at the end. */
static bool is_harmless(hf_cycle_state state)
{
    return state <= HF_CYCLE_CLONING;
}

/* From here on the way back runs to its end, whatever signals come. */
static bool is_way_back(hf_cycle_state state)
{
    return state == HF_CYCLE_RESTORING || state == HF_CYCLE_VERIFYING_RESTORE || state == HF_CYCLE_SWAPPING;
}

static void enter_state(hf_cycle *cycle, hf_cycle_state next, hf_cycle_event event)
{
    hf_error error;

    if (record(cycle, next, hf_cycle_event_name(event), &error) == HF_OK) {
        cycle->state = next;
        return;
    }
    if (!cycle->lost && is_harmless(cycle->state)) {
        /* the next state would have been the first to touch anything, or refused */
        hf_log_error(&error);
        cycle->unrecorded = true;
        if (cycle->error.code == HF_OK)
            cycle->error = error;
        cycle->state = HF_CYCLE_REFUSED;
        return;
    }
    if (go_on_unrecorded(cycle, &error, &cycle->error) == HF_OK)
        cycle->state = next;
}

static void enter(hf_cycle *cycle, hf_cycle_state next, hf_cycle_event event)
{
    enter_state(cycle, next, event);
    if (!cycle->lost)
        hf_cycle_tell(cycle);
}

/* Why it is held; that of before, where a stop request is all that came since. */
static void remember_held(hf_cycle *cycle)
{
    if (cycle->error.code != HF_E_CANCELLED)
        hf_cycle_fact(cycle, "held", hf_cycle_error_json(&cycle->error));
}

/* Whoever stops a resume of what is held has not told it to go back, and the application may have written to the new state for hours. */
static hf_cycle_event hold_on(const hf_cycle *cycle, hf_cycle_event event)
{
    return event == HF_EVENT_STOPPED && cycle->state == HF_CYCLE_VERIFYING && cycle->was_held
               ? HF_EVENT_INCONCLUSIVE
               : event;
}

void hf_cycle_step(hf_cycle *cycle, hf_cycle_event event)
{
    cycle->waits = false;
    const hf_transition *transition = hf_transition_find(cycle->state, event);

    if (transition == NULL) /* an action that is not held stopped inside the way back */
        transition = hf_transition_find(cycle->state, HF_EVENT_FAILED);
    if (event == HF_EVENT_FAILED && (cycle->state == HF_CYCLE_MIGRATING ||
                                     cycle->state == HF_CYCLE_VERIFYING || cycle->state == HF_CYCLE_HELD))
        hf_cycle_fact(cycle, "failed_in", json_string(hf_cycle_state_name(cycle->state)));
    if (event == HF_EVENT_INCONCLUSIVE) {
        remember_held(cycle);
    } else if (!hf_cycle_succeeded(event) && event != HF_EVENT_WRITTEN && cycle->error.code != HF_OK) {
        hf_log_error(&cycle->error);
        hf_cycle_fact(cycle, is_way_back(cycle->state) ? "way_back_error" : "error",
                      hf_cycle_error_json(&cycle->error));
    }
    hf_log(transition->next == HF_CYCLE_STUCK ? HF_LOG_ERROR : HF_LOG_INFO, "%s", transition->comment);
    enter(cycle, transition->next, event);
}

static void recall_cause(const hf_cycle *cycle, hf_error *cause)
{
    const json_t *recorded = hf_journal_fact(cycle->journal, "error");
    const char *message = json_string_value(json_object_get(recorded, "message"));
    const char *hint = json_string_value(json_object_get(recorded, "hint"));

    if (message == NULL && json_array_size(hf_journal_entries(cycle->journal)) > 0 &&
        hf_journal_fact(cycle->journal, "resumed_by") != NULL)
        (void) hf_fail(cause, hf_cycle_status(cycle->state), "the cycle was interrupted and resumed");
    if (message == NULL)
        return;
    (void) hf_fail(cause, hf_cycle_status(cycle->state), "%s", message);
    (void) hf_hint(cause, "%s", hint != NULL ? hint : "");
}

/* deploy.timeouts; 0: none, as on the way back. */
static int64_t time_limit(const hf_cycle *cycle)
{
    switch (cycle->state) {
    case HF_CYCLE_PREFLIGHT:
        return cycle->options->target->deploy.timeouts.preflight_ms;
    case HF_CYCLE_SNAPSHOT:
        return cycle->options->target->deploy.timeouts.snapshot_ms;
    case HF_CYCLE_MIGRATING:
        return cycle->options->target->deploy.timeouts.migrate_ms;
    case HF_CYCLE_VERIFYING:
        return cycle->options->target->deploy.timeouts.verify_ms;
    default:
        return 0;
    }
}

static hf_cycle_event act_in_time(hf_cycle *cycle)
{
    const int64_t limit_ms = time_limit(cycle);
    char limit[32];

    hf_stop_limit(limit_ms);
    hf_cycle_event event = hf_cycle_act(cycle);
    if (!hf_stop_limit_end() || (event != HF_EVENT_STOPPED && event != HF_EVENT_UNCHANGED))
        return event;
    (void) hf_fail(&cycle->error, HF_E_TIMEOUT, "state \"%s\" took longer than %s",
                   hf_cycle_state_name(cycle->state), hf_show_duration(limit_ms, limit));
    (void) hf_hint(&cycle->error, "deploy.timeouts sets how long it may take");
    return event == HF_EVENT_UNCHANGED ? event : HF_EVENT_FAILED;
}

/* The end is durable; what it is told with may be worse than that. */
static hf_status lower_fence(hf_cycle *cycle, hf_status status, hf_error *error)
{
    hf_error why;

    if (cycle->state == HF_CYCLE_STUCK || hf_cycle_is_held(cycle->state)) {
        if (hf_fence_is_up(cycle->journal))
            hf_log(HF_LOG_WARNING, "the fence stays up until `holdfast resume` has ended the cycle");
        return status;
    }
    if (hf_fence_lower(cycle, &why) == HF_OK)
        return status;
    (void) hf_fail(error, HF_E_INTERRUPTED, "the cycle ended as \"%s\", but its fence is still up: %s",
                   hf_cycle_state_name(cycle->state), why.message);
    return hf_hint(error, "run `holdfast resume`%s%s", why.hint[0] != '\0' ? "; " : "", why.hint);
}

int hf_cycle_stage(hf_cycle_state state, hf_cycle_event event)
{
    const hf_transition *transition = hf_transition_find(state, event);

    if (!hf_cycle_succeeded(event) || transition == NULL)
        return 0;
    if (state == HF_CYCLE_PREFLIGHT)
        return 1;
    switch (transition->next) {
    case HF_CYCLE_FENCED:
        return 2;
    case HF_CYCLE_MIGRATING:
        return 3;
    case HF_CYCLE_VERIFYING:
        return HF_STAGE_VERIFY;
    case HF_CYCLE_DEPLOYED:
        return HF_STAGE_DECIDE;
    default:
        return 0;
    }
}

/* A clone that nobody needs any more (a cycle that is held may still need it); resume, gc and the next deploy do the same for a cycle that was killed here. */
static void leave(const hf_cycle *cycle)
{
    hf_error error;

    if (hf_cycle_is_final(cycle->state) && cycle->state != HF_CYCLE_STUCK &&
        hf_cycle_remove_clone(cycle->options, cycle->journal, &error) != HF_OK)
        hf_log_error(&error);
}

/* It stays in verifying, so that resume runs the checks of all again. */
static void hold_in_group(hf_cycle *cycle)
{
    hf_error error;

    cycle->held = HF_EVENT_INCONCLUSIVE;
    remember_held(cycle);
    if (hf_cycle_note(cycle, "held", &error) != HF_OK)
        hf_log_error(&error);
    if (!cycle->lost)
        hf_cycle_tell(cycle);
}

/* What the walk ends with, and why it came to that. */
static hf_status conclude(const hf_cycle *cycle, const hf_error *cause, hf_error *error)
{
    hf_status status = hf_cycle_status(cycle->state);

    if (status != HF_OK) {
        (void) hf_fail(error, status, "%s",
                       cause->code != HF_OK ? cause->message : hf_status_meaning(status));
        if (error != NULL)
            (void) snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", cause->sqlstate);
        if (status == HF_E_STUCK)
            (void) hf_hint(
                error,
                "%s%s`holdfast resume` tries the way back again, with --settled it ends a deploy that "
                "was put right by hand; `holdfast report` tells all",
                cause->hint, cause->hint[0] != '\0' ? "; " : "");
        else if (cycle->state == HF_CYCLE_HELD || cycle->state == HF_CYCLE_VERIFYING)
            (void) hf_hint(
                error, "`holdfast resume` runs the checks again; with --accept it lets pass what they cannot "
                       "tell, with --roll-back it goes back");
        else
            (void) hf_hint(error, "%s", cause->hint);
    } else if (cycle->unrecorded) {
        status = hf_fail(error, HF_E_STORAGE, "deployed, but the journal could not be written");
    }
    return status;
}

static hf_status walk_on(hf_cycle *cycle, hf_error *error)
{
    hf_error cause = {.code = HF_OK};

    mark_children(cycle);
    while (!hf_cycle_is_final(cycle->state) && !hf_cycle_is_held(cycle->state) && !cycle->lost) {
        bool hold = is_way_back(cycle->state);

        HF_FAULT("deploy.entered", error);
        if (hold)
            hf_stop_hold();
        hf_cycle_event event = hold_on(cycle, act_in_time(cycle));
        if (hold)
            hf_stop_release();
        if (cycle->lost)
            break;
        if (hf_cycle_succeeded(event)) /* what was tried on the way does not count */
            cycle->error = (hf_error){.code = HF_OK};
        if (cycle->in_group && hf_cycle_stage(cycle->state, event) > 0) {
            cycle->waits = true;
            cycle->held = event;
            return HF_OK;
        }
        if (cycle->in_group && event == HF_EVENT_INCONCLUSIVE) {
            cause = cycle->error;
            hold_in_group(cycle);
            break;
        }
        hf_cycle_step(cycle, event);
        if (cycle->lost)
            break;
        if (cycle->error.code != HF_OK && (cause.code == HF_OK || hold))
            cause = cycle->error;
    }
    if (cycle->lost) {
        if (error != NULL)
            *error = cycle->error;
        return HF_E_BUSY;
    }

    leave(cycle);
    if (cause.code == HF_OK) /* it was found before a resume */
        recall_cause(cycle, &cause);
    return conclude(cycle, &cause, error);
}

hf_status hf_cycle_walk(hf_cycle *cycle, hf_error *error)
{
    hf_status status = walk_on(cycle, error);

    if ((!hf_cycle_is_final(cycle->state) && !hf_cycle_is_held(cycle->state)) || cycle->lost)
        return status;
    status = lower_fence(cycle, status, error);
    if (hf_cycle_is_final(cycle->state))
        hf_hooks_at_end(cycle);
    return status;
}

hf_status hf_cycle_decide(hf_cycle *cycle, hf_error *error)
{
    HF_TRY(record(cycle, HF_CYCLE_DEPLOYED, hf_cycle_event_name(HF_EVENT_DONE), error));
    cycle->state = HF_CYCLE_DEPLOYED;
    cycle->waits = false;
    hf_cycle_tell(cycle);
    return HF_OK;
}
