#include "restore/table_sql.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/catalog.h"
#include "pg/connection.h"
#include "pg/definition.h"

#define STATEMENT_MAX (64u << 20)
#define INHERITS "\n)\nINHERITS ("

static bool take(const char **at, const char *text)
{
    if (!hf_starts_with(*at, text))
        return false;
    *at += strlen(text);
    return true;
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char) c) || c == '_' || c == '$' || (unsigned char) c >= 0x80;
}

/* A name, quoted or not; the caller owns what it says. */
static char *take_name(const char **at)
{
    HF_AUTO_BUF name = HF_BUF_MAX(4096);
    const char *p = *at;

    if (*p != '"') {
        while (is_name_byte(*p))
            hf_buf_putc(&name, *p++);
    } else {
        for (p++; *p != '\0' && !(*p == '"' && p[1] != '"'); p++) {
            p += *p == '"';
            hf_buf_putc(&name, *p);
        }
        if (*p++ != '"')
            return NULL;
    }
    if (name.len == 0 || name.overflowed)
        return NULL;
    *at = p;
    return hf_buf_take(&name);
}

/* "schema.name", and it is the one. */
static bool take_relation(const char **at, hf_relation wanted)
{
    const char *p = *at;
    HF_AUTO_STR schema = take_name(&p);

    if (schema == NULL || !hf_streq(schema, wanted.schema) || *p++ != '.')
        return false;
    HF_AUTO_STR name = take_name(&p);
    if (name == NULL || !hf_streq(name, wanted.name))
        return false;
    *at = p;
    return true;
}

/* The statement at *at, without its semicolon; NULL at the end.  The caller owns it. */
static char *next_statement(const char **at)
{
    while (isspace((unsigned char) **at) || **at == ';')
        ++*at;
    const char *begin = *at, *p = begin;

    while (*p != '\0' && *p != ';') {
        const char *next = hf_definition_after_quoted(begin, p);

        p = next > p ? next : p + 1;
    }
    if (p == begin)
        return NULL;
    *at = p;
    return hf_strndup(begin, (size_t) (p - begin));
}

static hf_status not_understood(const hf_entry *entry, const char *statement, hf_error *error)
{
    HF_AUTO_STR shown = hf_pg_table_shown(entry->schema != NULL ? entry->schema : "", entry->tag);

    (void) hf_fail(error, HF_E_UNSUPPORTED, "the definition of %s has a part that is not understood: %.200s",
                   shown, statement);
    (void) hf_hint(error, "restore the whole snapshot with --into, and copy the table from there");
    return HF_E_UNSUPPORTED;
}

static hf_relation own_name(const hf_entry *entry)
{
    return (hf_relation){.schema = entry->schema != NULL ? entry->schema : "", .name = entry->tag};
}

/* Where the list of parents begins in a definition, behind its bracket; NULL: it inherits nothing. */
static const char *find_parents(const char *definition)
{
    for (const char *p = definition; *p != '\0' && *p != ';';) {
        const char *next = hf_definition_after_quoted(definition, p);

        if (next == p && hf_starts_with(p, INHERITS))
            return p + strlen(INHERITS);
        p = next > p ? next : p + 1;
    }
    return NULL;
}

hf_status hf_table_sql_parents(const hf_entry *entry, hf_strings *ret_names, hf_error *error)
{
    const char *p = find_parents(entry->definition);

    if (p == NULL)
        return HF_OK;
    do {
        HF_AUTO_STR schema = take_name(&p);
        bool qualified = schema != NULL && take(&p, ".");
        HF_AUTO_STR name = qualified ? take_name(&p) : NULL;

        if (name == NULL)
            return not_understood(entry, find_parents(entry->definition), error);
        hf_strings_add(ret_names, schema);
        hf_strings_add(ret_names, name);
    } while (take(&p, ", "));
    return *p == ')' ? HF_OK : not_understood(entry, p, error);
}

/* "CREATE TABLE to" and the rest of the statement, with other parents. */
static void add_create(hf_buf *sql, const char *rest, hf_relation to, const hf_relation *parents)
{
    const char *list = find_parents(rest);

    /* An unlogged table's copy is to outlive a crash. */
    hf_buf_puts(sql, "CREATE TABLE ");
    hf_sql_qualified(sql, to.schema, to.name);
    if (list == NULL) {
        hf_buf_puts(sql, rest);
        return;
    }
    hf_buf_append(sql, rest, (size_t) (list - rest));
    for (size_t i = 0; *list != ')'; i++) {
        if (i > 0)
            hf_buf_puts(sql, ", ");
        hf_sql_qualified(sql, parents[i].schema, parents[i].name);
        /* the one that it stands for; hf_table_sql_parents() has read it */
        free(take_name(&list));
        (void) take(&list, ".");
        free(take_name(&list));
        (void) take(&list, ", ");
    }
    hf_buf_puts(sql, list);
}

/* Behind "ALTER TABLE [ONLY] from", or NULL. */
static const char *after_alter(const char *statement, hf_relation from)
{
    if (!take(&statement, "ALTER TABLE "))
        return NULL;
    (void) take(&statement, "ONLY ");
    return take_relation(&statement, from) ? statement : NULL;
}

static void add_alter(hf_buf *sql, const char *rest, hf_relation to)
{
    hf_buf_puts(sql, "ALTER TABLE ONLY ");
    hf_sql_qualified(sql, to.schema, to.name);
    hf_buf_puts(sql, rest);
}

hf_status hf_table_sql_create(const hf_entry *entry, hf_relation to, const hf_relation *parents,
                              hf_strings *ret_statements, hf_error *error)
{
    const char *at = entry->definition;
    size_t number = 0;

    for (char *next; (next = next_statement(&at)) != NULL; number++) {
        HF_AUTO_STR statement = next;
        HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);
        const char *p = statement;

        if (number == 0) {
            if (!(take(&p, "CREATE TABLE ") || take(&p, "CREATE UNLOGGED TABLE ")) ||
                !take_relation(&p, own_name(entry)))
                return not_understood(entry, statement, error);
            add_create(&sql, p, to, parents);
        } else {
            p = after_alter(statement, own_name(entry));
            if (p == NULL)
                return not_understood(entry, statement, error);
            /* The rest is about replication, row security and the like, which a copy does not share. */
            if (!hf_starts_with(p, " ALTER COLUMN ") && !hf_starts_with(p, " ADD CONSTRAINT "))
                continue;
            add_alter(&sql, p, to);
        }
        HF_TRY(hf_buf_check(&sql, "statement", error));
        hf_strings_add(ret_statements, hf_buf_text(&sql));
    }
    return number > 0 ? HF_OK : not_understood(entry, "", error);
}

static bool mentions_nextval(const char *text)
{
    for (const char *p = text; *p != '\0';) {
        const char *next = hf_definition_after_quoted(text, p);

        if (next == p && hf_starts_with(p, "nextval("))
            return true;
        p = next > p ? next : p + 1;
    }
    return false;
}

hf_status hf_table_sql_default(const hf_entry *entry, hf_relation from, hf_relation to, char **ret_statement,
                               char **ret_column, hf_error *error)
{
    const char *at = entry->definition;
    HF_AUTO_STR statement = next_statement(&at);
    const char *rest = statement != NULL ? after_alter(statement, from) : NULL;
    const char *p = rest;
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);

    if (rest == NULL || !take(&p, " ALTER COLUMN "))
        return not_understood(entry, entry->definition, error);
    HF_AUTO_STR column = take_name(&p);
    if (column == NULL || !take(&p, " SET DEFAULT "))
        return not_understood(entry, entry->definition, error);
    if (!mentions_nextval(p)) {
        add_alter(&sql, rest, to);
        HF_TRY(hf_buf_check(&sql, "statement", error));
    }
    *ret_statement = sql.len > 0 ? hf_buf_take(&sql) : NULL;
    *ret_column = HF_TAKE(column);
    return HF_OK;
}

char *hf_table_sql_identity(const hf_entry *entry, hf_relation from)
{
    const char *p = after_alter(entry->definition, from);

    if (p == NULL || !take(&p, " ALTER COLUMN "))
        return NULL;
    HF_AUTO_STR column = take_name(&p);
    return column != NULL && hf_starts_with(p, " ADD GENERATED ") ? HF_TAKE(column) : NULL;
}

/* The name, and what comes before and behind name and table in the first statement; false if it makes no key of the table. */
static bool take_key(const char *statement, hf_relation from, char **ret_name, const char **ret_rest)
{
    const char *p = after_alter(statement, from);
    HF_AUTO_STR name = NULL;

    if (p != NULL) {
        if (!take(&p, "\n    ADD CONSTRAINT "))
            return false;
        name = take_name(&p);
        if (!hf_starts_with(p, " PRIMARY KEY ") && !hf_starts_with(p, " UNIQUE "))
            return false;
    } else {
        p = statement;
        if (!take(&p, "CREATE UNIQUE INDEX "))
            return false;
        name = take_name(&p);
        if (name == NULL || !take(&p, " ON "))
            return false;
        (void) take(&p, "ONLY ");
        if (!take_relation(&p, from) || !hf_starts_with(p, " USING "))
            return false;
    }
    *ret_rest = p;
    *ret_name = HF_TAKE(name);
    return *ret_name != NULL;
}

char *hf_table_sql_key(const hf_entry *entry, hf_relation from)
{
    const char *at = entry->definition, *rest;
    HF_AUTO_STR statement = next_statement(&at);
    char *name = NULL;

    return statement != NULL && take_key(statement, from, &name, &rest) ? name : NULL;
}

char *hf_table_sql_make_key(const hf_entry *entry, hf_relation from, hf_relation to, const char *new_name)
{
    const char *at = entry->definition, *rest = "";
    HF_AUTO_STR statement = next_statement(&at);
    HF_AUTO_STR name = NULL;
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);

    if (statement == NULL || !take_key(statement, from, &name, &rest))
        return NULL;
    if (hf_starts_with(statement, "ALTER TABLE ")) {
        add_alter(&sql, "\n    ADD CONSTRAINT ", to);
        hf_sql_name(&sql, new_name);
    } else {
        hf_buf_puts(&sql, "CREATE UNIQUE INDEX ");
        hf_sql_name(&sql, new_name);
        hf_buf_puts(&sql, " ON ");
        hf_sql_qualified(&sql, to.schema, to.name);
    }
    hf_buf_puts(&sql, rest);
    return hf_buf_take(&sql);
}
