/*
 * A ledger for a database that has none, because `db push` or somebody's hands built it.
 *
 * What the migrations make is built in a scratch database and compared with the live one; if they are equal, the rows are
 * written to a copy of the live one without its rows, and what is pending behind them is applied there; if that works too,
 * they are written to the live one, in one transaction.
 */
#ifndef HF_DEPLOY_BASELINE_H
#define HF_DEPLOY_BASELINE_H

#include "deploy/drift.h"

typedef struct hf_baseline {
    hf_strings names; /* of the rows */
    size_t tried;     /* pending migrations behind them, applied to the copy */
    hf_drift drift;   /* of the live database from what they make */
    bool written;
} hf_baseline;
void hf_baseline_done(hf_baseline *baseline);

/*
 * Up to and with `until` (NULL: all of them).  dry_run: everything but the last step.  *ret_baseline is filled as far as it
 * went, also on failure.  HF_E_DIFFERENT: the live schema is another one; HF_E_EXISTS: the ledger has rows already;
 * HF_E_NOT_FOUND: there is no `until`.
 */
HF_MUST_CHECK hf_status hf_baseline_run(const hf_target_config *target, const char *url, const char *until,
                                        bool dry_run, hf_baseline *ret_baseline, hf_error *error);

#endif
