/*
 * Any migrator as a command: argv, the database's URL in an environment variable, as the application knows it.
 *
 * What is pending cannot be told, so each deploy runs it.  Its output is passed on as it comes; the tail goes into the
 * error if it fails.
 */
#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "base/text.h"
#include "migrations/danger.h"
#include "migrations/kind.h"
#include "migrations/profiles.h"

#define LINE_MAX_BYTES (16u << 10)
#define TAIL_BYTES 600 /* fits into an error's message */

typedef struct output_tail {
    const hf_migrations_events *events;
    hf_buf
        line; /* not ended yet; whole lines are passed on, so that a secret cannot slip through in two pieces */
    char tail[TAIL_BYTES + 1];
    size_t len;
} output_tail;

static void keep_tail(output_tail *output, const char *data, size_t len)
{
    if (len >= TAIL_BYTES) {
        memcpy(output->tail, data + len - TAIL_BYTES, TAIL_BYTES);
        output->len = TAIL_BYTES;
        return;
    }
    size_t drop = output->len + len > TAIL_BYTES ? output->len + len - TAIL_BYTES : 0;

    memmove(output->tail, output->tail + drop, output->len - drop);
    memcpy(output->tail + output->len - drop, data, len);
    output->len = output->len - drop + len;
}

static void pass_on(output_tail *output)
{
    if (output->line.len == 0)
        return;
    hf_redact(&output->line);
    hf_migrations_tell_output(output->events, hf_buf_text(&output->line));
    hf_buf_clear(&output->line);
}

static hf_status on_output(void *context, const char *data, size_t len, hf_error *error)
{
    (void) error;
    output_tail *output = context;

    keep_tail(output, data, len);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' || output->line.len == LINE_MAX_BYTES)
            pass_on(output);
        if (data[i] != '\n')
            hf_buf_putc(&output->line, data[i]);
    }
    return HF_OK;
}

/* The tail as one line of at most TAIL_BYTES without its first, possibly cut, character. */
static char *tail_text(const char *tail, size_t len)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4096);
    bool space = true;

    while (len > 0 && ((unsigned char) *tail & 0xC0) == 0x80) {
        tail++;
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        bool is_space = (unsigned char) tail[i] <= ' ' || tail[i] == 0x7F;

        if (!is_space)
            hf_buf_putc(&text, tail[i]);
        else if (!space)
            hf_buf_putc(&text, ' ');
        space = is_space;
    }
    hf_redact(&text);
    return hf_strdup(hf_buf_text(&text));
}

hf_status hf_migrator_check(const hf_migrations_config *config, const char *url, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings argv = {0};

    hf_profile_argv(config, &argv);
    if (argv.count == 0)
        return hf_fail(error, HF_E_USAGE, "migrations.command is empty");
    HF_TRY(hf_danger_check_command(&argv, error));
    return hf_danger_check_shadow(&argv, url, error);
}

static hf_status fail_command(const hf_migrations_config *config, const char *program,
                              const hf_child_result *result, const output_tail *out, const hf_buf *err,
                              hf_error *error)
{
    HF_AUTO_STR tail = err->len > 0
                           ? tail_text(err->data + (err->len > TAIL_BYTES ? err->len - TAIL_BYTES : 0),
                                       err->len > TAIL_BYTES ? TAIL_BYTES : err->len)
                           : tail_text(out->tail, out->len);
    HF_AUTO_STR how = NULL;
    char limit[32];

    if (result->timed_out)
        how = hf_format("did not end within %s", hf_show_duration(config->timeout_ms, limit));
    else
        how = hf_format("ended with status %d", result->exit_status);
    const char *explanation = hf_danger_explain(tail);
    (void) hf_fail(error, HF_E_MIGRATION, "the migration command \"%s\" %s%s%s", program, how,
                   tail[0] != '\0' ? ": " : "", tail);
    return explanation != NULL ? hf_hint(error, "%s", explanation) : HF_E_MIGRATION;
}

hf_status hf_migrator_run(const hf_migrations_config *config, const char *url,
                          const hf_migrations_events *events, size_t *applied, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings argv = {0};
    HF_AUTO(hf_strings_done) hf_strings env = {0};
    HF_AUTO_BUF err = HF_BUF_MAX(64u << 10);
    output_tail output = {.events = events, .line = HF_BUF_MAX(2 * LINE_MAX_BYTES)};
    hf_child_result result;

    HF_TRY(hf_migrator_check(config, url, error));
    hf_profile_argv(config, &argv);
    HF_PUSH(&argv, NULL);
    HF_TRY(hf_profile_environment(config, url, &env, error));
    HF_PUSH(&env, NULL);
    const char *program = argv.items[0];

    const hf_child_options options = {
        .argv = (const char *const *) argv.items,
        .env = (const char *const *) env.items,
        .folder = config->folder,
        .timeout_ms = config->timeout_ms,
        .ret_stderr = &err,
        .tail_bytes = 32u << 10,
        .on_stdout = on_output,
        .context = &output,
    };

    hf_migrations_tell_begin(events, program);
    hf_status status = hf_child_run(&options, &result, error);

    pass_on(&output);
    hf_buf_done(&output.line);
    if (status != HF_OK)
        return hf_prefix(error, "the migration command \"%s\"", program);
    if (err.len > 0) {
        hf_redact(&err);
        hf_migrations_tell_output(events, hf_buf_text(&err));
    }
    if (result.timed_out || result.exit_status != 0)
        return fail_command(config, program, &result, &output, &err, error);
    hf_migrations_tell_end(events, program, result.took_ms);
    *applied = 1;
    return HF_OK;
}
