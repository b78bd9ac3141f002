/*
 * Presence: who works with a repository now, seen through the repository itself, so also from other hosts.
 *
 *     locks/present/user:<id>.json     somebody needs the objects that are there, or holds a target's lock
 *     locks/present/gc:<id>.json       a gc removes objects that nobody needs
 *     locks/present/<kind>:<id>.beat   put anew every minute: the sign of life
 *
 * Each says that it is there first, and looks for the other kind then.  So of a user and a gc at least one sees the other: the user
 * waits, and the gc lets go.  Users do not mind each other, nor do gcs.
 *
 * One that was killed is recognised by its host, if that is ours; any other one is dead when it gave no sign of life for
 * HF_PRESENCE_STALE_MS, by the storage's clock.  Whoever finds a dead one removes its document.  That is a fence: one that only stood still
 * finds its document gone, and neither seals a snapshot nor removes an object any more.
 */
#ifndef HF_REPOSITORY_PRESENCE_H
#define HF_REPOSITORY_PRESENCE_H

#include "repository/repository.h"

#define HF_PRESENCE_BEAT_MS 60000
#define HF_PRESENCE_STALE_MS (15 * 60000)

typedef enum hf_presence_kind { HF_PRESENT_USER, HF_PRESENT_GC } hf_presence_kind;

typedef struct hf_presence hf_presence;

/*
 * Be there, and give signs of life from a thread of its own until hf_presence_end().  A user waits for a gc that is there
 * (on_wait, or NULL, is told whom it waits for, once); a gc gives up with HF_E_BUSY, which names the user.
 */
HF_MUST_CHECK hf_status hf_presence_begin(hf_storage *storage, hf_presence_kind kind, const char *purpose,
                                          void (*on_wait)(const char *whom), hf_presence **ret_presence,
                                          hf_error *error);
void hf_presence_end(hf_presence *self);

const char *hf_presence_id(const hf_presence *self);

/* HF_E_BUSY if others took us for dead, or may have: we stood still for too long.  ask: also look into the storage. */
HF_MUST_CHECK hf_status hf_presence_check(hf_presence *self, bool ask, hf_error *error);

/* HF_E_BUSY if somebody of the other kind is there, with its name. */
HF_MUST_CHECK hf_status hf_presence_look(hf_presence *self, hf_error *error);

/* Now, by the storage's clock. */
HF_MUST_CHECK hf_status hf_presence_time(hf_presence *self, int64_t *ret_ms, hf_error *error);

/* Is the user or gc with this id there, and alive as far as can be told? */
HF_MUST_CHECK hf_status hf_presence_find(hf_presence *self, const char *id, bool *ret_alive, hf_error *error);

#endif
