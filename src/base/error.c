#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef enum retry_class { PERMANENT, TRANSIENT } retry_class;

static const struct {
    const char *name;
    int exit_status;
    retry_class retry;
    const char *meaning;
} table[] = {
    [HF_OK] = {"OK", 0, PERMANENT, "done"},
#define HF_ERR(name, exit_status, retry, meaning) [HF_E_##name] = {#name, exit_status, retry, meaning},
#include "base/error.def"
#undef HF_ERR
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

/* What a caller gets that passed no error but asked for its code: never HF_OK. */
#define NO_ERROR_GIVEN HF_E_SYSTEM

HF_PRINTF(4, 0)
static void fill(hf_error *error, hf_status code, int sys_errno, const char *fmt, va_list args)
{
    /* The arguments may point into *error: format first, replace afterwards. */
    char message[sizeof(error->message)];

    if (vsnprintf(message, sizeof(message), fmt, args) < 0)
        message[0] = '\0';
    *error = (hf_error){.code = code, .sys_errno = sys_errno};
    memcpy(error->message, message, strlen(message) + 1);
}

hf_status hf_fail(hf_error *error, hf_status code, const char *fmt, ...)
{
    if (error != NULL) {
        va_list args;

        va_start(args, fmt);
        fill(error, code, 0, fmt, args);
        va_end(args);
    }
    return code;
}

hf_status hf_fail_errno(hf_error *error, const char *fmt, ...)
{
    const int saved = errno;
    const hf_status code = saved == ENOSPC || saved == EDQUOT ? HF_E_STORAGE_FULL : HF_E_SYSTEM;

    if (error != NULL) {
        va_list args;

        va_start(args, fmt);
        fill(error, code, saved, fmt, args);
        va_end(args);

        char text[128];
        size_t used = strlen(error->message);
        (void) snprintf(error->message + used, sizeof(error->message) - used, ": %s",
                        strerror_r(saved, text, sizeof(text)));
    }
    errno = saved;
    return code;
}

hf_status hf_hint(hf_error *error, const char *fmt, ...)
{
    if (error == NULL)
        return NO_ERROR_GIVEN;

    char hint[sizeof(error->hint)];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(hint, sizeof(hint), fmt, args) < 0)
        hint[0] = '\0';
    va_end(args);
    memcpy(error->hint, hint, strlen(hint) + 1);
    return error->code;
}

hf_status hf_prefix(hf_error *error, const char *fmt, ...)
{
    if (error == NULL)
        return NO_ERROR_GIVEN;

    char message[sizeof(error->message)];
    va_list args;

    va_start(args, fmt);
    int used = vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    /* Cut off at the end if it gets too long. */
    if (used >= 0 && (size_t) used < sizeof(message) &&
        snprintf(message + used, sizeof(message) - (size_t) used, ": %s", error->message) > 0)
        memcpy(error->message, message, strlen(message) + 1);
    return error->code;
}

const char *hf_status_name(hf_status code)
{
    return (size_t) code < TABLE_SIZE ? table[code].name : "?";
}

const char *hf_status_meaning(hf_status code)
{
    return (size_t) code < TABLE_SIZE ? table[code].meaning : "?";
}

int hf_status_exit(hf_status code)
{
    return (size_t) code < TABLE_SIZE ? table[code].exit_status : 1;
}

bool hf_status_is_transient(hf_status code)
{
    return (size_t) code < TABLE_SIZE && table[code].retry == TRANSIENT;
}
