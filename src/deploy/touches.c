#include "deploy/touches.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "deploy/sql.h"
#include "pg/connection.h"
#include "pg/statements.h"

#define SQL_MAX (8u << 20)

typedef struct touch {
    hf_rows *rows;
    bool *direct; /* of rows: named by a statement */
    bool *deep;   /* named by one that changes rows, or behind such a one */
    char *unknown;
} touch;

static void touch_done(touch *self)
{
    hf_rows_free(self->rows);
    free(self->direct);
    free(self->deep);
    free(self->unknown);
}

static bool is_word_part(char c)
{
    return isalnum((unsigned char) c) || c == '_' || c == '$' || (unsigned char) c >= 0x80;
}

/* Does the name stand in the text as a word, in whatever case? */
static bool names(const char *text, size_t len, const char *name)
{
    const size_t name_len = strlen(name);

    for (size_t i = 0; name_len > 0 && i + name_len <= len; i++)
        if (strncasecmp(text + i, name, name_len) == 0 && (i == 0 || !is_word_part(text[i - 1])) &&
            (i + name_len == len || !is_word_part(text[i + name_len])))
            return true;
    return false;
}

/* Statements that change the rows of no table but those that they name. */
static bool is_definition(const json_t *tree)
{
    static const char *const kinds[] = {"CreateStmt",
                                        "AlterTableStmt",
                                        "IndexStmt",
                                        "DropStmt",
                                        "RenameStmt",
                                        "CreateEnumStmt",
                                        "AlterEnumStmt",
                                        "CommentStmt",
                                        "CreateSchemaStmt",
                                        "CreateSeqStmt",
                                        "AlterSeqStmt",
                                        "ViewStmt",
                                        "CreateTrigStmt",
                                        "CreateFunctionStmt",
                                        "VariableSetStmt",
                                        "TransactionStmt",
                                        "CreateDomainStmt",
                                        "AlterDomainStmt",
                                        "GrantStmt",
                                        "CreateExtensionStmt",
                                        "AlterOwnerStmt",
                                        "ReindexStmt",
                                        "VacuumStmt",
                                        "CreateStatsStmt",
                                        "AlterObjectSchemaStmt",
                                        "CreatePolicyStmt",
                                        "CompositeTypeStmt"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (json_object_get(tree, kinds[i]) != NULL)
            return true;
    return false;
}

static void set_unknown(touch *self, char *why)
{
    if (self->unknown == NULL)
        self->unknown = why;
    else
        free(why);
}

static void add_statement(touch *self, const char *migration, const char *text, size_t len,
                          const json_t *tree)
{
    static const char *const dynamic[] = {"DoStmt", "CallStmt", "ExecuteStmt"};
    const bool is_deep = !is_definition(tree);

    for (size_t i = 0; i < sizeof(dynamic) / sizeof(dynamic[0]); i++)
        if (json_object_get(tree, dynamic[i]) != NULL)
            set_unknown(self, hf_format("\"%s\" runs code, which may change any table", migration));
    if (tree == NULL)
        set_unknown(self, hf_format("a statement of \"%s\" is not understood", migration));
    for (size_t i = 0; i < hf_rows_count(self->rows); i++) {
        const char *name = hf_rows_text(self->rows, i, "name");

        if (!names(text, len, name))
            continue;
        if (hf_rows_text(self->rows, i, "schema") == NULL)
            set_unknown(self, hf_format("\"%s\" names the function \"%s\", which may change any table",
                                        migration, name));
        self->direct[i] = true;
        self->deep[i] = self->deep[i] || is_deep;
    }
}

static void add_migration(touch *self, const hf_migration *migration)
{
    HF_AUTO_BUF text = HF_BUF_MAX(SQL_MAX);
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    hf_error error;

    if (hf_file_read(migration->path, &text, &error) != HF_OK ||
        hf_statements_read(hf_buf_text(&text), text.len, &statements, &error) != HF_OK) {
        set_unknown(self, hf_format("\"%s\" cannot be read: %s", migration->name, error.message));
        return;
    }
    for (size_t i = 0; i < statements.count; i++)
        add_statement(self, migration->name, hf_buf_text(&text) + statements.items[i].at,
                      statements.items[i].len, statements.items[i].tree);
}

static bool has_oid(const char *list, const char *oid)
{
    const size_t len = strlen(oid);

    for (const char *at = list; at != NULL; at = strchr(at, ','), at = at != NULL ? at + 1 : NULL)
        if (strncmp(at, oid, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

/* From the tables whose rows are changed to those behind them, until there is nothing new. */
static void follow(touch *self)
{
    for (bool is_new = true; is_new;) {
        is_new = false;
        for (size_t i = 0; i < hf_rows_count(self->rows); i++)
            for (size_t j = 0; self->deep[i] && j < hf_rows_count(self->rows); j++)
                if (!self->deep[j] && hf_rows_text(self->rows, j, "oid") != NULL &&
                    has_oid(hf_rows_text(self->rows, i, "targets"), hf_rows_text(self->rows, j, "oid")))
                    is_new = self->deep[j] = true;
    }
    for (size_t i = 0; i < hf_rows_count(self->rows); i++)
        if (self->deep[i] && hf_rows_bool(self->rows, i, "is_active"))
            set_unknown(self, hf_format("\"%s\" has triggers or rules, which may change any table",
                                        hf_rows_text(self->rows, i, "name")));
}

static hf_status read_catalog(touch *self, const char *url, hf_error *error)
{
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "preflight"}, &pg, error));
    return hf_pg_query(pg, hf_sql_touches, 0, NULL, &self->rows, error);
}

json_t *hf_touches_look(const hf_migrations_config *config, const char *url, const hf_migration_list *list)
{
    HF_AUTO(touch_done) touch self = {0};
    json_t *tables = json_array();
    hf_error error;

    if (config->kind == HF_MIGRATIONS_COMMAND)
        self.unknown = hf_strdup("a migration command does not tell what it changes");
    else if (hf_migration_list_pending(list) > 0 && read_catalog(&self, url, &error) != HF_OK)
        self.unknown = hf_strdup(error.message);
    const size_t count = self.rows != NULL ? hf_rows_count(self.rows) : 0;
    self.direct = hf_alloc(count + 1);
    self.deep = hf_alloc(count + 1);
    for (size_t i = 0; self.rows != NULL && i < list->migrations.count; i++)
        if (hf_migration_is_pending(&list->migrations.items[i]))
            add_migration(&self, &list->migrations.items[i]);
    if (self.rows != NULL)
        follow(&self);
    for (size_t i = 0; i < count; i++)
        if ((self.direct[i] || self.deep[i]) && hf_rows_text(self.rows, i, "schema") != NULL)
            json_array_append_new(tables,
                                  json_pack("{s:s, s:s}", "schema", hf_rows_text(self.rows, i, "schema"),
                                            "name", hf_rows_text(self.rows, i, "name")));
    return json_pack("{s:o, s:s?}", "tables", tables, "unknown", self.unknown);
}

char *hf_touches_why(const json_t *touches, const char *schema, const char *name)
{
    const char *unknown = json_string_value(json_object_get(touches, "unknown"));
    const json_t *table;
    size_t i;

    if (!json_is_object(touches))
        return hf_strdup("what the migrations change is not known");
    json_array_foreach(json_object_get(touches, "tables"), i,
                       table) if (hf_streq(json_string_value(json_object_get(table, "schema")), schema) &&
                                  hf_streq(json_string_value(json_object_get(table, "name")),
                                           name)) return hf_strdup("a migration may have changed its rows");
    return hf_strdup(unknown);
}
