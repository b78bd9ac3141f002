#include "repository/copy.h"

#include <stdlib.h>

#include "base/queue.h"
#include "base/signals.h"
#include "repository/lock.h"
#include "repository/vault.h"

#define LEVEL 3

typedef struct copying {
    const hf_copy_options *options;
    hf_object_map map;
    _Atomic uint64_t objects_new, bytes_stored;
} copying;

static void copying_done(copying *c)
{
    hf_object_map_done(&c->map);
}

typedef struct copier {
    hf_zstd *zstd;
    hf_buf content;
} copier;

static hf_status start(void *context, size_t worker, void **ret_state, hf_error *error)
{
    copier *self = hf_alloc(sizeof(*self));

    (void) context;
    (void) worker;
    (void) error;
    self->zstd = hf_zstd_new();
    self->content = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    *ret_state = self;
    return HF_OK;
}

static void stop(void *context, void *state)
{
    copier *self = state;

    (void) context;
    hf_zstd_free(self->zstd);
    hf_buf_done(&self->content);
    free(self);
}

/*
 * Where neither repository is encrypted an object has the same name in both, and one look tells whether it is there; else only its content
 * tells its name.
 */
static hf_status is_there(const copying *c, hf_mapped_object *object, bool *ret_there, hf_error *error)
{
    *ret_there = false;
    if (c->options->check_existing || hf_repository_vault(c->options->from) != NULL ||
        hf_repository_vault(c->options->to) != NULL)
        return HF_OK;
    return hf_repository_find_object(c->options->to, &object->to, ret_there, error);
}

static hf_status copy_object(void *context, void *state, size_t number, hf_error *error)
{
    copying *c = context;
    copier *self = state;
    hf_mapped_object *object = &c->map.items[number];
    hf_progress *progress = c->options->progress;
    bool there = false, is_new = false;

    HF_TRY(hf_stop_check(error));
    HF_TRY(is_there(c, object, &there, error));
    if (!there) {
        HF_TRY(hf_repository_get_object(c->options->from, self->zstd, &object->from, &self->content, error));
        HF_TRY(hf_transfer_object(c->options->to, self->zstd, LEVEL, c->options->check_existing,
                                  &self->content, object, &is_new, error));
    }
    if (is_new) {
        c->objects_new++;
        c->bytes_stored += object->to.stored_bytes;
    }
    if (progress != NULL) {
        atomic_fetch_add(&progress->bytes, object->from.raw_bytes);
        atomic_fetch_add(&progress->done_bytes, object->from.raw_bytes);
    }
    return HF_OK;
}

static const hf_pool_ops copiers = {.start = start, .work = copy_object, .stop = stop};

hf_status hf_copy_snapshot(const hf_copy_options *options, hf_transfer *ret_transfer, hf_error *error)
{
    HF_AUTO(copying_done) copying c = {.options = options};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    hf_transfer transfer = {0};

    HF_TRY(hf_repository_load(options->from, options->target, options->id, &manifest, error));
    HF_TRY(hf_lock_take(options->to, options->target, "copy", &lock, error));
    HF_TRY(hf_object_map_make(manifest, &c.map, error));
    for (size_t i = 0; options->progress != NULL && i < c.map.count; i++)
        atomic_fetch_add(&options->progress->total_bytes, c.map.items[i].from.raw_bytes);
    HF_TRY(hf_pool_run(&copiers, &c, options->jobs > 0 ? options->jobs : 1, c.map.count, error));
    transfer.objects_new = c.objects_new;
    transfer.bytes_stored = c.bytes_stored;
    HF_TRY(hf_transfer_seal(options->to, &c.map, manifest, &transfer, error));
    *ret_transfer = transfer;
    return HF_OK;
}
