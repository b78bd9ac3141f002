/*
 * Child processes.
 *
 * argv form only, no shell.  The child gets: stdin /dev/null or a given text, stdout and stderr through pipes or the
 * parent's stderr, no other descriptor, default signal handlers, a process group of its own, and the environment of
 * the parent without the variables that hold secrets (hf_child_hide_env) and with the ones given.  A time limit or a
 * stop signal ends the whole group: SIGTERM, then SIGKILL after 5 s.
 */
#ifndef HF_BASE_CHILD_H
#define HF_BASE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

typedef struct hf_child_options {
    const char *const *argv;       /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env;        /* "NAME=value" to add, NULL-terminated, or NULL */
    const char *folder;            /* working folder, or NULL */
    const char *input;             /* text for stdin, or NULL */
    int64_t timeout_ms;            /* 0: none */
    bool keep_running_on_stop;     /* a stop signal to holdfast does not end it */
    hf_buf *ret_stdout;            /* collected up to its max (the rest is read and dropped); NULL: to /dev/null */
    hf_buf *ret_stderr;            /* keeps the tail when tail_bytes is set */
    size_t tail_bytes;             /* > 0: buffers keep only about the last so many bytes */
    hf_status (*on_stdout)(void *context, const char *data, size_t len, hf_error *error); /* instead of ret_stdout */
    void *context;
} hf_child_options;

typedef struct hf_child_result {
    int exit_status; /* of the child; 128 + signal when it was killed */
    bool timed_out;
    int64_t took_ms;
} hf_child_result;

/*
 * Run to its end.  HF_OK means that it ran, whatever its exit status; HF_E_NOT_FOUND: no such program; HF_E_CANCELLED:
 * stopped by a signal to holdfast.  A timeout is HF_OK with timed_out set.
 */
HF_MUST_CHECK hf_status hf_child_run(const hf_child_options *options, hf_child_result *ret_result,
                                     hf_error *error);

/* Is there such a program, as argv[0] of a child that runs in this folder (NULL: ours)?  Whether it works is not known. */
bool hf_child_can_run(const char *program, const char *folder);

/* Never pass this environment variable on to a child unless it is given in `env`.  The name is copied. */
void hf_child_hide_env(const char *name);

#endif
