/*
 * Retention: which of a target's snapshots are kept, and why.
 *
 * hourly, daily, ... keep the last snapshot of each of the newest so many hours, days, ... that have any; days begin at midnight UTC,
 * weeks on Monday (ISO 8601).  While fewer have any, the oldest snapshot is kept beside.  Whole, filtered and degraded snapshots are counted each by
 * themselves, so that none takes the place of another sort.
 *
 * Whatever the rules say, these are kept: the newest of each sort, the newest proven of each sort, pinned ones, those of an unfinished
 * cycle, and broken ones (somebody has to look at them first).
 */
#ifndef HF_REPOSITORY_RETENTION_H
#define HF_REPOSITORY_RETENTION_H

#include "repository/proof.h"
#include "repository/repository.h"

typedef struct hf_retention {
    int last, hourly, daily, weekly, monthly, yearly; /* 0: no such rule */
    int64_t within_ms;                                /* before the newest snapshot; 0: no such rule */
    const hf_strings *labels;                         /* patterns with * and ?; NULL: none */
} hf_retention;

bool hf_retention_is_empty(const hf_retention *rules);

typedef struct hf_verdict {
    hf_strings reasons; /* to keep it; empty: it is to be removed */
} hf_verdict;

typedef struct hf_retention_plan {
    HF_VECTOR(hf_verdict) verdicts; /* one a snapshot, in the order of the list */
    char *doubt; /* NULL, or why nothing should be removed: a snapshot is much smaller than the one before */
    char *doubted; /* the larger snapshot; to pin it ends the doubt */
} hf_retention_plan;

/* The list is one target's, oldest first, as hf_repository_list() gives it; unfinished: ids of its cycles that have not ended. */
hf_retention_plan hf_retention_decide(const hf_retention *rules, const hf_snapshot_list *list,
                                      const hf_proofs *proofs, const hf_strings *unfinished);
void hf_retention_plan_done(hf_retention_plan *plan);

#endif
