/* A program whose exit status tells. */
#include <string.h>

#include "base/child.h"
#include "base/text.h"
#include "checks/excerpt.h"
#include "checks/kind.h"
#include "checks/program.h"

#define TAIL_KEPT (32u << 10)
#define TAIL_SHOWN 2000

/* A program that is not there is better known before the deploy than after it. */
static hf_status command_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    (void) ret_before;
    return hf_check_find_program(&context->check->command, context->check->folder, error);
}

static void command_expect(const hf_check_config *check, hf_buf *expected)
{
    hf_buf_printf(expected, "\"%s\" ends with status 0", check->command.items[0]);
}

static void show_output(hf_buf *seen, const char *name, const hf_buf *output)
{
    HF_AUTO_BUF tail = HF_BUF_MAX(2 * TAIL_SHOWN);

    hf_excerpt_tail(&tail, hf_buf_text(output), output->len, TAIL_SHOWN);
    if (tail.len > 0)
        hf_buf_printf(seen, "; %s: %s", name, hf_buf_text(&tail));
}

static hf_check_outcome command_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    HF_AUTO(hf_strings_done) hf_strings argv = {0};
    HF_AUTO_STR variable = hf_format("DATABASE_URL=%s", context->scene->url);
    HF_AUTO_BUF out = HF_BUF_MAX(2 * TAIL_KEPT);
    HF_AUTO_BUF err = HF_BUF_MAX(2 * TAIL_KEPT);
    const char *const env[] = {variable, NULL};
    hf_child_result result = {0};
    hf_error error = {0};
    char limit[32];

    for (size_t i = 0; i < check->command.count; i++)
        hf_strings_add(&argv, check->command.items[i]);
    HF_PUSH(&argv, NULL);

    const hf_child_options options = {
        .argv = (const char *const *) argv.items,
        .env = env,
        .folder = check->folder,
        .timeout_ms = check->timeout_ms,
        .ret_stdout = &out,
        .ret_stderr = &err,
        .tail_bytes = TAIL_KEPT,
    };

    if (hf_child_run(&options, &result, &error) != HF_OK) {
        hf_buf_puts(seen, error.message);
        return HF_CHECK_INCONCLUSIVE;
    }
    *ret_value = (double) result.took_ms;
    if (result.timed_out)
        hf_buf_printf(seen, "did not end within %s", hf_show_duration(check->timeout_ms, limit));
    else
        hf_buf_printf(seen, "status %d", result.exit_status);
    if (!result.timed_out && result.exit_status == 0)
        return HF_CHECK_PASSED;

    show_output(seen, "stderr", &err);
    show_output(seen, "stdout", &out);
    return HF_CHECK_FAILED;
}

const hf_check_ops hf_check_command = {
    .name = "command",
    .needs = HF_CHECKS_NEED_DATABASE,
    .expect = command_expect,
    .before = command_before,
    .look = command_look,
};
