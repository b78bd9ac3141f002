#include "deploy/fence.h"

#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/preflight.h"
#include "deploy/sql.h"

/* The server's message to clients names it, so that whoever is locked out knows why. */
#define LIBRARY "holdfast_keeps_clients_out_until_the_deploy_ends_or_holdfast_resume"
#define PRELOAD "local_preload_libraries"
#define READ_ONLY "default_transaction_read_only"
#define SQL_MAX (256u << 10)
#define OUTPUT_MAX (8u << 10)
#define POLL_MS 50

/* The setting that makes the fence; NULL: it is none of the database's. */
static const char *setting_name(hf_fence_kind kind)
{
    return kind == HF_FENCE_CONNECTIONS ? PRELOAD : kind == HF_FENCE_READ_ONLY ? READ_ONLY : NULL;
}

static hf_fence_kind parse_kind(const char *name)
{
    return hf_streq(name, "connections") ? HF_FENCE_CONNECTIONS
           : hf_streq(name, "read_only") ? HF_FENCE_READ_ONLY
           : hf_streq(name, "hook")      ? HF_FENCE_HOOK
                                         : HF_FENCE_NONE;
}

static const char *kind_name(hf_fence_kind kind)
{
    static const char *const names[] = {"none", "hook", "connections", "read_only"};

    return names[kind];
}

static const json_t *fact_of(const hf_journal *journal)
{
    return hf_journal_fact(journal, "fence");
}

bool hf_fence_is_up(const hf_journal *journal)
{
    return fact_of(journal) != NULL && !json_is_true(json_object_get(fact_of(journal), "undone"));
}

hf_role_settings hf_fence_settings(const hf_journal *journal)
{
    static const char *const texts[] = {
        [HF_FENCE_CONNECTIONS] = PRELOAD "=" LIBRARY, [HF_FENCE_READ_ONLY] = READ_ONLY "=on"};
    const hf_fence_kind kind = parse_kind(json_string_value(json_object_get(fact_of(journal), "kind")));
    const json_t *roles = json_object_get(fact_of(journal), "roles"), *role;
    hf_role_setting setting = {NULL, (char *) (uintptr_t) texts[kind]};
    hf_role_settings settings = {0};
    size_t i;

    if (setting.setting == NULL || !hf_fence_is_up(journal))
        return settings;
    if (json_array_size(roles) == 0)
        HF_PUSH(&settings, setting);
    json_array_foreach(roles, i, role)
    {
        setting.role = (char *) (uintptr_t) json_string_value(role);
        HF_PUSH(&settings, setting);
    }
    return settings;
}

hf_role_settings hf_fence_former_settings(const hf_journal *journal)
{
    const json_t *list = json_object_get(fact_of(journal), "settings"), *item;
    hf_role_settings settings = {0};
    size_t i;

    json_array_foreach(list, i, item)
    {
        const hf_role_setting setting = {
            (char *) (uintptr_t) json_string_value(json_object_get(item, "role")),
            (char *) (uintptr_t) json_string_value(json_object_get(item, "setting"))};

        HF_PUSH(&settings, setting);
    }
    return settings;
}

hf_status hf_fence_url(const hf_fence_config *fence, const char *url, char **ret_url, hf_error *error)
{
    if (fence->kind == HF_FENCE_CONNECTIONS)
        return hf_pg_url_with_setting(url, PRELOAD "=", ret_url, error);
    if (fence->kind == HF_FENCE_READ_ONLY)
        return hf_pg_url_with_setting(url, READ_ONLY "=off", ret_url, error);
    *ret_url = hf_strdup(url);
    return HF_OK;
}

hf_status hf_fence_check(hf_pg *pg, const hf_fence_config *fence, const char *database, hf_error *error)
{
    const char *name = setting_name(fence->kind);
    HF_AUTO_STR fence_value = hf_format("%s=%s", PRELOAD, LIBRARY);
    const char *params[] = {database, name, fence_value};
    HF_AUTO_STR who = NULL;

    if (name == NULL)
        return HF_OK;
    HF_TRY(hf_pg_query_text(pg, hf_sql_fence_overrides, 3, params, &who, error));
    if (who == NULL ||
        fence->roles.count > 0) /* of a role in the database: nothing but the client goes before it */
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the setting %s of %s would stand against the fence", name, who);
    return fence->kind == HF_FENCE_READ_ONLY
               ? hf_hint(error, "name the application's roles in deploy.fence.roles, or RESET it")
               : hf_hint(error, "RESET it, or choose another kind of fence");
}

/* ---- what is changed ---- */

static void add_alter(hf_buf *sql, const char *database, const char *role)
{
    if (role != NULL) {
        hf_buf_puts(sql, "ALTER ROLE ");
        hf_sql_name(sql, role);
        hf_buf_puts(sql, " IN");
    } else {
        hf_buf_puts(sql, "ALTER");
    }
    hf_buf_puts(sql, " DATABASE ");
    hf_sql_name(sql, database);
}

static void add_set(hf_buf *sql, const char *database, const char *role, const char *name, const char *value)
{
    add_alter(sql, database, role);
    if (value == NULL) {
        hf_buf_printf(sql, " RESET %s; ", name);
        return;
    }
    hf_buf_printf(sql, " SET %s TO ", name);
    hf_sql_literal(sql, value);
    hf_buf_puts(sql, "; ");
}

/* What a setting was, or NULL: not set, or by a fence whose journal is lost. */
static const char *former_value(const hf_role_settings *settings, const char *role, const char *name)
{
    for (size_t i = 0; i < settings->count; i++) {
        const char *setting = settings->items[i].setting;

        if (hf_streq(settings->items[i].role, role) && hf_starts_with(setting, name) &&
            setting[strlen(name)] == '=' && !hf_streq(setting + strlen(name) + 1, LIBRARY))
            return setting + strlen(name) + 1;
    }
    return NULL;
}

/* The pids of rows as an array of SQL; the caller owns it. */
static char *array_of_pids(const hf_rows *rows)
{
    HF_AUTO_BUF array = HF_BUF_MAX(SQL_MAX);

    hf_buf_putc(&array, '{');
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_buf_printf(&array, "%s%s", i > 0 ? "," : "", hf_rows_text(rows, i, "pid"));
    hf_buf_putc(&array, '}');
    return hf_buf_take(&array);
}

/* Ask those that have begun to end, one by one: some may not be ours to end. */
static hf_status ask_to_end(hf_pg *pg, const hf_rows *rows, size_t *ret_ended, hf_error *refused)
{
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *pid[] = {hf_rows_text(rows, i, "pid")};
        HF_AUTO_STR ended = NULL;

        if (hf_rows_bool(rows, i, "is_beginning"))
            continue;
        hf_status status =
            hf_pg_query_text(pg, "SELECT pg_catalog.pg_terminate_backend($1::int4)", 1, pid, &ended, refused);
        if (status != HF_OK && status != HF_E_PRIVILEGE)
            return status;
        *ret_ended += hf_streq(ended, "t");
    }
    return HF_OK;
}

static hf_status explain_sessions(hf_pg *pg, const hf_rows *rows, const char *database,
                                  const hf_error *refused, hf_error *error)
{
    HF_AUTO_BUF who = HF_BUF_MAX(300);

    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_buf_printf(&who, "%s%s", i > 0 ? ", " : "", hf_rows_text(rows, i, "who"));
    (void) hf_fail(error, HF_E_LOCKED, "sessions in database \"%s\" cannot be ended: %s%s%s", database,
                   hf_buf_text(&who), refused->message[0] != '\0' ? ": " : "", refused->message);
    return hf_hint(
        error,
        "role \"%s\" needs pg_signal_backend to end other roles' sessions; only a superuser ends a "
        "superuser's",
        hf_pg_user(pg));
}

/* End the sessions that are there now, beginning or begun; whoever comes later has read the new settings. */
static hf_status end_sessions(hf_pg *pg, const char *database, int64_t timeout_ms, size_t *ret_ended,
                              hf_error *error)
{
    const int64_t deadline = hf_monotonic_ms() + timeout_ms;
    HF_AUTO_STR pids = NULL;

    for (;;) {
        const char *params[] = {database, pids};
        HF_AUTO_ROWS rows = NULL;
        hf_error refused = {0};

        HF_TRY(hf_pg_query(pg, hf_sql_fence_sessions, 2, params, &rows, error));
        if (hf_rows_count(rows) == 0)
            return HF_OK;
        if (pids == NULL)
            pids = array_of_pids(rows);
        hf_status status = ask_to_end(pg, rows, ret_ended, &refused);
        if (status != HF_OK && error != NULL)
            *error = refused;
        HF_TRY(status);
        if (hf_monotonic_ms() >= deadline)
            return explain_sessions(pg, rows, database, &refused, error);
        HF_TRY(hf_sleep_ms(POLL_MS, error));
    }
}

static hf_status run_hook(const hf_cycle *cycle, const char *which, const hf_strings *command,
                          hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings argv = {0};
    HF_AUTO_STR variable = hf_format("DATABASE_URL=%s", cycle->options->url);
    HF_AUTO_BUF output = HF_BUF_MAX(2 * OUTPUT_MAX);
    const char *const env[] = {variable, NULL};
    hf_child_result result = {0};

    for (size_t i = 0; i < command->count; i++)
        hf_strings_add(&argv, command->items[i]);
    HF_PUSH(&argv, NULL);
    HF_TRY(hf_child_run(&(hf_child_options){.argv = (const char *const *) argv.items,
                                            .env = env,
                                            .timeout_ms = cycle->options->target->deploy.timeouts.fence_ms,
                                            .ret_stderr = &output,
                                            .tail_bytes = OUTPUT_MAX},
                        &result, error));
    hf_redact(&output);
    if (output.len > 0)
        hf_log(HF_LOG_INFO, "fence: %s", hf_buf_text(&output));
    if (!result.timed_out && result.exit_status == 0)
        return HF_OK;
    (void) hf_fail(error, HF_E_CHILD, "the fence's command %s \"%s\" %s%d: %.300s", which, command->items[0],
                   result.timed_out ? "took too long; status " : "ended with status ", result.exit_status,
                   hf_buf_text(&output));
    return HF_E_CHILD;
}

/* ---- raising ---- */

static hf_status read_settings(hf_pg *pg, const char *database, json_t *list, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    const char *params[] = {database};

    HF_TRY(hf_pg_query(pg, hf_sql_fence_settings, 1, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        json_array_append_new(list, json_pack("{s:s?, s:s}", "role", hf_rows_text(rows, i, "role"), "setting",
                                              hf_rows_text(rows, i, "setting")));
    return HF_OK;
}

static hf_status set_fence(hf_pg *pg, const hf_fence_config *fence, const char *database, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    const char *value = fence->kind == HF_FENCE_CONNECTIONS ? LIBRARY : "on";

    if (fence->roles.count == 0)
        add_set(&sql, database, NULL, setting_name(fence->kind), value);
    for (size_t i = 0; i < fence->roles.count; i++)
        add_set(&sql, database, fence->roles.items[i], setting_name(fence->kind), value);
    HF_TRY(hf_buf_check(&sql, "fence", error));
    return hf_pg_exec(pg, hf_buf_text(&sql), error);
}

/* Make the fact durable: what is about to be changed, and what it was. */
static hf_status announce(hf_cycle *cycle, hf_pg *pg, hf_error *error)
{
    const hf_fence_config *fence = &cycle->options->target->deploy.fence;
    const char *database = hf_journal_text(cycle->journal, "database");
    json_t *roles = json_array(), *settings = json_array();
    json_t *fact = json_pack("{s:s, s:s, s:o, s:o, s:b}", "kind", kind_name(fence->kind), "database",
                             database, "roles", roles, "settings", settings, "undone", 0);

    for (size_t i = 0; i < fence->roles.count; i++)
        json_array_append_new(roles, json_string(fence->roles.items[i]));
    hf_status status = pg != NULL ? read_settings(pg, database, settings, error) : HF_OK;

    hf_cycle_fact(cycle, "fence", fact);
    if (status == HF_OK)
        status = hf_cycle_note(cycle, "fence_raising", error);
    return status;
}

/* Make it durable that nothing is left of it. */
static hf_status note_down(hf_cycle *cycle, hf_error *error)
{
    json_t *fact = json_deep_copy(fact_of(cycle->journal));

    json_object_set_new(fact, "undone", json_true());
    hf_cycle_fact(cycle, "fence", fact);
    return hf_cycle_note(cycle, "fence_down", error);
}

/* HF_OK: what the fence sets is set.  A server that refused it has changed nothing, as it is one transaction. */
static hf_status set_or_note(hf_cycle *cycle, hf_pg *pg, const char *database, hf_error *error)
{
    const hf_fence_config *fence = &cycle->options->target->deploy.fence;
    hf_status status = set_fence(pg, fence, database, error);
    hf_error ignored;

    if (status != HF_E_PRIVILEGE && status != HF_E_DATABASE)
        return status;
    if (fence->roles.count > 0)
        (void) hf_hint(error, "ALTER ROLE ... IN DATABASE of deploy.fence.roles needs CREATEROLE");
    if (note_down(cycle, &ignored) != HF_OK) /* then it is lowered for nothing */
        hf_log_error(&ignored);
    return status;
}

hf_status hf_fence_raise(hf_cycle *cycle, hf_error *error)
{
    const hf_target_config *target = cycle->options->target;
    const hf_fence_config *fence = &target->deploy.fence;
    const char *database = hf_journal_text(cycle->journal, "database");
    HF_AUTO_PG pg = NULL;
    size_t ended = 0;

    if (fence->kind == HF_FENCE_NONE || hf_fence_is_up(cycle->journal))
        return HF_OK;
    if (setting_name(fence->kind) != NULL) {
        HF_TRY(hf_maintenance_connect(target, cycle->options->url, "fence", &pg, error));
        HF_TRY(hf_cycle_same_server(cycle, pg, error));
        HF_TRY(hf_fence_check(pg, fence, database, error));
    }
    HF_TRY(announce(cycle, pg, error));
    HF_FAULT("fence.before_raise", error);
    if (pg == NULL)
        return run_hook(cycle, "before", &fence->before, error);
    HF_TRY(set_or_note(cycle, pg, database, error));
    HF_FAULT("fence.after_raise", error);
    HF_TRY(end_sessions(pg, database, target->deploy.timeouts.fence_ms, &ended, error));
    hf_log(HF_LOG_INFO, "the fence (%s) is up; %zu session%s ended", kind_name(fence->kind), ended,
           ended == 1 ? "" : "s");
    return HF_OK;
}

/* ---- lowering ---- */

static hf_status restore_settings(hf_pg *pg, const hf_cycle *cycle, const char *database, hf_error *error)
{
    const json_t *fact = fact_of(cycle->journal), *role;
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    const char *name = setting_name(parse_kind(json_string_value(json_object_get(fact, "kind"))));
    hf_role_settings former = hf_fence_former_settings(cycle->journal);
    const char *params[] = {database};
    HF_AUTO_STR found = NULL;
    size_t i;

    if (json_array_size(json_object_get(fact, "roles")) == 0)
        add_set(&sql, database, NULL, name, former_value(&former, NULL, name));
    json_array_foreach(json_object_get(fact, "roles"), i, role) add_set(
        &sql, database, json_string_value(role), name, former_value(&former, json_string_value(role), name));
    free(former.items);
    HF_TRY(hf_buf_check(&sql, "fence", error));
    HF_TRY(hf_pg_query_text(pg, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", 1, params, &found,
                            error));
    return found != NULL ? hf_pg_exec(pg, hf_buf_text(&sql), error) : HF_OK;
}

/* Sessions that began behind a read-only fence would stay so. */
static void end_fenced_sessions(hf_pg *pg, const hf_cycle *cycle, const char *database)
{
    size_t ended = 0;
    hf_error error;

    if (end_sessions(pg, database, cycle->options->target->deploy.timeouts.fence_ms, &ended, &error) != HF_OK)
        hf_log(HF_LOG_WARNING, "these stay read-only until they connect anew: %s", error.message);
}

static hf_status lower(hf_cycle *cycle, hf_error *error)
{
    const hf_target_config *target = cycle->options->target;
    const json_t *fact = fact_of(cycle->journal);
    const char *database = json_string_value(json_object_get(fact, "database"));
    const char *kept = hf_journal_text(cycle->journal, "kept");
    const hf_fence_kind kind = parse_kind(json_string_value(json_object_get(fact, "kind")));
    HF_AUTO_PG pg = NULL;

    HF_FAULT("fence.before_lower", error);
    if (kind == HF_FENCE_HOOK) {
        if (target->deploy.fence.kind != HF_FENCE_HOOK)
            return hf_fail(error, HF_E_USAGE, "the fence's command \"after\" is no longer configured");
        return run_hook(cycle, "after", &target->deploy.fence.after, error);
    }
    HF_TRY(hf_maintenance_connect(target, cycle->options->url, "fence", &pg, error));
    HF_TRY(hf_cycle_same_server(cycle, pg, error));
    if (kept != NULL)
        HF_TRY(restore_settings(pg, cycle, kept, error));
    HF_TRY(restore_settings(pg, cycle, database, error));
    if (kind == HF_FENCE_READ_ONLY)
        end_fenced_sessions(pg, cycle, database);
    return HF_OK;
}

hf_status hf_fence_lower(hf_cycle *cycle, hf_error *error)
{
    if (!hf_fence_is_up(cycle->journal))
        return HF_OK;
    hf_stop_hold();
    hf_status status = lower(cycle, error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("fence.after_lower", error);
    if (status == HF_OK) {
        hf_log(HF_LOG_INFO, "the fence is down");
        status = note_down(cycle, error);
    }
    hf_stop_release();
    return status;
}
