#include "base/fault.h"

#ifndef HF_FAULT_POINTS

hf_status hf_fault_point(const char *name, hf_error *error)
{
    (void) name;
    (void) error;
    return HF_OK;
}

#else

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *counted; /* the value of HOLDFAST_FAULT that `passages` belongs to */
static int64_t passages;

/* "name:action[:n]"; the pieces belong to the caller. */
static hf_status parse(const char *text, char **ret_name, char **ret_action, int64_t *ret_n, hf_error *error)
{
    const char *action = strchr(text, ':');
    if (action == NULL)
        return hf_fail(error, HF_E_USAGE, "HOLDFAST_FAULT \"%s\" is not name:action[:n]", text);
    action++;

    const char *number = strchr(action, ':');
    if (number != NULL) {
        HF_TRY(hf_parse_int(number + 1, 1, INT64_MAX, ret_n, error));
        *ret_action = hf_strndup(action, (size_t) (number - action));
    } else {
        *ret_n = 1;
        *ret_action = hf_strdup(action);
    }
    *ret_name = hf_strndup(text, (size_t) (action - 1 - text));
    return HF_OK;
}

/* Counts this passage; true at the n-th. */
static bool is_due(const char *setting, int64_t n)
{
    (void) pthread_mutex_lock(&mutex);
    if (!hf_streq(setting, counted)) {
        free(counted);
        counted = hf_strdup(setting);
        passages = 0;
    }
    const bool due = ++passages == n;
    (void) pthread_mutex_unlock(&mutex);
    return due;
}

static hf_status act(const char *action, const char *name, hf_error *error)
{
    static const struct {
        const char *name;
        int signal;
    } signals[] = {{"kill", SIGKILL}, {"term", SIGTERM}, {"stop", SIGSTOP}};

    if (hf_streq(action, "fail"))
        return hf_fail(error, HF_E_SYSTEM, "fault point \"%s\"", name);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (hf_streq(action, signals[i].name)) {
            (void) kill(getpid(), signals[i].signal);
            return HF_OK;
        }
    return hf_fail(error, HF_E_USAGE, "HOLDFAST_FAULT knows no action \"%s\"", action);
}

static void record(const char *path, const char *name)
{
    HF_AUTO_FD fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    HF_AUTO_STR line = hf_format("%s\n", name);

    if (fd >= 0) {
        ssize_t ignored = write(fd, line, strlen(line));
        (void) ignored;
    }
}

hf_status hf_fault_point(const char *name, hf_error *error)
{
    const char *log = getenv("HOLDFAST_FAULT_LOG"), *setting = getenv("HOLDFAST_FAULT");

    if (log != NULL && log[0] != '\0')
        record(log, name);
    if (setting == NULL || setting[0] == '\0')
        return HF_OK;

    HF_AUTO_STR wanted = NULL;
    HF_AUTO_STR action = NULL;
    int64_t n = 1;
    HF_TRY(parse(setting, &wanted, &action, &n, error));
    if ((hf_streq(wanted, "*") || hf_streq(wanted, name)) && is_due(setting, n))
        return act(action, name, error);
    return HF_OK;
}

#endif
