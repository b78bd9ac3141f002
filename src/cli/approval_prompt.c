#include "cli/approval_prompt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/plan_output.h"
#include "deploy/outlook.h"

enum { ANSWER_MAX = 256, PATIENCE_MS = 15 * 60 * 1000 };

bool hf_may_prompt(const hf_cli *cli)
{
    return !cli->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

static void print_time(const char *what, int64_t ms)
{
    char text[32];

    hf_out_fact(what, "%s", ms < 0 ? "not known yet" : hf_show_duration(ms, text));
}

static hf_status print_outlook(const hf_session *session, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    hf_outlook outlook;
    char age[48], rows[32], size[32];

    HF_TRY(hf_outlook_read(session->repository, session->target->name, &outlook, error));
    HF_TRY(hf_repository_list(session->repository, session->target->name, &list, error));
    size_t count = list.count;
    while (count > 0 && hf_snapshot_is_replaced(&list.items[count - 1]))
        count--;
    const hf_snapshot_info *last = count > 0 ? &list.items[count - 1] : NULL;

    hf_out("\nBefore the first statement a snapshot is taken, read back and sealed; while you read this, "
           "nothing is.\n");
    if (last == NULL || last->broken != NULL)
        hf_out_fact("last snapshot", "%s", last == NULL ? "none" : last->broken);
    else
        hf_out_fact("last snapshot", "%s, %s, %s rows, %s", last->id, hf_show_age(last->created_ms, age),
                    hf_show_count(last->rows, rows), hf_show_size(last->stored_bytes, size));
    hf_out("\nBy what it took the last time:\n");
    print_time("snapshot", outlook.snapshot_ms);
    print_time("migrations", outlook.migrate_ms);
    print_time("checks", outlook.verify_ms);
    print_time("way back", outlook.way_back_ms);
    return HF_OK;
}

/* One line from the terminal, without its end. */
static hf_status read_line(char answer[ANSWER_MAX], hf_error *error)
{
    struct pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {hf_stop_fd(), POLLIN, 0}};
    const int64_t until = hf_monotonic_ms() + PATIENCE_MS;

    for (;;) {
        int64_t left = until - hf_monotonic_ms();
        int ready = left > 0 ? poll(both, 2, (int) left) : 0;

        HF_TRY(hf_stop_check(error));
        if (ready == 0)
            return hf_fail(error, HF_E_REFUSED, "nobody answered for 15 minutes");
        if (ready > 0 && both[0].revents != 0)
            break;
        if (ready < 0 && errno != EINTR)
            return hf_fail_errno(error, "cannot wait for the terminal");
    }
    ssize_t got = read(STDIN_FILENO, answer, ANSWER_MAX - 1); /* a terminal gives a line at a time */
    answer[got > 0 ? got : 0] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    return HF_OK;
}

hf_status hf_approval_prompt(const hf_session *session, const hf_plan *plan, hf_error *error)
{
    const char *name = session->target->name;
    char answer[ANSWER_MAX];

    hf_plan_print(plan);
    HF_TRY(print_outlook(session, error));
    hf_out("\nThis plan needs your approval. Type the target's name (%s) to run it on database \"%s\"; "
           "anything else "
           "refuses: ",
           name, plan->database);
    (void) hf_out_flush();
    HF_TRY(read_line(answer, error));
    hf_out("\n");
    if (hf_streq(answer, name))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the plan was not approved at the terminal");
    return hf_hint(error, "to approve it, type the name of the target: %s", name);
}
