/* CREATE TABLE and ALTER TABLE: a table of sub-commands with their locks, and a function for each that needs a closer look. */
#include <string.h>

#include "base/text.h"
#include "migrations/lint_statements.h"
#include "migrations/types.h"

typedef struct alteration {
    hf_lint *lint;
    json_t *relation; /* NULL: not known */
    const json_t *command;
    const json_t *definition; /* what the command's "def" holds, without the name of its node; or NULL */
    const char *name;         /* of the column, constraint or trigger; "" for none */
} alteration;

static const char *text(const json_t *thing, const char *member)
{
    return hf_world_text(thing, member);
}

static bool truth(const json_t *thing, const char *member)
{
    return json_is_true(json_object_get(thing, member));
}

/* The content of a node {"Kind": {...}}. */
static const json_t *content(const json_t *node)
{
    return json_object_iter_value(json_object_iter((json_t *) node));
}

static const char *relation_name(const alteration *change)
{
    return change->relation != NULL ? text(change->relation, "name") : "";
}

/* ---- default expressions ---- */

static bool calls_volatile(const json_t *world, const json_t *tree)
{
    static const char *const known[] = {"random",  "clock_timestamp", "timeofday",
                                        "nextval", "gen_random_uuid", NULL};
    const json_t *call = json_object_get(tree, "FuncCall");
    const char *key;
    size_t i;
    json_t *item;

    if (call != NULL) {
        const char *name = hf_world_last_name(json_object_get(call, "funcname"));
        const json_t *volatility = json_object_get(json_object_get(world, "volatile"), name);

        for (size_t k = 0; known[k] != NULL; k++)
            if (hf_streq(known[k], name))
                return true;
        if (volatility == NULL || json_is_true(volatility))
            return true;
    }
    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item) if (calls_volatile(world, item)) return true;
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) if (calls_volatile(world, item)) return true;
    return false;
}

/* ---- columns ---- */

static bool is_serial(const char *type)
{
    return strstr(type, "serial") != NULL;
}

/* A domain with a constraint is checked row by row, by a rewrite. */
static bool is_checked_domain(const json_t *world, const char *name)
{
    size_t i;
    json_t *type;

    json_array_foreach(json_object_get(world, "types"), i, type)
    {
        if (hf_streq(text(type, "name"), name) && hf_streq(text(type, "kind"), "d") && truth(type, "checked"))
            return true;
    }
    return false;
}

typedef struct column_traits {
    bool not_null, has_default, is_volatile, is_identity, is_generated, is_unique, is_primary;
    const json_t *check, *reference; /* constraints, or NULL */
} column_traits;

static column_traits traits_of(const json_t *world, const json_t *definition)
{
    column_traits traits = {0};
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(definition, "constraints"), i, item)
    {
        const json_t *constraint = json_object_get(item, "Constraint");
        const char *kind = text(constraint, "contype");

        traits.not_null |= hf_streq(kind, "CONSTR_NOTNULL");
        traits.is_identity |= hf_streq(kind, "CONSTR_IDENTITY");
        traits.is_generated |= hf_streq(kind, "CONSTR_GENERATED");
        traits.is_unique |= hf_streq(kind, "CONSTR_UNIQUE");
        traits.is_primary |= hf_streq(kind, "CONSTR_PRIMARY");
        if (hf_streq(kind, "CONSTR_CHECK"))
            traits.check = constraint;
        if (hf_streq(kind, "CONSTR_FOREIGN"))
            traits.reference = constraint;
        if (hf_streq(kind, "CONSTR_DEFAULT")) {
            const json_t *null = json_object_get(
                json_object_get(json_object_get(constraint, "raw_expr"), "A_Const"), "isnull");

            traits.has_default = null == NULL;
            traits.is_volatile = calls_volatile(world, json_object_get(constraint, "raw_expr"));
        }
    }
    return traits;
}

static void look_at_json(const alteration *change, const json_t *definition)
{
    const hf_sql_type type = hf_sql_type_of_tree(json_object_get(definition, "typeName"));

    if (hf_streq(type.name, "json"))
        hf_lint_find(change->lint, HF_RULE_JSON_COLUMN, "column \"%s\"", text(definition, "colname"));
}

static void add_foreign_key(const alteration *change, const json_t *constraint);

static void add_column(const alteration *change)
{
    hf_lint *lint = change->lint;
    const json_t *definition = change->definition;
    const char *name = text(definition, "colname");
    const hf_sql_type type = hf_sql_type_of_tree(json_object_get(definition, "typeName"));
    column_traits traits = traits_of(lint->world, definition);
    bool makes_values = is_serial(type.name) || traits.is_identity;
    bool rewrites = makes_values || traits.is_volatile || traits.is_generated ||
                    is_checked_domain(lint->world, type.name);

    if (truth(change->command, "missing_ok") && hf_world_column(change->relation, name) != NULL)
        return;
    look_at_json(change, definition);
    if (!hf_world_is_new(change->relation)) {
        if (rewrites)
            hf_lint_rewrites(lint, change->relation);
        if (traits.is_generated)
            hf_lint_find(lint, HF_RULE_STORED_GENERATED, "column \"%s\"", name);
        else if (rewrites)
            hf_lint_find(lint, HF_RULE_VOLATILE_DEFAULT, "column \"%s\"", name);
        if ((traits.not_null || traits.is_primary) && !traits.has_default && !makes_values &&
            !traits.is_generated)
            hf_lint_find(lint, HF_RULE_REQUIRED_COLUMN, "column \"%s\"", name);
        if (traits.is_primary)
            hf_lint_find(lint, HF_RULE_ADD_PRIMARY_KEY, "column \"%s\"", name);
        if (traits.is_unique)
            hf_lint_find(lint, HF_RULE_ADD_UNIQUE, "column \"%s\"", name);
        if (traits.check != NULL) {
            hf_lint_find(lint, HF_RULE_ADD_CHECK, "column \"%s\"", name);
            hf_lint_scans(lint, change->relation);
        }
        if (traits.is_primary || traits.is_unique)
            hf_lint_scans(lint, change->relation);
    }
    /* without a default the new column is NULL everywhere, which no foreign key refuses: it is not scanned */
    if (traits.reference != NULL && (traits.has_default || makes_values))
        add_foreign_key(change, traits.reference);
    else if (traits.reference != NULL)
        (void) hf_lint_touch(lint, json_object_get(traits.reference, "pktable"), HF_LOCK_SHARE_ROW_EXCLUSIVE);
    if (change->relation == NULL)
        return;
    json_t *column = hf_world_add_column(change->relation, definition);
    hf_lint_trace_column(lint, change->relation, column, false);
}

static void drop_column(const alteration *change)
{
    json_t *column = hf_world_column(change->relation, change->name);

    if (column == NULL && change->relation != NULL && truth(change->command, "missing_ok"))
        return;
    if (!hf_world_is_new(change->relation) && !hf_world_is_new(column))
        hf_lint_find(change->lint, HF_RULE_DROP_COLUMN, "column \"%s\" of \"%s\"", change->name,
                     relation_name(change));
    if (column == NULL)
        return;
    hf_lint_trace_column(change->lint, change->relation, column, true);
    hf_world_remove_column(change->relation, change->name);
}

static void drop_default(const alteration *change)
{
    if (change->definition == NULL && !hf_world_is_new(change->relation) &&
        !hf_world_is_new(hf_world_column(change->relation, change->name)))
        hf_lint_find(change->lint, HF_RULE_DROP_DEFAULT, "column \"%s\"", change->name);
}

static void drop_not_null(const alteration *change)
{
    if (!hf_world_is_new(change->relation) &&
        !hf_world_is_new(hf_world_column(change->relation, change->name)))
        hf_lint_find(change->lint, HF_RULE_DROP_NOT_NULL, "column \"%s\"", change->name);
}

static void set_not_null(const alteration *change)
{
    const json_t *column = hf_world_column(change->relation, change->name);

    if (hf_world_is_new(change->relation) || truth(column, "not_null") ||
        hf_world_is_checked_not_null(change->relation, change->name))
        return;
    hf_lint_scans(change->lint, change->relation);
    hf_lint_find(change->lint, HF_RULE_SET_NOT_NULL, "column \"%s\"", change->name);
}

/* USING that says no more than the change of type does: c, or c::type. */
static bool is_plain_using(const json_t *using, const char *column)
{
    const json_t *cast = json_object_get(using, "TypeCast");
    const json_t *fields;

    if (cast != NULL)
        using = json_object_get(cast, "arg");
    fields = json_object_get(json_object_get(using, "ColumnRef"), "fields");
    return json_array_size(fields) > 0 && hf_streq(hf_world_last_name(fields), column);
}

/* A CHECK or foreign key over a column is checked anew when the column's type changes, even to itself. */
static bool is_constrained(const alteration *change)
{
    size_t i;
    json_t *constraint;

    json_array_foreach(json_object_get(change->relation, "constraints"), i, constraint)
    {
        const char *kind = text(constraint, "kind");

        if ((hf_streq(kind, "c") || hf_streq(kind, "f")) &&
            truth(json_object_get(constraint, "columns"), change->name))
            return true;
    }
    return false;
}

static void change_type(const alteration *change)
{
    hf_lint *lint = change->lint;
    json_t *column = hf_world_column(change->relation, change->name);
    const hf_sql_type from = hf_sql_type_of_column(column);
    const hf_sql_type to = hf_sql_type_of_tree(json_object_get(change->definition, "typeName"));
    const json_t *using = json_object_get(change->definition, "raw_default");
    bool is_plain = using == NULL || is_plain_using(using, change->name);
    const char *shown = column != NULL ? text(column, "shown") : "";

    look_at_json(change, change->definition);
    if (hf_world_is_new(change->relation))
        return;
    if ((!hf_sql_type_widens(&from, &to) || !is_plain) && !hf_world_is_new(column))
        hf_lint_find(lint, HF_RULE_NARROW_TYPE, "column \"%s\", now %s", change->name,
                     shown[0] != '\0' ? shown : "of a type not known");
    if (is_plain && column != NULL && !hf_sql_type_rewrites(&from, &to, truth(lint->world, "utc")) &&
        !is_checked_domain(lint->world, to.name)) {
        if (is_constrained(change))
            hf_lint_scans(lint, change->relation);
        return;
    }
    hf_lint_rewrites(lint, change->relation);
    hf_lint_find(lint, HF_RULE_REWRITE_TYPE, "column \"%s\"", change->name);
}

/* ---- constraints ---- */

static void add_foreign_key(const alteration *change, const json_t *constraint)
{
    const json_t *other =
        hf_lint_touch(change->lint, json_object_get(constraint, "pktable"), HF_LOCK_SHARE_ROW_EXCLUSIVE);

    if (hf_world_is_new(change->relation))
        return;
    if (truth(constraint, "skip_validation")) {
        json_object_set_new(change->lint->not_valid, text(constraint, "conname"), json_true());
        return;
    }
    hf_lint_scans(change->lint, change->relation);
    hf_lint_find(change->lint, HF_RULE_ADD_FOREIGN_KEY, "to \"%s\"%s",
                 text(json_object_get(constraint, "pktable"), "relname"),
                 hf_world_is_new(other) ? ", a new table" : "");
}

/* CHECK (column IS NOT NULL), as pg_get_constraintdef() writes it; "" for any other. */
static char *not_null_definition(const json_t *constraint)
{
    const json_t *test = json_object_get(json_object_get(constraint, "raw_expr"), "NullTest");
    const json_t *fields =
        json_object_get(json_object_get(json_object_get(test, "arg"), "ColumnRef"), "fields");

    if (!hf_streq(text(test, "nulltesttype"), "IS_NOT_NULL") || json_array_size(fields) != 1)
        return hf_strdup("");
    return hf_format("CHECK ((%s IS NOT NULL))", hf_world_last_name(fields));
}

static void add_check(const alteration *change, const json_t *constraint)
{
    HF_AUTO_STR definition = not_null_definition(constraint);
    bool is_valid = !truth(constraint, "skip_validation");

    if (change->relation != NULL)
        hf_world_add_constraint(change->relation, text(constraint, "conname"), "c", is_valid, definition);
    if (hf_world_is_new(change->relation))
        return;
    if (!is_valid) {
        json_object_set_new(change->lint->not_valid, text(constraint, "conname"), json_true());
        return;
    }
    hf_lint_scans(change->lint, change->relation);
    hf_lint_find(change->lint, HF_RULE_ADD_CHECK, "constraint \"%s\"", text(constraint, "conname"));
}

/* With USING INDEX the work is done already. */
static void add_key(const alteration *change, const json_t *constraint, int rule)
{
    if (hf_world_is_new(change->relation))
        return;
    if (text(constraint, "indexname")[0] == '\0') {
        hf_lint_scans(change->lint, change->relation);
        hf_lint_find(change->lint, rule, "constraint \"%s\"", text(constraint, "conname"));
    }
}

/* A foreign key lets others read; everything else does not. */
static hf_lock add_constraint(const alteration *change)
{
    const json_t *constraint = change->definition;
    const char *kind = text(constraint, "contype");

    if (hf_streq(kind, "CONSTR_FOREIGN")) {
        add_foreign_key(change, constraint);
        return HF_LOCK_SHARE_ROW_EXCLUSIVE;
    }
    if (hf_streq(kind, "CONSTR_CHECK"))
        add_check(change, constraint);
    else if (hf_streq(kind, "CONSTR_PRIMARY"))
        add_key(change, constraint, HF_RULE_ADD_PRIMARY_KEY);
    else if (hf_streq(kind, "CONSTR_UNIQUE") || hf_streq(kind, "CONSTR_EXCLUSION"))
        add_key(change, constraint, HF_RULE_ADD_UNIQUE);
    return HF_LOCK_ACCESS_EXCLUSIVE;
}

static void validate_constraint(const alteration *change)
{
    json_t *constraint = hf_world_constraint(change->relation, change->name);

    if (!truth(constraint, "valid"))
        hf_lint_scans(change->lint, change->relation);
    if (constraint != NULL)
        json_object_set_new(constraint, "valid", json_true());
    if (json_object_get(change->lint->not_valid, change->name) != NULL)
        hf_lint_find(change->lint, HF_RULE_VALIDATE_AT_ONCE, "constraint \"%s\"", change->name);
}

static void drop_constraint(const alteration *change)
{
    json_t *constraint = hf_world_constraint(change->relation, change->name);

    if (constraint == NULL && change->relation != NULL && truth(change->command, "missing_ok"))
        return;
    if (!hf_world_is_new(change->relation) && !hf_world_is_new(constraint))
        hf_lint_find(change->lint, HF_RULE_DROP_CONSTRAINT, "constraint \"%s\"", change->name);
    if (constraint != NULL)
        json_object_set_new(constraint, "definition", json_string(""));
}

/* ---- the rest ---- */

static void disable(const alteration *change)
{
    if (!hf_world_is_new(change->relation))
        hf_lint_find(change->lint, HF_RULE_DISABLE_PROTECTION, "on \"%s\"", relation_name(change));
}

static void enable_row_security(const alteration *change)
{
    if (!hf_world_is_new(change->relation))
        hf_lint_find(change->lint, HF_RULE_ENABLE_ROW_SECURITY, "on \"%s\"", relation_name(change));
}

static void copy_table(const alteration *change)
{
    if (hf_world_is_new(change->relation))
        return;
    hf_lint_rewrites(change->lint, change->relation);
    hf_lint_find(change->lint, HF_RULE_REWRITE_TABLE, "\"%s\"", relation_name(change));
}

/* Whether a valid CHECK could prove the bounds is not looked into: one that is there is trusted. */
static void attach_partition(const alteration *change)
{
    json_t *partition =
        hf_lint_touch(change->lint, json_object_get(change->definition, "name"), HF_LOCK_ACCESS_EXCLUSIVE);
    size_t i;
    json_t *constraint;

    if (hf_world_is_new(partition))
        return;
    json_array_foreach(json_object_get(partition, "constraints"), i, constraint)
    {
        if (hf_streq(text(constraint, "kind"), "c") && truth(constraint, "valid"))
            return;
    }
    hf_lint_scans(change->lint, partition);
    hf_lint_find(change->lint, HF_RULE_ATTACH_PARTITION, "\"%s\"",
                 text(json_object_get(change->definition, "name"), "relname"));
}

static hf_lock detach_partition(const alteration *change)
{
    bool concurrently = truth(change->definition, "concurrent");
    hf_lock lock = concurrently ? HF_LOCK_SHARE_UPDATE_EXCLUSIVE : HF_LOCK_ACCESS_EXCLUSIVE;
    const json_t *name = json_object_get(change->definition, "name");

    (void) hf_lint_touch(change->lint, name, HF_LOCK_ACCESS_EXCLUSIVE);
    if (!concurrently && !hf_world_is_new(change->relation))
        hf_lint_find(change->lint, HF_RULE_DETACH_PARTITION, "\"%s\"", text(name, "relname"));
    if (concurrently && change->lint->count > 1)
        hf_lint_find(change->lint, HF_RULE_NEEDS_OWN_FILE, "DETACH PARTITION CONCURRENTLY");
    return lock;
}

static void add_inherit(const alteration *change)
{
    (void) hf_lint_touch(change->lint, change->definition, HF_LOCK_SHARE_UPDATE_EXCLUSIVE);
}

/* Everything that is not listed takes ACCESS EXCLUSIVE and needs no look. */
static const struct {
    const char *command;
    hf_lock lock; /* NONE: the second function tells */
    void (*look)(const alteration *change);
    hf_lock (*look_and_lock)(const alteration *change);
} commands[] = {
    {"AT_AddColumn", HF_LOCK_ACCESS_EXCLUSIVE, add_column, NULL},
    {"AT_DropColumn", HF_LOCK_ACCESS_EXCLUSIVE, drop_column, NULL},
    {"AT_ColumnDefault", HF_LOCK_ACCESS_EXCLUSIVE, drop_default, NULL},
    {"AT_DropNotNull", HF_LOCK_ACCESS_EXCLUSIVE, drop_not_null, NULL},
    {"AT_SetNotNull", HF_LOCK_ACCESS_EXCLUSIVE, set_not_null, NULL},
    {"AT_AlterColumnType", HF_LOCK_ACCESS_EXCLUSIVE, change_type, NULL},
    {"AT_AddConstraint", HF_LOCK_NONE, NULL, add_constraint},
    {"AT_ValidateConstraint", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, validate_constraint, NULL},
    {"AT_DropConstraint", HF_LOCK_ACCESS_EXCLUSIVE, drop_constraint, NULL},
    {"AT_DropIdentity", HF_LOCK_ACCESS_EXCLUSIVE, drop_default, NULL},
    {"AT_DropExpression", HF_LOCK_ACCESS_EXCLUSIVE, drop_default, NULL},
    {"AT_AddIdentity", HF_LOCK_ACCESS_EXCLUSIVE, NULL, NULL},
    {"AT_SetStatistics", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_SetOptions", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_ResetOptions", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_SetRelOptions", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_ResetRelOptions", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_ClusterOn", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_DropCluster", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, NULL, NULL},
    {"AT_EnableTrig", HF_LOCK_SHARE_ROW_EXCLUSIVE, NULL, NULL},
    {"AT_EnableTrigAll", HF_LOCK_SHARE_ROW_EXCLUSIVE, NULL, NULL},
    {"AT_EnableTrigUser", HF_LOCK_SHARE_ROW_EXCLUSIVE, NULL, NULL},
    {"AT_EnableAlwaysTrig", HF_LOCK_SHARE_ROW_EXCLUSIVE, NULL, NULL},
    {"AT_EnableReplicaTrig", HF_LOCK_SHARE_ROW_EXCLUSIVE, disable, NULL},
    {"AT_DisableTrig", HF_LOCK_SHARE_ROW_EXCLUSIVE, disable, NULL},
    {"AT_DisableTrigAll", HF_LOCK_SHARE_ROW_EXCLUSIVE, disable, NULL},
    {"AT_DisableTrigUser", HF_LOCK_SHARE_ROW_EXCLUSIVE, disable, NULL},
    {"AT_DisableRule", HF_LOCK_ACCESS_EXCLUSIVE, disable, NULL},
    {"AT_EnableRowSecurity", HF_LOCK_ACCESS_EXCLUSIVE, enable_row_security, NULL},
    {"AT_DisableRowSecurity", HF_LOCK_ACCESS_EXCLUSIVE, disable, NULL},
    {"AT_NoForceRowSecurity", HF_LOCK_ACCESS_EXCLUSIVE, disable, NULL},
    {"AT_SetLogged", HF_LOCK_ACCESS_EXCLUSIVE, copy_table, NULL},
    {"AT_SetUnLogged", HF_LOCK_ACCESS_EXCLUSIVE, copy_table, NULL},
    {"AT_SetTableSpace", HF_LOCK_ACCESS_EXCLUSIVE, copy_table, NULL},
    {"AT_SetAccessMethod", HF_LOCK_ACCESS_EXCLUSIVE, copy_table, NULL},
    {"AT_AttachPartition", HF_LOCK_SHARE_UPDATE_EXCLUSIVE, attach_partition, NULL},
    {"AT_DetachPartition", HF_LOCK_NONE, NULL, detach_partition},
    {"AT_AddInherit", HF_LOCK_ACCESS_EXCLUSIVE, add_inherit, NULL},
};

static hf_lock look_at_command(const alteration *change)
{
    const char *command = text(change->command, "subtype");

    if (hf_streq(text(change->command, "behavior"), "DROP_CASCADE"))
        hf_lint_find(change->lint, HF_RULE_CASCADE, "\"%s\"", change->name);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!hf_streq(commands[i].command, command))
            continue;
        if (commands[i].look != NULL)
            commands[i].look(change);
        return commands[i].look_and_lock != NULL ? commands[i].look_and_lock(change) : commands[i].lock;
    }
    return HF_LOCK_ACCESS_EXCLUSIVE;
}

void hf_lint_alter_table(hf_lint *lint, const json_t *tree)
{
    const json_t *range = json_object_get(tree, "relation");
    alteration change = {.lint = lint, .relation = hf_world_find(lint->world, range)};
    hf_lock strongest = HF_LOCK_NONE;
    size_t i;
    json_t *item;

    if (change.relation == NULL && truth(tree, "missing_ok") && !hf_world_has_other_path(lint->world))
        return;
    json_array_foreach(json_object_get(tree, "cmds"), i, item)
    {
        change.command = json_object_get(item, "AlterTableCmd");
        change.definition = content(json_object_get(change.command, "def"));
        change.name = text(change.command, "name");
        hf_lock lock = look_at_command(&change);
        strongest = lock > strongest ? lock : strongest;
    }
    (void) hf_lint_touch(lint, range, strongest);
}

/* ---- CREATE TABLE ---- */

void hf_lint_create_table(hf_lint *lint, const json_t *tree)
{
    const json_t *range = json_object_get(tree, "relation");
    alteration change = {.lint = lint, .name = ""};
    size_t i;
    json_t *item;

    if (truth(tree, "if_not_exists") && hf_world_find(lint->world, range) != NULL)
        return;
    /* a partition locks its parent, a child only keeps it from being changed */
    json_array_foreach(json_object_get(tree, "inhRelations"), i, item)(void)
        hf_lint_touch(lint, json_object_get(item, "RangeVar"),
                      json_object_get(tree, "partbound") != NULL ? HF_LOCK_ACCESS_EXCLUSIVE
                                                                 : HF_LOCK_SHARE_UPDATE_EXCLUSIVE);
    change.relation = hf_world_add(lint->world, range, json_object_get(tree, "partspec") != NULL ? "p" : "r");
    json_array_foreach(json_object_get(tree, "tableElts"), i, item)
    {
        const json_t *column = json_object_get(item, "ColumnDef");
        const json_t *constraint = json_object_get(item, "Constraint");

        if (column != NULL) {
            column_traits traits = traits_of(lint->world, column);

            look_at_json(&change, column);
            (void) hf_world_add_column(change.relation, column);
            constraint = traits.reference;
        }
        if (hf_streq(text(constraint, "contype"), "CONSTR_FOREIGN"))
            add_foreign_key(&change, constraint);
    }
    hf_lint_touch_found(lint, change.relation, NULL, HF_LOCK_ACCESS_EXCLUSIVE);
    hf_lint_trace_relation(lint, change.relation, false);
}
