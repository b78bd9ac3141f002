#include "repository/presence.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/holder.h"

#define FOLDER "locks/present/"
#define HOLDER_MAX (64u << 10)
#define LOOK_EVERY_MS 500
#define WAIT_MAX_MS (10 * 60000) /* a gc lets go within seconds, or is dead */

static const char *const kind_names[] = {[HF_PRESENT_USER] = "user", [HF_PRESENT_GC] = "gc"};

struct hf_presence {
    hf_storage *storage;
    hf_presence_kind kind;
    hf_holder self;
    char *key;
    char *beat_key;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t end;
    bool ending; /* guarded by mutex */
    _Atomic int64_t
        alive_ms; /* when the last sign of life was given, on a clock that goes on while the machine sleeps */
    _Atomic bool lost; /* our document is gone */
};

static int64_t boot_ms(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- signs of life ---- */

static hf_status give_sign(hf_presence *self, hf_error *error)
{
    const int64_t now = boot_ms();

    HF_TRY(hf_storage_put(self->storage, self->beat_key, "", 0, error));
    atomic_store(&self->alive_ms, now);
    return HF_OK;
}

static hf_status look_for_document(hf_presence *self, hf_error *error)
{
    uint64_t bytes = 0;
    hf_status status = hf_storage_stat(self->storage, self->key, &bytes, error);

    if (status == HF_E_NOT_FOUND)
        atomic_store(&self->lost, true);
    return status;
}

static void *beat(void *context)
{
    hf_presence *self = context;
    struct timespec until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    (void) pthread_mutex_lock(&self->mutex);
    while (!self->ending) {
        until.tv_sec += HF_PRESENCE_BEAT_MS / 1000;
        while (!self->ending && pthread_cond_timedwait(&self->end, &self->mutex, &until) == 0)
            ;
        if (self->ending)
            break;
        (void) pthread_mutex_unlock(&self->mutex);
        /* A sign that cannot be given is given a minute later; hf_presence_check() sees for how long there was none. */
        if (look_for_document(self, NULL) == HF_OK && give_sign(self, NULL) != HF_OK)
            (void) clock_gettime(CLOCK_MONOTONIC, &until);
        (void) pthread_mutex_lock(&self->mutex);
    }
    (void) pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static hf_status start_thread(hf_presence *self, hf_error *error)
{
    pthread_condattr_t monotonic;
    sigset_t stops, before;

    (void) pthread_condattr_init(&monotonic);
    (void) pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&self->end, &monotonic);
    (void) pthread_condattr_destroy(&monotonic);

    /* Stop requests interrupt the main thread. */
    (void) sigemptyset(&stops);
    (void) sigaddset(&stops, SIGINT);
    (void) sigaddset(&stops, SIGTERM);
    (void) pthread_sigmask(SIG_BLOCK, &stops, &before);
    self->has_thread = pthread_create(&self->thread, NULL, beat, self) == 0;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return self->has_thread ? HF_OK : hf_fail(error, HF_E_SYSTEM, "cannot start a thread");
}

hf_status hf_presence_check(hf_presence *self, bool ask, hf_error *error)
{
    if (ask && !atomic_load(&self->lost)) {
        hf_status status = look_for_document(self, error);

        if (status != HF_E_NOT_FOUND)
            HF_TRY(status);
    }
    if (!atomic_load(&self->lost) && boot_ms() - atomic_load(&self->alive_ms) < HF_PRESENCE_STALE_MS / 2)
        return HF_OK;
    (void) hf_fail(error, HF_E_BUSY, "this %s gave no sign of life for so long that others take it for dead",
                   self->self.purpose);
    return hf_hint(error, "the machine slept, or the storage could not be reached; run it again");
}

/* ---- the others ---- */

typedef struct other {
    char *kind, *id;
    bool has_document;
    int64_t seen_ms; /* of document and sign the later one; 0: not told */
} other;

typedef HF_VECTOR(other) others;

static void others_done(others *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].kind);
        free(list->items[i].id);
    }
    free(list->items);
}

/* "locks/present/<kind>:<id>.json" and ".beat"; the beat comes first in byte order. */
static hf_status collect(void *context, const hf_storage_entry *entry, hf_error *error)
{
    others *list = context;
    const char *kind = entry->key + strlen(FOLDER), *colon = strchr(kind, ':');
    const bool is_document = hf_ends_with(entry->key, ".json");

    (void) error;
    if (colon == NULL || strlen(colon) != 1 + 32 + 5 || (!is_document && !hf_ends_with(entry->key, ".beat")))
        return HF_OK;
    HF_AUTO_STR id = hf_strndup(colon + 1, 32);
    other *last = list->count > 0 ? &list->items[list->count - 1] : NULL;

    if (last == NULL || !hf_streq(last->id, id)) {
        last = HF_APPEND_NEW(list);
        last->kind = hf_strndup(kind, (size_t) (colon - kind));
        last->id = HF_TAKE(id);
    }
    last->has_document |= is_document;
    if (entry->modified_ms > last->seen_ms)
        last->seen_ms = entry->modified_ms;
    return HF_OK;
}

/* Now, as the storage has it: the time of our own latest sign. */
static int64_t storage_now(const hf_presence *self, const others *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (hf_streq(list->items[i].id, self->self.id))
            return list->items[i].seen_ms;
    return 0;
}

static hf_status remove_other(const hf_presence *self, const other *gone, hf_error *error)
{
    HF_AUTO_STR key = hf_format(FOLDER "%s:%s.json", gone->kind, gone->id);
    HF_AUTO_STR beat_key = hf_format(FOLDER "%s:%s.beat", gone->kind, gone->id);

    /* The document first: without it there is no presence, whatever signs are given. */
    HF_TRY(hf_storage_remove(self->storage, key, error));
    return hf_storage_remove(self->storage, beat_key, error);
}

/* Is it there?  A dead one is removed.  Fills an empty holder as far as it can be read. */
static hf_status look_at(const hf_presence *self, const other *it, int64_t now_ms, bool *ret_alive,
                         hf_holder *holder, hf_error *error)
{
    HF_AUTO_STR key = hf_format(FOLDER "%s:%s.json", it->kind, it->id);
    HF_AUTO_BUF text = HF_BUF_MAX(HOLDER_MAX);
    const bool is_stale = now_ms != 0 && it->seen_ms != 0 && now_ms - it->seen_ms > HF_PRESENCE_STALE_MS;
    hf_holder_state state = HF_HOLDER_UNKNOWN;
    hf_status status = it->has_document ? hf_storage_get(self->storage, key, &text, error) : HF_E_NOT_FOUND;

    *ret_alive = false;
    if (status == HF_E_NOT_FOUND)
        return is_stale ? remove_other(self, it, error) : HF_OK; /* it ended; its last sign may remain */
    if (status == HF_OK)
        status = hf_holder_read(&text, holder, error);
    if (status == HF_OK)
        state = hf_holder_look(holder);
    else if (status != HF_E_CORRUPT && status != HF_E_FORMAT && status != HF_E_LIMIT)
        return status;
    *ret_alive = state == HF_HOLDER_HERE || (state == HF_HOLDER_UNKNOWN && !is_stale);
    return *ret_alive ? HF_OK : remove_other(self, it, error);
}

static hf_status list_others(const hf_presence *self, others *list, hf_error *error)
{
    return hf_storage_list_entries(self->storage, FOLDER, collect, list, error);
}

/* Where our own document is not listed, that of somebody else may not be either. */
static hf_status require_listed(const hf_presence *self, const others *list, hf_error *error)
{
    for (size_t i = 0; i < list->count; i++)
        if (hf_streq(list->items[i].id, self->self.id) && list->items[i].has_document)
            return HF_OK;
    (void) hf_fail(error, HF_E_STORAGE, "the listing of \"%s\" does not show \"%s\", which was put before",
                   hf_storage_url(self->storage), self->key);
    return hf_hint(error,
                   "a %s needs a listing that shows what was put before it: the storage, or something before "
                   "it, lists what it had some time ago, or a part of it; try again later",
                   self->self.purpose);
}

static hf_status look(const hf_presence *self, hf_error *error)
{
    HF_AUTO(others_done) others list = {0};

    HF_TRY(list_others(self, &list, error));
    if (self->kind == HF_PRESENT_GC && !atomic_load(&self->lost))
        HF_TRY(require_listed(self, &list, error));
    const int64_t now_ms = storage_now(self, &list);

    for (size_t i = 0; i < list.count; i++) {
        HF_AUTO(hf_holder_done) hf_holder holder = {0};
        bool alive = false;

        if (hf_streq(list.items[i].kind, kind_names[self->kind]))
            continue;
        HF_TRY(look_at(self, &list.items[i], now_ms, &alive, &holder, error));
        if (!alive)
            continue;
        (void) hf_fail(error, HF_E_BUSY, "the repository is in use: %s by process %lld on \"%s\" since %s",
                       holder.purpose != NULL ? holder.purpose : list.items[i].kind, (long long) holder.pid,
                       holder.host != NULL ? holder.host : "?", holder.since != NULL ? holder.since : "?");
        return hf_hint(error,
                       "wait for it to end; one that was killed on another host is taken for dead after %d "
                       "minutes without a sign of life",
                       HF_PRESENCE_STALE_MS / 60000);
    }
    return HF_OK;
}

hf_status hf_presence_look(hf_presence *self, hf_error *error)
{
    HF_TRY(give_sign(self, error)); /* its time is the storage's now */
    return look(self, error);
}

hf_status hf_presence_time(hf_presence *self, int64_t *ret_ms, hf_error *error)
{
    HF_AUTO(others_done) others list = {0};

    HF_TRY(give_sign(self, error));
    HF_TRY(list_others(self, &list, error));
    *ret_ms = storage_now(self, &list);
    return HF_OK;
}

hf_status hf_presence_find(hf_presence *self, const char *id, bool *ret_alive, hf_error *error)
{
    HF_AUTO(others_done) others list = {0};
    bool alive = false;

    HF_TRY(give_sign(self, error));
    HF_TRY(list_others(self, &list, error));
    for (size_t i = 0; i < list.count && !alive; i++) {
        HF_AUTO(hf_holder_done) hf_holder holder = {0};

        if (hf_streq(list.items[i].id, id))
            HF_TRY(look_at(self, &list.items[i], storage_now(self, &list), &alive, &holder, error));
    }
    *ret_alive = alive;
    return HF_OK;
}

/* ---- its life ---- */

static hf_status wait_for_others(hf_presence *self, void (*on_wait)(const char *whom), hf_error *error)
{
    const int64_t deadline = hf_monotonic_ms() + WAIT_MAX_MS;
    hf_error busy = {0};
    hf_status status = look(self, &busy);

    if (status == HF_E_BUSY && self->kind == HF_PRESENT_USER && on_wait != NULL)
        on_wait(busy.message);
    while (status == HF_E_BUSY && self->kind == HF_PRESENT_USER && hf_monotonic_ms() < deadline) {
        HF_TRY(hf_sleep_ms(LOOK_EVERY_MS, error));
        status = hf_presence_look(self, &busy);
    }
    if (status != HF_OK && error != NULL)
        *error = busy;
    return status;
}

hf_status hf_presence_begin(hf_storage *storage, hf_presence_kind kind, const char *purpose,
                            void (*on_wait)(const char *whom), hf_presence **ret_presence, hf_error *error)
{
    hf_presence *self = hf_alloc(sizeof(*self));

    self->storage = storage;
    self->kind = kind;
    self->self = hf_holder_self("", purpose);
    self->key = hf_format(FOLDER "%s:%s.json", kind_names[kind], self->self.id);
    self->beat_key = hf_format(FOLDER "%s:%s.beat", kind_names[kind], self->self.id);
    (void) pthread_mutex_init(&self->mutex, NULL);
    HF_AUTO_STR text = hf_holder_write(&self->self);

    atomic_store(&self->alive_ms, boot_ms());
    hf_status status = hf_storage_put(storage, self->key, text, strlen(text), error);
    if (status == HF_OK)
        status = start_thread(self, error);
    if (status == HF_OK)
        status = wait_for_others(self, on_wait, error);
    if (status != HF_OK) {
        hf_presence_end(self);
        return status;
    }
    *ret_presence = self;
    return HF_OK;
}

void hf_presence_end(hf_presence *self)
{
    if (self == NULL)
        return;
    if (self->has_thread) {
        (void) pthread_mutex_lock(&self->mutex);
        self->ending = true;
        (void) pthread_cond_signal(&self->end);
        (void) pthread_mutex_unlock(&self->mutex);
        (void) pthread_join(self->thread, NULL);
        (void) pthread_cond_destroy(&self->end);
    }
    (void) pthread_mutex_destroy(&self->mutex);

    /* What cannot be removed now is recognised as dead later. */
    hf_status ignored = hf_storage_remove(self->storage, self->key, NULL);
    ignored = hf_storage_remove(self->storage, self->beat_key, NULL);
    (void) ignored;
    hf_holder_done(&self->self);
    free(self->key);
    free(self->beat_key);
    free(self);
}

const char *hf_presence_id(const hf_presence *self)
{
    return self->self.id;
}
