#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/orphans.h"
#include "base/text.h"

/* A process in a session of its own, with the variable in its environment; its parent is gone.  Its number comes by a pipe. */
static pid_t make_orphan(const char *variable, const char *script)
{
    int fds[2];
    pid_t orphan = 0;

    assert_int_equal(pipe(fds), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t child = fork();
        if (child == 0) {
            char entry[128];

            (void) setsid();
            (void) close(fds[0]);
            (void) close(fds[1]);
            (void) snprintf(entry, sizeof(entry), "%s", variable);
            (void) execle("/bin/sh", "sh", "-c", script, (char *) NULL, (char *const[]){entry, NULL});
            _exit(127);
        }
        (void) !write(fds[1], &child, sizeof(child));
        _exit(0);
    }
    assert_int_equal(read(fds[0], &orphan, sizeof(orphan)), (ssize_t) sizeof(orphan));
    (void) close(fds[0]);
    (void) close(fds[1]);
    (void) waitpid(parent, NULL, 0);
    usleep(200000); /* until the shell runs */
    return orphan;
}

static bool is_alive(pid_t pid)
{
    char path[64], line[256] = "";

    (void) snprintf(path, sizeof(path), "/proc/%ld/stat", (long) pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    (void) !fgets(line, sizeof(line), file);
    (void) fclose(file);
    return strstr(line, ") Z ") == NULL;
}

static void test_orphans__those_with_the_variable_end(void **state)
{
    (void) state;
    char random[17], mine[64], other[64];
    hf_error error;
    size_t ended = 0;

    hf_random_hex(8, random);
    (void) snprintf(mine, sizeof(mine), "HF_TEST_CYCLE=%s", random);
    (void) snprintf(other, sizeof(other), "HF_TEST_CYCLE=%s0", random);

    pid_t kept = make_orphan(other, "sleep 60");
    pid_t plain = make_orphan(mine, "sleep 60 & wait");
    pid_t stubborn = make_orphan(mine, "trap '' TERM; while :; do sleep 0.1; done");

    assert_ok(hf_orphans_end(mine, &ended, &error));
    assert_true(ended >= 3); /* the shell's own child has it too */
    assert_false(is_alive(plain));
    assert_false(is_alive(stubborn));
    assert_true(is_alive(kept));
    assert_int_equal(kill(-kept, SIGKILL), 0); /* its sleep too */

    assert_ok(hf_orphans_end(mine, &ended, &error));
    assert_int_equal(ended, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orphans__those_with_the_variable_end)};

    return cmocka_run_group_tests_name("base/orphans", tests, NULL, NULL);
}
