/*
 * Verification: every object of a snapshot, each once, on several threads.
 *
 * A manifest may name one object many times (equal page ranges).  The names are sorted, each distinct one is
 * checked by one worker, and then the manifest is walked again, so that the damage is listed in its order and
 * for each place that needs the object.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/queue.h"
#include "base/signals.h"
#include "repository/repository.h"

typedef struct object_check {
    const hf_object_ref *object;
    char *why; /* NULL: sound; written by the one worker that checks it */
} object_check;

typedef HF_VECTOR(object_check) object_checks;

typedef struct verification {
    hf_repository *repository;
    bool full;
    object_checks checks; /* sorted by name, distinct */
    hf_damage_list damage;
} verification;

typedef struct verifier {
    hf_zstd *zstd;
    hf_buf content;
} verifier;

static void verification_done(verification *v)
{
    for (size_t i = 0; i < v->checks.count; i++)
        free(v->checks.items[i].why);
    free(v->checks.items);
    hf_damage_list_done(&v->damage);
}

/* By name; then by what is claimed of it, so that two contradicting claims are two checks. */
static int compare_refs(const hf_object_ref *a, const hf_object_ref *b)
{
    int order = strcmp(a->name, b->name);

    if (order == 0 && a->raw_bytes != b->raw_bytes)
        order = a->raw_bytes < b->raw_bytes ? -1 : 1;
    if (order == 0 && a->stored_bytes != b->stored_bytes)
        order = a->stored_bytes < b->stored_bytes ? -1 : 1;
    return order;
}

static int compare_checks(const void *a, const void *b)
{
    return compare_refs(((const object_check *) a)->object, ((const object_check *) b)->object);
}

static hf_status collect_check(void *context, const hf_object_ref *object, const char *what, hf_error *error)
{
    verification *v = context;

    (void) what;
    (void) error;
    HF_PUSH(&v->checks, ((object_check){.object = object}));
    return HF_OK;
}

static void make_distinct(object_checks *checks)
{
    size_t kept = 0;

    qsort(checks->items, checks->count, sizeof(*checks->items), compare_checks);
    for (size_t i = 0; i < checks->count; i++) {
        if (kept == 0 || compare_checks(&checks->items[kept - 1], &checks->items[i]) != 0)
            checks->items[kept++] = checks->items[i];
    }
    checks->count = kept;
}

static hf_status start_worker(void *context, size_t worker, void **ret_state, hf_error *error)
{
    verifier *self = hf_alloc(sizeof(*self));

    (void) context;
    (void) worker;
    (void) error;
    self->zstd = hf_zstd_new();
    self->content = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    *ret_state = self;
    return HF_OK;
}

static void stop_worker(void *context, void *state)
{
    verifier *self = state;

    (void) context;
    hf_zstd_free(self->zstd);
    hf_buf_done(&self->content);
    free(self);
}

/* Is it the object that is bad, and not the way to it?  A bad sector answers EIO for its one file. */
static bool is_damage(hf_status status, const hf_error *error)
{
    return status == HF_E_CORRUPT || status == HF_E_NOT_FOUND || status == HF_E_LIMIT ||
           (status == HF_E_STORAGE && error->sys_errno == EIO);
}

static hf_status check_object(void *context, void *state, size_t item, hf_error *error)
{
    verification *v = context;
    verifier *self = state;
    object_check *check = &v->checks.items[item];
    hf_error why = {0};
    hf_status status = HF_OK;

    HF_TRY(hf_stop_check(error));

    if (!v->full)
        status = hf_repository_stat_object(v->repository, check->object, &why);

    /* Another size is no damage yet: an object that was healed may have been compressed at another level. */
    if (v->full || status == HF_E_CORRUPT)
        status = hf_repository_get_object(v->repository, self->zstd, check->object, &self->content, &why);

    if (status == HF_OK)
        return HF_OK;

    if (!is_damage(status, &why)) {
        if (error != NULL)
            *error = why;
        return status;
    }

    check->why = hf_strdup(why.message);
    return HF_OK;
}

static const hf_pool_ops verifiers = {.start = start_worker, .work = check_object, .stop = stop_worker};

static hf_status list_damage(void *context, const hf_object_ref *object, const char *what, hf_error *error)
{
    verification *v = context;
    const object_check wanted = {.object = object};
    const object_check *check =
        bsearch(&wanted, v->checks.items, v->checks.count, sizeof(*v->checks.items), compare_checks);

    (void) error;
    if (check != NULL && check->why != NULL) {
        hf_damage *damage = HF_APPEND_NEW(&v->damage);

        damage->object = *object;
        damage->what = hf_strdup(what);
        damage->why = hf_strdup(check->why);
    }

    return HF_OK;
}

hf_status hf_repository_verify(hf_repository *repository, const hf_manifest *manifest, bool full, size_t jobs,
                               hf_damage_list *ret_damage, hf_error *error)
{
    HF_AUTO(verification_done) verification v = {.repository = repository, .full = full};

    HF_TRY(hf_manifest_each_object(manifest, collect_check, &v, error));
    make_distinct(&v.checks);
    HF_TRY(hf_pool_run(&verifiers, &v, jobs > 0 ? jobs : 1, v.checks.count, error));
    HF_TRY(hf_manifest_each_object(manifest, list_damage, &v, error));

    *ret_damage = v.damage;
    v.damage = (hf_damage_list){0};
    return HF_OK;
}

void hf_damage_list_done(hf_damage_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].what);
        free(list->items[i].why);
    }
    free(list->items);
    *list = (hf_damage_list){0};
}
