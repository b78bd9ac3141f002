/*
 * What the server prints is not always what it prints once it has read that.  Two such cases are known:
 *
 *     (ARRAY['a'::character varying])::text[]     printed of status IN ('a') on a varchar column
 *     ARRAY[('a'::character varying)::text]       printed after that was read: the cast has moved to the elements
 *
 *     FROM (VALUES ...)                           becomes FROM ( VALUES ...)
 *
 * A restored database has the second spelling, so both are brought to it before they are compared.  Quoted text is left
 * alone.
 */
#include "pg/definition.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

#define CAST_OF_ARRAY "(ARRAY["
#define DEPTH_MAX 50

static const char *after_quoted(const char *at, char quote, bool has_escapes)
{
    for (at++; *at != '\0'; at++) {
        if (has_escapes && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == quote && at[1] == quote)
            at++;
        else if (*at == quote)
            return at + 1;
    }
    return at;
}

/* $tag$ ... $tag$; a lone "$" (a parameter) is passed over. */
static const char *after_dollar(const char *at)
{
    const char *end = at + 1;

    while (isalnum((unsigned char) *end) || *end == '_')
        end++;
    if (*end != '$' || isdigit((unsigned char) at[1]))
        return at + 1;

    size_t len = (size_t) (end + 1 - at);
    for (const char *next = end + 1; *next != '\0'; next++)
        if (strncmp(next, at, len) == 0)
            return next + len;
    return at + strlen(at);
}

/* Whether a word ends just before `at`. */
static bool follows_word(const char *begin, const char *at)
{
    return at > begin && (isalnum((unsigned char) at[-1]) || at[-1] == '_');
}

const char *hf_definition_after_quoted(const char *begin, const char *at)
{
    if (*at == '\'')
        return after_quoted(at, '\'',
                            at > begin && (at[-1] == 'E' || at[-1] == 'e') && !follows_word(begin, at - 1));
    if (*at == '"')
        return after_quoted(at, '"', false);
    if (*at == '$' && !follows_word(begin, at))
        return after_dollar(at);
    return at;
}

/* The first of `wanted` outside quotes and brackets that open behind `from`, or NULL. */
static const char *find_outside(const char *from, const char *end, const char *wanted)
{
    int depth = 0;

    for (const char *at = from; at < end;) {
        const char *next = hf_definition_after_quoted(from, at);

        if (next > at) {
            at = next;
            continue;
        }
        if (depth == 0 && strchr(wanted, *at) != NULL)
            return at;
        depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
        at++;
    }
    return NULL;
}

/* "text[]", "character varying(3)[]", "\"S\".\"T\"[]": the length without "[]", 0 if it is none of these. */
static size_t array_type(const char *at, const char *end)
{
    const char *begin = at;
    bool in_modifier = false;

    while (at < end) {
        const char *next = hf_definition_after_quoted(begin, at);

        if (at > begin && at + 1 < end && at[0] == '[' && at[1] == ']')
            return (size_t) (at - begin);
        if (next > at) {
            at = next;
            continue;
        }
        if (*at == (in_modifier ? ')' : '('))
            in_modifier = !in_modifier;
        else if (!isalnum((unsigned char) *at) && strchr(in_modifier ? "," : "_. ", *at) == NULL &&
                 (unsigned char) *at < 0x80)
            return 0;
        at++;
    }
    return 0;
}

static void add_canonical(hf_buf *out, const char *begin, const char *end, int depth);

/* "(ARRAY[...])::T[]" at `at`: append its other spelling.  Gives what follows it, or NULL if it is not that. */
static const char *add_array(hf_buf *out, const char *at, const char *end, int depth)
{
    const char *items = at + strlen(CAST_OF_ARRAY);
    const char *close = find_outside(items, end, "]");

    if (close == NULL || end - close < 4 || strncmp(close, "])::", 4) != 0)
        return NULL;

    const char *type = close + 4;
    size_t type_len = array_type(type, end);
    if (type_len == 0)
        return NULL;

    hf_buf_puts(out, "ARRAY[");
    while (items < close) {
        const char *comma = find_outside(items, close, ",");
        const char *item_end = comma != NULL ? comma : close;

        while (items < item_end && *items == ' ')
            items++;
        hf_buf_putc(out, '(');
        add_canonical(out, items, item_end, depth + 1);
        hf_buf_puts(out, ")::");
        hf_buf_append(out, type, type_len);
        if (comma != NULL)
            hf_buf_puts(out, ", ");
        items = comma != NULL ? comma + 1 : close;
    }
    hf_buf_putc(out, ']');
    return type + type_len + 2;
}

static bool begins_with(const char *at, const char *end, const char *text)
{
    size_t len = strlen(text);

    return (size_t) (end - at) >= len && memcmp(at, text, len) == 0;
}

static void add_canonical(hf_buf *out, const char *begin, const char *end, int depth)
{
    for (const char *at = begin; at < end;) {
        const char *next = hf_definition_after_quoted(begin, at);

        if (next == at && depth < DEPTH_MAX && begins_with(at, end, CAST_OF_ARRAY)) {
            const char *after = add_array(out, at, end, depth);
            if (after != NULL) {
                at = after;
                continue;
            }
        }
        if (next == at && begins_with(at, end, "( VALUES ")) {
            hf_buf_putc(out, '(');
            at += 2;
            continue;
        }
        if (next == at)
            next = at + 1;
        hf_buf_append(out, at, (size_t) (next - at));
        at = next;
    }
}

void hf_definition_canonical(hf_buf *out, const char *definition)
{
    add_canonical(out, definition, definition + strlen(definition), 0);
}
