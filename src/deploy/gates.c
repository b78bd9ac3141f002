#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/gate.h"
#include "deploy/sql.h"

#define LOOK_EVERY_MS 2000
#define RATE_OVER_MS 2000 /* the server's counters lag by a second */

const char *const hf_gate_names[] = {"window", "activity", "snapshot", "replication",
                                     "space",  "shrink",   NULL};

bool hf_gate_is_overridden(const hf_deploy_options *options, const char *gate)
{
    return hf_strings_has(&options->overrides, gate);
}

json_t *hf_gate_overrides(const hf_deploy_options *options)
{
    if (options->overrides.count == 0)
        return NULL;
    json_t *who = hf_operator_json(), *list = json_array();
    HF_AUTO_STR by = hf_format("%s@%s", json_string_value(json_object_get(who, "user")),
                               json_string_value(json_object_get(who, "host")));
    for (size_t i = 0; i < options->overrides.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "gate", options->overrides.items[i],
                                              "reason", options->override_reason, "by",
                                              options->by != NULL ? options->by : by));
    json_decref(who);
    return list;
}

/* Takes `seen`.  What is overridden is a warning that says so. */
static void tell(const hf_deploy_options *options, hf_preflight *preflight, const char *gate, bool is_good,
                 char *seen, const char *remedy)
{
    if (is_good) {
        hf_preflight_add(preflight, gate, HF_FINDING_GOOD, seen, NULL);
    } else if (hf_gate_is_overridden(options, gate)) {
        hf_preflight_add(preflight, gate, HF_FINDING_WARNING,
                         hf_format("%s; overridden: %s", seen, options->override_reason), NULL);
        free(seen);
    } else {
        HF_AUTO_STR whole = hf_format("%s; or deploy --override %s --reason TEXT", remedy, gate);
        hf_preflight_add(preflight, gate, HF_FINDING_BAD, seen, whole);
    }
}

static const hf_gates_config *gates_of(const hf_deploy_options *options)
{
    return &options->target->deploy.gates;
}

/* ---- window ---- */

static void look_at_window(const hf_deploy_options *options, hf_preflight *preflight)
{
    const hf_gates_config *gates = gates_of(options);
    char *seen = NULL;

    if (gates->windows.count + gates->freezes.count == 0)
        return;
    const bool is_open = hf_window_is_open(gates, hf_now_ms(), &seen);
    tell(options, preflight, "window", is_open, seen, "wait for it");
}

hf_status hf_gate_window_again(const hf_deploy_options *options, hf_error *error)
{
    const hf_gates_config *gates = gates_of(options);
    HF_AUTO_STR seen = NULL;

    if (gates->windows.count + gates->freezes.count == 0 || hf_gate_is_overridden(options, "window") ||
        hf_window_is_open(gates, hf_now_ms(), &seen))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the deploy window closed while the snapshot was taken: %s", seen);
    return hf_hint(error, "begin earlier, or deploy --override window --reason TEXT");
}

/* ---- activity ---- */

typedef struct activity {
    int64_t sessions, oldest_ms, hidden, standbys, hidden_standbys, lag_ms;
    double rate; /* transactions a second; -1: not measured */
    bool sees_lag;
} activity;

static hf_status look_once(hf_pg *pg, activity *ret_activity, int64_t *ret_transactions, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_activity, 0, NULL, &rows, error));
    *ret_activity = (activity){.sessions = hf_rows_int(rows, 0, "sessions"),
                               .oldest_ms = hf_rows_int(rows, 0, "oldest_ms"),
                               .hidden = hf_rows_int(rows, 0, "hidden"),
                               .standbys = hf_rows_int(rows, 0, "standbys"),
                               .hidden_standbys = hf_rows_int(rows, 0, "hidden_standbys"),
                               .lag_ms = hf_rows_int(rows, 0, "lag_ms"),
                               .rate = -1,
                               .sees_lag = hf_rows_text(rows, 0, "lag_ms") != NULL};
    *ret_transactions = hf_rows_int(rows, 0, "transactions");
    return HF_OK;
}

static hf_status measure(const hf_gates_config *gates, hf_pg *pg, activity *ret_activity, hf_error *error)
{
    const int64_t began = hf_monotonic_ms();
    int64_t before, after;

    HF_TRY(look_once(pg, ret_activity, &before, error));
    if (gates->max_transactions_per_second == 0)
        return HF_OK;
    HF_TRY(hf_sleep_ms(RATE_OVER_MS, error));
    HF_TRY(look_once(pg, ret_activity, &after, error));
    ret_activity->rate = (double) (after - before) * 1000 / (double) (hf_monotonic_ms() - began);
    return HF_OK;
}

static bool is_calm(const hf_gates_config *gates, const activity *now)
{
    return (gates->max_sessions == 0 || now->sessions <= gates->max_sessions) &&
           (gates->max_transaction_age_ms == 0 || now->oldest_ms <= gates->max_transaction_age_ms) &&
           (gates->max_transactions_per_second == 0 || now->rate <= gates->max_transactions_per_second);
}

static bool wants_activity(const hf_gates_config *gates)
{
    return gates->max_sessions + gates->max_transactions_per_second > 0 || gates->max_transaction_age_ms > 0;
}

/* The caller owns it. */
static char *shown_activity(const hf_gates_config *gates, const activity *now)
{
    HF_AUTO_BUF text = HF_BUF_MAX(400);
    char age[32], most[32];

    hf_buf_printf(&text, "%lld session%s", (long long) now->sessions, now->sessions == 1 ? "" : "s");
    if (gates->max_sessions > 0)
        hf_buf_printf(&text, " (at most %d)", gates->max_sessions);
    hf_buf_printf(&text, ", the oldest transaction is %s old", hf_show_duration(now->oldest_ms, age));
    if (gates->max_transaction_age_ms > 0)
        hf_buf_printf(&text, " (at most %s)", hf_show_duration(gates->max_transaction_age_ms, most));
    if (now->rate >= 0)
        hf_buf_printf(&text, ", %.1f transactions a second (at most %d)", now->rate,
                      gates->max_transactions_per_second);
    return hf_strdup(hf_buf_text(&text));
}

static void look_at_replication(const hf_deploy_options *options, const activity *now, const char *role,
                                hf_preflight *preflight)
{
    const int64_t most = gates_of(options)->max_replication_lag_ms;
    HF_AUTO_STR grant = hf_format("GRANT pg_read_all_stats TO \"%s\"", role);
    char lag[32];

    (void) hf_show_duration(now->lag_ms, lag);
    tell(options, preflight, "replication", now->hidden_standbys == 0 && now->lag_ms <= most,
         now->standbys == 0 ? hf_strdup("no standby is connected")
         : now->hidden_standbys > 0
             ? hf_format("how far %lld of %lld standbys are behind is hidden from this role",
                         (long long) now->hidden_standbys, (long long) now->standbys)
         : now->sees_lag
             ? hf_format("the slowest of %lld standbys is %s behind", (long long) now->standbys, lag)
             : hf_format("%lld standbys, none behind", (long long) now->standbys),
         now->hidden_standbys > 0 ? grant : "wait until the standby has caught up");
}

static void look_at_activity(const hf_deploy_options *options, hf_pg *pg, hf_preflight *preflight)
{
    const hf_gates_config *gates = gates_of(options);
    activity now;
    hf_error error;

    if (!wants_activity(gates) && gates->max_replication_lag_ms == 0)
        return;
    if (measure(gates, pg, &now, &error) != HF_OK) {
        tell(options, preflight, "activity", false, hf_strdup(error.message), "see why it cannot be asked");
        return;
    }
    if (wants_activity(gates))
        tell(options, preflight, "activity", is_calm(gates, &now), shown_activity(gates, &now),
             "wait until it is calmer (deploy.activity.wait does)");
    if (now.hidden > 0 && gates->max_transaction_age_ms > 0) {
        HF_AUTO_STR remedy = hf_format("GRANT pg_read_all_stats TO \"%s\"", hf_pg_user(pg));
        hf_preflight_add(
            preflight, "activity", HF_FINDING_WARNING,
            hf_format("the transactions of %lld sessions are hidden from this role", (long long) now.hidden),
            remedy);
    }
    if (gates->max_replication_lag_ms > 0)
        look_at_replication(options, &now, hf_pg_user(pg), preflight);
}

hf_status hf_gate_wait(const hf_deploy_options *options, hf_error *error)
{
    const hf_gates_config *gates = gates_of(options);
    const int64_t deadline = hf_monotonic_ms() + gates->activity_wait_ms;
    HF_AUTO_PG pg = NULL;
    hf_error ignored;
    bool told = false;

    if (!wants_activity(gates) || gates->activity_wait_ms == 0 ||
        hf_gate_is_overridden(options, "activity") ||
        hf_pg_connect(&(hf_pg_options){.url = options->url, .purpose = "activity"}, &pg, &ignored) != HF_OK)
        return HF_OK;
    for (;;) {
        activity now;
        hf_status status = measure(gates, pg, &now, &ignored);

        if (status == HF_E_CANCELLED) {
            *error = ignored;
            return status;
        }
        if (status != HF_OK || is_calm(gates, &now) || hf_monotonic_ms() + LOOK_EVERY_MS > deadline)
            return HF_OK;
        if (!told) {
            HF_AUTO_STR seen = shown_activity(gates, &now);
            hf_log(HF_LOG_INFO, "waiting until it is calmer: %s", seen);
        }
        told = true;
        HF_TRY(hf_sleep_ms(LOOK_EVERY_MS, error));
    }
}

/* ---- the newest snapshot ---- */

static void look_at_snapshot_age(const hf_deploy_options *options, hf_preflight *preflight)
{
    const int64_t most = gates_of(options)->max_snapshot_age_ms;
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    int64_t newest = 0;
    char age[32], limit[32];
    hf_error error;

    if (most == 0)
        return;
    if (hf_repository_list(options->repository, options->target->name, &list, &error) != HF_OK) {
        tell(options, preflight, "snapshot", false, hf_strdup(error.message),
             "see why they cannot be listed");
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const hf_snapshot_info *info = &list.items[i];

        if (info->broken == NULL && !info->degraded && !info->filtered && !hf_snapshot_is_replaced(info) &&
            info->created_ms > newest)
            newest = info->created_ms;
    }
    (void) hf_show_duration(hf_now_ms() - newest, age);
    (void) hf_show_duration(most, limit);
    tell(options, preflight, "snapshot", newest > 0 && hf_now_ms() - newest <= most,
         newest == 0 ? hf_strdup("there is no whole snapshot yet")
                     : hf_format("the newest whole one is %s old (at most %s)", age, limit),
         "run `holdfast backup`, and see why the nightly one did not");
}

/* ---- space ---- */

uint64_t hf_server_free_bytes(const hf_gates_config *gates, hf_pg *pg, const char **ret_how)
{
    static const char used_sql[] =
        "SELECT pg_catalog.sum(pg_catalog.pg_database_size(oid))::bigint FROM pg_catalog.pg_database "
        "WHERE pg_catalog.has_database_privilege(oid, 'CONNECT')";
    const char *host = hf_pg_host(pg) + 1; /* it stands in quotes */
    const bool is_local = host[0] == '/' || hf_starts_with(host, "local socket") ||
                          hf_starts_with(host, "localhost") || hf_starts_with(host, "127.") ||
                          hf_starts_with(host, "::1");
    HF_AUTO_STR text = NULL;
    struct statvfs disk;
    hf_error ignored;

    if (gates->disk_bytes > 0) {
        *ret_how = "deploy.space.disk less all databases";
        if (hf_pg_query_text(pg, used_sql, 0, NULL, &text, &ignored) != HF_OK || text == NULL)
            return UINT64_MAX;
        const uint64_t used = strtoull(text, NULL, 10);
        return used < gates->disk_bytes ? gates->disk_bytes - used : 0;
    }
    *ret_how = "the disk of its data directory";
    if (!is_local ||
        hf_pg_query_text(pg, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'", 0,
                         NULL, &text, &ignored) != HF_OK ||
        text == NULL || statvfs(text, &disk) != 0) /* hidden from the role, or in a container */
        return UINT64_MAX;
    return (uint64_t) disk.f_bavail * disk.f_frsize;
}

static void look_at_space(const hf_deploy_options *options, hf_pg *pg, uint64_t database_bytes,
                          hf_preflight *preflight)
{
    const hf_gates_config *gates = gates_of(options);
    const char *how = "";
    const uint64_t on_server = hf_server_free_bytes(gates, pg, &how);
    uint64_t in_repository = UINT64_MAX;
    char free_text[32], need[32];
    hf_error error;

    (void) hf_show_size(on_server, free_text);
    if (on_server == UINT64_MAX && gates->min_server_bytes > 0) {
        hf_preflight_add(preflight, "space", HF_FINDING_WARNING,
                         hf_strdup("the server's disk cannot be asked"), "set deploy.space.disk to its size");
    } else if (on_server != UINT64_MAX && gates->min_server_bytes > 0) {
        tell(options, preflight, "space", on_server >= gates->min_server_bytes,
             hf_format("%s are free on the server (%s), at least %s are asked for", free_text, how,
                       hf_show_size(gates->min_server_bytes, need)),
             "make room there");
    } else if (on_server < database_bytes) {
        hf_preflight_add(preflight, "space", HF_FINDING_WARNING,
                         hf_format("%s are free on the server (%s), and a way back needs %s", free_text, how,
                                   hf_show_size(database_bytes, need)),
                         "make room there before the deploy");
    }
    if (gates->min_repository_bytes == 0)
        return;
    const hf_status status =
        hf_storage_free_bytes(hf_repository_storage(options->repository), &in_repository, &error);
    tell(options, preflight, "space", status == HF_OK && in_repository >= gates->min_repository_bytes,
         status != HF_OK               ? hf_strdup(error.message)
         : in_repository == UINT64_MAX ? hf_strdup("the repository's storage has no limit that it tells")
                                       : hf_format("%s are free in the repository, at least %s are asked for",
                                                   hf_show_size(in_repository, free_text),
                                                   hf_show_size(gates->min_repository_bytes, need)),
         "make room, or give the repository another place");
}

void hf_gates_look(const hf_deploy_options *options, hf_pg *pg, uint64_t database_bytes,
                   hf_preflight *preflight)
{
    look_at_window(options, preflight);
    look_at_activity(options, pg, preflight);
    look_at_snapshot_age(options, preflight);
    look_at_space(options, pg, database_bytes, preflight);
}
