#include "migrations/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "migrations/kind.h"
#include "migrations/profiles.h"
#include "migrations/script.h"
#include "migrations/session.h"
#include "migrations/sql.h"
#include "pg/pg_dump.h"

void hf_plan_done(hf_plan *plan)
{
    for (size_t i = 0; i < plan->migrations.count; i++) {
        free(plan->migrations.items[i].name);
        free(plan->migrations.items[i].sql);
        hf_lint_statements_done(&plan->migrations.items[i].statements);
    }
    free(plan->migrations.items);
    if (plan->base != NULL) {
        free(plan->base->revision);
        free(plan->base->commit);
        hf_strings_done(&plan->base->edited);
        hf_strings_done(&plan->base->removed);
        free(plan->base);
    }
    free(plan->target);
    free(plan->database);
    free(plan->host);
    *plan = (hf_plan){0};
}

size_t hf_plan_statement_findings(const hf_lint_statement *statement)
{
    size_t count = 0;

    for (size_t i = 0; i < statement->findings.count; i++)
        count += statement->findings.items[i].allowed == NULL;
    return count;
}

/* ---- what the lint must know ---- */

typedef HF_VECTOR(hf_statements) parsed_files; /* one a migration */

static void parsed_files_done(parsed_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        hf_statements_done(&files->items[i]);
    free(files->items);
}

static void json_done(json_t **json)
{
    json_decref(*json);
}

static hf_status ask_for_facts(hf_pg *pg, const parsed_files *files, json_t **ret_facts, hf_error *error)
{
    HF_AUTO(json_done) json_t *relations = json_array();
    HF_AUTO(json_done) json_t *functions = json_array();
    HF_AUTO(json_done) json_t *types = json_array();

    for (size_t i = 0; i < files->count; i++)
        hf_lint_mentions(&files->items[i], relations, functions, types);

    HF_AUTO_STR relations_text = json_dumps(relations, JSON_COMPACT);
    HF_AUTO_STR functions_text = json_dumps(functions, JSON_COMPACT);
    HF_AUTO_STR types_text = json_dumps(types, JSON_COMPACT);
    const char *const params[] = {relations_text, functions_text, types_text};
    HF_AUTO_STR text = NULL;
    HF_TRY(hf_pg_query_text(pg, hf_sql_plan_facts, 3, params, &text, error));
    *ret_facts = json_loads(text != NULL ? text : "", 0, NULL);
    if (*ret_facts == NULL)
        return hf_fail(error, HF_E_DATABASE,
                       "what the server told about the plan's relations cannot be read");
    return HF_OK;
}

/* ---- the parts of a plan ---- */

/* Of a file with the way back behind the way forth (dbmate's), the plan is about the latter. */
static void leave_out_way_back(hf_buf *sql)
{
    char *end = strstr(sql->data, "-- migrate:down");

    if (end != NULL && (end == sql->data || end[-1] == '\n')) {
        *end = '\0';
        sql->len = (size_t) (end - sql->data);
    }
}

/* One statement that nobody can read: what a program does cannot be told. */
static void add_program(const hf_buf *text, hf_statements *statements)
{
    hf_statement *statement = HF_APPEND_NEW(statements);

    statement->len = strcspn(hf_buf_text(text), "\n");
    statement->line = 1;
    statement->problem = hf_strdup("this is a program, not SQL");
}

static hf_status read_pending(const hf_migrations_config *config, const hf_migration_list *list,
                              hf_plan *plan, parsed_files *files, hf_error *error)
{
    const hf_profile *profile = hf_profile_of(config);
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];
        HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);

        if (!hf_migration_is_pending(migration))
            continue;
        HF_TRY(hf_script_read(migration->path, migration->name, &sql, error));
        if (profile == NULL || profile->sql)
            HF_TRY(hf_script_check(migration->name, hf_buf_text(&sql), sql.len, error));
        if (profile != NULL && config->profile == HF_PROFILE_DBMATE && sql.len > 0)
            leave_out_way_back(&sql);
        if (profile != NULL && !profile->sql)
            add_program(&sql, HF_APPEND_NEW(files));
        else
            HF_TRY(hf_statements_read(hf_buf_text(&sql), sql.len, HF_APPEND_NEW(files), error));
        hf_plan_migration *planned = HF_APPEND_NEW(&plan->migrations);
        planned->name = hf_strdup(migration->name);
        planned->sql = hf_strdup(hf_buf_text(&sql));
    }
    return HF_OK;
}

static void count_findings(hf_plan *plan, const hf_lint_statements *statements)
{
    for (size_t i = 0; i < statements->count; i++) {
        const hf_lint_statement *statement = &statements->items[i];

        for (size_t k = 0; k < statement->findings.count; k++) {
            const hf_lint_finding *finding = &statement->findings.items[k];

            plan->findings[finding->rule->class_] += finding->allowed == NULL;
            plan->destructive |= finding->rule->class_ == HF_RULE_DESTRUCTIVE;
        }
    }
}

static hf_status look(hf_pg *pg, const parsed_files *files, hf_plan *plan, hf_error *error)
{
    HF_AUTO(hf_lint_freep) hf_lint *lint = NULL;
    json_t *facts = NULL;

    if (files->count == 0)
        return HF_OK;
    HF_TRY(ask_for_facts(pg, files, &facts, error));
    lint = hf_lint_new(facts);
    for (size_t i = 0; i < files->count; i++) {
        hf_plan_migration *migration = &plan->migrations.items[i];

        hf_lint_file(lint, migration->sql, &files->items[i], &migration->statements);
        count_findings(plan, &migration->statements);
    }
    return HF_OK;
}

/* Servers that do not tell their identifier are told apart by database and schema alone. */
static void read_identity(hf_pg *pg, hf_plan *plan)
{
    HF_AUTO_STR identifier = NULL;
    hf_error ignored;

    plan->database = hf_strdup(hf_pg_database(pg));
    plan->host = hf_strdup(hf_pg_host(pg));
    if (hf_pg_query_text(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", 0, NULL,
                         &identifier, &ignored) == HF_OK &&
        identifier != NULL && strlen(identifier) < sizeof(plan->system_identifier))
        memcpy(plan->system_identifier, identifier, strlen(identifier) + 1);
}

static hf_status read_schema(const hf_target_config *target, const char *url, hf_pg *pg, hf_plan *plan,
                             hf_error *error)
{
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
    hf_archive *archive = NULL;

    HF_TRY(hf_pg_dump_find(&target->snapshot.pg_dump, hf_pg_version(pg), &dump, error));
    dump.timeout_ms = target->snapshot.pg_dump_timeout_ms;
    HF_TRY(hf_pg_dump_schema(&dump, url, NULL, NULL, &archive, error));
    hf_archive_digest(archive, plan->schema);
    hf_archive_free(archive);
    return HF_OK;
}

static void add_text(hf_sha256 *digest, const char *text)
{
    hf_sha256_update(digest, text, strlen(text) + 1); /* the NUL keeps neighbours apart: no text holds one */
}

static void make_digest(hf_plan *plan)
{
    hf_sha256 *digest = hf_sha256_new();

    add_text(digest, "holdfast plan 1");
    add_text(digest, plan->target);
    add_text(digest, plan->database);
    add_text(digest, plan->system_identifier);
    add_text(digest, plan->schema);
    for (size_t i = 0; i < plan->migrations.count; i++) {
        add_text(digest, plan->migrations.items[i].name);
        add_text(digest, plan->migrations.items[i].sql);
    }
    hf_sha256_final_hex(digest, plan->digest);
    hf_sha256_free(digest);
}

static hf_status make(const hf_target_config *target, const char *url, hf_plan *plan, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    HF_AUTO(parsed_files_done) parsed_files files = {0};

    plan->target = hf_strdup(target->name);
    HF_TRY(hf_migrations_status(&target->migrations, url, true, &list, error));
    HF_TRY(hf_migrations_session_open(url, &session, error));
    read_identity(session.ledger, plan);
    plan->unknown = plan->destructive = list.unknown;
    if (list.unknown)
        return HF_OK;
    HF_TRY(hf_pg_execf(session.ledger, error, "SET lock_timeout = %lld",
                       (long long) target->snapshot.lock_timeout_ms));
    HF_TRY(read_pending(&target->migrations, &list, plan, &files, error));
    HF_TRY(look(session.ledger, &files, plan, error));
    HF_TRY(read_schema(target, url, session.ledger, plan, error));
    make_digest(plan);
    return HF_OK;
}

hf_status hf_plan_make(const hf_target_config *target, const char *url, hf_plan *ret_plan, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};

    HF_TRY(make(target, url, &plan, error));
    *ret_plan = plan;
    plan = (hf_plan){0};
    return HF_OK;
}
