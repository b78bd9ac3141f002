#include "checks/jq.h"

#include <jq.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "checks/excerpt.h"

#define MESSAGE_MAX (8u << 10)
#define SHOWN_BYTES 200
#define OUTPUTS_MAX 100000 /* `repeat(true)` never ends */

static void jq_done(jq_state **jq)
{
    if (*jq != NULL)
        jq_teardown(jq);
}

/* libjq would write to stderr.  The first message says it; the others count errors. */
static void collect_message(void *context, jv message)
{
    static const char prefix[] = "jq: error: ", advice[] = " (Unix shell quoting issues?)";
    hf_buf *out = context;
    jv text = jq_format_error(message);

    if (jv_get_kind(text) == JV_KIND_STRING && out->len == 0) {
        const char *words = jv_string_value(text);
        const char *misleading;

        if (hf_starts_with(words, prefix))
            words += sizeof(prefix) - 1;
        misleading = strstr(words, advice);
        hf_buf_append(out, words, misleading != NULL ? (size_t) (misleading - words) : strlen(words));
        if (misleading != NULL)
            hf_buf_puts(out, misleading + sizeof(advice) - 1);
    }
    jv_free(text);
}

static void drop_message(void *context, jv message)
{
    (void) context;
    jv_free(message);
}

static jv no_input(jq_state *jq, void *context)
{
    (void) jq;
    (void) context;
    return jv_invalid();
}

static jq_state *compile(const char *expression, hf_buf *messages)
{
    HF_AUTO(jq_done) jq_state *jq = jq_init();

    if (jq == NULL) {
        hf_buf_puts(messages, "out of memory");
        return NULL;
    }
    jq_set_error_cb(jq, collect_message, messages);
    jq_set_debug_cb(jq, drop_message, NULL);
    jq_set_input_cb(jq, no_input, NULL);
    jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/nonexistent")); /* where `import` looks */
    jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/nonexistent"));
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    if (jq_compile(jq, expression) == 0)
        return NULL;
    return HF_TAKE(jq);
}

hf_status hf_jq_compile(const char *expression, hf_error *error)
{
    HF_AUTO_BUF messages = HF_BUF_MAX(MESSAGE_MAX);
    HF_AUTO(jq_done) jq_state *jq = compile(expression, &messages);
    HF_AUTO_BUF shown = HF_BUF_MAX(MESSAGE_MAX);

    if (jq != NULL)
        return HF_OK;
    hf_excerpt_head(&shown, hf_buf_text(&messages), messages.len, 4 * SHOWN_BYTES);
    return hf_fail(error, HF_E_USAGE, "the jq expression does not compile: %s", hf_buf_text(&shown));
}

/* Takes `value`. */
static void show_value(hf_buf *out, jv value)
{
    jv text = jv_dump_string(value, 0);

    hf_excerpt_head(out, jv_string_value(text), (size_t) jv_string_length_bytes(jv_copy(text)), SHOWN_BYTES);
    jv_free(text);
}

/* An invalid jv's message in words; takes it. */
static void show_error(hf_buf *out, jv invalid)
{
    jv message = jv_invalid_get_msg(invalid);

    if (jv_get_kind(message) == JV_KIND_STRING) {
        hf_excerpt_head(out, jv_string_value(message), (size_t) jv_string_length_bytes(jv_copy(message)),
                        SHOWN_BYTES);
        jv_free(message);
    } else {
        show_value(out, message);
    }
}

/* False without a document, with the reason. */
static bool parse(const char *json, size_t len, jv *ret_document, hf_buf *why)
{
    if (strspn(json, " \t\r\n") == len) {
        hf_buf_puts(why, "the body is empty");
        return false;
    }
    if (len > INT_MAX) {
        hf_buf_puts(why, "the body is too large");
        return false;
    }
    jv document = jv_parse_sized(json, (int) len);

    if (jv_is_valid(document)) {
        *ret_document = document;
        return true;
    }
    hf_buf_puts(why, "the body is not JSON: ");
    show_error(why, document);
    return false;
}

/* The values one by one; true if all are neither false nor null. */
static bool all_hold(jq_state *jq, hf_buf *why)
{
    for (int outputs = 0; outputs < OUTPUTS_MAX; outputs++) {
        jv value = jq_next(jq);

        if (!jv_is_valid(value)) {
            bool failed = jv_invalid_has_msg(jv_copy(value)) || jq_halted(jq);

            if (failed) {
                hf_buf_puts(why, "jq stopped: ");
                show_error(why, value);
                return false;
            }
            jv_free(value);
            if (outputs == 0)
                hf_buf_puts(why, "jq gave no value");
            return outputs > 0;
        }
        jv_kind kind = jv_get_kind(value);

        jv_free(value);
        if (kind == JV_KIND_FALSE || kind == JV_KIND_NULL) {
            hf_buf_printf(why, "jq gave %s", kind == JV_KIND_FALSE ? "false" : "null");
            return false;
        }
    }
    hf_buf_puts(why, "jq gave too many values");
    return false;
}

/* Compiled and started on the document, or NULL with the reason. */
static jq_state *start(const char *expression, const char *json, size_t len, hf_buf *why)
{
    HF_AUTO_BUF messages = HF_BUF_MAX(MESSAGE_MAX);
    HF_AUTO(jq_done) jq_state *jq = compile(expression, &messages);
    jv document;

    if (jq == NULL) {
        hf_buf_puts(why, "the jq expression does not compile: ");
        hf_excerpt_head(why, hf_buf_text(&messages), messages.len, SHOWN_BYTES);
        return NULL;
    }
    if (!parse(json, len, &document, why))
        return NULL;
    jq_set_error_cb(jq, drop_message, NULL);
    jq_start(jq, document, 0);
    return HF_TAKE(jq);
}

bool hf_jq_holds(const char *expression, const char *json, size_t len, hf_buf *why)
{
    HF_AUTO(jq_done) jq_state *jq = start(expression, json, len, why);

    return jq != NULL && all_hold(jq, why);
}

/* Takes `value`. */
static bool as_number(jv value, double *ret_number, hf_buf *why)
{
    bool good = false;

    if (jv_get_kind(value) == JV_KIND_NUMBER) {
        *ret_number = jv_number_value(value);
        good = isfinite(*ret_number);
    } else if (jv_get_kind(value) == JV_KIND_STRING) {
        const char *text = jv_string_value(value);
        char *end = NULL;

        *ret_number = strtod(text, &end);
        good = end != text && *end == '\0' && isfinite(*ret_number);
    }
    if (good) {
        jv_free(value);
        return true;
    }
    hf_buf_puts(why, "jq gave no number: ");
    show_value(why, value);
    return false;
}

bool hf_jq_number(const char *expression, const char *json, size_t len, double *ret_number, hf_buf *why)
{
    HF_AUTO(jq_done) jq_state *jq = start(expression, json, len, why);

    if (jq == NULL)
        return false;
    jv value = jq_next(jq);
    if (jv_is_valid(value))
        return as_number(value, ret_number, why);
    if (jv_invalid_has_msg(jv_copy(value)) || jq_halted(jq)) {
        hf_buf_puts(why, "jq stopped: ");
        show_error(why, value);
    } else {
        jv_free(value);
        hf_buf_puts(why, "jq gave no value");
    }
    return false;
}
