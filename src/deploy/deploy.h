/*
 * The guarded deploy: snapshot, migrate, verify, and put the database back if verification fails.
 *
 * A cycle is a walk through the table of machine.c.  The journal gets each state before its action starts, durably, so a
 * kill at any instant leaves a record from which hf_deploy_resume() goes on.
 */
#ifndef HF_DEPLOY_H
#define HF_DEPLOY_H

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/progress.h"
#include "config/config.h"
#include "notify/notify.h"
#include "repository/manifest.h"
#include "repository/repository.h"

struct hf_plan;

/* What is to be done where a check could not tell. */
typedef enum hf_held_answer { HF_HELD_WAIT, HF_HELD_AGAIN, HF_HELD_ACCEPT, HF_HELD_ROLL_BACK } hf_held_answer;

typedef struct hf_deploy_options {
    hf_repository *repository;
    const char *config_path; /* for messages about checks */
    const hf_target_config *target;
    const char *url; /* of the live database */
    bool proceed;    /* of a resume: take the way back though rows were written */
    bool settled;    /* of a resume: what is stuck has been put right by hand, and ends as it is */
    bool retry; /* also apply a migration that an earlier cycle took back, though its file is unchanged */
    const char *approve; /* the digest of the plan that may run; NULL: none was given */
    const char
        *by; /* who has it deployed, and so is the plan's author (approvers.h); NULL: the system's user */
    bool expects; /* the pending set must be exactly the names of `expect` */
    hf_strings expect;
    hf_strings overrides;        /* gates (gate.h) that do not count, each by its name */
    const char *override_reason; /* why; NULL only without overrides */
    hf_progress *progress;       /* or NULL */
    hf_notifier *notifier;       /* is told of the start and the end; or NULL */
    hf_status (*on_snapshot)(
        void *context, const char *id,
        hf_error *error); /* it is sealed, and nothing is changed yet: a failure refuses; or NULL */
    hf_status (*ask)(
        void *context, const struct hf_plan *plan,
        hf_error *error); /* an approval at the terminal: HF_OK, or a refusal; NULL: nobody is there */
    hf_held_answer (*ask_held)(void *context, const char *why); /* somebody who is there; NULL: nobody is */
    hf_held_answer
        held; /* of hf_deploy_resume(): ACCEPT lets what checks cannot tell pass, ROLL_BACK ends verifying */
    void *context;
} hf_deploy_options;

/*
 * Run a whole cycle.  HF_OK: deployed; HF_E_ROLLED_BACK, HF_E_REFUSED, HF_E_STUCK: the message tells why.  HF_E_BUSY:
 * another holdfast is at work on the target; HF_E_INTERRUPTED: an earlier cycle must be resumed first; in both cases no cycle
 * is begun.  *ret_cycle is its id (caller owns), NULL if none was begun; set also on failure.
 */
HF_MUST_CHECK hf_status hf_deploy_run(const hf_deploy_options *options, char **ret_cycle, hf_error *error);

/*
 * End the target's interrupted cycle.  As hf_deploy_run(); HF_E_NOT_FOUND when there is none.  If there is none, but a swap
 * outside of a cycle (`restore --swap`) was killed while it kept clients out, let them in: HF_OK with *ret_cycle NULL.
 */
HF_MUST_CHECK hf_status hf_deploy_resume(const hf_deploy_options *options, char **ret_cycle, hf_error *error);

/*
 * Several databases, all or nothing: as hf_deploy_run() for each of `members` (of different targets, in one repository), in
 * step.  The worst end of any is the group's.  *ret_cycles gets the id of each, in their order, as soon as they are begun;
 * group.c tells how a kill at any instant leaves it.  HF_E_INTERRUPTED: whether all are deployed could not be recorded.
 */
HF_MUST_CHECK hf_status hf_deploy_run_group(const hf_deploy_options *members, size_t count,
                                            hf_strings *ret_cycles, hf_error *error);

/* End the interrupted cycles of the group that hf_deploy_group() names; as hf_deploy_run_group(). */
HF_MUST_CHECK hf_status hf_deploy_resume_group(const hf_deploy_options *members, size_t count,
                                               hf_strings *ret_cycles, hf_error *error);

/* The targets of the group that the target's unfinished cycle belongs to, in their order; none if there is no such cycle. */
HF_MUST_CHECK hf_status hf_deploy_group(hf_repository *repository, const char *target,
                                        hf_strings *ret_targets, hf_error *error);

/* The id of the target's cycle that has not ended, or is stuck, and so still needs its snapshot; the caller owns it, NULL: none. */
HF_MUST_CHECK hf_status hf_deploy_unfinished(hf_repository *repository, const char *target, char **ret_cycle,
                                             hf_error *error);

/*
 * HF_E_INTERRUPTED if the target's newest cycle has not ended, or its fence is up: what is done to the live database by hand, under the target's lock, would be
 * taken by resume for what the cycle did.  One that is stuck is no obstacle: whoever puts it right by hand may have to.
 */
HF_MUST_CHECK hf_status hf_deploy_refuse_unfinished(const hf_deploy_options *options, hf_error *error);

/*
 * Seal a snapshot of the database as it is, before something in it is replaced: labelled HF_LABEL_REPLACED and `name`, pinned.  `settings`: the database's own, while a fence changes them; or NULL.  *ret_id is its
 * id; the caller owns it.
 */
HF_MUST_CHECK hf_status hf_deploy_keep_state(const hf_deploy_options *options, const char *name,
                                             const char *cycle, const hf_role_settings *settings,
                                             char **ret_id, hf_error *error);

/*
 * Put the failed database that a rolled back cycle keeps in the live one's place again, whose database is kept as *ret_kept (caller owns).
 * HF_E_NOT_FOUND: there is none; HF_E_BUSY, HF_E_INTERRUPTED as of hf_deploy_run(); what hf_swap() says.  After a kill it goes on.
 */
HF_MUST_CHECK hf_status hf_deploy_swap_back(const hf_deploy_options *options, const char *id, char **ret_kept,
                                            hf_error *error);

/*
 * A cycle as JSON, from its journal: id, target, state, snapshot, started_at, finished_at, took_ms, operator, migrations,
 * checks, error, failed_database, preflight, phases.  The caller owns it.
 */
HF_MUST_CHECK hf_status hf_deploy_report(hf_repository *repository, const char *target, const char *cycle,
                                         json_t **ret_report, hf_error *error);

/* {user, host, pid} of this process; the caller owns it. */
json_t *hf_operator_json(void);

/* "latest" or a unique beginning -> the full id of a cycle (caller owns). */
HF_MUST_CHECK hf_status hf_deploy_find(hf_repository *repository, const char *target, const char *name,
                                       char **ret_cycle, hf_error *error);

#endif
