#include "migrations/unterminated.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool is_word(char c)
{
    return isalnum((unsigned char) c) || c == '_' || c == '$' || ((unsigned char) c & 0x80) != 0;
}

/* Each of these gives what is behind the thing that begins at `at`, or NULL if it never ends. */

static const char *after_comment(const char *at)
{
    int depth = 0;

    for (; *at != '\0'; at++) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at++;
        } else if (at[0] == '*' && at[1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        }
    }
    return NULL;
}

static const char *after_quote(const char *at, bool escapes)
{
    const char quote = *at++;

    for (; *at != '\0'; at++) {
        if (escapes && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == quote && at[1] == quote)
            at++;
        else if (*at == quote)
            return at + 1;
    }
    return NULL;
}

/* $tag$; a `$` that begins no tag is passed over. */
static const char *after_dollar(const char *at)
{
    const char *tag_end = at + 1;

    while (is_word(*tag_end) && *tag_end != '$')
        tag_end++;
    if (*tag_end != '$' || isdigit((unsigned char) at[1]))
        return at + 1;
    const size_t len = (size_t) (tag_end - at) + 1;
    for (const char *end = tag_end + 1; (end = strchr(end, '$')) != NULL; end++)
        if (strncmp(end, at, len) == 0)
            return end + len;
    return NULL;
}

/* Behind the name or keyword that begins at `at`; it may hold digits and `$`.  `at` itself where none begins. */
static const char *after_word(const char *at)
{
    if (!is_word(*at) || *at == '$' || isdigit((unsigned char) *at))
        return at;
    while (is_word(*at))
        at++;
    return at;
}

static const char *look(const char *sql, bool escapes, size_t *ret_at)
{
    for (const char *at = sql, *begin = sql; *at != '\0'; begin = at) {
        const char *what = NULL;

        if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\r\n");
        } else if (at[0] == '/' && at[1] == '*') {
            what = "a comment";
            at = after_comment(at);
        } else if (*at == '"') {
            what = "a quoted name";
            at = after_quote(at, false);
        } else if (*at == '\'' || ((*at == 'e' || *at == 'E') && at[1] == '\'')) {
            what = "a quoted text";
            at = after_quote(*at == '\'' ? at : at + 1, escapes || *at != '\'');
        } else if (*at == '$') {
            what = "a dollar quote";
            at = after_dollar(at);
        } else {
            const char *behind = after_word(at);

            at = behind > at ? behind : at + 1;
        }
        if (at == NULL) {
            *ret_at = (size_t) (begin - sql);
            return what;
        }
    }
    return NULL;
}

const char *hf_unterminated(const char *sql, size_t *ret_at)
{
    size_t ignored;

    return look(sql, true, &ignored) != NULL ? look(sql, false, ret_at) : NULL;
}
