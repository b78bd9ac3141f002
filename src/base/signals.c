/*
 * The request is one atomic number, the descriptor a pipe that holds a byte exactly while hf_stop_requested() is true.
 * The handler stores the number, then looks at the hold count; hf_stop_release() lowers the count, then looks at the
 * number: whichever comes second sees the other and writes the byte.
 */
#include "base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static atomic_int requested; /* the signal's number */
static atomic_int holds;
static int pipe_fds[2] = {-1, -1};
static pthread_once_t pipe_once = PTHREAD_ONCE_INIT;

/* Keeps "is it held?" and filling or emptying the pipe together; the handler, which only fills, does without. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void open_pipe(void)
{
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        (void) fputs("holdfast: cannot make a pipe for signals\n", stderr);
        _exit(hf_status_exit(HF_E_SYSTEM));
    }
}

static void fill_pipe(void)
{
    ssize_t ignored = write(pipe_fds[1], "", 1);
    (void) ignored;
}

static void drain_pipe(void)
{
    char bytes[64];

    while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
        continue;
}

static void on_signal(int number)
{
    const int saved = errno;
    int none = 0;

    if (number != SIGALRM)
        atomic_store(&requested, number);
    else if (!atomic_compare_exchange_strong(&requested, &none, number))
        return; /* a limit does not hide a signal */
    if (atomic_load(&holds) == 0)
        fill_pipe();
    errno = saved;
}

void hf_signals_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    (void) pthread_once(&pipe_once, open_pipe);
    (void) sigemptyset(&action.sa_mask);
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGALRM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void) sigaction(SIGPIPE, &action, NULL);
}

bool hf_stop_requested(void)
{
    if (atomic_load(&requested) == 0)
        return false;
    if (atomic_load(&holds) == 0)
        return true;

    /* A handler that ran while the hold began may have filled the pipe: a poll() on it would spin. */
    (void) pthread_mutex_lock(&mutex);
    if (atomic_load(&holds) > 0)
        drain_pipe();
    (void) pthread_mutex_unlock(&mutex);
    return false;
}

int hf_stop_signal(void)
{
    return atomic_load(&requested);
}

void hf_stop_clear(void)
{
    (void) pthread_once(&pipe_once, open_pipe);
    (void) pthread_mutex_lock(&mutex);
    atomic_store(&requested, 0);
    drain_pipe();
    if (atomic_load(&requested) != 0 && atomic_load(&holds) == 0)
        fill_pipe();
    (void) pthread_mutex_unlock(&mutex);
}

void hf_stop_hold(void)
{
    (void) pthread_once(&pipe_once, open_pipe);
    (void) pthread_mutex_lock(&mutex);
    (void) atomic_fetch_add(&holds, 1);
    drain_pipe();
    (void) pthread_mutex_unlock(&mutex);
}

void hf_stop_release(void)
{
    (void) pthread_mutex_lock(&mutex);
    if (atomic_fetch_sub(&holds, 1) == 1 && atomic_load(&requested) != 0)
        fill_pipe();
    (void) pthread_mutex_unlock(&mutex);
}

static void set_alarm(int64_t after_ms)
{
    const struct itimerval timer = {.it_value = {.tv_sec = (time_t) (after_ms / 1000),
                                                 .tv_usec = (suseconds_t) (after_ms % 1000 * 1000)}};

    (void) setitimer(ITIMER_REAL, &timer, NULL);
}

void hf_stop_limit(int64_t limit_ms)
{
    set_alarm(limit_ms);
}

bool hf_stop_limit_end(void)
{
    int is_up = SIGALRM;

    set_alarm(0);
    (void) pthread_once(&pipe_once, open_pipe);
    (void) pthread_mutex_lock(&mutex);
    const bool came = atomic_compare_exchange_strong(&requested, &is_up, 0);
    if (came)
        drain_pipe();
    if (atomic_load(&requested) != 0 && atomic_load(&holds) == 0)
        fill_pipe();
    (void) pthread_mutex_unlock(&mutex);
    return came;
}

int hf_stop_fd(void)
{
    (void) pthread_once(&pipe_once, open_pipe);
    return pipe_fds[0];
}

hf_status hf_stop_check(hf_error *error)
{
    if (!hf_stop_requested())
        return HF_OK;

    const int number = hf_stop_signal();
    const char *name = sigabbrev_np(number);
    return hf_fail(error, HF_E_CANCELLED, "stopped by SIG%s", name != NULL ? name : "?");
}
