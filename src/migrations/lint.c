#include "migrations/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "migrations/lint_state.h"
#include "migrations/lint_statements.h"

#define ALLOW "holdfast:allow"

const char *hf_lock_name(hf_lock lock)
{
    static const char *const names[] = {
        "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",   "SHARE UPDATE EXCLUSIVE",
        "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"};
    return names[lock];
}

static void statement_done(hf_lint_statement *statement)
{
    free(statement->kind);
    for (size_t i = 0; i < statement->relations.count; i++)
        free(statement->relations.items[i].name);
    free(statement->relations.items);
    for (size_t i = 0; i < statement->findings.count; i++) {
        free(statement->findings.items[i].about);
        free(statement->findings.items[i].allowed);
    }
    free(statement->findings.items);
}

void hf_lint_statements_done(hf_lint_statements *statements)
{
    for (size_t i = 0; i < statements->count; i++)
        statement_done(&statements->items[i]);
    free(statements->items);
    *statements = (hf_lint_statements){0};
}

hf_lint *hf_lint_new(json_t *facts)
{
    hf_lint *lint = hf_alloc(sizeof(*lint));

    lint->world = facts;
    return lint;
}

void hf_lint_free(hf_lint *lint)
{
    if (lint == NULL)
        return;
    json_decref(lint->world);
    free(lint);
}

void hf_lint_freep(hf_lint **lint)
{
    hf_lint_free(*lint);
    *lint = NULL;
}

/* ---- what statements mention ---- */

static void add_name(json_t *names, const char *name)
{
    if (name[0] != '\0')
        json_array_append_new(names, json_string(name));
}

static void add_relation(json_t *relations, const char *schema, const char *name)
{
    if (name[0] != '\0')
        json_array_append_new(relations, json_pack("{s:s?, s:s}", "schema", schema, "name", name));
}

static void mentions_of(const json_t *tree, json_t *relations, json_t *functions, json_t *types)
{
    const json_t *names = json_object_get(json_object_get(tree, "List"), "items");
    const char *key;
    size_t i;
    json_t *item;

    if (json_object_get(tree, "relname") != NULL)
        add_relation(relations, json_string_value(json_object_get(tree, "schemaname")),
                     hf_world_text(tree, "relname"));
    if (json_array_size(names) >
        0) { /* DROP's and COMMENT's: [schema,] table [, column]; too many do no harm */
        const char *last = hf_world_last_name(names), *before = hf_world_schema_name(names);

        add_relation(relations, before, last);
        if (before != NULL)
            add_relation(relations, NULL, before);
        if (json_array_size(names) == 3)
            add_relation(relations,
                         json_string_value(
                             json_object_get(json_object_get(json_array_get(names, 0), "String"), "sval")),
                         before);
    }
    if (json_is_array(json_object_get(tree, "funcname")))
        add_name(functions, hf_world_last_name(json_object_get(tree, "funcname")));
    if (json_object_get(tree, "typemod") != NULL)
        add_name(types, hf_world_last_name(json_object_get(tree, "names")));
    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item) mentions_of(item, relations, functions, types);
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) mentions_of(item, relations, functions, types);
}

void hf_lint_mentions(const hf_statements *statements, json_t *relations, json_t *functions, json_t *types)
{
    for (size_t i = 0; i < statements->count; i++)
        mentions_of(statements->items[i].tree, relations, functions, types);
}

/* ---- for the statement under way ---- */

static hf_lint_statement *current(hf_lint *lint)
{
    return &lint->statements->items[lint->current];
}

static void add_finding(hf_lint_statement *statement, int rule, const char *about)
{
    for (size_t i = 0; i < statement->findings.count; i++) {
        const hf_lint_finding *finding = &statement->findings.items[i];

        if (finding->rule == &hf_rules[rule] && hf_streq(finding->about, about))
            return;
    }
    hf_lint_finding *finding = HF_APPEND_NEW(&statement->findings);
    finding->rule = &hf_rules[rule];
    finding->about = hf_strdup(about);
}

void hf_lint_find(hf_lint *lint, int rule, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        hf_out_of_memory();
    va_end(args);
    add_finding(current(lint), rule, text);
    free(text);
}

static hf_lint_relation *relation_of(hf_lint_statement *statement, const char *name)
{
    for (size_t i = 0; i < statement->relations.count; i++)
        if (hf_streq(statement->relations.items[i].name, name))
            return &statement->relations.items[i];

    hf_lint_relation *relation = HF_APPEND_NEW(&statement->relations);
    relation->name = hf_strdup(name);
    return relation;
}

static void touch(hf_lint *lint, const json_t *known, const char *name, hf_lock lock)
{
    hf_lint_statement *statement = current(lint);
    hf_lint_relation *relation = relation_of(statement, name);

    relation->known = known != NULL;
    relation->is_new = hf_world_is_new(known);
    relation->rows = json_integer_value(json_object_get(known, "rows"));
    relation->bytes = (uint64_t) json_integer_value(json_object_get(known, "bytes"));
    relation->lock = lock > relation->lock ? lock : relation->lock;
    if (relation->is_new)
        return;
    statement->lock = lock > statement->lock ? lock : statement->lock;
    lint->has_ddl |= lock >= HF_LOCK_SHARE;
}

static char *shown_name(const char *schema, const char *name)
{
    return schema != NULL ? hf_format("%s.%s", schema, name) : hf_strdup(name);
}

void hf_lint_touch_found(hf_lint *lint, const json_t *relation, const json_t *names, hf_lock lock)
{
    HF_AUTO_STR name = relation != NULL
                           ? shown_name(hf_world_text(relation, "schema"), hf_world_text(relation, "name"))
                           : shown_name(hf_world_schema_name(names), hf_world_last_name(names));

    touch(lint, relation, name, lock);
}

json_t *hf_lint_touch(hf_lint *lint, const json_t *range, hf_lock lock)
{
    json_t *relation = hf_world_find(lint->world, range);

    if (relation != NULL) {
        hf_lint_touch_found(lint, relation, NULL, lock);
    } else {
        HF_AUTO_STR name = shown_name(json_string_value(json_object_get(range, "schemaname")),
                                      hf_world_text(range, "relname"));

        touch(lint, NULL, name, lock);
    }
    return relation;
}

void hf_lint_rewrites(hf_lint *lint, const json_t *relation)
{
    if (!hf_world_is_new(relation))
        current(lint)->rewrites = current(lint)->scans = true;
}

void hf_lint_scans(hf_lint *lint, const json_t *relation)
{
    if (!hf_world_is_new(relation))
        current(lint)->scans = true;
}

/* ---- probable renames ---- */

void hf_lint_trace_column(hf_lint *lint, const json_t *relation, const json_t *column, bool dropped)
{
    hf_lint_trace *trace = HF_APPEND_NEW(&lint->traces);

    trace->statement = lint->current;
    trace->relation = hf_strdup(hf_world_text(relation, "name"));
    trace->name = hf_strdup(hf_world_text(column, "name"));
    trace->shape = json_incref(json_object_get(column, "type"));
    trace->dropped = dropped;
}

void hf_lint_trace_relation(hf_lint *lint, const json_t *relation, bool dropped)
{
    hf_lint_trace *trace = HF_APPEND_NEW(&lint->traces);

    trace->statement = lint->current;
    trace->relation = hf_strdup(hf_world_text(relation, "name"));
    trace->shape = json_incref(json_object_get(relation, "columns"));
    trace->dropped = dropped;
}

/* Two thirds of the columns are the same by name and type. */
static bool is_like_shape(const json_t *a, const json_t *b)
{
    size_t i, k, same = 0,
                 more = json_array_size(a) > json_array_size(b) ? json_array_size(a) : json_array_size(b);
    json_t *one, *other;

    json_array_foreach(a, i, one) json_array_foreach(b, k, other) same +=
        hf_streq(hf_world_text(one, "name"), hf_world_text(other, "name")) &&
        hf_streq(hf_world_text(one, "type"), hf_world_text(other, "type"));
    return more > 0 && 3 * same >= 2 * more;
}

static bool is_rename(const hf_lint_trace *from, const hf_lint_trace *to)
{
    if (!from->dropped || to->dropped || (from->name == NULL) != (to->name == NULL))
        return false;
    if (from->name == NULL)
        return is_like_shape(from->shape, to->shape);
    return hf_streq(from->relation, to->relation) && json_equal(from->shape, to->shape);
}

static void find_renames(hf_lint *lint)
{
    for (size_t i = 0; i < lint->traces.count; i++)
        for (size_t k = 0; k < lint->traces.count; k++) {
            const hf_lint_trace *from = &lint->traces.items[i], *to = &lint->traces.items[k];

            if (!is_rename(from, to))
                continue;
            lint->current = from->statement;
            hf_lint_find(lint, HF_RULE_PROBABLE_RENAME, "\"%s\" to \"%s\"",
                         from->name != NULL ? from->name : from->relation,
                         to->name != NULL ? to->name : to->relation);
            break;
        }
}

/* ---- comments that allow ---- */

static const hf_statement *statement_of_comment(const hf_statements *list, const char *sql, size_t at,
                                                size_t *ret_index)
{
    for (size_t i = 0; i < list->count; i++) {
        const hf_statement *statement = &list->items[i];
        size_t end = statement->at + statement->len;

        if (at >= end && memchr(sql + end, '\n', at - end) != NULL)
            continue; /* below its last line */
        *ret_index = i;
        return statement;
    }
    return NULL;
}

/* "RULE reason": allow what the rule found about the statement. */
static void allow(hf_lint_statement *statement, const char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strcspn(text, " \t");
    const hf_rule *rule = hf_rule_find(text, len);
    const char *reason = text + len + strspn(text + len, " \t");

    if (rule == NULL || reason[0] == '\0') {
        HF_AUTO_STR about =
            hf_format(rule == NULL ? "\"%.*s\"" : "\"%.*s\" without a reason", (int) len, text);

        add_finding(statement, HF_RULE_BAD_ALLOW, about);
        return;
    }
    for (size_t i = 0; i < statement->findings.count; i++) {
        hf_lint_finding *finding = &statement->findings.items[i];

        if (finding->rule == rule && finding->allowed == NULL)
            finding->allowed = hf_strdup(reason);
    }
}

static char *comment_text(const char *from, size_t len)
{
    len = strcspn(from, "\r\n") < len ? strcspn(from, "\r\n") : len;
    while (len > 0 && strchr(" \t*/", from[len - 1]) != NULL)
        len--;
    return hf_strndup(from, len);
}

static void read_allowances(hf_lint *lint, const char *sql, const hf_statements *list)
{
    size_t at = 0, end, index;

    while ((at = hf_statements_comment(sql, at, &end)) != (size_t) -1) {
        const char *word = memmem(sql + at, end - at, ALLOW, strlen(ALLOW));

        if (word != NULL && statement_of_comment(list, sql, at, &index) != NULL) {
            HF_AUTO_STR text =
                comment_text(word + strlen(ALLOW), (size_t) (sql + end - word) - strlen(ALLOW));

            allow(&lint->statements->items[index], text);
        }
        at = end;
    }
}

/* ---- a file ---- */

/* Many rows are changed, and the file holds strong locks meanwhile. */
static void find_updates_with_ddl(hf_lint *lint)
{
    size_t i;
    json_t *number;

    if (!lint->has_ddl)
        return;
    json_array_foreach(lint->changed_rows, i, number)
    {
        lint->current = (size_t) json_integer_value(number);
        hf_lint_find(lint, HF_RULE_UPDATE_WITH_DDL, "\"%s\"", current(lint)->relations.items[0].name);
    }
}

static void find_open_transaction(hf_lint *lint)
{
    if (!lint->in_transaction)
        return;
    lint->current = lint->begun_at;
    hf_lint_find(lint, HF_RULE_BEGIN_WITHOUT_COMMIT, "%s", "");
}

static void end_file(hf_lint *lint)
{
    for (size_t i = 0; i < lint->traces.count; i++) {
        free(lint->traces.items[i].relation);
        free(lint->traces.items[i].name);
        json_decref(lint->traces.items[i].shape);
    }
    free(lint->traces.items);
    json_decref(lint->enum_values);
    json_decref(lint->not_valid);
    json_decref(lint->changed_rows);
    *lint = (hf_lint){.world = lint->world};
}

void hf_lint_file(hf_lint *lint, const char *sql, const hf_statements *statements,
                  hf_lint_statements *ret_statements)
{
    lint->statements = ret_statements;
    lint->count = statements->count;
    lint->enum_values = json_object();
    lint->not_valid = json_object();
    lint->changed_rows = json_array();
    for (size_t i = 0; i < statements->count; i++) {
        const hf_statement *from = &statements->items[i];
        hf_lint_statement *statement = HF_APPEND_NEW(ret_statements);

        statement->at = from->at;
        statement->len = from->len;
        statement->line = from->line;
        lint->current = i;
        if (from->tree != NULL)
            statement->kind = hf_lint_statement_look(lint, from->tree);
        else
            statement->kind = hf_lint_text_look(lint, sql + from->at, from->len, from->problem);
    }
    find_renames(lint);
    find_updates_with_ddl(lint);
    find_open_transaction(lint);
    read_allowances(lint, sql, statements);
    end_file(lint);
}
