/* The table of statements, and a look at those that are neither about rows nor DROP, RENAME, CREATE or ALTER TABLE. */
#include "migrations/lint_statements.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

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

static const json_t *first_list(const json_t *node)
{
    return get(get(node, "List"), "items");
}

static bool has_option(const json_t *options, const char *name)
{
    size_t i;
    json_t *item;

    json_array_foreach(options, i, item)
    {
        const json_t *option = get(item, "DefElem");

        if (hf_streq(text(option, "defname"), name) &&
            !hf_streq(text(get(get(option, "arg"), "String"), "sval"), "false"))
            return true;
    }
    return false;
}

void hf_lint_needs_own_file(hf_lint *lint, const char *what)
{
    if (lint->count > 1)
        hf_lint_find(lint, HF_RULE_NEEDS_OWN_FILE, "%s", what);
}

/* ---- types ---- */

static void note_new_type(hf_lint *lint, const json_t *names)
{
    json_t *types = json_object_get(lint->world, "new_types");

    if (types == NULL) {
        types = json_object();
        json_object_set_new(lint->world, "new_types", types);
    }
    json_object_set_new(types, hf_world_last_name(names), json_true());
}

static void create_type(hf_lint *lint, const json_t *tree)
{
    note_new_type(lint, get(tree, "domainname") != NULL ? get(tree, "domainname") : get(tree, "typeName"));
}

static void alter_enum(hf_lint *lint, const json_t *tree)
{
    const char *name = hf_world_last_name(get(tree, "typeName"));

    if (get(tree, "oldVal") != NULL)
        hf_lint_find(lint, HF_RULE_RENAME_TYPE, "value \"%s\" of \"%s\"", text(tree, "oldVal"), name);
    else if (!json_is_true(get(get(lint->world, "new_types"), name)))
        json_object_set_new(lint->enum_values, text(tree, "newVal"), json_true());
}

static void look_for_enum_values(hf_lint *lint, const json_t *tree)
{
    const char *constant = json_string_value(get(get(get(tree, "A_Const"), "sval"), "sval"));
    const char *key;
    size_t i;
    json_t *item;

    if (constant != NULL && get(lint->enum_values, constant) != NULL)
        hf_lint_find(lint, HF_RULE_ENUM_VALUE_USED, "\"%s\"", constant);
    if (json_is_object(tree))
        json_object_foreach((json_t *) tree, key, item) look_for_enum_values(lint, item);
    if (json_is_array(tree))
        json_array_foreach(tree, i, item) look_for_enum_values(lint, item);
}

static void alter_domain(hf_lint *lint, const json_t *tree)
{
    const char *kind = text(tree, "subtype"), *name = hf_world_last_name(get(tree, "typeName"));
    const json_t *constraint = get(get(tree, "def"), "Constraint");

    if (json_is_true(get(get(lint->world, "new_types"), name)))
        return;
    if (hf_streq(kind, "O") || (hf_streq(kind, "C") && !truth(constraint, "skip_validation")))
        hf_lint_find(lint, HF_RULE_DOMAIN_CONSTRAINT, "\"%s\"", name);
    else if (hf_streq(kind, "X"))
        hf_lint_find(lint, HF_RULE_DROP_CONSTRAINT, "\"%s\" of \"%s\"", text(tree, "name"), name);
    else if (hf_streq(kind, "N"))
        hf_lint_find(lint, HF_RULE_DROP_NOT_NULL, "domain \"%s\"", name);
    else if (hf_streq(kind, "T") && get(tree, "def") == NULL)
        hf_lint_find(lint, HF_RULE_DROP_DEFAULT, "domain \"%s\"", name);
}

/* ---- indexes, maintenance ---- */

static void create_index(hf_lint *lint, const json_t *tree)
{
    bool concurrently = truth(tree, "concurrent");
    json_t *relation = hf_lint_touch(lint, get(tree, "relation"),
                                     concurrently ? HF_LOCK_SHARE_UPDATE_EXCLUSIVE : HF_LOCK_SHARE);

    if (concurrently)
        hf_lint_needs_own_file(lint, "CREATE INDEX CONCURRENTLY");
    hf_lint_scans(lint, relation);
    if (!concurrently && !hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_CREATE_INDEX, "\"%s\"", text(tree, "idxname"));
}

static void reindex(hf_lint *lint, const json_t *tree)
{
    const char *kind = text(tree, "kind") + strlen("REINDEX_OBJECT_");
    bool concurrently = has_option(get(tree, "params"), "concurrently");
    bool one = hf_streq(kind, "INDEX") || hf_streq(kind, "TABLE");
    const json_t *relation = NULL;

    if (concurrently || !one)
        hf_lint_needs_own_file(lint, "REINDEX");
    if (hf_streq(kind, "TABLE"))
        relation = hf_lint_touch(lint, get(tree, "relation"),
                                 concurrently ? HF_LOCK_SHARE_UPDATE_EXCLUSIVE : HF_LOCK_SHARE);
    hf_lint_scans(lint, relation);
    if (!concurrently && !hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_REINDEX, "\"%s%s\"", text(get(tree, "relation"), "relname"),
                     text(tree, "name"));
}

static void vacuum(hf_lint *lint, const json_t *tree)
{
    bool is_vacuum = truth(tree, "is_vacuumcmd"), full = has_option(get(tree, "options"), "full");
    size_t i;
    json_t *item;

    json_array_foreach(get(tree, "rels"), i, item)
    {
        const json_t *relation =
            hf_lint_touch(lint, get(get(item, "VacuumRelation"), "relation"),
                          full ? HF_LOCK_ACCESS_EXCLUSIVE : HF_LOCK_SHARE_UPDATE_EXCLUSIVE);
        if (full)
            hf_lint_rewrites(lint, relation);
    }
    if (is_vacuum)
        hf_lint_needs_own_file(lint, "VACUUM");
    if (full)
        hf_lint_find(lint, HF_RULE_VACUUM_FULL, "%s", "");
}

static void cluster(hf_lint *lint, const json_t *tree)
{
    const json_t *relation = NULL;

    if (get(tree, "relation") != NULL)
        relation = hf_lint_touch(lint, get(tree, "relation"), HF_LOCK_ACCESS_EXCLUSIVE);
    else
        hf_lint_needs_own_file(lint, "CLUSTER without a table");
    hf_lint_rewrites(lint, relation);
    if (!hf_world_is_new(relation))
        hf_lint_find(lint, HF_RULE_CLUSTER, "\"%s\"", text(get(tree, "relation"), "relname"));
}

static void refresh_view(hf_lint *lint, const json_t *tree)
{
    bool concurrently = truth(tree, "concurrent");
    const json_t *relation = hf_lint_touch(lint, get(tree, "relation"),
                                           concurrently ? HF_LOCK_EXCLUSIVE : HF_LOCK_ACCESS_EXCLUSIVE);

    if (hf_world_is_new(relation) || concurrently)
        return;
    hf_lint_rewrites(lint, relation);
    hf_lint_find(lint, HF_RULE_REFRESH_VIEW, "\"%s\"", text(get(tree, "relation"), "relname"));
}

static void lock_tables(hf_lint *lint, const json_t *tree)
{
    size_t i;
    json_t *item;

    json_array_foreach(get(tree, "relations"), i, item)(void)
        hf_lint_touch(lint, get(item, "RangeVar"), (hf_lock) json_integer_value(get(tree, "mode")));
    if (json_integer_value(get(tree, "mode")) >= HF_LOCK_SHARE)
        hf_lint_find(lint, HF_RULE_LOCK_TABLE, "%s", "");
}

static void alone(hf_lint *lint, const json_t *tree)
{
    (void) tree;
    hf_lint_needs_own_file(lint, "it");
}

static void comment(hf_lint *lint, const json_t *tree)
{
    const char *kind = text(tree, "objtype");
    json_t *names = json_copy((json_t *) first_list(get(tree, "object")));

    if (hf_streq(kind, "OBJECT_COLUMN"))
        json_array_remove(names, json_array_size(names) - 1);
    if (hf_streq(kind, "OBJECT_COLUMN") || hf_streq(kind, "OBJECT_TABLE") || hf_streq(kind, "OBJECT_VIEW") ||
        hf_streq(kind, "OBJECT_MATVIEW"))
        hf_lint_touch_found(lint, hf_world_find_names(lint->world, names), names,
                            HF_LOCK_SHARE_UPDATE_EXCLUSIVE);
    json_decref(names);
}

static void create_statistics(hf_lint *lint, const json_t *tree)
{
    (void) hf_lint_touch(lint, get(json_array_get(get(tree, "relations"), 0), "RangeVar"),
                         HF_LOCK_SHARE_UPDATE_EXCLUSIVE);
}

/* ---- session ---- */

static bool is_kind(const json_t *tree, const char *kind)
{
    return hf_streq(text(tree, "kind") + strlen("TRANS_STMT_"), kind);
}

/* BEGIN ... COMMIT around the whole file is as good as nothing. */
static void transaction(hf_lint *lint, const json_t *tree)
{
    bool is_first = lint->current == 0, is_last = lint->current + 1 == lint->count;

    if (is_kind(tree, "BEGIN") || is_kind(tree, "START")) {
        if (!is_first)
            hf_lint_find(lint, HF_RULE_SPLITS_TRANSACTION, "%s", "BEGIN");
        lint->in_transaction = true;
        lint->begun_at = lint->current;
    } else if (is_kind(tree, "COMMIT") || is_kind(tree, "ROLLBACK") || is_kind(tree, "PREPARE")) {
        if (!is_last || !lint->in_transaction || is_kind(tree, "ROLLBACK") || is_kind(tree, "PREPARE"))
            hf_lint_find(lint, HF_RULE_SPLITS_TRANSACTION, "%s", text(tree, "kind") + strlen("TRANS_STMT_"));
        lint->in_transaction = truth(tree, "chain");
    } else if (is_kind(tree, "COMMIT_PREPARED") || is_kind(tree, "ROLLBACK_PREPARED")) {
        hf_lint_find(lint, HF_RULE_OPAQUE_CODE, "%s", "a prepared transaction");
    }
}

/* Of SET name TO value: the value, if it is a word or a text; else "". */
static const char *first_value(const json_t *tree)
{
    return text(get(get(json_array_get(get(tree, "args"), 0), "A_Const"), "sval"), "sval");
}

/* Limits on waiting are wanted in any later migration too. */
static void set_variable(hf_lint *lint, const json_t *tree)
{
    static const char *const harmless[] = {
        "lock_timeout",        "statement_timeout", "idle_in_transaction_session_timeout",
        "client_min_messages", "client_encoding",   NULL};
    const char *name = text(tree, "name"), *kind = text(tree, "kind");

    if (strcasecmp(name, "search_path") == 0 || hf_streq(name, "role") ||
        hf_streq(name, "session_authorization"))
        hf_world_change_path(lint->world);
    if (strcasecmp(name, "session_replication_role") == 0 && hf_streq(first_value(tree), "replica"))
        hf_lint_find(lint, HF_RULE_DISABLE_PROTECTION, "%s", name);
    if (truth(tree, "is_local") || hf_streq(kind, "VAR_RESET"))
        return;
    for (size_t i = 0; harmless[i] != NULL; i++)
        if (hf_streq(harmless[i], name))
            return;
    if (hf_streq(kind, "VAR_RESET_ALL"))
        hf_lint_find(lint, HF_RULE_SET_LEAKS, "%s", "RESET ALL");
    else if (strcasecmp(name, "search_path") == 0)
        hf_lint_find(lint, HF_RULE_SET_SEARCH_PATH, "%s", "");
    else if (!hf_streq(name, "TRANSACTION"))
        hf_lint_find(lint, HF_RULE_SET_LEAKS, "%s", name);
}

static void discard(hf_lint *lint, const json_t *tree)
{
    if (!hf_streq(text(tree, "target"), "DISCARD_ALL"))
        return;
    hf_lint_find(lint, HF_RULE_DISCARD, "%s", "DISCARD ALL");
    hf_lint_needs_own_file(lint, "DISCARD ALL");
}

static void run_code(hf_lint *lint, const json_t *tree)
{
    (void) tree;
    hf_lint_find(lint, HF_RULE_OPAQUE_CODE, "%s", "");
}

/* What a call of this name does cannot be told from here on. */
static void create_function(hf_lint *lint, const json_t *tree)
{
    const char *const lists[] = {"opaque", "volatile"};

    for (size_t i = 0; i < 2; i++) {
        json_t *list = json_object_get(lint->world, lists[i]);

        if (json_is_object(list))
            json_object_set_new(list, hf_world_last_name(get(tree, "funcname")), json_true());
    }
}

static void create_schema(hf_lint *lint, const json_t *tree)
{
    size_t i;
    json_t *item;

    json_array_foreach(get(tree, "schemaElts"), i, item) free(hf_lint_statement_look(lint, item));
}

/* ALTER TABLE, VIEW, INDEX ..., or the attributes of a composite type. */
static void alter_type(hf_lint *lint, const json_t *tree)
{
    size_t i;
    json_t *item;

    if (!hf_streq(text(tree, "objtype"), "OBJECT_TYPE")) {
        hf_lint_alter_table(lint, tree);
        return;
    }
    json_array_foreach(get(tree, "cmds"), i, item)
    {
        if (!hf_streq(text(get(item, "AlterTableCmd"), "subtype"), "AT_AddColumn"))
            hf_lint_find(lint, HF_RULE_DROP_TYPE, "attribute \"%s\"",
                         text(get(item, "AlterTableCmd"), "name"));
    }
}

/* ---- the table ---- */

static const struct {
    const char *node;
    const char *kind;
    hf_lock lock;         /* on the relation of the member, if there is one */
    const char *relation; /* its member */
    void (*look)(hf_lint *lint, const json_t *tree);
} looks[] = {
    {"AlterTableStmt", "ALTER TABLE", HF_LOCK_NONE, NULL, alter_type},
    {"CreateStmt", "CREATE TABLE", HF_LOCK_NONE, NULL, hf_lint_create_table},
    {"CreateTableAsStmt", "CREATE TABLE AS", HF_LOCK_NONE, NULL, hf_lint_create_table_as},
    {"ViewStmt", "CREATE VIEW", HF_LOCK_NONE, NULL, hf_lint_create_view},
    {"IndexStmt", "CREATE INDEX", HF_LOCK_NONE, NULL, create_index},
    {"DropStmt", "DROP", HF_LOCK_NONE, NULL, hf_lint_drop},
    {"TruncateStmt", "TRUNCATE", HF_LOCK_NONE, NULL, hf_lint_truncate},
    {"RenameStmt", "RENAME", HF_LOCK_NONE, NULL, hf_lint_rename},
    {"AlterObjectSchemaStmt", "SET SCHEMA", HF_LOCK_NONE, NULL, hf_lint_move},
    {"InsertStmt", "INSERT", HF_LOCK_NONE, NULL, hf_lint_change},
    {"UpdateStmt", "UPDATE", HF_LOCK_NONE, NULL, hf_lint_change},
    {"DeleteStmt", "DELETE", HF_LOCK_NONE, NULL, hf_lint_change},
    {"MergeStmt", "MERGE", HF_LOCK_NONE, NULL, hf_lint_change},
    {"SelectStmt", "SELECT", HF_LOCK_NONE, NULL, hf_lint_select},
    {"ExplainStmt", "EXPLAIN", HF_LOCK_NONE, NULL, hf_lint_change},
    {"CopyStmt", "COPY", HF_LOCK_NONE, NULL, hf_lint_copy},
    {"DoStmt", "DO", HF_LOCK_NONE, NULL, run_code},
    {"CallStmt", "CALL", HF_LOCK_NONE, NULL, run_code},
    {"PrepareStmt", "PREPARE", HF_LOCK_NONE, NULL, run_code},
    {"ExecuteStmt", "EXECUTE", HF_LOCK_NONE, NULL, run_code},
    {"LoadStmt", "LOAD", HF_LOCK_NONE, NULL, run_code},
    {"TransactionStmt", "transaction", HF_LOCK_NONE, NULL, transaction},
    {"VariableSetStmt", "SET", HF_LOCK_NONE, NULL, set_variable},
    {"VariableShowStmt", "SHOW", HF_LOCK_NONE, NULL, NULL},
    {"DiscardStmt", "DISCARD", HF_LOCK_NONE, NULL, discard},
    {"ConstraintsSetStmt", "SET CONSTRAINTS", HF_LOCK_NONE, NULL, NULL},
    {"NotifyStmt", "NOTIFY", HF_LOCK_NONE, NULL, NULL},
    {"ListenStmt", "LISTEN", HF_LOCK_NONE, NULL, NULL},
    {"UnlistenStmt", "UNLISTEN", HF_LOCK_NONE, NULL, NULL},
    {"CheckPointStmt", "CHECKPOINT", HF_LOCK_NONE, NULL, NULL},
    {"LockStmt", "LOCK TABLE", HF_LOCK_NONE, NULL, lock_tables},
    {"VacuumStmt", "VACUUM", HF_LOCK_NONE, NULL, vacuum},
    {"ClusterStmt", "CLUSTER", HF_LOCK_NONE, NULL, cluster},
    {"ReindexStmt", "REINDEX", HF_LOCK_NONE, NULL, reindex},
    {"RefreshMatViewStmt", "REFRESH MATERIALIZED VIEW", HF_LOCK_NONE, NULL, refresh_view},
    {"CreateTrigStmt", "CREATE TRIGGER", HF_LOCK_SHARE_ROW_EXCLUSIVE, "relation", NULL},
    {"RuleStmt", "CREATE RULE", HF_LOCK_ACCESS_EXCLUSIVE, "relation", NULL},
    {"CreatePolicyStmt", "CREATE POLICY", HF_LOCK_ACCESS_EXCLUSIVE, "table", NULL},
    {"AlterPolicyStmt", "ALTER POLICY", HF_LOCK_ACCESS_EXCLUSIVE, "table", NULL},
    {"CreateStatsStmt", "CREATE STATISTICS", HF_LOCK_NONE, NULL, create_statistics},
    {"AlterStatsStmt", "ALTER STATISTICS", HF_LOCK_NONE, NULL, NULL},
    {"CommentStmt", "COMMENT", HF_LOCK_NONE, NULL, comment},
    {"SecLabelStmt", "SECURITY LABEL", HF_LOCK_NONE, NULL, NULL},
    {"GrantStmt", "GRANT", HF_LOCK_NONE, NULL, NULL},
    {"GrantRoleStmt", "GRANT", HF_LOCK_NONE, NULL, NULL},
    {"AlterDefaultPrivilegesStmt", "ALTER DEFAULT PRIVILEGES", HF_LOCK_NONE, NULL, NULL},
    {"AlterOwnerStmt", "OWNER TO", HF_LOCK_NONE, NULL, NULL},
    {"ReassignOwnedStmt", "REASSIGN OWNED", HF_LOCK_NONE, NULL, NULL},
    {"DropOwnedStmt", "DROP OWNED", HF_LOCK_NONE, NULL, hf_lint_drop_owned},
    {"CreateRoleStmt", "CREATE ROLE", HF_LOCK_NONE, NULL, NULL},
    {"AlterRoleStmt", "ALTER ROLE", HF_LOCK_NONE, NULL, NULL},
    {"AlterRoleSetStmt", "ALTER ROLE", HF_LOCK_NONE, NULL, NULL},
    {"DropRoleStmt", "DROP ROLE", HF_LOCK_NONE, NULL, hf_lint_drop_role},
    {"CreateSchemaStmt", "CREATE SCHEMA", HF_LOCK_NONE, NULL, create_schema},
    {"CreateExtensionStmt", "CREATE EXTENSION", HF_LOCK_NONE, NULL, NULL},
    {"AlterExtensionStmt", "ALTER EXTENSION", HF_LOCK_NONE, NULL, run_code},
    {"AlterExtensionContentsStmt", "ALTER EXTENSION", HF_LOCK_NONE, NULL, NULL},
    {"CreateEnumStmt", "CREATE TYPE", HF_LOCK_NONE, NULL, create_type},
    {"CreateRangeStmt", "CREATE TYPE", HF_LOCK_NONE, NULL, create_type},
    {"CompositeTypeStmt", "CREATE TYPE", HF_LOCK_NONE, NULL, NULL},
    {"CreateDomainStmt", "CREATE DOMAIN", HF_LOCK_NONE, NULL, create_type},
    {"AlterEnumStmt", "ALTER TYPE", HF_LOCK_NONE, NULL, alter_enum},
    {"AlterDomainStmt", "ALTER DOMAIN", HF_LOCK_NONE, NULL, alter_domain},
    {"AlterTypeStmt", "ALTER TYPE", HF_LOCK_NONE, NULL, NULL},
    {"CreateSeqStmt", "CREATE SEQUENCE", HF_LOCK_NONE, NULL, NULL},
    {"AlterSeqStmt", "ALTER SEQUENCE", HF_LOCK_SHARE_ROW_EXCLUSIVE, "sequence", NULL},
    {"CreateFunctionStmt", "CREATE FUNCTION", HF_LOCK_NONE, NULL, create_function},
    {"AlterFunctionStmt", "ALTER FUNCTION", HF_LOCK_NONE, NULL, NULL},
    {"AlterObjectDependsStmt", "DEPENDS ON EXTENSION", HF_LOCK_NONE, NULL, NULL},
    {"DefineStmt", "CREATE", HF_LOCK_NONE, NULL, NULL},
    {"CreateCastStmt", "CREATE CAST", HF_LOCK_NONE, NULL, NULL},
    {"CreateConversionStmt", "CREATE CONVERSION", HF_LOCK_NONE, NULL, NULL},
    {"CreateTransformStmt", "CREATE TRANSFORM", HF_LOCK_NONE, NULL, NULL},
    {"CreateAmStmt", "CREATE ACCESS METHOD", HF_LOCK_NONE, NULL, NULL},
    {"CreatePLangStmt", "CREATE LANGUAGE", HF_LOCK_NONE, NULL, NULL},
    {"CreateOpClassStmt", "CREATE OPERATOR CLASS", HF_LOCK_NONE, NULL, NULL},
    {"CreateOpFamilyStmt", "CREATE OPERATOR FAMILY", HF_LOCK_NONE, NULL, NULL},
    {"AlterOperatorStmt", "ALTER OPERATOR", HF_LOCK_NONE, NULL, NULL},
    {"AlterCollationStmt", "ALTER COLLATION", HF_LOCK_NONE, NULL, NULL},
    {"CreateEventTrigStmt", "CREATE EVENT TRIGGER", HF_LOCK_NONE, NULL, NULL},
    {"AlterEventTrigStmt", "ALTER EVENT TRIGGER", HF_LOCK_NONE, NULL, NULL},
    {"CreateFdwStmt", "CREATE FOREIGN DATA WRAPPER", HF_LOCK_NONE, NULL, NULL},
    {"CreateForeignServerStmt", "CREATE SERVER", HF_LOCK_NONE, NULL, NULL},
    {"AlterForeignServerStmt", "ALTER SERVER", HF_LOCK_NONE, NULL, NULL},
    {"CreateUserMappingStmt", "CREATE USER MAPPING", HF_LOCK_NONE, NULL, NULL},
    {"AlterUserMappingStmt", "ALTER USER MAPPING", HF_LOCK_NONE, NULL, NULL},
    {"CreateForeignTableStmt", "CREATE FOREIGN TABLE", HF_LOCK_NONE, NULL, NULL},
    {"ImportForeignSchemaStmt", "IMPORT FOREIGN SCHEMA", HF_LOCK_NONE, NULL, NULL},
    {"CreatePublicationStmt", "CREATE PUBLICATION", HF_LOCK_NONE, NULL, NULL},
    {"AlterPublicationStmt", "ALTER PUBLICATION", HF_LOCK_NONE, NULL, NULL},
    {"CreateSubscriptionStmt", "CREATE SUBSCRIPTION", HF_LOCK_NONE, NULL, alone},
    {"AlterSubscriptionStmt", "ALTER SUBSCRIPTION", HF_LOCK_NONE, NULL, NULL},
    {"DropSubscriptionStmt", "DROP SUBSCRIPTION", HF_LOCK_NONE, NULL, hf_lint_drop_role},
    {"CreatedbStmt", "CREATE DATABASE", HF_LOCK_NONE, NULL, alone},
    {"DropdbStmt", "DROP DATABASE", HF_LOCK_NONE, NULL, hf_lint_drop_database},
    {"AlterDatabaseStmt", "ALTER DATABASE", HF_LOCK_NONE, NULL, NULL},
    {"AlterDatabaseSetStmt", "ALTER DATABASE", HF_LOCK_NONE, NULL, NULL},
    {"CreateTableSpaceStmt", "CREATE TABLESPACE", HF_LOCK_NONE, NULL, alone},
    {"DropTableSpaceStmt", "DROP TABLESPACE", HF_LOCK_NONE, NULL, hf_lint_drop_database},
    {"AlterSystemStmt", "ALTER SYSTEM", HF_LOCK_NONE, NULL, alone},
};

/* "OBJECT_FOREIGN_TABLE" -> "FOREIGN TABLE". */
static char *kind_of(const char *kind, const json_t *tree)
{
    static const char *const members[] = {"removeType", "renameType", "objtype", "objectType"};
    const char *object = "";

    if (hf_streq(kind, "transaction"))
        return hf_format("%s", text(tree, "kind") + strlen("TRANS_STMT_"));
    if (hf_streq(kind, "VACUUM") && !truth(tree, "is_vacuumcmd"))
        return hf_strdup("ANALYZE");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && object[0] == '\0'; i++)
        object = text(tree, members[i]);
    if (object[0] == '\0' || hf_streq(object, "OBJECT_TABLE"))
        return hf_streq(kind, "DROP") ? hf_strdup("DROP TABLE") : hf_strdup(kind);

    HF_AUTO_STR shown =
        hf_strdup(hf_streq(object, "OBJECT_MATVIEW") ? "MATERIALIZED VIEW" : object + strlen("OBJECT_"));
    for (char *c = shown; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    if (hf_streq(kind, "DROP"))
        return hf_format("DROP %s", shown);
    if (hf_streq(kind, "ALTER TABLE"))
        return hf_format("ALTER %s", shown);
    if (hf_streq(kind, "CREATE TABLE AS") || hf_streq(kind, "CREATE"))
        return hf_format("CREATE %s", shown);
    return hf_strdup(kind);
}

char *hf_lint_statement_look(hf_lint *lint, const json_t *tree)
{
    const char *node = json_object_iter_key(json_object_iter((json_t *) tree));
    const json_t *content = json_object_iter_value(json_object_iter((json_t *) tree));

    look_for_enum_values(lint, tree);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        if (!hf_streq(looks[i].node, node))
            continue;
        if (looks[i].relation != NULL)
            (void) hf_lint_touch(lint, get(content, looks[i].relation), looks[i].lock);
        if (looks[i].look == hf_lint_select || looks[i].look == hf_lint_change ||
            looks[i].look == hf_lint_create_table_as || looks[i].look == hf_lint_copy)
            hf_lint_look_at_changes(lint, tree);
        if (looks[i].look != NULL)
            looks[i].look(lint, content);
        return kind_of(looks[i].kind, content);
    }
    hf_lint_find(lint, HF_RULE_UNKNOWN_STATEMENT, "%s", node != NULL ? node : "");
    return hf_strdup("");
}

/* A line that begins with a backslash and a letter or a point. */
static bool has_psql_command(const char *sql, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++)
        if (sql[i] == '\\' && (i == 0 || sql[i - 1] == '\n') &&
            (isalpha((unsigned char) sql[i + 1]) || sql[i + 1] == '.'))
            return true;
    return false;
}

char *hf_lint_text_look(hf_lint *lint, const char *sql, size_t len, const char *problem)
{
    if (has_psql_command(sql, len))
        hf_lint_find(lint, HF_RULE_PSQL_COMMAND, "%s", "");
    hf_lint_find(lint, HF_RULE_UNKNOWN_STATEMENT, "%s", problem != NULL ? problem : "");
    return hf_strdup("");
}
