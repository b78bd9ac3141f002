#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"

typedef struct pool {
    const hf_pool_ops *ops;
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* the first error */
    hf_status status;
    hf_error error;
} pool;

typedef struct worker {
    pool *pool;
    size_t number;
    pthread_t thread;
} worker;

static void give_up(pool *self, hf_status status, const hf_error *error)
{
    (void) pthread_mutex_lock(&self->mutex);
    if (self->status == HF_OK) {
        self->status = status;
        self->error = *error;
    }
    (void) pthread_mutex_unlock(&self->mutex);
    atomic_store(&self->stopping, true);
}

static hf_status work_off(pool *self, void *state, hf_error *error)
{
    while (!atomic_load(&self->stopping)) {
        const size_t item = atomic_fetch_add(&self->next, 1);

        if (item >= self->count)
            break;
        HF_TRY(self->ops->work(self->context, state, item, error));
    }
    return HF_OK;
}

static void *run(void *argument)
{
    const worker *me = argument;
    pool *self = me->pool;
    void *state = NULL;
    hf_error error = {0};
    hf_status status = HF_OK;

    if (self->ops->start != NULL)
        status = self->ops->start(self->context, me->number, &state, &error);
    if (status != HF_OK) {
        give_up(self, status, &error);
        return NULL;
    }

    status = work_off(self, state, &error);
    if (status != HF_OK)
        give_up(self, status, &error);
    if (self->ops->stop != NULL)
        self->ops->stop(self->context, state);
    return NULL;
}

/* Returns how many run; fewer than wanted is recorded as the pool's error. */
static size_t start_threads(pool *self, worker *workers, size_t wanted)
{
    sigset_t stops, before;
    size_t started = 0;

    /* Stop requests interrupt the main thread, never a worker inside a library's call. */
    (void) sigemptyset(&stops);
    (void) sigaddset(&stops, SIGINT);
    (void) sigaddset(&stops, SIGTERM);
    (void) pthread_sigmask(SIG_BLOCK, &stops, &before);
    for (; started < wanted; started++) {
        workers[started] = (worker){.pool = self, .number = started};
        int code = pthread_create(&workers[started].thread, NULL, run, &workers[started]);
        if (code != 0) {
            hf_error error;

            errno = code;
            give_up(self, hf_fail_errno(&error, "cannot start a thread"), &error);
            break;
        }
    }
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

hf_status hf_pool_run(const hf_pool_ops *ops, void *context, size_t workers, size_t count, hf_error *error)
{
    pool self = {.ops = ops, .context = context, .count = count, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const size_t wanted = workers > count ? count : workers > 0 ? workers : 1;

    if (count == 0)
        return HF_OK;

    worker *list = hf_realloc_array(NULL, wanted, sizeof(*list));
    const size_t started = start_threads(&self, list, wanted);
    for (size_t i = 0; i < started; i++)
        (void) pthread_join(list[i].thread, NULL);
    free(list);
    (void) pthread_mutex_destroy(&self.mutex);

    if (self.status != HF_OK && error != NULL)
        *error = self.error;
    return self.status;
}
