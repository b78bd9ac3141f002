#include "repository/holder.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/repository.h"

void hf_holder_done(hf_holder *holder)
{
    free(holder->id);
    free(holder->target);
    free(holder->purpose);
    free(holder->host);
    free(holder->boot_id);
    free(holder->pid_namespace);
    free(holder->since);
    free(holder->presence);
    *holder = (hf_holder){0};
}

char *hf_this_host(void)
{
    char name[HOST_NAME_MAX + 1] = "";

    /* A longer name may come back without a NUL; that of the array stays. */
    if (gethostname(name, sizeof(name) - 1) != 0 || !hf_is_utf8(name, strlen(name)))
        return hf_strdup("");
    return hf_strdup(name);
}

static char *this_boot(void)
{
    HF_AUTO_BUF text = HF_BUF_MAX(256);

    if (hf_file_read("/proc/sys/kernel/random/boot_id", &text, NULL) != HF_OK)
        return hf_strdup("");
    return hf_strndup(hf_buf_text(&text), strcspn(hf_buf_text(&text), "\n"));
}

/* Containers of one machine share its boot id, and may share a host name, but not their process ids. */
static char *this_pid_namespace(void)
{
    char text[128];
    const ssize_t len = readlink("/proc/self/ns/pid", text, sizeof(text));

    return len > 0 ? hf_strndup(text, (size_t) len) : hf_strdup("");
}

typedef enum { RUNNING, ENDED, UNKNOWN } process_state;

/* Look at /proc/<pid>/stat: "pid (name) state ppid ... starttime ...", where the name may hold anything. */
static process_state look_at_process(int64_t pid, uint64_t *ret_start_ticks)
{
    HF_AUTO_STR path = hf_format("/proc/%lld/stat", (long long) pid);
    HF_AUTO_BUF text = HF_BUF_MAX(4096);
    hf_status status = hf_file_read(path, &text, NULL);

    /* /proc may hide what belongs to others (hidepid); a signal that is not sent finds it all the same. */
    if (status == HF_E_NOT_FOUND && (kill((pid_t) pid, 0) == 0 || errno != ESRCH))
        return UNKNOWN;
    if (status == HF_E_NOT_FOUND)
        return hf_file_exists("/proc/self/stat") ? ENDED : UNKNOWN;
    if (status != HF_OK)
        return UNKNOWN;

    const char *name_end = strrchr(hf_buf_text(&text), ')');
    char state = '\0';
    unsigned long long start_ticks = 0;

    /* Field 22, the 20th after the name. */
    if (name_end == NULL ||
        sscanf(name_end + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state,
               &start_ticks) != 2)
        return UNKNOWN;

    *ret_start_ticks = start_ticks;
    /* Killed, and only waiting for its parent to notice. */
    return state == 'Z' || state == 'X' ? ENDED : RUNNING;
}

hf_holder hf_holder_self(const char *target, const char *purpose)
{
    char id[33];
    char since[32];
    hf_holder self = {.pid = getpid()};

    hf_random_hex(16, id);
    self.id = hf_strdup(id);
    self.target = hf_strdup(target);
    self.purpose = hf_strdup(purpose);
    self.host = hf_this_host();
    self.boot_id = this_boot();
    self.pid_namespace = this_pid_namespace();
    self.presence = hf_strdup("");
    self.since = hf_strdup(hf_time_format(hf_now_ms(), since));
    if (look_at_process(self.pid, &self.start_ticks) == UNKNOWN)
        self.start_ticks = 0;
    return self;
}

char *hf_holder_write(const hf_holder *holder)
{
    HF_AUTO_JSON json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:s}", "format", HF_REPOSITORY_FORMAT, "id",
        holder->id, "target", holder->target, "purpose", holder->purpose, "host", holder->host, "pid",
        (json_int_t) holder->pid, "boot_id", holder->boot_id, "start_ticks", (json_int_t) holder->start_ticks,
        "since", holder->since, "pid_namespace", holder->pid_namespace, "presence", holder->presence);
    HF_AUTO_STR text = hf_canonical_json(json);

    return hf_format("%s\n", text);
}

static bool is_lock_id(const char *id)
{
    return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

/* A member that earlier writers did not know. */
static char *read_later_text(const hf_reader *root, const char *member)
{
    return hf_strdup(json_object_get(root->json, member) != NULL ? hf_read_text(root, member) : "");
}

hf_status hf_holder_read(const hf_buf *text, hf_holder *ret_holder, hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "the lock", .error = error};
    HF_AUTO(hf_holder_done) hf_holder holder = {0};

    HF_TRY(hf_parse_document(reading.what, text, &json, error));

    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    holder.id = hf_strdup(hf_read_text(&root, "id"));
    holder.target = hf_strdup(hf_read_text(&root, "target"));
    holder.purpose = hf_strdup(hf_read_text(&root, "purpose"));
    holder.host = hf_strdup(hf_read_text(&root, "host"));
    holder.pid = hf_read_i64(&root, "pid", 1, INT32_MAX);
    holder.boot_id = hf_strdup(hf_read_text(&root, "boot_id"));
    holder.start_ticks = hf_read_u64(&root, "start_ticks", HF_NUMBER_MAX);
    holder.since = hf_strdup(hf_read_text(&root, "since"));
    holder.pid_namespace = read_later_text(&root, "pid_namespace");
    holder.presence = read_later_text(&root, "presence");
    if (reading.status == HF_OK && !is_lock_id(holder.id))
        hf_reader_fail(&root, "id", "is not the id of a lock"); /* it becomes part of a key */
    if (reading.status != HF_OK)
        return reading.status;

    *ret_holder = holder;
    holder = (hf_holder){0};
    return HF_OK;
}

hf_holder_state hf_holder_look(const hf_holder *holder)
{
    HF_AUTO_STR host = hf_this_host();
    HF_AUTO_STR boot_id = this_boot();
    HF_AUTO_STR pid_namespace = this_pid_namespace();
    uint64_t start_ticks = 0;

    /* Of another machine's processes nothing can be known. */
    if (host[0] == '\0' || boot_id[0] == '\0' || holder->boot_id[0] == '\0' || !hf_streq(holder->host, host))
        return HF_HOLDER_UNKNOWN;
    if (!hf_streq(holder->boot_id, boot_id))
        return HF_HOLDER_GONE;
    if (holder->pid_namespace[0] != '\0' && !hf_streq(holder->pid_namespace, pid_namespace))
        return HF_HOLDER_UNKNOWN;

    switch (look_at_process(holder->pid, &start_ticks)) {
    case RUNNING:
        /* The same number, given to a later process. */
        if (holder->start_ticks == 0)
            return HF_HOLDER_UNKNOWN;
        return start_ticks != holder->start_ticks ? HF_HOLDER_GONE : HF_HOLDER_HERE;
    case ENDED:
        return HF_HOLDER_GONE;
    case UNKNOWN:
        break;
    }

    /* Without /proc: ask the kernel by a signal that is not sent. */
    return kill((pid_t) holder->pid, 0) != 0 && errno == ESRCH ? HF_HOLDER_GONE : HF_HOLDER_UNKNOWN;
}
