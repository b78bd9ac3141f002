/*
 * Several databases in one deploy: all are deployed, or all are as before.
 *
 * Each target has its own cycle and journal; the fact `group` of each first entry names them all: {id, targets, cycles}.  The
 * members go in step: none takes a snapshot before all have passed the preflight, none migrates before all snapshots are
 * sealed, none runs its checks before all are migrated.  They go one after the other, so "all or nothing" needs no threads.
 *
 * The decision is one entry: `deployed` in the journal of the first member, the leader, whose cycle is the group's id.  It is
 * written when the checks of all have passed and never otherwise; the others' `deployed` only repeats it.  What a kill leaves:
 *
 *   before some members' journals have begun    those that have are refused; nothing was touched
 *   before the decision, checks under way       resume runs the checks of all again, and decides
 *   before the decision, anywhere else          resume takes all back (what was not yet touched is refused)
 *   after it                                    resume writes `deployed` for the others, whatever else their journals say
 *
 * So only who holds the locks of all members may decide, and resume takes them all, too.  If the entry cannot be stored, it
 * may be there all the same: everything is then left as it is, for a resume that can read it.
 *
 * A member that fails goes back at once; the others are then abandoned: refused if nothing of theirs was changed, else taken
 * back as well.
 */
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/cycle.h"
#include "deploy/expire.h"
#include "deploy/tell.h"

typedef struct member {
    hf_cycle cycle;
    hf_status status; /* of its end */
    hf_error error;
    bool ended; /* walked to its end, or needs nothing */
} member;

typedef struct group {
    member *members;
    size_t count;
} group;

static void group_done(group *all)
{
    for (size_t i = 0; i < all->count; i++)
        hf_cycle_done(&all->members[i].cycle);
    free(all->members);
}

/* When all that can be done for the databases is done, as it waits. */
static void told(const group *all)
{
    hf_cycle **cycles = hf_alloc(all->count * sizeof(*cycles));

    for (size_t i = 0; i < all->count; i++)
        cycles[i] = &all->members[i].cycle;
    hf_cycles_told(cycles, all->count);
    free(cycles);
}

static const char *name_of(const member *one)
{
    return one->cycle.options->target->name;
}

static hf_status make(const hf_deploy_options *options, size_t count, group *all, hf_error *error)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (hf_streq(options[i].target->name, options[k].target->name))
                return hf_fail(error, HF_E_USAGE, "the target \"%s\" is named twice",
                               options[i].target->name);
    all->members = hf_alloc(count * sizeof(*all->members));
    all->count = count;
    for (size_t i = 0; i < count; i++) {
        all->members[i].cycle.options = &options[i];
        all->members[i].cycle.state = HF_CYCLE_OPENED;
        all->members[i].cycle.in_group = true;
    }
    return HF_OK;
}

/* Its fate is known: walked to the end, or the walk broke off. */
static hf_status walk_member(member *one, hf_error *error)
{
    one->status = hf_cycle_walk(&one->cycle, &one->error);
    one->ended = hf_cycle_is_final(one->cycle.state);
    if (one->ended || one->cycle.waits)
        return HF_OK;
    if (error != NULL)
        *error = one->error;
    return one->status;
}

/* ---- together to the end ---- */

static hf_status end_as(const member *one, hf_status status, hf_error *error)
{
    (void) hf_fail(error, status, "target \"%s\": %s", name_of(one), one->error.message);
    return hf_hint(error, "%s", one->error.hint);
}

/* Not because of another one. */
static const member *find_cause(const group *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->members[i].status != HF_OK &&
            hf_journal_fact(all->members[i].cycle.journal, "abandoned") == NULL)
            return &all->members[i];
    return NULL;
}

/* What the group ends with: the worst of all ends, and why it came to that. */
static hf_status conclude(const group *all, hf_error *error)
{
    static const hf_status worst_first[] = {HF_E_STUCK, HF_E_ROLLED_BACK, HF_E_REFUSED};
    const member *cause = find_cause(all);

    for (size_t k = 0; k < sizeof(worst_first) / sizeof(*worst_first); k++)
        for (size_t i = 0; i < all->count; i++)
            if (all->members[i].status == worst_first[k])
                return end_as(cause == NULL || worst_first[k] == HF_E_STUCK ? &all->members[i] : cause,
                              worst_first[k], error);
    return cause == NULL ? HF_OK : end_as(cause, cause->status, error);
}

static hf_cycle_event abandoning(const hf_cycle *cycle)
{
    bool touched = cycle->state == HF_CYCLE_MIGRATING || cycle->state == HF_CYCLE_VERIFYING;

    return touched && hf_cycle_is_unchanged(cycle) ? HF_EVENT_UNCHANGED : HF_EVENT_ABANDONED;
}

/* Nothing is decided, and it will not be: the others back as well. */
static hf_status abandon_rest(group *all, const char *why, hf_error *error)
{
    for (size_t i = 0; i < all->count; i++) {
        member *one = &all->members[i];

        if (one->ended)
            continue;
        HF_FAULT("group.before_abandon", error);
        (void) hf_fail(&one->cycle.error, HF_E_CANCELLED, "%s", why);
        hf_cycle_fact(&one->cycle, "abandoned", json_string(why));
        hf_cycle_step(&one->cycle, abandoning(&one->cycle));
        HF_TRY(walk_member(one, error));
    }
    return conclude(all, error);
}

/* The one entry; then what follows from it. */
static hf_status commit(group *all, hf_error *error)
{
    hf_error why;

    HF_FAULT("group.before_decision", error);
    hf_stop_hold();
    hf_status status = hf_cycle_decide(&all->members[0].cycle, &why);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("group.after_decision", &why);
    for (size_t i = 1; status == HF_OK && i < all->count; i++)
        hf_cycle_step(&all->members[i].cycle, all->members[i].cycle.held);
    hf_stop_release();
    if (status != HF_OK) {
        (void) hf_fail(error, HF_E_INTERRUPTED,
                       "all databases are migrated and verified, but that could not be recorded: %s",
                       why.message);
        return hf_hint(error,
                       "nothing is taken back; run `holdfast resume` when the repository can be written");
    }
    for (size_t i = 0; i < all->count; i++) {
        HF_TRY(walk_member(&all->members[i], error));
        if (all->members[i].status == HF_OK)
            hf_deploy_expire(all->members[i].cycle.options);
    }
    return conclude(all, error);
}

/* Where it waits; 0: it does not. */
static int stage(const member *one)
{
    return one->cycle.waits ? hf_cycle_stage(one->cycle.state, one->cycle.held) : 0;
}

static int lowest_stage(const group *all)
{
    int lowest = HF_STAGE_DECIDE;

    for (size_t i = 0; i < all->count; i++)
        if (stage(&all->members[i]) < lowest)
            lowest = stage(&all->members[i]);
    return lowest;
}

/* Let those that are furthest behind go on to where they wait next, in their order. */
static hf_status catch_up(group *all, int lowest, member **ret_failed, hf_error *error)
{
    for (size_t i = 0; i < all->count; i++) {
        member *one = &all->members[i];

        if (stage(one) > lowest)
            continue;
        HF_TRY(hf_stop_check(error));
        if (one->cycle.waits)
            hf_cycle_step(&one->cycle, one->cycle.held);
        HF_TRY(walk_member(one, error));
        if (one->ended) {
            *ret_failed = one;
            return HF_OK;
        }
    }
    return HF_OK;
}

/* From where each is, until all wait for the decision. */
static hf_status go_on(group *all, hf_error *error)
{
    int lowest;

    while ((lowest = lowest_stage(all)) < HF_STAGE_DECIDE) {
        member *failed = NULL;

        /* That all are migrated is recorded before the first check, so that a kill from there on takes nobody back. */
        for (size_t i = 0; lowest == HF_STAGE_VERIFY && i < all->count; i++)
            hf_cycle_step(&all->members[i].cycle, all->members[i].cycle.held);
        hf_status status = catch_up(all, lowest == HF_STAGE_VERIFY ? 0 : lowest, &failed, error);
        if (status == HF_E_CANCELLED)
            break;
        HF_TRY(status);
        if (failed != NULL) {
            HF_AUTO_STR why = hf_format("target \"%s\" of the same group failed", name_of(failed));
            return abandon_rest(all, why, error);
        }
    }
    if (!hf_stop_requested())
        return commit(all, error);
    if (!all->members[0].cycle.was_held)
        return abandon_rest(all, "stopped by a signal", error);
    (void) hf_fail(error, HF_E_INTERRUPTED, "stopped by a signal; what was held still is");
    return hf_hint(error, "`holdfast resume` runs the checks again; with --roll-back it goes back");
}

hf_status hf_deploy_run_group(const hf_deploy_options *members, size_t count, hf_strings *ret_cycles,
                              hf_error *error)
{
    HF_AUTO(group_done) group all = {0};
    HF_AUTO(hf_strings_done) hf_strings ids = {0};
    json_t *targets = json_array(), *cycles = json_array();

    hf_status status = make(members, count, &all, error);
    for (size_t i = 0; status == HF_OK && i < count; i++) {
        HF_AUTO_STR id = NULL;

        status = hf_cycle_claim(&all.members[i].cycle, &members[i], "deploy", true, error);
        if (status == HF_OK)
            status = hf_cycle_guard(&all.members[i].cycle, error);
        if (status == HF_OK)
            status = hf_cycle_new_id(&members[i], &id, error);
        if (status != HF_OK) {
            (void) hf_prefix(error, "target \"%s\"", members[i].target->name);
            break;
        }
        hf_strings_add(&ids, id);
        json_array_append_new(targets, json_string(members[i].target->name));
        json_array_append_new(cycles, json_string(id));
    }
    json_t *fact = json_pack("{s:s, s:o, s:o}", "id", ids.count > 0 ? ids.items[0] : "", "targets", targets,
                             "cycles", cycles);
    for (size_t i = 0; status == HF_OK && i < count; i++) {
        status = hf_cycle_open(&all.members[i].cycle, ids.items[i], fact, error);
        if (status == HF_OK)
            hf_strings_add(ret_cycles, ids.items[i]);
        if (status == HF_OK)
            status = HF_FAULT_STATUS("group.opened_one", error);
    }
    json_decref(fact);
    if (status == HF_OK)
        status = go_on(&all, error);
    told(&all);
    return status;
}

/* ---- resume ---- */

hf_status hf_deploy_group(hf_repository *repository, const char *target, hf_strings *ret_targets,
                          hf_error *error)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    hf_cycle_state state;
    const json_t *name;
    size_t i;
    hf_status status = hf_cycle_newest(repository, target, &journal, &state, error);

    if (status == HF_E_NOT_FOUND)
        return HF_OK;
    HF_TRY(status);
    if (!hf_cycle_can_resume(journal, state))
        return HF_OK;
    json_array_foreach(json_object_get(hf_journal_fact(journal, "group"), "targets"), i, name)
        hf_strings_add(ret_targets, json_string_value(name));
    return HF_OK;
}

/* The group's cycle ids, as the newest cycle of the first member that has one of this group tells. */
static hf_status read_ids(const group *all, hf_strings *ids, hf_error *error)
{
    for (size_t i = 0; i < all->count; i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
        hf_cycle_state state;
        const hf_deploy_options *options = all->members[i].cycle.options;
        hf_status status =
            hf_cycle_newest(options->repository, options->target->name, &journal, &state, error);

        if (status == HF_E_NOT_FOUND)
            continue;
        HF_TRY(status);
        const json_t *fact = hf_journal_fact(journal, "group");
        const json_t *cycles = json_object_get(fact, "cycles"), *targets = json_object_get(fact, "targets");
        if (!hf_cycle_can_resume(journal, state) || json_array_size(cycles) != all->count)
            continue;
        for (size_t k = 0; k < all->count; k++) {
            const char *id = json_string_value(json_array_get(cycles, k));

            if (id == NULL ||
                !hf_streq(json_string_value(json_array_get(targets, k)), name_of(&all->members[k])))
                return hf_fail(error, HF_E_CORRUPT, "cycle %s tells another group than was asked for",
                               hf_journal_cycle(journal));
            hf_strings_add(ids, id);
        }
        return HF_OK;
    }
    return hf_fail(error, HF_E_NOT_FOUND, "nothing to resume: no cycle of the group is unfinished");
}

/* A member whose journal was never begun needs nothing, nor does one that has ended. */
static hf_status load(member *one, const char *id, hf_strings *ret_cycles, hf_error *error)
{
    hf_cycle *cycle = &one->cycle;
    const char *target = name_of(one);
    hf_status status = hf_journal_load(cycle->options->repository, target, id, &cycle->journal, error);

    if (status == HF_E_NOT_FOUND) {
        cycle->state = HF_CYCLE_REFUSED;
        cycle->journal = hf_journal_new(cycle->options->repository, target, id);
    } else {
        HF_TRY(status);
        if (!hf_cycle_state_parse(hf_journal_state(cycle->journal), &cycle->state))
            return hf_fail(error, HF_E_CORRUPT, "cycle %s has an unknown state \"%s\"", id,
                           hf_journal_state(cycle->journal));
        hf_strings_add(ret_cycles, id);
    }
    one->ended = !hf_cycle_can_resume(cycle->journal, cycle->state);
    one->status = hf_cycle_status(cycle->state);
    if (one->ended && one->status != HF_OK)
        (void) hf_fail(&one->error, one->status, "cycle %s ended as \"%s\" before", id,
                       hf_cycle_state_name(cycle->state));
    return HF_OK;
}

/* Would an interrupted one go on to deploy?  Else it goes back, or has ended. */
static bool goes_on(const member *one)
{
    const hf_transition *next = hf_transition_find(one->cycle.state, HF_EVENT_INTERRUPTED);

    return !one->ended && one->cycle.state < HF_CYCLE_RESTORING && next != NULL &&
           next->next >= HF_CYCLE_MIGRATING && next->next < HF_CYCLE_RESTORING;
}

static hf_status resume_loaded(group *all, hf_error *error)
{
    const bool told_back = all->members[0].cycle.options->held == HF_HELD_ROLL_BACK;
    bool decided = all->members[0].cycle.state == HF_CYCLE_DEPLOYED, forward = !told_back, held = false;

    for (size_t i = 0; i < all->count; i++) {
        forward = forward && goes_on(&all->members[i]);
        held = held || hf_journal_fact(all->members[i].cycle.journal, "held") != NULL;
    }
    for (size_t i = 0; i < all->count; i++) {
        member *one = &all->members[i];
        hf_cycle_event event;

        one->cycle.was_held = held;
        if (one->ended)
            continue;
        HF_TRY(hf_cycle_take_up(&one->cycle, &event, error));
        if (goes_on(one) && !decided && !forward && event != HF_EVENT_SWAPPED)
            continue; /* it is abandoned below, when the others are back */
        if (decided && one->cycle.state < HF_CYCLE_RESTORING)
            while (!hf_cycle_is_final(one->cycle.state) && !one->cycle.lost)
                hf_cycle_step(&one->cycle, HF_EVENT_DONE);
        else if (!hf_cycle_is_final(one->cycle.state) || one->cycle.state == HF_CYCLE_STUCK)
            hf_cycle_step(&one->cycle, event);
        if (!forward)
            HF_TRY(walk_member(one, error));
    }
    if (decided)
        return conclude(all, error);
    return forward
               ? go_on(all, error)
               : abandon_rest(
                     all, told_back ? "told to go back" : "the group was interrupted before it was decided",
                     error);
}

hf_status hf_deploy_resume_group(const hf_deploy_options *members, size_t count, hf_strings *ret_cycles,
                                 hf_error *error)
{
    HF_AUTO(group_done) group all = {0};
    HF_AUTO(hf_strings_done) hf_strings ids = {0};

    HF_TRY(make(members, count, &all, error));
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_cycle_claim(&all.members[i].cycle, &members[i], "resume", false, error));
    HF_TRY(read_ids(&all, &ids, error));
    for (size_t i = 0; i < count; i++)
        HF_TRY(load(&all.members[i], ids.items[i], ret_cycles, error));
    hf_status status = resume_loaded(&all, error);
    told(&all);
    return status;
}
