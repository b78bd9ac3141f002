/*
 * The journal: the append-only record of one cycle, in the repository.
 *
 * An entry is durable when hf_journal_append() returns.  Each entry holds the SHA-256 of the one before it, so a changed or
 * missing entry shows.  The document is cycles/<target>/<cycle>.json, replaced as a whole at each entry.
 *
 * A way back goes on where the repository cannot be written.  Its entries are then durable on this machine only
 * (journal_copy.h), until the repository takes them: with a later entry, or by hf_journal_settle() of a later command here.
 */
#ifndef HF_REPOSITORY_JOURNAL_H
#define HF_REPOSITORY_JOURNAL_H

#include <jansson.h>

#include "repository/repository.h"

typedef struct hf_journal hf_journal;

/* A new journal with no entry; nothing is stored before the first append. */
hf_journal *hf_journal_new(hf_repository *repository, const char *target, const char *cycle);

/* HF_E_NOT_FOUND; HF_E_CORRUPT when the chain is broken.  With the entries that only this machine has, if it goes on as the repository's. */
HF_MUST_CHECK hf_status hf_journal_load(hf_repository *repository, const char *target, const char *cycle,
                                        hf_journal **ret_journal, hf_error *error);
void hf_journal_free(hf_journal *journal);
void hf_journal_freep(hf_journal **journal);

/*
 * Add an entry: `state` is the cycle's state from now on, `event` why; `facts` (an object, or NULL; the reference is
 * stolen) what resume and report need.
 */
HF_MUST_CHECK hf_status hf_journal_append(hf_journal *journal, const char *state, const char *event,
                                          json_t *facts, hf_error *error);

/*
 * After a failed append, where the cycle goes on all the same: its entry counts for this process, and durably for this machine.
 * An error means that it is for this process only.
 */
HF_MUST_CHECK hf_status hf_journal_keep(hf_journal *journal, hf_error *error);

/* Has it entries that the repository has not? */
bool hf_journal_is_ahead(const hf_journal *journal);

/* Give the repository what it has not.  The caller holds the target's lock. */
HF_MUST_CHECK hf_status hf_journal_settle(hf_journal *journal, hf_error *error);

const char *hf_journal_cycle(const hf_journal *journal);
const char *hf_journal_state(const hf_journal *journal); /* of the last entry; "" before the first */

/* The latest value of a fact over all entries, borrowed; NULL if no entry has it. */
const json_t *hf_journal_fact(const hf_journal *journal, const char *name);
const char *hf_journal_text(const hf_journal *journal, const char *name); /* a text fact, or NULL */

/* The entries: an array of {seq, at, state, event, facts, previous}; borrowed. */
const json_t *hf_journal_entries(const hf_journal *journal);

/* Ids of a target's cycles, oldest first. */
HF_MUST_CHECK hf_status hf_journal_list(hf_repository *repository, const char *target, hf_strings *ret_cycles,
                                        hf_error *error);

#endif
