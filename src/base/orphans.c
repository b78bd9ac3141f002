#include "base/orphans.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"

#define ENVIRONMENT_MAX (4u << 20)
#define PATIENCE_MS 5000
#define LIMIT_MS 20000
#define PAUSE_MS 50

/* /proc/<pid>/environ: entries ended by NUL.  Empty for kernel threads and zombies. */
static bool has_variable(pid_t pid, const char *variable)
{
    HF_AUTO_STR path = hf_format("/proc/%ld/environ", (long) pid);
    HF_AUTO_BUF environment = HF_BUF_MAX(ENVIRONMENT_MAX);
    size_t len = strlen(variable);

    if (hf_file_read(path, &environment, NULL) != HF_OK)
        return false;
    for (size_t at = 0; at + len <= environment.len; at += strlen(environment.data + at) + 1)
        if (strcmp(environment.data + at, variable) == 0)
            return true;
    return false;
}

/* Signal all that have it; how many there are. */
static size_t signal_all(const char *variable, int number)
{
    DIR *processes = opendir("/proc");
    size_t count = 0;

    if (processes == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        pid_t pid = (pid_t) strtol(entry->d_name, NULL, 10);

        if (!isdigit((unsigned char) entry->d_name[0]) || pid == getpid() || !has_variable(pid, variable))
            continue;
        (void) kill(pid, number);
        count++;
    }
    (void) closedir(processes);
    return count;
}

hf_status hf_orphans_end(const char *variable, size_t *ret_ended, hf_error *error)
{
    int64_t started = hf_monotonic_ms();
    size_t found = signal_all(variable, SIGTERM), left = found;

    while (left > 0) {
        int64_t waited = hf_monotonic_ms() - started;

        if (waited > LIMIT_MS)
            return hf_fail(error, HF_E_TIMEOUT, "%zu process%s of an earlier run cannot be ended", left,
                           left > 1 ? "es" : "");
        (void) nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        left = signal_all(variable, waited > PATIENCE_MS ? SIGKILL : 0);
    }
    *ret_ended = found;
    return HF_OK;
}
