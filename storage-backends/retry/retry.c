/*
 * Tries again: a decorator around a backend whose failures may pass.
 *
 * Whether a failure may pass is the error code's class (base/error.def).  All operations may be repeated: get, stat and list change
 * nothing, a put has the same outcome however often it is done, and so has remove.  Only put_new is different: if the reply to
 * one that succeeded was lost, the next try finds the key taken, by us.  So after a failed try, a key that exists is read, and
 * if it holds exactly our bytes, which name their owner, the put has succeeded.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage-backends/backend.h"

typedef struct decorator {
    hf_storage storage;
    hf_storage *inner;
    hf_retry policy;
} decorator;

/* One operation, however often it is tried. */
typedef struct operation {
    hf_retry retry;
    int64_t started_ms;
    hf_error own; /* where the caller wants none */
    hf_error *error;
} operation;

static void begin(const hf_storage *storage, operation *op, hf_error *error)
{
    op->retry = ((const decorator *) storage)->policy;
    op->started_ms = hf_monotonic_ms();
    op->own = (hf_error){0};
    op->error = error != NULL ? error : &op->own;
}

/* True for another try, after a pause; at the end the error tells how it went. */
static bool again(operation *op, hf_status status)
{
    char passed[32];

    if (status == HF_OK)
        return false;
    if (hf_retry_again(&op->retry, status, op->error->retry_after_ms))
        return true;
    if (op->retry.tries > 1)
        (void) hf_prefix(op->error, "after %d tries in %s", op->retry.tries,
                         hf_show_duration(hf_monotonic_ms() - op->started_ms, passed));
    return false;
}

static hf_storage *inner_of(hf_storage *storage)
{
    return ((decorator *) storage)->inner;
}

static hf_status retry_get(hf_storage *storage, const char *key, const hf_storage_range *range,
                           hf_buf *ret_data, hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        hf_buf_clear(ret_data);
        status = inner->ops->get(inner, key, range, ret_data, op.error);
    } while (again(&op, status));
    return status;
}

/* What is in the way of a put that was tried before: ours, another's, or we cannot tell. */
static hf_status settle(hf_storage *storage, const char *key, const void *data, size_t len, hf_error *error)
{
    HF_AUTO_BUF stored = HF_BUF_MAX(len + 1);
    hf_error trouble = {0};
    hf_status status = retry_get(storage, key, NULL, &stored, &trouble);

    if (status == HF_OK && stored.len == len && (len == 0 || memcmp(stored.data, data, len) == 0))
        return HF_OK;
    if (!hf_status_is_transient(status))
        return HF_E_EXISTS;
    *error = trouble;
    return status;
}

static hf_status retry_put(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                           hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    operation op;
    hf_status status;
    bool failed_before = false;

    begin(storage, &op, error);
    do {
        status = inner->ops->put(inner, key, data, len, only_new, op.error);
        if (status == HF_E_EXISTS && failed_before)
            return settle(storage, key, data, len, op.error);
        failed_before = true;
    } while (again(&op, status));
    return status;
}

static hf_status retry_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        status = inner->ops->stat(inner, key, ret_bytes, op.error);
    } while (again(&op, status));
    return status;
}

/* A listing that begins again leaves out what the caller has seen: keys come in order. */
typedef struct listing {
    hf_storage_on_entry on_entry;
    void *context;
    char *last;
    bool refused; /* by on_entry: no failure of the storage */
} listing;

static void listing_done(listing *list)
{
    free(list->last);
}

static hf_status pass_on(void *context, const hf_storage_entry *entry, hf_error *error)
{
    listing *list = context;

    if (list->last != NULL && strcmp(entry->key, list->last) <= 0)
        return HF_OK;
    free(list->last);
    list->last = hf_strdup(entry->key);
    hf_status status = list->on_entry(list->context, entry, error);

    list->refused = status != HF_OK;
    return status;
}

static hf_status retry_list(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry,
                            void *context, hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    HF_AUTO(listing_done) listing list = {.on_entry = on_entry, .context = context};
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        status = inner->ops->list(inner, prefix, pass_on, &list, op.error);
    } while (!list.refused && again(&op, status));
    return status;
}

static hf_status retry_remove(hf_storage *storage, const char *key, hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        status = inner->ops->remove(inner, key, op.error);
    } while (again(&op, status));
    return status;
}

static hf_status retry_remove_many(hf_storage *storage, const hf_strings *keys, hf_error *error)
{
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        status = hf_storage_remove_many(inner_of(storage), keys, op.error);
    } while (again(&op, status));
    return status;
}

static hf_status retry_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error)
{
    hf_storage *inner = inner_of(storage);
    operation op;
    hf_status status;

    begin(storage, &op, error);
    do {
        status = inner->ops->sweep(inner, older_ms, swept, op.error);
    } while (again(&op, status));
    return status;
}

static hf_status retry_free_bytes(hf_storage *storage, uint64_t *ret_bytes, hf_error *error)
{
    return hf_storage_free_bytes(inner_of(storage), ret_bytes, error);
}

static void retry_free(hf_storage *storage)
{
    hf_storage_free(inner_of(storage));
    free(storage);
}

static const hf_storage_ops retry_ops = {
    .name = "retry",
    .put = retry_put,
    .get = retry_get,
    .stat = retry_stat,
    .list = retry_list,
    .remove = retry_remove,
    .remove_many = retry_remove_many,
    .sweep = retry_sweep,
    .free_bytes = retry_free_bytes,
    .free = retry_free,
};

hf_storage *hf_storage_retry_new(hf_storage *inner, hf_retry policy)
{
    decorator *self = hf_alloc(sizeof(*self));

    self->storage.ops = &retry_ops;
    self->storage.url = hf_strdup(inner->url);
    self->inner = inner;
    self->policy = policy;
    return &self->storage;
}
