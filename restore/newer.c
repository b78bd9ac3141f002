/*
 * pg_dump writes keywords in upper case, one space apart, and puts names that are not in lower case in quotes: so words outside
 * quotes are what they seem to be, as long as the depth of brackets is right (an expression is always in its own).
 */
#include "restore/newer.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "pg/definition.h"

#define ANY_DEPTH (-1)

static bool is_of_word(char c)
{
    return isalnum((unsigned char) c) || c == '_' || c == '$' || (unsigned char) c >= 0x80;
}

/* The first place behind `words` at that depth of brackets, or NULL. */
static const char *find_words(const char *text, const char *words, int wanted)
{
    size_t len = strlen(words);
    int depth = 0;

    for (const char *at = text; *at != '\0';) {
        const char *next = hf_definition_after_quoted(text, at);
        if (next > at) {
            at = next;
            continue;
        }
        if ((wanted == ANY_DEPTH || depth == wanted) && strncmp(at, words, len) == 0 &&
            !(at > text && is_of_word(*words) && is_of_word(at[-1])) &&
            !(is_of_word(words[len - 1]) && is_of_word(at[len])))
            return at + len;
        depth += (*at == '(') - (*at == ')');
        at++;
    }
    return NULL;
}

/* GENERATED ALWAYS AS (...) without STORED behind it. */
static bool has_virtual_column(const char *text)
{
    const char *at = text;

    while ((at = find_words(at, "GENERATED ALWAYS AS", ANY_DEPTH)) != NULL) {
        const char *end = find_words(at, ")", 1);
        if (end == NULL || !hf_starts_with(end, " STORED"))
            return end != NULL;
        at = end;
    }
    return false;
}

/* "CONSTRAINT name NOT NULL column", or without a name: as a line of its own, not behind a column. */
static bool has_not_null_of_table(const char *text)
{
    for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line, '\n')) {
        line += 1 + strspn(line + 1, " ");
        if (hf_starts_with(line, "CONSTRAINT ")) {
            line += strlen("CONSTRAINT ");
            const char *end = hf_definition_after_quoted(line, line);
            line = end > line ? end : line + strcspn(line, " \n");
            line += *line == ' ';
        }
        if (hf_starts_with(line, "NOT NULL "))
            return true;
    }
    return false;
}

static const struct {
    int since;
    const char *kind; /* of entries; ends in '*': begins with it */
    int depth;
    const char *words; /* NULL: all entries of this kind */
    const char *name;
} features[] = {
    {18, "TABLE", 1, "NOT NULL NO INHERIT", "NOT NULL constraints that are not inherited"},
    {18, "TABLE", 1, "NOT ENFORCED", "constraints that are not enforced"},
    {18, "CONSTRAINT", 0, "NOT NULL", "NOT NULL constraints that are not validated"},
    {18, "CONSTRAINT", 1, "WITHOUT OVERLAPS", "keys WITHOUT OVERLAPS"},
    {18, "FK CONSTRAINT", 1, "PERIOD", "foreign keys with PERIOD"},
    {18, "FK CONSTRAINT", 0, "NOT ENFORCED", "constraints that are not enforced"},
    {18, "CHECK CONSTRAINT", 0, "NOT ENFORCED", "constraints that are not enforced"},
    {18, "DEFAULT ACL", 0, "ON LARGE OBJECTS", "default privileges on large objects"},
    {18, "PUBLICATION", 1, "publish_generated_columns", "publications of generated columns"},
    {17, "ACL", 0, "MAINTAIN", "the privilege MAINTAIN (--acl none leaves it out)"},
    {17, "DEFAULT ACL", 0, "MAINTAIN", "the privilege MAINTAIN (--acl none leaves it out)"},
    {17, "COLLATION", 1, "provider = builtin", "collations of the builtin provider"},
    {17, "EVENT TRIGGER", 0, "ON login", "event triggers on login"},
    {17, "SUBSCRIPTION", 1, "failover = true", "subscriptions with failover"},
    {16, "COLLATION", 1, "rules =", "collations with rules of their own"},
    {16, "SUBSCRIPTION", 1, "streaming = parallel", "subscriptions with streaming = parallel"},
    {16, "SUBSCRIPTION", 1, "origin = none", "subscriptions with origin = none"},
    {16, "SUBSCRIPTION", 1, "password_required = false", "subscriptions without a password"},
    {15, "CONSTRAINT", 0, "NULLS NOT DISTINCT", "UNIQUE NULLS NOT DISTINCT"},
    {15, "INDEX", 0, "NULLS NOT DISTINCT", "UNIQUE NULLS NOT DISTINCT"},
    {15, "VIEW", 1, "security_invoker", "views with security_invoker"},
    {15, "SEQUENCE*", 0, "UNLOGGED SEQUENCE", "unlogged sequences"},
    {15, "PUBLICATION TABLE", 0, "(", "publications with columns or a condition"},
    {15, "PUBLICATION TABLES IN SCHEMA", 0, NULL, "publications of schemas"},
    {15, "SUBSCRIPTION", 1, "two_phase = on", "subscriptions with two_phase"},
    {15, "SUBSCRIPTION", 1, "disable_on_error = true", "subscriptions with disable_on_error"},
};

static bool fits_kind(const char *kind, const char *wanted)
{
    size_t len = strlen(wanted);

    return wanted[len - 1] == '*' ? strncmp(kind, wanted, len - 1) == 0 : strcmp(kind, wanted) == 0;
}

const char *hf_entry_is_newer(const hf_entry *entry, int server_version, int *ret_since)
{
    int major = server_version / 10000;
    bool is_table = strcmp(entry->kind, "TABLE") == 0;

    *ret_since = 18;
    if (major < 18 && is_table && has_virtual_column(entry->definition))
        return "virtual generated columns";
    if (major < 18 && is_table && has_not_null_of_table(entry->definition))
        return "NOT NULL constraints of the table";
    *ret_since = 17;
    if (major < 17 && entry->relkind == 'p' && entry->access_method != NULL && *entry->access_method != '\0')
        return "an access method of a partitioned table";
    for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
        *ret_since = features[i].since;
        if (major < features[i].since && fits_kind(entry->kind, features[i].kind) &&
            (features[i].words == NULL ||
             find_words(entry->definition, features[i].words, features[i].depth) != NULL))
            return features[i].name;
    }
    return NULL;
}
