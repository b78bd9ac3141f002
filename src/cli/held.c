#include "cli/held.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/signals.h"

enum { PATIENCE_MS = 15 * 60 * 1000 };

/* A line of standard input; false at its end, at a stop request, or when nobody types. */
static bool read_line(char *line, size_t max)
{
    struct pollfd waited[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = hf_stop_fd(), .events = POLLIN}};
    ssize_t got;

    if (poll(waited, 2, PATIENCE_MS) <= 0 || waited[1].revents != 0 || hf_stop_requested())
        return false;
    got = read(STDIN_FILENO, line, max - 1);
    line[got > 0 ? got : 0] = '\0';
    return got > 0;
}

hf_held_answer hf_held_ask(void *context, const char *why)
{
    static const struct {
        const char *word;
        hf_held_answer answer;
    } answers[] = {{"again", HF_HELD_AGAIN},
                   {"accept", HF_HELD_ACCEPT},
                   {"back", HF_HELD_ROLL_BACK},
                   {"hold", HF_HELD_WAIT}};
    char line[80];

    (void) context;
    hf_log(HF_LOG_WARNING, "%s", why);
    for (;;) {
        (void) fputs("A check could not tell. Type again (run the checks again), accept (let that pass), "
                     "back (restore the "
                     "snapshot)\nor hold (stop here; `holdfast resume` goes on): ",
                     stderr);
        (void) fflush(stderr);
        if (!read_line(line, sizeof(line)))
            return HF_HELD_WAIT;
        line[strcspn(line, " \t\r\n")] = '\0';
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
            if (strcmp(line, answers[i].word) == 0)
                return answers[i].answer;
    }
}
