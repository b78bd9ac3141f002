/*
 * Error values.
 *
 * A function that can fail returns hf_status and takes an hf_error as its last parameter.  The error is filled once,
 * where the failure is seen; a caller may put one prefix before the message, or pass it on untouched.  Library code
 * does not log what it returns.  An error owns no memory: it can be copied, and two can be held at once (the
 * migration's and the restore's).  Outputs named ret_... are untouched on failure.
 *
 *     if (broken)
 *         return hf_fail(error, HF_E_CORRUPT, "object \"%s\" has a wrong digest", name);
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

typedef enum hf_status {
    HF_OK = 0,
#define HF_ERR(name, exit_status, retry, meaning) HF_E_##name,
#include "base/error.def"
#undef HF_ERR
} hf_status;

typedef struct hf_error {
    hf_status code;
    int sys_errno;      /* 0 when no system call was involved */
    char sqlstate[6];   /* "" unless PostgreSQL sent one */
    char message[1024]; /* lower case, names the thing in quotes, no trailing period */
    char hint[512];     /* what the operator can do next, or "" */
    int64_t retry_after_ms; /* how long the other side asked to be left alone, or 0 */
} hf_error;

#define HF_MUST_CHECK __attribute__((warn_unused_result))
#define HF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Fill error (may be NULL), clearing what it held, and return code. */
hf_status hf_fail(hf_error *error, hf_status code, const char *fmt, ...) HF_PRINTF(3, 4);

/* Like hf_fail(); the code follows from errno (ENOSPC and EDQUOT: STORAGE_FULL, else SYSTEM), whose text is appended. */
hf_status hf_fail_errno(hf_error *error, const char *fmt, ...) HF_PRINTF(2, 3);

/* Set the hint of an error that is already filled; returns its code, so that `return hf_hint(error, ...)` works. */
hf_status hf_hint(hf_error *error, const char *fmt, ...) HF_PRINTF(2, 3);

/* Put "<text>: " before the message of a filled error; returns its code. */
hf_status hf_prefix(hf_error *error, const char *fmt, ...) HF_PRINTF(2, 3);

const char *hf_status_name(hf_status code);    /* "CORRUPT"; "OK" for HF_OK */
const char *hf_status_meaning(hf_status code); /* one line for people */
int hf_status_exit(hf_status code);            /* process exit status */
bool hf_status_is_transient(hf_status code);   /* worth trying again */

#define HF_TRY(expr)                                                                                         \
    do {                                                                                                     \
        hf_status try_status_ = (expr);                                                                      \
        if (try_status_ != HF_OK)                                                                            \
            return try_status_;                                                                              \
    } while (0)

#endif
