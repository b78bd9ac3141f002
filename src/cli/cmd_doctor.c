#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/hosts.h"
#include "deploy/machine.h"
#include "deploy/preflight.h"
#include "pg/connection.h"
#include "repository/journal.h"
#include "repository/keys.h"

/* One look at one target. */
typedef struct examination {
    const hf_cli *cli;
    const hf_target_config *target; /* NULL: about all of them */
    json_t *findings;
    size_t bad, warnings;
} examination;

enum { SEEN_COLUMN = 22 }; /* after the mark and what was looked at */

/* The first line with its mark, the rest of what does not fit on a terminal below it. */
static void put_marked(hf_mark mark, const char *what, const char *seen)
{
    const size_t columns = hf_out_columns();

    if (columns < 2 * SEEN_COLUMN || SEEN_COLUMN + hf_text_columns(seen) <= columns) {
        hf_out_mark(mark, "%-15s %s", what, seen);
        return;
    }
    hf_out_mark(mark, "%s", what);
    hf_out("%*s", SEEN_COLUMN, "");
    hf_out_wrapped(SEEN_COLUMN, seen);
}

static void tell(examination *doctor, const char *what, hf_finding_level level, const char *seen,
                 const char *remedy)
{
    static const char *const levels[] = {"good", "warning", "bad"};
    static const hf_mark marks[] = {HF_MARK_GOOD, HF_MARK_WARNING, HF_MARK_BAD};
    const char *target = doctor->target == NULL ? NULL : doctor->target->name;

    doctor->bad += level == HF_FINDING_BAD;
    doctor->warnings += level == HF_FINDING_WARNING;
    if (remedy != NULL && remedy[0] == '\0')
        remedy = NULL;
    json_array_append_new(doctor->findings,
                          json_pack("{s:o, s:s, s:s, s:o, s:o}", "target", hf_json_text(target), "what", what,
                                    "level", levels[level], "seen", hf_json_text(seen), "remedy",
                                    hf_json_text(remedy)));
    if (doctor->cli->json)
        return;
    put_marked(marks[level], what, seen);
    if (remedy != NULL) {
        hf_out("%*s-> ", SEEN_COLUMN, "");
        hf_out_wrapped(SEEN_COLUMN + 3, remedy);
    }
}

static void tell_error(examination *doctor, const char *what, const hf_error *error)
{
    tell(doctor, what, HF_FINDING_BAD, error->message, error->hint);
}

static void look_at_cycles(examination *doctor, hf_repository *repository)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    const char *target = doctor->target->name;
    hf_cycle_state state;
    hf_error error = {0};

    if (hf_journal_list(repository, target, &cycles, &error) != HF_OK) {
        tell_error(doctor, "last deploy", &error);
        return;
    }
    if (cycles.count == 0)
        return;
    const char *last = cycles.items[cycles.count - 1];
    if (hf_journal_load(repository, target, last, &journal, &error) != HF_OK) {
        tell_error(doctor, "last deploy", &error);
        return;
    }
    bool ended = hf_cycle_state_parse(hf_journal_state(journal), &state) && hf_cycle_is_final(state);
    HF_AUTO_STR seen = hf_format("%s: %s%s", last, hf_journal_state(journal), ended ? "" : ", not ended");
    tell(doctor, "last deploy", ended ? HF_FINDING_GOOD : HF_FINDING_BAD, seen,
         ended ? NULL : "holdfast resume, unless it is still under way");
}

static const char sessions_sql[] =
    "SELECT pg_catalog.count(*) AS others, pg_catalog.count(*) FILTER (WHERE r.rolsuper) AS superusers, "
    "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS may_end_all "
    "FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid "
    "WHERE a.datname = pg_catalog.current_database() AND a.usename <> current_user";

static void look_at_sessions(examination *doctor, hf_pg *pg)
{
    HF_AUTO_ROWS rows = NULL;
    hf_error error = {0};

    if (hf_pg_query(pg, sessions_sql, 0, NULL, &rows, &error) != HF_OK) {
        tell_error(doctor, "other sessions", &error);
        return;
    }
    const long long others = hf_rows_int(rows, 0, "others"), superusers = hf_rows_int(rows, 0, "superusers");
    const bool is_stuck = superusers > 0 && !hf_rows_bool(rows, 0, "may_end_all");
    HF_AUTO_STR seen = hf_format("%lld of other roles, %lld of them superusers', which a swap has to end",
                                 others, superusers);

    tell(doctor, "other sessions", is_stuck ? HF_FINDING_WARNING : HF_FINDING_GOOD,
         others == 0 ? "none of other roles" : seen,
         is_stuck ? "only a superuser ends a superuser's session: end them before a way back needs it"
                  : NULL);
}

/* Names as of hf_swap_name(), which cuts the database's part of a long one. */
static const char beside_sql[] =
    "SELECT d.datname AS name, CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') "
    "THEN pg_catalog.pg_database_size(d.oid) END AS bytes, part[2] AS kind FROM pg_catalog.pg_database d, "
    "pg_catalog.regexp_match(d.datname, '^(.*)__(failed|hf|replaced|prove)_[0-9a-z_]+$') AS part "
    "WHERE part[1] = pg_catalog.current_database() OR pg_catalog.octet_length(d.datname) >= 60 "
    "AND pg_catalog.starts_with(pg_catalog.current_database()::text, part[1]) ORDER BY 1";

static void look_beside(examination *doctor, hf_pg *pg)
{
    HF_AUTO_ROWS rows = NULL;
    hf_error error = {0};
    char size[32];

    if (hf_pg_query(pg, beside_sql, 0, NULL, &rows, &error) != HF_OK) {
        tell_error(doctor, "beside", &error);
        return;
    }
    if (hf_rows_count(rows) == 0)
        tell(doctor, "beside", HF_FINDING_GOOD, "no databases that were kept or left behind", NULL);
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *name = hf_rows_text(rows, i, "name"), *kind = hf_rows_text(rows, i, "kind");
        const bool is_kept = hf_streq(kind, "failed") || hf_streq(kind, "replaced");
        const bool is_known = hf_rows_text(rows, i, "bytes") != NULL;
        HF_AUTO_STR seen = hf_format("\"%s\", %s", name,
                                     is_known ? hf_show_size((uint64_t) hf_rows_int(rows, i, "bytes"), size)
                                              : "size unknown");
        HF_AUTO_STR remedy =
            hf_format(is_kept ? "DROP DATABASE \"%s\" when nobody needs it"
                              : "DROP DATABASE \"%s\", unless a deploy, restore or proof is under way",
                      name);

        tell(doctor, "beside", HF_FINDING_WARNING, seen, remedy);
    }
}

static void look_at_server(examination *doctor, const char *url)
{
    HF_AUTO_PG pg = NULL;
    hf_error error = {0};

    /* That it cannot be reached was found already. */
    if (hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "doctor"}, &pg, &error) != HF_OK)
        return;
    look_at_sessions(doctor, pg);
    look_beside(doctor, pg);
}

static void look_at_encryption(examination *doctor, hf_repository *repository)
{
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};
    hf_error error = {0};
    const char *id = hf_repository_key_id(repository);

    if (id == NULL) {
        tell(doctor, "encryption", HF_FINDING_GOOD, "none: the repository is not encrypted", NULL);
        return;
    }
    if (hf_keys_list(repository, &list, &error) != HF_OK) {
        tell_error(doctor, "encryption", &error);
        return;
    }
    HF_AUTO_STR seen = hf_format("the passphrase opens key %s, one of %zu", id, list.count);

    tell(doctor, "encryption", HF_FINDING_GOOD, seen, NULL);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].broken == NULL)
            continue;
        HF_AUTO_STR broken = hf_format("key %s cannot be used: %s", list.items[i].id, list.items[i].broken);

        tell(doctor, "encryption", HF_FINDING_WARNING, broken,
             "restore it from a copy, or `holdfast key remove` it and add its passphrase again");
    }
}

/* Each can be opened.  One that nobody waits for is in no deploy's way. */
static void look_at_copies(examination *doctor, const hf_session *session)
{
    for (size_t i = 0; i < session->config->copy_to.count; i++) {
        const hf_repository_config *place = &session->config->copy_to.items[i];
        HF_AUTO(hf_repository_freep) hf_repository *copy = NULL;
        hf_error error = {0};
        bool good = hf_session_repository(session, place, false, &copy, &error) == HF_OK;
        HF_AUTO_STR seen = hf_format("\"%s\": %s", place->name, good ? place->url : error.message);

        tell(doctor, "copy",
             good          ? HF_FINDING_GOOD
             : place->wait ? HF_FINDING_BAD
                           : HF_FINDING_WARNING,
             seen, good ? NULL : error.hint);
    }
}

/* What its hosting service is known for; what stands in the way is a warning where it does not. */
static void look_at_host(examination *doctor, const char *url, bool is_reached)
{
    HF_AUTO(hf_strings_done) hf_strings env = {0};
    const hf_host_habit *habit = NULL;
    const char *host = "";
    int port = 5432;
    hf_error ignored;

    if (hf_pg_url_environment(url, NULL, &env, &ignored) != HF_OK)
        return;
    for (size_t i = 0; i < env.count; i++)
        if (hf_starts_with(env.items[i], "PGHOST="))
            host = env.items[i] + strlen("PGHOST=");
        else if (hf_starts_with(env.items[i], "PGPORT="))
            port = (int) strtol(env.items[i] + strlen("PGPORT="), NULL, 10);
    while ((habit = hf_host_habit_next(host, port, habit)) != NULL) {
        tell(doctor, "host",
             !habit->is_obstacle ? HF_FINDING_GOOD
             : is_reached        ? HF_FINDING_WARNING
                                 : HF_FINDING_BAD,
             habit->seen, habit->remedy);
        if (habit->is_obstacle)
            return;
    }
}

static void examine_target(examination *doctor, const hf_session *session)
{
    HF_AUTO_SECRET url = NULL;
    HF_AUTO(hf_preflight_done) hf_preflight preflight = {0};
    hf_error error = {0};

    if (hf_session_url(doctor->target, &url, &error) != HF_OK) {
        tell_error(doctor, "database URL", &error);
        return;
    }
    tell(doctor, "database URL", HF_FINDING_GOOD, "can be read", NULL);

    const hf_deploy_options options = {
        .repository = session->repository,
        .config_path = session->config->path,
        .target = doctor->target,
        .url = url,
    };
    bool is_reached = false;

    hf_preflight_look(&options, &preflight);
    for (size_t i = 0; i < preflight.findings.count; i++) {
        const hf_finding *finding = &preflight.findings.items[i];

        tell(doctor, finding->what, finding->level, finding->seen, finding->remedy);
        is_reached =
            is_reached || (hf_streq(finding->what, "connection") && finding->level == HF_FINDING_GOOD);
    }
    look_at_host(doctor, url, is_reached);
    if (is_reached)
        look_at_server(doctor, url);
    look_at_cycles(doctor, session->repository);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    examination doctor = {.cli = cli, .findings = json_array()};

    hf_cli_result(cli, json_pack("{s:b, s:o}", "ok", 0, "findings", doctor.findings));
    HF_TRY(hf_session_open(cli, 0, &session, error));
    const hf_target_config *only = session.target;
    tell(&doctor, "configuration", HF_FINDING_GOOD, session.config->path, NULL);

    hf_error why = {0};
    HF_AUTO(hf_session_done) hf_session opened = {0};
    bool repository = hf_session_open(cli, HF_NEEDS_REPOSITORY, &opened, &why) == HF_OK;
    if (!repository)
        tell_error(&doctor, "repository", &why);
    else
        look_at_encryption(&doctor, opened.repository);
    look_at_copies(&doctor, &session);
    for (size_t i = 0; i < session.config->targets.count && repository; i++) {
        if (only != NULL && only != &session.config->targets.items[i])
            continue;
        doctor.target = &session.config->targets.items[i];
        if (!cli->json && session.config->targets.count > 1)
            hf_out("\n%s\n", doctor.target->name);
        examine_target(&doctor, &opened);
    }

    json_object_set_new(cli->result, "ok", json_boolean(doctor.bad == 0));
    if (!cli->json)
        hf_out("\n%s\n", doctor.bad > 0        ? "not ready"
                         : doctor.warnings > 0 ? "ready, with warnings"
                                               : "ready");
    if (doctor.bad == 0)
        return HF_OK;
    return hf_fail(error, HF_E_CHECKS_FAILED, "%zu %s in the way of a deploy", doctor.bad,
                   doctor.bad == 1 ? "thing is" : "things are");
}

const hf_command hf_command_doctor = {
    .name = "doctor",
    .summary = "check everything that a deploy needs",
    .details = "Each finding that is bad comes with its remedy.",
    .run = run,
};
