/*
 * Where a drift comes from: a migration that the ledger calls applied and that never ran here, or somebody's hands.
 *
 * While the migrations are built, what each object is like is noted after each of them.  A live object that is as it was before a
 * migration speaks for that migration not having run; one that is as it was after it, for its having run.  A migration has not run here if
 * something speaks for that and nothing against it; what differs otherwise was changed by hand.
 */
#ifndef HF_DEPLOY_DRIFT_HISTORY_H
#define HF_DEPLOY_DRIFT_HISTORY_H

#include <jansson.h>

#include "pg/archive.h"
#include "pg/connection.h"

typedef struct hf_drift_history {
    json_t *
        objects; /* "class, schema, name": [{by, state}] in the order of the migrations; state null: not there */
    json_t *live;     /* the same keys: state */
    json_t *verdicts; /* migration: true (ran), false (did not); as far as anything speaks */
} hf_drift_history;

hf_drift_history hf_drift_history_new(void);
void hf_drift_history_done(hf_drift_history *history);

/* The objects of this database as they are after the migration `name`. */
HF_MUST_CHECK hf_status hf_drift_history_note(hf_drift_history *history, hf_pg *pg, const char *name,
                                              hf_error *error);

/* Once all is noted: the live database. */
HF_MUST_CHECK hf_status hf_drift_history_judge(hf_drift_history *history, hf_pg *live, hf_error *error);

/*
 * The migration by which an object differs (borrowed), NULL where none is known; *ret_not_run: it has not run here, though the ledger calls it
 * applied.
 */
const char *hf_drift_history_cause(const hf_drift_history *history, const hf_entry *entry, bool *ret_not_run);

#endif
