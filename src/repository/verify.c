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
#include "repository/layout.h"
#include "repository/references.h"
#include "repository/repository.h"

typedef struct object_check {
    const hf_object_ref *object;
    char *why; /* NULL: sound; written by the one worker that checks it */
} object_check;

typedef HF_VECTOR(object_check) object_checks;

typedef struct listed_object {
    char name[HF_SHA256_HEX];
    uint64_t bytes;
} listed_object;

typedef struct known_object {
    hf_object_ref object;
    char *why; /* NULL: sound */
} known_object;

struct hf_verified {
    HF_VECTOR(listed_object) listed; /* by name, as a listing gives them */
    HF_VECTOR(known_object) known;   /* sorted as checks are */
};

typedef struct verification {
    hf_repository *repository;
    const hf_verify_how *options;
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

/* ---- what is known from other snapshots ---- */

hf_verified *hf_verified_new(void)
{
    return hf_alloc(sizeof(hf_verified));
}

void hf_verified_freep(hf_verified **verified)
{
    hf_verified *self = *verified;

    if (self == NULL)
        return;
    for (size_t i = 0; i < self->known.count; i++)
        free(self->known.items[i].why);
    free(self->known.items);
    free(self->listed.items);
    free(self);
    *verified = NULL;
}

static hf_status take_listed(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    hf_verified *self = context;
    const char *name = hf_object_of_key(key);

    (void) error;
    if (name == NULL)
        return HF_OK;
    listed_object *object = HF_APPEND_NEW(&self->listed);

    memcpy(object->name, name, sizeof(object->name));
    object->bytes = bytes;
    return HF_OK;
}

hf_status hf_verified_list(hf_verified *verified, hf_repository *repository, hf_error *error)
{
    verified->listed.count = 0;
    return hf_storage_list(hf_repository_storage(repository), "objects/", take_listed, verified, error);
}

void hf_verified_each_orphan(const hf_verified *verified, const hf_references *references,
                             void (*each)(void *context, const char *name, uint64_t bytes), void *context)
{
    for (size_t i = 0; i < verified->listed.count; i++)
        if (!hf_references_have_name(references, verified->listed.items[i].name))
            each(context, verified->listed.items[i].name, verified->listed.items[i].bytes);
}

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const listed_object *) a)->name, ((const listed_object *) b)->name);
}

static int compare_known(const void *a, const void *b)
{
    return compare_refs(&((const known_object *) a)->object, &((const known_object *) b)->object);
}

/* Is it in the listing with this size?  What is not there may have come since. */
static bool is_listed(const hf_verified *verified, const hf_object_ref *object)
{
    listed_object wanted;

    if (verified == NULL || verified->listed.count == 0)
        return false;
    memcpy(wanted.name, object->name, sizeof(wanted.name));
    const listed_object *found =
        bsearch(&wanted, verified->listed.items, verified->listed.count, sizeof(wanted), compare_listed);
    return found != NULL && found->bytes == object->stored_bytes;
}

/* Among the first `count`, which are sorted. */
static const known_object *find_known(const hf_verified *verified, size_t count, const hf_object_ref *object)
{
    const known_object wanted = {.object = *object};

    if (count == 0)
        return NULL;
    return bsearch(&wanted, verified->known.items, count, sizeof(wanted), compare_known);
}

static void remember(const verification *v)
{
    hf_verified *self = v->options->verified;
    const size_t before = self != NULL ? self->known.count : 0;

    for (size_t i = 0; self != NULL && i < v->checks.count; i++) {
        const object_check *check = &v->checks.items[i];

        if (find_known(self, before, check->object) == NULL)
            HF_PUSH(&self->known, ((known_object){.object = *check->object, .why = hf_strdup(check->why)}));
    }
    if (self != NULL && self->known.count > before)
        qsort(self->known.items, self->known.count, sizeof(*self->known.items), compare_known);
}

/* Names are digests, so any digits of them divide the objects evenly. */
static bool is_to_be_read(const hf_verify_how *options, const hf_object_ref *object)
{
    char digits[9];

    if (!options->full || options->parts == 0)
        return options->full;
    memcpy(digits, object->name, 8);
    digits[8] = '\0';
    return strtoul(digits, NULL, 16) % options->parts == options->part;
}

/* ---- checking ---- */

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
    const hf_verified *verified = v->options->verified;
    const bool full = is_to_be_read(v->options, check->object);
    const known_object *known =
        find_known(verified, verified != NULL ? verified->known.count : 0, check->object);
    hf_error why = {0};
    hf_status status = HF_OK;

    HF_TRY(hf_stop_check(error));
    if (known != NULL) {
        check->why = hf_strdup(known->why);
        return HF_OK;
    }

    if (!full && !is_listed(verified, check->object))
        status = hf_repository_stat_object(v->repository, check->object, &why);

    /* Another size is no damage yet: an object that was healed may have been compressed at another level. */
    if (full || status == HF_E_CORRUPT)
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
    return hf_repository_verify_with(repository, manifest, &(hf_verify_how){.full = full, .jobs = jobs},
                                     ret_damage, error);
}

hf_status hf_repository_verify_with(hf_repository *repository, const hf_manifest *manifest,
                                    const hf_verify_how *options, hf_damage_list *ret_damage, hf_error *error)
{
    HF_AUTO(verification_done) verification v = {.repository = repository, .options = options};
    const size_t jobs = options->jobs;

    HF_TRY(hf_manifest_each_object(manifest, collect_check, &v, error));
    make_distinct(&v.checks);
    HF_TRY(hf_pool_run(&verifiers, &v, jobs > 0 ? jobs : 1, v.checks.count, error));
    remember(&v);
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
