/* Statements that read and write rows, and the functions that they call. */
#include <string.h>

#include "base/text.h"
#include "migrations/lint_statements.h"

#define MANY_ROWS 10000
#define MANY_BYTES (8u << 20)

static const char *text(const json_t *thing, const char *member)
{
    return hf_world_text(thing, member);
}

static bool truth(const json_t *thing, const char *member)
{
    return json_is_true(json_object_get(thing, member));
}

static const json_t *get(const json_t *thing, const char *member)
{
    return json_object_get(thing, member);
}

bool hf_lint_is_ledger(const char *name)
{
    return hf_streq(name, "_prisma_migrations") || hf_streq(name, "_holdfast_migrations");
}

/* A table of the user's may be called pg_something, but the schema pg_catalog goes first. */
static bool is_catalog(const json_t *range, const json_t *relation)
{
    const char *schema = text(range, "schemaname");

    return hf_streq(schema, "pg_catalog") ||
           (schema[0] == '\0' && relation == NULL && hf_starts_with(text(range, "relname"), "pg_"));
}

static void note_changed_rows(hf_lint *lint, const json_t *relation)
{
    if (hf_world_is_new(relation))
        return;
    if (relation == NULL || json_integer_value(get(relation, "rows")) >= MANY_ROWS ||
        json_integer_value(get(relation, "bytes")) >= MANY_BYTES)
        json_array_append_new(lint->changed_rows, json_integer((json_int_t) lint->current));
}

/* An UPDATE of nothing but columns that the plan itself adds overwrites nothing. */
static bool sets_only_new(const json_t *tree, const json_t *relation)
{
    const json_t *targets = get(tree, "targetList");
    size_t i;
    json_t *item;

    json_array_foreach(targets, i, item)
    {
        if (!hf_world_is_new(hf_world_column(relation, text(get(item, "ResTarget"), "name"))))
            return false;
    }
    return json_array_size(targets) > 0;
}

/* Whether a WHERE looks at anything: "WHERE true" and "WHERE 1 = 1" do not. */
static bool looks_at_rows(const json_t *tree)
{
    const char *key;
    size_t i;
    json_t *item;

    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item)
        {
            if (hf_streq(key, "ColumnRef") || hf_streq(key, "SubLink") || hf_streq(key, "CurrentOfExpr") ||
                looks_at_rows(item))
                return true;
        }
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) if (looks_at_rows(item)) return true;
    return false;
}

static void change_rows(hf_lint *lint, const json_t *tree, int rule)
{
    const json_t *range = get(tree, "relation");
    const json_t *relation = hf_lint_touch(lint, range, HF_LOCK_ROW_EXCLUSIVE);

    if (hf_lint_is_ledger(text(range, "relname")))
        hf_lint_find(lint, HF_RULE_LEDGER, "\"%s\"", text(range, "relname"));
    if (is_catalog(range, relation))
        hf_lint_find(lint, HF_RULE_SYSTEM_CATALOG, "\"%s\"", text(range, "relname"));
    if (rule >= 0)
        note_changed_rows(lint, relation);
    if (rule < 0 || hf_world_is_new(relation))
        return;
    hf_lint_scans(lint, relation);
    if (!looks_at_rows(get(tree, "whereClause")) &&
        !(rule == HF_RULE_UPDATE_ALL && sets_only_new(tree, relation)))
        hf_lint_find(lint, rule, "\"%s\"", text(range, "relname"));
}

/* INSERT, UPDATE, DELETE and MERGE wherever they stand, WITH too. */
void hf_lint_look_at_changes(hf_lint *lint, const json_t *tree)
{
    static const struct {
        const char *node;
        int rule; /* for none: -1 */
    } changes[] = {{"InsertStmt", -1},
                   {"UpdateStmt", HF_RULE_UPDATE_ALL},
                   {"DeleteStmt", HF_RULE_DELETE_ALL},
                   {"MergeStmt", -1}};
    const char *key;
    size_t i;
    json_t *item;

    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item)
        {
            for (size_t k = 0; k < sizeof(changes) / sizeof(changes[0]); k++)
                if (hf_streq(changes[k].node, key))
                    change_rows(lint, item, changes[k].rule);
            hf_lint_look_at_changes(lint, item);
        }
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) hf_lint_look_at_changes(lint, item);
}

/* Built in, and yet they take something away. */
static bool takes_away(const char *name)
{
    static const char *const names[] = {"lo_unlink", "lo_truncate", "lo_truncate64",
                                        "pg_drop_replication_slot", NULL};

    for (size_t i = 0; names[i] != NULL; i++)
        if (hf_streq(names[i], name))
            return true;
    return false;
}

static void look_at_call(hf_lint *lint, const json_t *call)
{
    const char *name = hf_world_last_name(get(call, "funcname"));
    const json_t *arguments = get(call, "args");
    const char *first = text(get(get(json_array_get(arguments, 0), "A_Const"), "sval"), "sval");
    const json_t *local = get(get(get(json_array_get(arguments, 2), "A_Const"), "boolval"), "boolval");

    if (hf_streq(name, "set_config"))
        hf_world_change_path(lint->world);
    if (hf_streq(name, "set_config") && hf_streq(first, "session_replication_role") &&
        hf_streq(text(get(get(json_array_get(arguments, 1), "A_Const"), "sval"), "sval"), "replica"))
        hf_lint_find(lint, HF_RULE_DISABLE_PROTECTION, "%s", first);
    if (hf_streq(name, "set_config") && !json_is_true(local))
        hf_lint_find(lint, hf_streq(first, "search_path") ? HF_RULE_SET_SEARCH_PATH : HF_RULE_SET_LEAKS, "%s",
                     first);
    else if (hf_starts_with(name, "pg_advisory_unlock"))
        hf_lint_find(lint, HF_RULE_DISCARD, "%s()", name);
    else if (json_is_null(get(get(lint->world, "opaque"), name)) ||
             get(get(lint->world, "opaque"), name) == NULL ||
             json_is_true(get(get(lint->world, "opaque"), name)) || takes_away(name))
        hf_lint_find(lint, HF_RULE_OPAQUE_CODE, "%s()", name);
}

static void look_at_calls(hf_lint *lint, const json_t *tree)
{
    const char *key;
    size_t i;
    json_t *item;

    if (get(tree, "FuncCall") != NULL)
        look_at_call(lint, get(tree, "FuncCall"));
    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item) look_at_calls(lint, item);
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) look_at_calls(lint, item);
}

/* The relations that a query reads; names of WITH are not known, and not shown. */
static void look_at_reads(hf_lint *lint, const json_t *tree, hf_lock lock)
{
    const json_t *range = get(tree, "RangeVar");
    const char *key;
    size_t i;
    json_t *item;

    if (range != NULL && hf_world_find(lint->world, range) != NULL)
        (void) hf_lint_touch(lint, range, lock);
    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item) look_at_reads(lint, item, lock);
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) look_at_reads(lint, item, lock);
}

static void create_as(hf_lint *lint, const json_t *into, bool may_exist, const char *kind)
{
    const json_t *range = get(into, "rel");

    if (range == NULL || (may_exist && hf_world_find(lint->world, range) != NULL))
        return;
    hf_lint_touch_found(lint, hf_world_add(lint->world, range, kind), NULL, HF_LOCK_ACCESS_EXCLUSIVE);
}

void hf_lint_select(hf_lint *lint, const json_t *tree)
{
    create_as(lint, get(tree, "intoClause"), false, "r");
    look_at_calls(lint, tree);
    look_at_reads(lint, tree,
                  json_array_size(get(tree, "lockingClause")) > 0 ? HF_LOCK_ROW_SHARE : HF_LOCK_ACCESS_SHARE);
}

void hf_lint_change(hf_lint *lint, const json_t *tree)
{
    look_at_calls(lint, tree);
    look_at_reads(lint, tree, HF_LOCK_ACCESS_SHARE);
}

void hf_lint_create_table_as(hf_lint *lint, const json_t *tree)
{
    look_at_calls(lint, tree);
    look_at_reads(lint, get(tree, "query"), HF_LOCK_ACCESS_SHARE);
    create_as(lint, get(tree, "into"), truth(tree, "if_not_exists"),
              hf_streq(text(tree, "objtype"), "OBJECT_MATVIEW") ? "m" : "r");
}

void hf_lint_create_view(hf_lint *lint, const json_t *tree)
{
    look_at_reads(lint, get(tree, "query"), HF_LOCK_ACCESS_SHARE);
    if (hf_world_find(lint->world, get(tree, "view")) != NULL)
        (void) hf_lint_touch(lint, get(tree, "view"), HF_LOCK_ACCESS_EXCLUSIVE);
    else
        hf_lint_touch_found(lint, hf_world_add(lint->world, get(tree, "view"), "v"), NULL,
                            HF_LOCK_ACCESS_EXCLUSIVE);
}

void hf_lint_copy(hf_lint *lint, const json_t *tree)
{
    bool is_from = truth(tree, "is_from");

    look_at_calls(lint, get(tree, "query"));
    look_at_reads(lint, get(tree, "query"), HF_LOCK_ACCESS_SHARE);
    if (get(tree, "relation") != NULL)
        (void) hf_lint_touch(lint, get(tree, "relation"),
                             is_from ? HF_LOCK_ROW_EXCLUSIVE : HF_LOCK_ACCESS_SHARE);
    if (get(tree, "filename") == NULL)
        hf_lint_find(lint, HF_RULE_COPY_FROM_STDIN, "%s", is_from ? "FROM STDIN" : "TO STDOUT");
    else if (truth(tree, "is_program"))
        hf_lint_find(lint, HF_RULE_OPAQUE_CODE, "PROGRAM");
}

void hf_lint_truncate(hf_lint *lint, const json_t *tree)
{
    size_t i;
    json_t *item;

    json_array_foreach(get(tree, "relations"), i, item)
    {
        const json_t *relation = hf_lint_touch(lint, get(item, "RangeVar"), HF_LOCK_ACCESS_EXCLUSIVE);

        if (!hf_world_is_new(relation))
            hf_lint_find(lint, HF_RULE_TRUNCATE, "\"%s\"", text(get(item, "RangeVar"), "relname"));
    }
    if (hf_streq(text(tree, "behavior"), "DROP_CASCADE"))
        hf_lint_find(lint, HF_RULE_CASCADE, "%s", "TRUNCATE");
}
