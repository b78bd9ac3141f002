/*
 * The lock on a target: locks/<target>.json, made by a put that only one can win.
 *
 * Taking over the lock of a dead process must be won by one as well, and "remove it, then put mine" is not: a slow
 * second taker would remove the lock of the first.  So a taker first makes a claim to the dead lock, under a key that
 * holds the dead lock's id (put_new: one winner), reads the lock again, and only if it still is that dead lock replaces
 * it by its own.  Then it removes its claim.  Whoever wins the same claim later finds another id in the lock and
 * lets go.  Nobody else touches the lock: its owner is dead, and other takers have no claim.
 *
 * A kill leaves, at any point: a dead lock; a dead lock and a dead claim to it; or a dead lock of the taker and its
 * claim.  A claim is a lock like any other, with an id, so a dead claim is itself taken over by a claim to the claim.
 * Ids are never used twice, so a claim that was left behind hinders nobody; the next takeover removes it.
 */
#include "repository/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/holder.h"
#include "repository/layout.h"
#include "repository/presence.h"

#define LOCK_MAX (64u << 10)
#define TRIES_MAX 20  /* others may come and go between a look and a put */
#define CLAIMS_MAX 16 /* so many takers killed in their takeovers, one after the other */

struct hf_lock {
    hf_storage *storage;
    char *key;
    hf_holder self;
};

/* Who is taking a lock. */
typedef struct taker {
    hf_storage *storage;
    hf_presence *presence; /* NULL: none */
    const char *claims;    /* what the keys of claims to this lock begin with */
    const hf_holder *self;
} taker;

static hf_status busy(const char *key, const hf_holder *holder, hf_error *error)
{
    (void) hf_fail(error, HF_E_BUSY, "target \"%s\" is in use: %s by process %lld on \"%s\" since %s",
                   holder->target, holder->purpose, (long long) holder->pid, holder->host, holder->since);
    (void) hf_hint(
        error,
        "wait for it to end; if you are sure that it no longer runs, remove \"%s\" from the repository", key);
    return HF_E_BUSY;
}

/* Who holds a lock; HF_E_NOT_FOUND if it has none.  One that cannot be read is held by somebody we cannot name. */
static hf_status read_holder(hf_storage *storage, const char *key, hf_holder *ret_holder, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(LOCK_MAX);
    hf_status status = hf_storage_get(storage, key, &text, error);

    if (status == HF_OK)
        status = hf_holder_read(&text, ret_holder, error);

    if (status == HF_E_CORRUPT || status == HF_E_LIMIT || status == HF_E_FORMAT) {
        (void) hf_fail(error, HF_E_BUSY, "the lock \"%s\" cannot be read", key);
        (void) hf_hint(error, "if no holdfast works on this repository, remove \"%s\" from it", key);
        return HF_E_BUSY;
    }
    return status;
}

static hf_status acquire(const taker *by, const char *key, int depth, bool *ret_took_over, hf_error *error);

/* Replace the lock of a process that is gone by our own.  HF_E_EXISTS: somebody else was faster. */
static hf_status take_over(const taker *by, const char *key, const hf_holder *gone, int depth,
                           hf_error *error)
{
    HF_AUTO_STR claim_key = hf_format("%s%s", by->claims, gone->id);
    HF_AUTO_STR text = hf_holder_write(by->self);
    HF_AUTO(hf_holder_done) hf_holder now = {0};
    bool ignored = false;

    if (depth >= CLAIMS_MAX)
        return busy(key, gone, error);

    HF_TRY(acquire(by, claim_key, depth + 1, &ignored, error));

    hf_status status = read_holder(by->storage, key, &now, error);

    if (status == HF_E_NOT_FOUND || (status == HF_OK && !hf_streq(now.id, gone->id)))
        status = hf_fail(error, HF_E_EXISTS, "\"%s\" was taken over by another", key);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("lock.before_takeover", error);
    if (status == HF_OK)
        status = hf_storage_put(by->storage, key, text, strlen(text), error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("lock.after_takeover", error);

    /* Best effort: a claim left behind hinders nobody. */
    hf_status removed = hf_storage_remove(by->storage, claim_key, NULL);

    (void) removed;
    return status;
}

/* Has the holder of a lock ended?  Of a process elsewhere its presence tells. */
static hf_status is_dead(const taker *by, const hf_holder *holder, bool *ret_dead, hf_error *error)
{
    const hf_holder_state state = hf_holder_look(holder);
    bool alive = true;

    if (state == HF_HOLDER_UNKNOWN && by->presence != NULL && holder->presence[0] != '\0')
        HF_TRY(hf_presence_find(by->presence, holder->presence, &alive, error));
    *ret_dead = state == HF_HOLDER_GONE || !alive;
    return HF_OK;
}

/* Make or take over the lock under this key. */
static hf_status acquire(const taker *by, const char *key, int depth, bool *ret_took_over, hf_error *error)
{
    HF_AUTO_STR text = hf_holder_write(by->self);

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        HF_AUTO(hf_holder_done) hf_holder holder = {0};
        hf_status status = hf_storage_put_new(by->storage, key, text, strlen(text), error);
        bool dead = false;

        if (status != HF_E_EXISTS) {
            if (status == HF_OK)
                *ret_took_over = false;
            return status;
        }

        status = read_holder(by->storage, key, &holder, error);
        if (status == HF_E_NOT_FOUND)
            continue; /* given back between our put and our look */
        HF_TRY(status);

        HF_TRY(is_dead(by, &holder, &dead, error));
        if (!dead)
            return busy(key, &holder, error);

        status = take_over(by, key, &holder, depth, error);
        if (status == HF_OK)
            *ret_took_over = true;
        if (status != HF_E_EXISTS)
            return status;
    }

    return hf_fail(error, HF_E_BUSY, "the lock \"%s\" changes hands all the time", key);
}

static hf_status collect_claim(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    hf_strings *claims = context;

    (void) bytes;
    (void) error;
    hf_strings_add(claims, key);
    return HF_OK;
}

/* We hold the lock, so every claim is to an id that will never come back. */
static void remove_claims(hf_storage *storage, const char *prefix)
{
    HF_AUTO(hf_strings_done) hf_strings claims = {0};

    if (hf_storage_list(storage, prefix, collect_claim, &claims, NULL) != HF_OK)
        return;

    hf_status removed = hf_storage_remove_many(storage, &claims, NULL);

    (void) removed;
}

/* Targets have no ':' in their names, so no two locks' keys or claims are named alike. */
static hf_status take(hf_repository *repository, const char *target, const char *what, const char *purpose,
                      hf_lock **ret_lock, hf_error *error)
{
    HF_TRY(hf_check_repository_name("target name", target, error));

    HF_AUTO(hf_holder_done) hf_holder self = hf_holder_self(target, purpose);
    HF_AUTO_STR key = hf_format("locks/%s%s.json", target, what);
    HF_AUTO_STR claims = hf_format("locks/%s%s:takeover:", target, what);
    const taker by = {.storage = hf_repository_storage(repository),
                      .presence = hf_repository_presence(repository),
                      .claims = claims,
                      .self = &self};
    bool took_over = false;

    if (by.presence != NULL) {
        free(self.presence);
        self.presence = hf_strdup(hf_presence_id(by.presence));
    }
    HF_TRY(acquire(&by, key, 0, &took_over, error));
    if (took_over)
        remove_claims(by.storage, claims);

    hf_lock *lock = hf_alloc(sizeof(*lock));

    lock->storage = by.storage;
    lock->key = HF_TAKE(key);
    lock->self = self;
    self = (hf_holder){0};
    *ret_lock = lock;
    return HF_OK;
}

hf_status hf_lock_take(hf_repository *repository, const char *target, const char *purpose, hf_lock **ret_lock,
                       hf_error *error)
{
    return take(repository, target, "", purpose, ret_lock, error);
}

hf_status hf_lock_take_snapshots(hf_repository *repository, const char *target, const char *purpose,
                                 hf_lock **ret_lock, hf_error *error)
{
    return take(repository, target, ":snapshots", purpose, ret_lock, error);
}

hf_status hf_lock_check(hf_lock *lock, hf_error *error)
{
    HF_AUTO(hf_holder_done) hf_holder holder = {0};
    hf_status status = read_holder(lock->storage, lock->key, &holder, error);

    if (status != HF_OK && status != HF_E_NOT_FOUND)
        return status;
    if (status == HF_OK && hf_streq(holder.id, lock->self.id))
        return HF_OK;
    (void) hf_fail(error, HF_E_BUSY, "the lock on target \"%s\" is no longer this process's",
                   lock->self.target);
    return hf_hint(error,
                   "it stood still for so long that another took the lock over; `holdfast history` tells "
                   "what became of the deploy");
}

void hf_lock_release(hf_lock *lock)
{
    if (lock == NULL)
        return;

    HF_AUTO(hf_holder_done) hf_holder holder = {0};

    /* If it cannot be removed now, the next taker finds that this process has ended. */
    if (read_holder(lock->storage, lock->key, &holder, NULL) == HF_OK && hf_streq(holder.id, lock->self.id)) {
        hf_status removed = hf_storage_remove(lock->storage, lock->key, NULL);

        (void) removed;
    }

    hf_holder_done(&lock->self);
    free(lock->key);
    free(lock);
}

void hf_lock_releasep(hf_lock **lock)
{
    hf_lock_release(*lock);
    *lock = NULL;
}
