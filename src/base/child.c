/*
 * One loop polls the pipes, the stop request and, by waitpid() at each turn, the child itself.  The child may leave
 * behind a process that keeps the pipes open; so the end is the child's, not the pipes', and what they hold at that
 * moment is still read.  Once a limit or a request ends the run, the group is what is waited for, not only the child.
 *
 *     RUNNING -> ENDING (SIGTERM sent) -> KILLED (SIGKILL sent)
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/text.h"

#define GRACE_MS 5000
#define POLL_MS 100               /* with pipes open: their end usually comes with the child's */
#define POLL_CLOSED_MS 10         /* with nothing to poll but the child */
#define KILLED_WAIT_MS 2000       /* for a group whose dead members nobody collects */
#define DRAIN_MAX_BYTES (1 << 20) /* the largest pipe: what was in it when the child ended */

extern char **environ;

typedef enum phase { RUNNING, ENDING, KILLED } phase;

typedef struct run {
    const hf_child_options *options;
    pid_t pid;
    int fds[2]; /* our ends of stdout and stderr; -1: none or closed */
    phase phase;
    bool exited;
    int wait_status;
    int64_t started_ms;
    int64_t phase_ms; /* when the phase began */
    bool timed_out;
    hf_status status; /* why it is being ended, if not for the time limit */
} run;

static pthread_mutex_t hidden_mutex = PTHREAD_MUTEX_INITIALIZER;
static hf_strings hidden;

void hf_child_hide_env(const char *name)
{
    (void) pthread_mutex_lock(&hidden_mutex);
    if (!hf_strings_has(&hidden, name))
        hf_strings_add(&hidden, name);
    (void) pthread_mutex_unlock(&hidden_mutex);
}

/* Whether two "NAME=value" are of the same name. */
static bool same_name(const char *a, const char *b)
{
    const size_t len = strcspn(a, "=");

    return strcspn(b, "=") == len && memcmp(a, b, len) == 0;
}

static bool is_passed_on(const char *variable, const char *const *given)
{
    for (size_t i = 0; given != NULL && given[i] != NULL; i++)
        if (same_name(variable, given[i]))
            return false;
    for (size_t i = 0; i < hidden.count; i++)
        if (same_name(variable, hidden.items[i]))
            return false;
    return true;
}

/* The texts are borrowed from environ and `given`; the caller frees the array. */
static char **make_environment(const char *const *given)
{
    HF_VECTOR(char *) list = {0};

    (void) pthread_mutex_lock(&hidden_mutex);
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
        if (is_passed_on(*variable, given))
            HF_PUSH(&list, *variable);
    (void) pthread_mutex_unlock(&hidden_mutex);
    for (size_t i = 0; given != NULL && given[i] != NULL; i++)
        HF_PUSH(&list, (char *) given[i]);
    HF_PUSH(&list, NULL);
    return list.items;
}

/* Above 2, so that arranging the child's 0 to 2 cannot run over it; -1 with errno on failure. */
static int above_stdio(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;

    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int saved = errno;
    (void) close(fd);
    errno = saved;
    return moved;
}

static hf_status make_pipe(int *ret_ours, int *ret_childs, hf_error *error)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return hf_fail_errno(error, "cannot make a pipe");
    HF_AUTO_FD ours = above_stdio(fds[0]);
    HF_AUTO_FD childs = above_stdio(fds[1]);
    if (ours < 0 || childs < 0 || fcntl(ours, F_SETFL, O_NONBLOCK) != 0)
        return hf_fail_errno(error, "cannot make a pipe");
    *ret_ours = ours;
    *ret_childs = childs;
    ours = childs = -1;
    return HF_OK;
}

/* A memory file, not a pipe: it needs no feeding and a child that does not read it does no harm. */
static hf_status make_input(const char *text, int *ret_fd, hf_error *error)
{
    HF_AUTO_FD fd = above_stdio(memfd_create("input", MFD_CLOEXEC));

    if (fd < 0)
        return hf_fail_errno(error, "cannot make a memory file");
    HF_TRY(hf_fd_write_all(fd, text, strlen(text), "input", error));
    if (lseek(fd, 0, SEEK_SET) != 0)
        return hf_fail_errno(error, "cannot rewind a memory file");
    *ret_fd = fd;
    fd = -1;
    return HF_OK;
}

static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t set;

    (void) sigemptyset(&set);
    (void) posix_spawnattr_setsigmask(attributes, &set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGPIPE);
    (void) sigaddset(&set, SIGHUP);
    (void) sigaddset(&set, SIGQUIT);
    (void) sigaddset(&set, SIGCHLD);
    (void) posix_spawnattr_setsigdefault(attributes, &set);
    (void) posix_spawnattr_setpgroup(attributes, 0);
    (void) posix_spawnattr_setflags(attributes,
                                    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* child_fds: stdin (-1: /dev/null), stdout (-1: /dev/null), stderr (-1: ours). */
static int add_actions(posix_spawn_file_actions_t *actions, const int child_fds[3], const char *folder)
{
    int code = 0;

    code |= child_fds[0] >= 0
                ? posix_spawn_file_actions_adddup2(actions, child_fds[0], STDIN_FILENO)
                : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    code |= child_fds[1] >= 0
                ? posix_spawn_file_actions_adddup2(actions, child_fds[1], STDOUT_FILENO)
                : posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (child_fds[2] >= 0)
        code |= posix_spawn_file_actions_adddup2(actions, child_fds[2], STDERR_FILENO);
    code |= posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    if (folder != NULL)
        code |= posix_spawn_file_actions_addchdir_np(actions, folder);
    return code;
}

static hf_status spawn(const hf_child_options *options, const int child_fds[3], pid_t *ret_pid,
                       hf_error *error)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    char **environment = make_environment(options->env);

    (void) posix_spawnattr_init(&attributes);
    (void) posix_spawn_file_actions_init(&actions);
    set_attributes(&attributes);
    if (add_actions(&actions, child_fds, options->folder) != 0)
        hf_out_of_memory();
    const int code = posix_spawnp(ret_pid, options->argv[0], &actions, &attributes,
                                  (char *const *) (const void *) options->argv, environment);
    (void) posix_spawn_file_actions_destroy(&actions);
    (void) posix_spawnattr_destroy(&attributes);
    free(environment);

    if (code == 0)
        return HF_OK;
    errno = code;
    if (options->folder != NULL && access(options->folder, X_OK) != 0)
        return hf_fail_errno(error, "cannot enter folder \"%s\"", options->folder);
    errno = code;
    if (code == ENOENT)
        return hf_fail(error, HF_E_NOT_FOUND, "there is no program \"%s\"", options->argv[0]);
    return hf_fail_errno(error, "cannot run \"%s\"", options->argv[0]);
}

static bool is_program(const char *folder, const char *path)
{
    HF_AUTO_STR full = hf_path_join(folder, path);
    struct stat about;

    return stat(full, &about) == 0 && S_ISREG(about.st_mode) && access(full, X_OK) == 0;
}

bool hf_child_can_run(const char *program, const char *folder)
{
    const char *path = getenv("PATH");

    if (strchr(program, '/') != NULL)
        return is_program(folder != NULL ? folder : ".", program);
    for (path = path != NULL ? path : "/bin:/usr/bin"; *path != '\0';) {
        const size_t len = strcspn(path, ":");
        HF_AUTO_STR place = hf_strndup(path, len);

        if (is_program(len > 0 ? place : ".", program))
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static hf_status start(run *self, hf_error *error)
{
    const hf_child_options *options = self->options;
    HF_AUTO_FD input = -1;
    HF_AUTO_FD output = -1;
    HF_AUTO_FD errors = -1;

    if (options->input != NULL)
        HF_TRY(make_input(options->input, &input, error));
    if (options->ret_stdout != NULL || options->on_stdout != NULL)
        HF_TRY(make_pipe(&self->fds[0], &output, error));
    if (options->ret_stderr != NULL)
        HF_TRY(make_pipe(&self->fds[1], &errors, error));
    self->started_ms = self->phase_ms = hf_monotonic_ms();
    return spawn(options, (const int[]){input, output, errors}, &self->pid, error);
}

/* Append, dropping the front beyond about `tail` bytes (if any limit is set) and the rest beyond the buffer's max. */
static void collect(hf_buf *buf, size_t tail, const char *data, size_t len)
{
    if (tail > 0) {
        if (tail > buf->max)
            tail = buf->max;
        if (len > tail) {
            data += len - tail;
            len = tail;
        }
        /* Moving only when twice as much is there keeps this linear. */
        if (buf->len + len > buf->max || buf->len + len > 2 * tail) {
            const size_t keep = buf->len < tail - len ? buf->len : tail - len;

            if (keep > 0)
                memmove(buf->data, buf->data + buf->len - keep, keep);
            buf->len = keep;
        }
    }
    hf_buf_append(buf, data, len);
}

static void signal_group(run *self, int number, phase next)
{
    (void) kill(-self->pid, number);
    self->phase = next;
    self->phase_ms = hf_monotonic_ms();
}

static void end_because(run *self, hf_status status)
{
    if (self->status == HF_OK)
        self->status = status;
    if (self->phase == RUNNING)
        signal_group(self, SIGTERM, ENDING);
}

/* Read what one pipe holds, up to a limit; closes it at its end. */
static void read_pipe(run *self, int which, hf_error *error)
{
    const hf_child_options *options = self->options;
    size_t total = 0;
    char data[16 * 1024];

    while (self->fds[which] >= 0 && total < DRAIN_MAX_BYTES) {
        const ssize_t got = read(self->fds[which], data, sizeof(data));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            (void) close(self->fds[which]);
            self->fds[which] = -1;
            return;
        }
        total += (size_t) got;
        if (which == 1)
            collect(options->ret_stderr, options->tail_bytes, data, (size_t) got);
        else if (options->on_stdout == NULL)
            collect(options->ret_stdout, options->tail_bytes, data, (size_t) got);
        else if (self->status == HF_OK) {
            const hf_status status = options->on_stdout(options->context, data, (size_t) got, error);

            if (status != HF_OK)
                end_because(self, status);
        }
    }
}

static bool group_is_gone(const run *self)
{
    return kill(-self->pid, 0) != 0 && errno == ESRCH;
}

static void check_child(run *self)
{
    if (!self->exited && waitpid(self->pid, &self->wait_status, WNOHANG) == self->pid)
        self->exited = true;
}

static bool is_over(run *self)
{
    check_child(self);
    if (!self->exited)
        return false;
    if (self->phase == RUNNING || group_is_gone(self))
        return true;
    return self->phase == KILLED && hf_monotonic_ms() - self->phase_ms >= KILLED_WAIT_MS;
}

static void check_limits(run *self, hf_error *error)
{
    const int64_t now = hf_monotonic_ms(), timeout = self->options->timeout_ms;

    if (self->phase == RUNNING && timeout > 0 && now - self->started_ms >= timeout) {
        self->timed_out = true;
        end_because(self, HF_OK);
    }
    if (self->phase == RUNNING && !self->options->keep_running_on_stop && hf_stop_requested())
        end_because(self, hf_stop_check(error));
    if (self->phase == ENDING && now - self->phase_ms >= GRACE_MS)
        signal_group(self, SIGKILL, KILLED);
}

static void poll_once(run *self, hf_error *error)
{
    struct pollfd polled[3] = {
        {.fd = self->fds[0], .events = POLLIN},
        {.fd = self->fds[1], .events = POLLIN},
        /* Once it is ending, a request that is already known must not turn this into a busy loop. */
        {.fd = self->phase == RUNNING && !self->options->keep_running_on_stop ? hf_stop_fd() : -1,
         .events = POLLIN},
    };
    int64_t wait = self->fds[0] >= 0 || self->fds[1] >= 0 ? POLL_MS : POLL_CLOSED_MS;

    if (self->phase == RUNNING && self->options->timeout_ms > 0) {
        const int64_t left = self->started_ms + self->options->timeout_ms - hf_monotonic_ms();

        if (left < wait)
            wait = left > 0 ? left : 0;
    }
    if (poll(polled, 3, (int) wait) <= 0)
        return;
    for (int i = 0; i < 2; i++)
        if (polled[i].revents != 0)
            read_pipe(self, i, error);
}

hf_status hf_child_run(const hf_child_options *options, hf_child_result *ret_result, hf_error *error)
{
    run self = {.options = options, .fds = {-1, -1}};

    if (!options->keep_running_on_stop)
        HF_TRY(hf_stop_check(error));
    hf_status status = start(&self, error);

    if (status == HF_OK) {
        while (!is_over(&self)) {
            poll_once(&self, error);
            check_limits(&self, error);
        }
        read_pipe(&self, 0, error);
        read_pipe(&self, 1, error);
        status = self.status;
    }
    for (int i = 0; i < 2; i++)
        hf_closep(&self.fds[i]);
    HF_TRY(status);

    *ret_result = (hf_child_result){
        .exit_status =
            WIFSIGNALED(self.wait_status) ? 128 + WTERMSIG(self.wait_status) : WEXITSTATUS(self.wait_status),
        .timed_out = self.timed_out,
        .took_ms = hf_monotonic_ms() - self.started_ms,
    };
    return HF_OK;
}
