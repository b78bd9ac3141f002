/* DROP, RENAME and SET SCHEMA. */
#include <string.h>

#include "base/text.h"
#include "migrations/lint_statements.h"

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

static void drop_relation(hf_lint *lint, const json_t *tree, const json_t *names, int rule)
{
    json_t *relation = hf_world_find_names(lint->world, names);

    if (relation == NULL && truth(tree, "missing_ok") && !hf_world_has_other_path(lint->world))
        return; /* nothing to drop */
    hf_lint_touch_found(lint, relation, names, HF_LOCK_ACCESS_EXCLUSIVE);
    if (hf_lint_is_ledger(hf_world_last_name(names)))
        hf_lint_find(lint, HF_RULE_LEDGER, "\"%s\"", hf_world_last_name(names));
    if (!hf_world_is_new(relation))
        hf_lint_find(lint, rule, "\"%s\"", hf_world_last_name(names));
    if (relation == NULL)
        return;
    if (rule == HF_RULE_DROP_TABLE)
        hf_lint_trace_relation(lint, relation, true);
    hf_world_drop(relation);
}

static void drop_index(hf_lint *lint, const json_t *tree, const json_t *names)
{
    bool concurrently = truth(tree, "concurrent");
    bool is_unique = false;
    const json_t *table = hf_world_table_of_index(lint->world, names, &is_unique);

    if (concurrently)
        hf_lint_needs_own_file(lint, "DROP INDEX CONCURRENTLY");
    if (table == NULL && truth(tree, "missing_ok") && !hf_world_has_other_path(lint->world))
        return;
    if (table != NULL)
        hf_lint_touch_found(lint, table, NULL,
                            concurrently ? HF_LOCK_SHARE_UPDATE_EXCLUSIVE : HF_LOCK_ACCESS_EXCLUSIVE);
    if (!concurrently && !hf_world_is_new(table))
        hf_lint_find(lint, HF_RULE_DROP_INDEX, "\"%s\"", hf_world_last_name(names));
    if (is_unique)
        hf_lint_find(lint, HF_RULE_DROP_CONSTRAINT, "the unique index \"%s\"", hf_world_last_name(names));
}

/* A trigger, policy or rule: the names are of its table, then its own. */
static void drop_from_table(hf_lint *lint, const json_t *tree, const json_t *names)
{
    json_t *of_table = json_copy((json_t *) names);
    const char *name = hf_world_last_name(names);

    json_array_remove(of_table, json_array_size(of_table) - 1);
    const json_t *relation = hf_world_find_names(lint->world, of_table);
    if (relation != NULL || !truth(tree, "missing_ok"))
        hf_lint_touch_found(lint, relation, of_table, HF_LOCK_ACCESS_EXCLUSIVE);
    if (!hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_DROP_OBJECT, "\"%s\"", name);
    json_decref(of_table);
}

static const json_t *names_of(const json_t *object)
{
    static const char *const paths[][2] = {
        {"List", "items"}, {"TypeName", "names"}, {"ObjectWithArgs", "objname"}};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (get(get(object, paths[i][0]), paths[i][1]) != NULL)
            return get(get(object, paths[i][0]), paths[i][1]);
    return NULL;
}

static void drop_one(hf_lint *lint, const json_t *tree, const char *kind, const json_t *object)
{
    static const char *const relations[] = {"VIEW", "MATVIEW", "SEQUENCE", "FOREIGN_TABLE", NULL};
    static const char *const of_tables[] = {"TRIGGER", "POLICY", "RULE", NULL};
    const json_t *names = names_of(object);
    const char *name = names != NULL ? hf_world_last_name(names) : text(get(object, "String"), "sval");

    if (hf_streq(kind, "TABLE")) {
        drop_relation(lint, tree, names, HF_RULE_DROP_TABLE);
        return;
    }
    if (hf_streq(kind, "INDEX")) {
        drop_index(lint, tree, names);
        return;
    }
    for (size_t i = 0; relations[i] != NULL; i++)
        if (hf_streq(relations[i], kind)) {
            drop_relation(lint, tree, names, HF_RULE_DROP_OBJECT);
            return;
        }
    for (size_t i = 0; of_tables[i] != NULL; i++)
        if (hf_streq(of_tables[i], kind)) {
            drop_from_table(lint, tree, names);
            return;
        }
    if (hf_streq(kind, "SCHEMA"))
        hf_lint_find(lint, HF_RULE_DROP_SCHEMA, "\"%s\"", name);
    else if (json_is_true(get(get(lint->world, "new_types"), name)))
        return;
    else if (hf_streq(kind, "TYPE") || hf_streq(kind, "DOMAIN"))
        hf_lint_find(lint, HF_RULE_DROP_TYPE, "\"%s\"", name);
    else
        hf_lint_find(lint, HF_RULE_DROP_OBJECT, "\"%s\"", name);
}

void hf_lint_drop(hf_lint *lint, const json_t *tree)
{
    const char *kind = text(tree, "removeType") + strlen("OBJECT_");
    size_t i;
    json_t *item;

    json_array_foreach(get(tree, "objects"), i, item) drop_one(lint, tree, kind, item);
    if (hf_streq(text(tree, "behavior"), "DROP_CASCADE"))
        hf_lint_find(lint, HF_RULE_CASCADE, "%s", "DROP");
}

void hf_lint_drop_database(hf_lint *lint, const json_t *tree)
{
    hf_lint_find(lint, HF_RULE_DROP_DATABASE, "\"%s%s\"", text(tree, "dbname"), text(tree, "tablespacename"));
    hf_lint_needs_own_file(lint, "DROP DATABASE");
}

void hf_lint_drop_owned(hf_lint *lint, const json_t *tree)
{
    (void) tree;
    hf_lint_find(lint, HF_RULE_DROP_OWNED, "%s", "");
}

void hf_lint_drop_role(hf_lint *lint, const json_t *tree)
{
    (void) tree;
    hf_lint_find(lint, HF_RULE_DROP_OBJECT, "%s", "a role");
}

/* ---- renames ---- */

static void rename_relation(hf_lint *lint, const json_t *tree, const char *kind)
{
    bool is_index = hf_streq(kind, "INDEX");
    json_t *relation = hf_world_find(lint->world, get(tree, "relation"));

    if (relation == NULL && (is_index || truth(tree, "missing_ok")))
        return;
    (void) hf_lint_touch(lint, get(tree, "relation"), HF_LOCK_ACCESS_EXCLUSIVE);
    if (!hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_RENAME_TABLE, "\"%s\" to \"%s\"", text(get(tree, "relation"), "relname"),
                     text(tree, "newname"));
    if (relation != NULL)
        json_object_set(relation, "name", json_object_get(tree, "newname"));
}

static void rename_column(hf_lint *lint, const json_t *tree)
{
    const json_t *relation = hf_lint_touch(lint, get(tree, "relation"), HF_LOCK_ACCESS_EXCLUSIVE);
    json_t *column = hf_world_column(relation, text(tree, "subname"));

    if (!hf_world_is_new(relation) && !hf_world_is_new(column))
        hf_lint_find(lint, HF_RULE_RENAME_COLUMN, "\"%s\" to \"%s\"", text(tree, "subname"),
                     text(tree, "newname"));
    if (column != NULL)
        json_object_set(column, "name", json_object_get(tree, "newname"));
}

void hf_lint_rename(hf_lint *lint, const json_t *tree)
{
    const char *kind = text(tree, "renameType") + strlen("OBJECT_");

    if (hf_streq(kind, "TABLE") || hf_streq(kind, "VIEW") || hf_streq(kind, "MATVIEW") ||
        hf_streq(kind, "FOREIGN_TABLE") || hf_streq(kind, "INDEX"))
        rename_relation(lint, tree, kind);
    else if (hf_streq(kind, "COLUMN"))
        rename_column(lint, tree);
    else if (hf_streq(kind, "SCHEMA"))
        hf_lint_find(lint, HF_RULE_RENAME_TABLE, "schema \"%s\"", text(tree, "subname"));
    else if (hf_streq(kind, "TYPE") || hf_streq(kind, "DOMAIN") || hf_streq(kind, "ATTRIBUTE"))
        hf_lint_find(lint, HF_RULE_RENAME_TYPE, "to \"%s\"", text(tree, "newname"));
    else if (get(tree, "relation") != NULL)
        (void) hf_lint_touch(lint, get(tree, "relation"), HF_LOCK_ACCESS_EXCLUSIVE);
}

void hf_lint_move(hf_lint *lint, const json_t *tree)
{
    const json_t *range = get(tree, "relation");
    json_t *relation = hf_world_find(lint->world, range);

    if (range == NULL)
        return;
    (void) hf_lint_touch(lint, range, HF_LOCK_ACCESS_EXCLUSIVE);
    if (!hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_RENAME_TABLE, "\"%s\" to schema \"%s\"", text(range, "relname"),
                     text(tree, "newschema"));
    if (relation != NULL)
        json_object_set(relation, "schema", json_object_get(tree, "newschema"));
}
