/*
 * A log: what was written since the deploy began has no forbidden line and each required one.
 *
 * The rate of a pattern is counted in 1,000 lines, which needs no time stamps: before the deploy over the last 4 MiB of a file, or
 * over the last while (`over`) of a journal or command.
 */
#include <inttypes.h>
#include <string.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/text.h"
#include "checks/change.h"
#include "checks/excerpt.h"
#include "checks/kind.h"
#include "checks/log_files.h"
#include "checks/log_scan.h"
#include "checks/program.h"

#define STDERR_MAX (4u << 20)

/* ---- what is wanted ---- */

static void validate_list(const char *config_path, const hf_placed *patterns, size_t count,
                          hf_config_problems *problems)
{
    for (size_t i = 0; i < count; i++) {
        HF_AUTO(hf_regex_freep) hf_regex *regex = NULL;
        hf_error error = {0};

        if (patterns[i].text != NULL && hf_regex_compile(patterns[i].text, &regex, &error) != HF_OK)
            hf_config_problems_add(problems, config_path, patterns[i].where, &error);
    }
}

static void log_validate(const char *config_path, const hf_check_config *check, hf_config_problems *problems)
{
    validate_list(config_path, check->log.forbid.items, check->log.forbid.count, problems);
    validate_list(config_path, check->log.require.items, check->log.require.count, problems);
    validate_list(config_path, &check->log.rate, 1, problems);
}

static void expect_patterns(const hf_placed_list *patterns, const char *words, hf_buf *expected)
{
    for (size_t i = 0; i < patterns->count; i++)
        hf_buf_printf(expected, "%s'%s'",
                      i > 0               ? ", "
                      : expected->len > 0 ? ", "
                                          : "",
                      patterns->items[i].text);
    if (patterns->count > 0)
        hf_buf_puts(expected, words);
}

static void log_expect(const hf_check_config *check, hf_buf *expected)
{
    expect_patterns(&check->log.forbid, " nowhere in the log since the deploy began", expected);
    expect_patterns(&check->log.require, " in the log since then", expected);
    if (check->log.rate.text == NULL)
        return;
    hf_buf_printf(expected, "%s'%s' ", expected->len > 0 ? ", " : "", check->log.rate.text);
    if (check->log.rate_at_most.given) {
        hf_buf_puts(expected, "in at most ");
        hf_limit_show(&check->log.rate_at_most, expected);
        hf_buf_puts(expected, check->log.rate_at_most.percent ? " of the lines" : " of 1,000 lines");
    }
    if (hf_change_is_given(&check->log.rate_change)) {
        hf_buf_puts(expected, check->log.rate_at_most.given ? " and " : "");
        hf_change_expect(&check->log.rate_change, expected);
    }
}

/* ---- reading ---- */

static void feed(void *context, const char *data, size_t len)
{
    hf_log_scan_feed(context, data, len);
}

static void end(void *context)
{
    hf_log_scan_end(context);
}

static hf_status on_stdout(void *context, const char *data, size_t len, hf_error *error)
{
    (void) error;
    hf_log_scan_feed(context, data, len);
    return HF_OK;
}

/* A word of the command with {since} and {since_epoch} filled in; the caller owns it. */
static char *fill_in(const char *word, int64_t since_ms)
{
    hf_buf out = HF_BUF_MAX(64u << 10);
    char time[32];

    while (*word != '\0') {
        if (hf_starts_with(word, "{since}")) {
            hf_buf_puts(&out, hf_time_format(since_ms, time));
            word += strlen("{since}");
        } else if (hf_starts_with(word, "{since_epoch}")) {
            hf_buf_printf(&out, "%" PRId64, (since_ms + 999) / 1000);
            word += strlen("{since_epoch}");
        } else {
            hf_buf_putc(&out, *word++);
        }
    }
    return out.len > 0 ? hf_buf_take(&out) : hf_strdup("");
}

/* The argv of a log that a program prints.  journalctl knows whole seconds: the one that had begun is left out. */
static void make_argv(const hf_check_config *check, int64_t since_ms, hf_strings *ret_argv)
{
    static const char *const journal[] = {"journalctl", "--no-pager", "--quiet", "--output=cat"};

    for (size_t i = 0; i < check->log.command.count; i++)
        HF_PUSH(ret_argv, fill_in(check->log.command.items[i], since_ms));
    if (check->log.journal.count == 0)
        return;
    for (size_t i = 0; i < sizeof(journal) / sizeof(journal[0]); i++)
        hf_strings_add(ret_argv, journal[i]);
    HF_PUSH(ret_argv, fill_in("--since=@{since_epoch}", since_ms));
    for (size_t i = 0; i < check->log.journal.count; i++)
        HF_PUSH(ret_argv, hf_format("--unit=%s", check->log.journal.items[i]));
}

/* Of stderr the first STDERR_MAX bytes; more is an error if the `whole` must have been read. */
static hf_status read_program(const hf_check_config *check, int64_t since_ms, bool whole, hf_log_scan *scan,
                              hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings argv = {0};
    HF_AUTO_BUF err = HF_BUF_MAX(STDERR_MAX);
    hf_child_result result = {0};
    char limit[32];

    make_argv(check, since_ms, &argv);
    HF_PUSH(&argv, NULL);
    const hf_child_options options = {
        .argv = (const char *const *) argv.items,
        .folder = check->folder,
        .timeout_ms = check->timeout_ms,
        .ret_stderr = &err,
        .on_stdout = on_stdout,
        .context = scan,
    };

    HF_TRY(hf_child_run(&options, &result, error));
    hf_log_scan_end(scan);
    if (result.timed_out)
        return hf_fail(error, HF_E_TIMEOUT, "\"%s\" did not end within %s", argv.items[0],
                       hf_show_duration(check->timeout_ms, limit));
    if (result.exit_status != 0) {
        HF_AUTO_BUF why = HF_BUF_MAX(1024);

        hf_excerpt_tail(&why, hf_buf_text(&err), err.len, 300);
        return hf_fail(error, HF_E_CHILD, "\"%s\" ended with status %d: %s", argv.items[0],
                       result.exit_status, hf_buf_text(&why));
    }
    hf_log_scan_feed(scan, hf_buf_text(&err),
                     err.len); /* `docker logs` prints there what the application does */
    hf_log_scan_end(scan);
    return whole ? hf_buf_check(&err, "what the log's command wrote to stderr", error) : HF_OK;
}

/* ---- before ---- */

static hf_status log_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    const hf_check_config *check = context->check;
    HF_AUTO(hf_log_scan_done) hf_log_scan scan = {0};
    const bool rated = check->log.rate.text != NULL && hf_change_is_given(&check->log.rate_change);
    const int64_t now_ms = hf_now_ms();
    const hf_log_reader reader = {feed, end, &scan, hf_monotonic_ms() + check->timeout_ms};
    json_t *marks = NULL;

    HF_TRY(hf_log_scan_init(&scan, check, true, error));
    if (check->log.file != NULL) {
        HF_TRY(hf_log_files_mark(check->log.file, rated ? &reader : NULL, &marks, error));
    } else {
        HF_AUTO(hf_strings_done) hf_strings argv = {0};

        make_argv(check, now_ms, &argv);
        HF_TRY(hf_check_find_program(&argv, check->folder, error));
        if (rated)
            HF_TRY(read_program(check, now_ms - check->log.over_ms, false, &scan, error));
    }
    *ret_before = json_pack("{s:I, s:o?, s:I, s:I}", "since_ms", (json_int_t) now_ms, "files", marks, "lines",
                            (json_int_t) scan.lines, "matches", (json_int_t) scan.rated);
    return HF_OK;
}

/* ---- looking ---- */

static double rate_of(double matches, double lines)
{
    return lines > 0 ? 1000 * matches / lines : 0;
}

/* Where nothing was written before, only an increase that is allowed from 0 is surely allowed. */
static hf_check_outcome judge_rate(const hf_check_context *context, const hf_log_scan *scan, hf_buf *seen,
                                   double *ret_value)
{
    const hf_check_config *check = context->check;
    const hf_change_config *change = &check->log.rate_change;
    const bool measured = json_integer_value(json_object_get(context->before, "lines")) > 0;
    const double now = rate_of((double) scan->rated, (double) scan->lines);
    const double before = rate_of((double) json_integer_value(json_object_get(context->before, "matches")),
                                  (double) json_integer_value(json_object_get(context->before, "lines")));
    const double most = check->log.rate_at_most.value * (check->log.rate_at_most.percent ? 10 : 1);

    *ret_value = now;
    hf_buf_printf(seen, "; '%s' in %.4g of 1,000 lines", check->log.rate.text, now);
    if (hf_change_is_given(change) && measured)
        hf_buf_printf(seen, ", and in %.4g before", before);
    else if (hf_change_is_given(change))
        hf_buf_puts(seen, ", and before there were no lines");
    if (check->log.rate_at_most.given && now > most)
        return HF_CHECK_FAILED;
    if (hf_change_holds(change, before, now) && (measured || !change->decrease.given))
        return HF_CHECK_PASSED;
    return measured ? HF_CHECK_FAILED : HF_CHECK_INCONCLUSIVE;
}

static hf_check_outcome judge(const hf_check_context *context, const hf_log_scan *scan, hf_buf *seen,
                              double *ret_value)
{
    const hf_check_config *check = context->check;
    bool good = scan->forbidden == 0;

    hf_buf_printf(seen, "%" PRIu64 " new line%s", scan->lines, scan->lines == 1 ? "" : "s");
    *ret_value = (double) scan->forbidden;
    if (scan->forbidden > 0)
        hf_buf_printf(seen, ", %" PRIu64 " forbidden", scan->forbidden);
    for (size_t i = 0; i < scan->shown.count; i++)
        hf_buf_printf(seen, "%s%s", i == 0 ? ": " : " | ", scan->shown.items[i]);
    if (scan->forbidden > scan->shown.count)
        hf_buf_printf(seen, " | and %" PRIu64 " more", scan->forbidden - scan->shown.count);
    for (size_t i = 0; i < scan->require.count; i++) {
        if (scan->found.items[i])
            continue;
        hf_buf_printf(seen, "; '%s' in none", check->log.require.items[i].text);
        good = false;
    }
    const hf_check_outcome rate =
        scan->rate != NULL ? judge_rate(context, scan, seen, ret_value) : HF_CHECK_PASSED;
    return good ? rate : HF_CHECK_FAILED;
}

static hf_status read_all(const hf_check_context *context, hf_log_scan *scan, hf_buf *lost, hf_error *error)
{
    const hf_check_config *check = context->check;
    const hf_log_reader reader = {feed, end, scan, hf_monotonic_ms() + check->timeout_ms};
    size_t files = 0;

    HF_TRY(hf_log_scan_init(scan, check, false, error));
    if (check->log.file == NULL)
        return read_program(check, json_integer_value(json_object_get(context->before, "since_ms")), true,
                            scan, error);
    HF_TRY(hf_log_files_read(check->log.file, json_object_get(context->before, "files"), &reader, &files,
                             lost, error));
    return files > 0 ? HF_OK : hf_fail(error, HF_E_NOT_FOUND, "there is no file \"%s\"", check->log.file);
}

static hf_check_outcome log_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    HF_AUTO(hf_log_scan_done) hf_log_scan scan = {0};
    HF_AUTO_BUF lost = HF_BUF_MAX(1024);
    hf_error error = {0};

    if (context->before == NULL) {
        hf_buf_puts(seen, "there is no deploy since which to read");
        return HF_CHECK_SKIPPED;
    }
    hf_status status = read_all(context, &scan, &lost, &error);
    hf_check_outcome outcome = judge(context, &scan, seen, ret_value);

    if (lost.len > 0)
        hf_buf_printf(seen, "; what came to %s can no longer be read", hf_buf_text(&lost));
    if (scan.gave_up > 0)
        hf_buf_printf(seen, "; a pattern took too many steps in %" PRIu64 " lines", scan.gave_up);
    if (status != HF_OK)
        hf_buf_printf(seen, "; %s", error.message);
    if (scan.forbidden > 0) /* whatever could not be read */
        return HF_CHECK_FAILED;
    if (status != HF_OK || lost.len > 0 || scan.gave_up > 0)
        return HF_CHECK_INCONCLUSIVE;
    return outcome;
}

const hf_check_ops hf_check_log = {
    .name = "log",
    .validate = log_validate,
    .expect = log_expect,
    .before = log_before,
    .look = log_look,
};
