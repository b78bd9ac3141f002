/* Makes storage operations fail, or kills the process at them: a decorator for tests, in builds with fault points. */
#include "storage-backends/backend.h"

#ifdef HF_FAULT_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct decorator {
    hf_storage storage;
    hf_storage *inner;
    hf_storage_faults *faults;
} decorator;

/* What is to happen to one operation. */
typedef struct strike {
    hf_storage_faults *faults;
    uint64_t number;
    bool before, after;
} strike;

static hf_storage *inner_of(hf_storage *storage)
{
    return ((decorator *) storage)->inner;
}

/* The same number for the same input, and none like another (splitmix64). */
static uint64_t scatter(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static strike aim(hf_storage *storage)
{
    hf_storage_faults *faults = ((decorator *) storage)->faults;
    strike s = {.faults = faults, .number = atomic_fetch_add(&faults->operations, 1) + 1};
    const uint64_t random = scatter(faults->seed ^ scatter(s.number));

    if (s.number == faults->at || random % 1000 < faults->per_mille) {
        s.after = faults->either ? (random >> 32) % 2 == 0 : faults->after;
        s.before = !s.after;
    }
    return s;
}

static hf_status hit(const strike *s, bool due, hf_error *error)
{
    if (!due)
        return HF_OK;
    atomic_fetch_add(&s->faults->hits, 1);
    if (s->faults->kill)
        (void) kill(getpid(), SIGKILL);
    return hf_fail(error, HF_E_STORAGE, "fault %s storage operation %llu", s->after ? "after" : "before",
                   (unsigned long long) s->number);
}

/* What the operation has come to, unless its reply is lost. */
static hf_status lose(const strike *s, hf_status done, hf_error *error)
{
    if (done == HF_OK || done == HF_E_NOT_FOUND || done == HF_E_EXISTS)
        HF_TRY(hit(s, s->after, error));
    return done;
}

#define WITH_FAULTS(operation)                                                                               \
    do {                                                                                                     \
        const strike struck = aim(storage);                                                                  \
        HF_TRY(hit(&struck, struck.before, error));                                                          \
        return lose(&struck, (operation), error);                                                            \
    } while (0)

static hf_status fault_put(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                           hf_error *error)
{
    WITH_FAULTS(inner_of(storage)->ops->put(inner_of(storage), key, data, len, only_new, error));
}

static hf_status fault_get(hf_storage *storage, const char *key, const hf_storage_range *range,
                           hf_buf *ret_data, hf_error *error)
{
    WITH_FAULTS(inner_of(storage)->ops->get(inner_of(storage), key, range, ret_data, error));
}

static hf_status fault_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    uint64_t bytes = 0;
    const strike struck = aim(storage);

    HF_TRY(hit(&struck, struck.before, error));
    HF_TRY(lose(&struck, inner_of(storage)->ops->stat(inner_of(storage), key, &bytes, error), error));
    *ret_bytes = bytes;
    return HF_OK;
}

typedef struct listing {
    const hf_storage_faults *faults;
    hf_storage_on_entry on_entry;
    void *context;
} listing;

static hf_status pass_on(void *context, const hf_storage_entry *entry, hf_error *error)
{
    const listing *l = context;

    if (l->faults->hides != NULL && l->faults->hides(l->faults->seed, entry->key))
        return HF_OK;
    return l->on_entry(l->context, entry, error);
}

static hf_status fault_list(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry,
                            void *context, hf_error *error)
{
    listing l = {.faults = ((decorator *) storage)->faults, .on_entry = on_entry, .context = context};

    WITH_FAULTS(inner_of(storage)->ops->list(inner_of(storage), prefix, pass_on, &l, error));
}

static hf_status fault_remove(hf_storage *storage, const char *key, hf_error *error)
{
    WITH_FAULTS(inner_of(storage)->ops->remove(inner_of(storage), key, error));
}

static hf_status fault_remove_many(hf_storage *storage, const hf_strings *keys, hf_error *error)
{
    WITH_FAULTS(hf_storage_remove_many(inner_of(storage), keys, error));
}

static hf_status fault_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error)
{
    WITH_FAULTS(inner_of(storage)->ops->sweep(inner_of(storage), older_ms, swept, error));
}

static hf_status fault_free_bytes(hf_storage *storage, uint64_t *ret_bytes, hf_error *error)
{
    return hf_storage_free_bytes(inner_of(storage), ret_bytes, error);
}

static void fault_free(hf_storage *storage)
{
    hf_storage_free(inner_of(storage));
    free(storage);
}

static const hf_storage_ops fault_ops = {
    .name = "fault",
    .put = fault_put,
    .get = fault_get,
    .stat = fault_stat,
    .list = fault_list,
    .remove = fault_remove,
    .remove_many = fault_remove_many,
    .sweep = fault_sweep,
    .free_bytes = fault_free_bytes,
    .free = fault_free,
};

hf_storage *hf_storage_fault_new(hf_storage *inner, hf_storage_faults *faults)
{
    decorator *self = hf_alloc(sizeof(*self));

    self->storage.ops = &fault_ops;
    self->storage.url = hf_strdup(inner->url);
    self->inner = inner;
    self->faults = faults;
    return &self->storage;
}

#endif
