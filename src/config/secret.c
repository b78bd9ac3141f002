#include "config/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

enum { SECRET_MAX_BYTES = 64 << 10, STDERR_TAIL_BYTES = 300, COMMAND_TIMEOUT_MS = 60000 };

static void cleanse(void *memory, size_t len)
{
    explicit_bzero(memory, len);
}

static void cleanse_buf(hf_buf *buf)
{
    if (buf->data != NULL)
        cleanse(buf->data, buf->capacity);
    hf_buf_done(buf);
}

void hf_secret_freep(char **text)
{
    if (*text == NULL)
        return;
    cleanse(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void hf_secret_source_done(hf_secret_source *source)
{
    free(source->name);
    hf_strings_done(&source->argv);
    *source = (hf_secret_source){0};
}

static hf_status read_env(const hf_secret_source *source, const char *what, hf_buf *text, hf_error *error)
{
    const char *value = getenv(source->name);

    if (value == NULL || value[0] == '\0') {
        hf_fail(error, HF_E_USAGE, "%s: the environment variable \"%s\" is %s", what, source->name,
                value == NULL ? "not set" : "empty");
        return hf_hint(error, "export %s=... before calling holdfast", source->name);
    }
    hf_buf_puts(text, value);
    return HF_OK;
}

static hf_status read_file(const hf_secret_source *source, const char *what, hf_buf *text, hf_error *error)
{
    hf_status status = hf_file_read(source->name, text, error);

    if (status == HF_OK)
        return HF_OK;
    if (status == HF_E_NOT_FOUND)
        hf_fail(error, HF_E_USAGE, "%s: there is no file \"%s\"", what, source->name);
    else
        hf_prefix(error, "%s", what);
    return hf_hint(error, "the configuration says that it is in this file, alone, as text");
}

static hf_status run_command(const hf_secret_source *source, const char *what, hf_buf *text, hf_error *error)
{
    const char *program = source->argv.items[0];
    const char **argv = hf_alloc((source->argv.count + 1) * sizeof(*argv));
    HF_AUTO_BUF complaint = HF_BUF_MAX(4 * STDERR_TAIL_BYTES);
    hf_child_result result = {0};

    memcpy(argv, source->argv.items, source->argv.count * sizeof(*argv));
    hf_child_options options = {.argv = argv,
                                .timeout_ms = COMMAND_TIMEOUT_MS,
                                .ret_stdout = text,
                                .ret_stderr = &complaint,
                                .tail_bytes = 0};
    hf_status status = hf_child_run(&options, &result, error);
    free(argv);
    if (status != HF_OK) {
        hf_prefix(error, "%s", what);
        return status;
    }
    if (result.timed_out)
        return hf_fail(error, HF_E_TIMEOUT, "%s: the command \"%s\" did not end within 60 s", what, program);
    if (result.exit_status != 0) {
        const char *said = hf_buf_text(&complaint);
        size_t len = complaint.len;

        while (len > 0 && (said[len - 1] == '\n' || said[len - 1] == '\r'))
            len--;
        hf_fail(error, HF_E_USAGE, "%s: the command \"%s\" ended with status %d%s%.*s", what, program,
                result.exit_status, len > 0 ? ": " : "",
                (int) (len > STDERR_TAIL_BYTES ? STDERR_TAIL_BYTES : len), said);
        return hf_hint(error, "run it by hand; it must print the secret and nothing else");
    }
    return HF_OK;
}

hf_status hf_source_read(const hf_secret_source *source, const char *what, char **ret_text, hf_error *error)
{
    HF_AUTO(cleanse_buf) hf_buf text = HF_BUF_MAX(SECRET_MAX_BYTES);
    const char *name = source->kind == HF_SECRET_COMMAND ? source->argv.items[0] : source->name;

    /* Room for all of it from the start: a buffer that grows leaves copies behind. */
    if (hf_buf_reserve(&text, SECRET_MAX_BYTES - 1) == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory");
    switch (source->kind) {
    case HF_SECRET_ENV:
        HF_TRY(read_env(source, what, &text, error));
        break;
    case HF_SECRET_FILE:
        HF_TRY(read_file(source, what, &text, error));
        break;
    case HF_SECRET_COMMAND:
        HF_TRY(run_command(source, what, &text, error));
        break;
    case HF_SECRET_NONE:
        return hf_fail(error, HF_E_USAGE, "%s is not configured", what);
    }
    if (hf_buf_check(&text, what, error) != HF_OK)
        return hf_fail(error, HF_E_USAGE, "%s: \"%s\" gives more than 64 KiB", what, name);

    size_t len = text.len;
    if (len > 0 && text.data[len - 1] == '\n')
        len--;
    if (len > 0 && text.data[len - 1] == '\r')
        len--;
    if (len == 0) {
        hf_fail(error, HF_E_USAGE, "%s: \"%s\" gives nothing", what, name);
        return hf_hint(error, "the configuration says that it comes from there");
    }
    if (memchr(text.data, '\0', len) != NULL)
        return hf_fail(error, HF_E_USAGE, "%s: \"%s\" gives a text with a NUL character", what, name);
    *ret_text = hf_strndup(text.data, len);
    return HF_OK;
}

hf_status hf_secret_read(const hf_secret_source *source, const char *what, char **ret_text, hf_error *error)
{
    HF_AUTO_SECRET secret = NULL;

    if (source->kind == HF_SECRET_ENV)
        hf_child_hide_env(source->name);
    HF_TRY(hf_source_read(source, what, &secret, error));
    hf_log_redact(secret);
    *ret_text = HF_TAKE(secret);
    return HF_OK;
}
