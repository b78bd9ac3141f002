#include "deploy/tell.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/fence.h"
#include "deploy/hook.h"
#include "notify/notify.h"

#define FLUSH_MS 10000

static bool event_of(hf_cycle_state state, hf_notify_event *ret_event)
{
    switch (state) {
    case HF_CYCLE_PREFLIGHT:
        *ret_event = HF_NOTIFY_START;
        return true;
    case HF_CYCLE_DEPLOYED:
        *ret_event = HF_NOTIFY_SUCCESS;
        return true;
    case HF_CYCLE_ROLLED_BACK:
        *ret_event = HF_NOTIFY_ROLLBACK;
        return true;
    case HF_CYCLE_HELD:
    case HF_CYCLE_WAITING:
        *ret_event = HF_NOTIFY_HELD;
        return true;
    case HF_CYCLE_REFUSED:
        *ret_event = HF_NOTIFY_REFUSED;
        return true;
    case HF_CYCLE_STUCK:
        *ret_event = HF_NOTIFY_STUCK;
        return true;
    default:
        return false;
    }
}

/* A member of a group that is held stays in verifying. */
static hf_cycle_state state_of(const hf_cycle *cycle)
{
    return cycle->held == HF_EVENT_INCONCLUSIVE ? HF_CYCLE_HELD : cycle->state;
}

static bool is_held(const hf_cycle *cycle)
{
    return hf_cycle_is_held(state_of(cycle));
}

static int64_t began_ms(const hf_cycle *cycle)
{
    const json_t *first = json_array_get(hf_journal_entries(cycle->journal), 0);
    int64_t time_ms = 0;

    return hf_time_parse(json_string_value(json_object_get(first, "at")), &time_ms, NULL) == HF_OK ? time_ms
                                                                                                   : 0;
}

static void put_fact(const hf_cycle *cycle, const char *fact, hf_buf *why)
{
    const char *message =
        json_string_value(json_object_get(hf_journal_fact(cycle->journal, fact), "message"));

    if (message != NULL)
        hf_buf_printf(why, "%s%s", why->len > 0 ? "; " : "", message);
}

/* Without the hints: what to type follows as the next step. */
static void put_why_held(const hf_cycle *cycle, hf_buf *why)
{
    put_fact(cycle, state_of(cycle) == HF_CYCLE_HELD ? "held" : "error", why);
    if (cycle->state == HF_CYCLE_WAITING)
        hf_buf_printf(why, "%srows were written since the snapshot, or may have been",
                      why->len > 0 ? "; nothing is put back yet: " : "");
}

/* The cause, and what went wrong on the way back; each with its hint. */
static void put_why(const hf_cycle *cycle, hf_buf *why)
{
    static const char *const facts[] = {"error", "way_back_error"};

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        const json_t *error = hf_journal_fact(cycle->journal, facts[i]);
        const char *message = json_string_value(json_object_get(error, "message"));
        const char *hint = json_string_value(json_object_get(error, "hint"));

        if (message != NULL)
            hf_buf_printf(why, "%s%s%s", why->len > 0 ? "; then on the way back: " : "", message,
                          cycle->state != HF_CYCLE_STUCK && i == 1 ? " (tried again)" : "");
        if (message != NULL && hint != NULL && hint[0] != '\0')
            hf_buf_printf(why, " (%s)", hint);
    }
    const json_t *back = hf_hook_result(cycle, "app.rollback");
    if (back != NULL && json_integer_value(json_object_get(back, "status")) != 0)
        hf_buf_puts(why, "; the APPLICATION was not put back: deploy.app.rollback failed");
    if (why->len == 0 && cycle->error.code != HF_OK)
        hf_buf_puts(why, cycle->error.message);
    if (why->len == 0)
        hf_buf_puts(why, "the cycle was interrupted");
}

static void put_kept(const hf_cycle *cycle, hf_buf *kept)
{
    const char *failed = hf_journal_text(cycle->journal, "failed_database");
    const char *state = hf_journal_text(cycle->journal, "failed_snapshot");
    const char *snapshot = hf_journal_text(cycle->journal, "snapshot");

    if (failed != NULL)
        hf_buf_printf(kept, "the failed database, as \"%s\"", failed);
    else if (state != NULL)
        hf_buf_printf(kept, "the failed state, as snapshot %s", state);
    else if (cycle->state == HF_CYCLE_STUCK)
        hf_buf_puts(kept, "the failed database");
    else if (is_held(cycle))
        hf_buf_printf(kept, "the migrated database, as it is%s",
                      hf_fence_is_up(cycle->journal) ? ", behind its fence" : "");
    if (snapshot != NULL && cycle->state != HF_CYCLE_REFUSED)
        hf_buf_printf(kept, "%ssnapshot %s", kept->len > 0 ? "; " : "", snapshot);
}

static char *next_command(const hf_cycle *cycle)
{
    const char *target = cycle->options->target->name, *id = hf_journal_cycle(cycle->journal);

    switch (state_of(cycle)) {
    case HF_CYCLE_STUCK:
        return hf_format(
            "holdfast resume --target %s tries the way back again; holdfast report --target %s %s "
            "tells all",
            target, target, id);
    case HF_CYCLE_HELD:
        return hf_format(
            "holdfast resume --target %s runs the checks again; with --accept it lets pass what they "
            "cannot tell, with --roll-back it goes back",
            target);
    case HF_CYCLE_WAITING:
        return hf_format(
            "holdfast report --target %s %s lists the rows; holdfast resume --target %s --proceed takes "
            "the way back",
            target, id, target);
    case HF_CYCLE_ROLLED_BACK:
    case HF_CYCLE_REFUSED:
        return hf_format("holdfast report --target %s %s", target, id);
    default:
        return NULL;
    }
}

void hf_cycle_tell(const hf_cycle *cycle)
{
    HF_AUTO_BUF why = HF_BUF_MAX(8192);
    HF_AUTO_BUF kept = HF_BUF_MAX(2048);
    const json_t *who = hf_journal_fact(cycle->journal, "operator");
    const char *user = json_string_value(json_object_get(who, "user"));
    const char *host = json_string_value(json_object_get(who, "host"));
    hf_notify_event event;

    if (cycle->options->notifier == NULL || !event_of(state_of(cycle), &event))
        return;
    const bool ended = hf_cycle_is_final(cycle->state) || is_held(cycle);
    const int64_t began = began_ms(cycle);
    HF_AUTO_STR next = next_command(cycle);
    HF_AUTO_STR operator= hf_format("%s@%s", user != NULL ? user : "?", host != NULL ? host : "?");

    if (is_held(cycle))
        put_why_held(cycle, &why);
    else if (ended && cycle->state != HF_CYCLE_DEPLOYED)
        put_why(cycle, &why);
    if (ended)
        put_kept(cycle, &kept);
    const hf_notice notice = {
        .event = event,
        .target = cycle->options->target->name,
        .cycle = hf_journal_cycle(cycle->journal),
        .snapshot = hf_journal_text(cycle->journal, "snapshot"),
        .revision = hf_journal_text(cycle->journal, "revision"),
        .operator= operator,
        .why = hf_buf_text(&why),
        .kept = hf_buf_text(&kept),
        .next = next,
        .began_ms = began,
        .took_ms = ended && began > 0 ? hf_now_ms() - began : -1,
    };
    /* that it waits is another question than what the checks could not tell, though both are called held */
    hf_notifier_tell(cycle->options->notifier, &notice,
                     cycle->state == HF_CYCLE_WAITING ? NULL
                                                      : hf_journal_fact(cycle->journal, "notifications"));
}

void hf_notify_warn(const json_t *results)
{
    size_t i;
    json_t *item;

    json_array_foreach(results, i, item)
    {
        if (json_is_true(json_object_get(item, "ok")))
            continue;
        hf_log(HF_LOG_WARNING, "notify \"%s\" (%s): %s", json_string_value(json_object_get(item, "to")),
               json_string_value(json_object_get(item, "event")),
               json_string_value(json_object_get(item, "error")));
    }
}

/* Those of this cycle, behind what its journal has already; NULL: there are none. */
static json_t *results_of(const hf_cycle *cycle, const json_t *results)
{
    const json_t *earlier = hf_journal_fact(cycle->journal, "notifications");
    json_t *all = earlier != NULL ? json_deep_copy(earlier) : json_array(), *item;
    const size_t before = json_array_size(all);
    size_t i;

    json_array_foreach(results, i, item)
    {
        if (!hf_streq(json_string_value(json_object_get(item, "cycle")), hf_journal_cycle(cycle->journal)))
            continue;
        json_t *own = json_deep_copy(item);
        json_object_del(own, "cycle");
        json_array_append_new(all, own);
    }
    if (json_array_size(all) > before)
        return all;
    json_decref(all);
    return NULL;
}

static hf_status record(hf_cycle *cycle, json_t *notifications, hf_error *error)
{
    hf_cycle_fact(cycle, "notifications", notifications);
    HF_FAULT("deploy.before_notified", error);
    return hf_cycle_note(cycle, "notified", error);
}

void hf_cycles_told(hf_cycle *const *cycles, size_t count)
{
    json_t *results = count > 0 ? hf_notifier_flush(cycles[0]->options->notifier, FLUSH_MS) : NULL;

    hf_notify_warn(results);
    for (size_t i = 0; i < count; i++) {
        json_t *own = cycles[i]->lost || cycles[i]->journal == NULL ? NULL : results_of(cycles[i], results);
        hf_error error = {0};

        if (own != NULL && record(cycles[i], own, &error) != HF_OK)
            hf_log(HF_LOG_WARNING, "what became of the notifications could not be recorded: %s",
                   error.message);
    }
    json_decref(results);
}
