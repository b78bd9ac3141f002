/*
 * pg_dump as a child process, for the schema alone.
 *
 * Debian's /usr/bin/pg_dump is a wrapper that picks a version by a cluster's name; the real programs in
 * /usr/lib/postgresql/<major>/bin are preferred, so that the version is the one asked for.  A configured command may reach
 * another machine or container (docker exec ...), so nothing but argv and PGPASSWORD is relied on: the connection is given
 * as --dbname=<conninfo> without secrets.
 */
#include "pg/pg_dump.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "base/text.h"
#include "pg/url.h"

#define ARCHIVE_MAX (512u << 20)
#define STDERR_TAIL 4096
#define VERSION_TIMEOUT_MS 60000
#define DUMP_TIMEOUT_MS (60 * 60 * 1000)
#define LOCK_WAIT "--lock-wait-timeout=10s" /* whoever wants a table queues behind a LOCK that waits */
#define DEBIAN_PROGRAMS "/usr/lib/postgresql/*/bin/pg_dump"

void hf_pg_dump_done(hf_pg_dump *dump)
{
    hf_strings_done(&dump->argv);
    free(dump->version);
    *dump = (hf_pg_dump){0};
}

static hf_status append_output(void *context, const char *data, size_t len, hf_error *error)
{
    hf_buf *output = context;
    hf_buf_append(output, data, len);
    return hf_buf_check(output, "the schema archive of pg_dump", error);
}

static const char **argv_with(const hf_strings *command, const char *const *more)
{
    size_t count = 0, extra = 0;
    while (more[extra] != NULL)
        extra++;
    const char **argv = hf_alloc((command->count + extra + 1) * sizeof(*argv));
    for (size_t i = 0; i < command->count; i++)
        argv[count++] = command->items[i];
    for (size_t i = 0; i < extra; i++)
        argv[count++] = more[i];
    return argv;
}

/* The major version in "pg_dump (PostgreSQL) 15.18 (Debian ...)" or "... 18beta1", or 0. */
static int major_of(const char *text)
{
    const char *number = strstr(text, "(PostgreSQL) ");
    if (number == NULL)
        return 0;
    number += strlen("(PostgreSQL) ");
    long major = strtol(number, NULL, 10);
    return major >= 8 && major < 1000 ? (int) major : 0;
}

/* The last lines of what a child said, on one line, without secrets. */
static void tail_of(hf_buf *output, hf_buf *ret_tail)
{
    hf_redact(output);
    const char *text = hf_buf_text(output);
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char) text[len - 1]))
        len--;
    size_t from = len > ret_tail->max / 2 ? len - ret_tail->max / 2 : 0;
    for (size_t i = from; i < len; i++) {
        if (text[i] != '\n')
            hf_buf_putc(ret_tail, text[i]);
        else if (text[i + 1] != '\n')
            hf_buf_puts(ret_tail, "; ");
    }
}

/* Ask a command for its version.  HF_E_PG_DUMP if it is no pg_dump. */
static hf_status ask_version(const hf_strings *command, hf_pg_dump *ret_dump, hf_error *error)
{
    static const char *const MORE[] = {"--version", NULL};
    HF_AUTO_STR argv = (char *) argv_with(command, MORE);
    HF_AUTO_BUF output = HF_BUF_MAX(4096);
    HF_AUTO_BUF errors = HF_BUF_MAX(2 * STDERR_TAIL);
    hf_child_options options = {.argv = (const char *const *) argv,
                                .timeout_ms = VERSION_TIMEOUT_MS,
                                .ret_stdout = &output,
                                .ret_stderr = &errors,
                                .tail_bytes = STDERR_TAIL};
    hf_child_result result;
    hf_status status = hf_child_run(&options, &result, error);
    if (status == HF_E_NOT_FOUND)
        return hf_fail(error, HF_E_PG_DUMP, "there is no program \"%s\"", command->items[0]);
    HF_TRY(status);
    int major = result.exit_status == 0 ? major_of(hf_buf_text(&output)) : 0;
    if (major == 0) {
        HF_AUTO_BUF tail = HF_BUF_MAX(600);
        tail_of(&errors, &tail);
        const char *program = command->items[command->count - 1];
        if (result.timed_out)
            return hf_fail(error, HF_E_PG_DUMP, "\"%s --version\" did not answer within %d s", program,
                           VERSION_TIMEOUT_MS / 1000);
        return hf_fail(error, HF_E_PG_DUMP, "\"%s --version\" did not tell a version (exit status %d): %s",
                       program, result.exit_status, hf_buf_text(&tail));
    }
    hf_pg_dump found = {.major = major};
    for (size_t i = 0; i < command->count; i++)
        hf_strings_add(&found.argv, command->items[i]);
    const char *text = hf_buf_text(&output);
    found.version = hf_strndup(text, strcspn(text, "\r\n"));
    *ret_dump = found;
    return HF_OK;
}

static hf_status missing(int server, int newest, hf_error *error)
{
    if (newest > 0)
        hf_fail(error, HF_E_PG_DUMP, "the newest pg_dump here is of version %d, the server is PostgreSQL %d",
                newest, server);
    else
        hf_fail(error, HF_E_PG_DUMP, "there is no pg_dump here; the server is PostgreSQL %d", server);
    return hf_hint(
        error, "install postgresql-client-%d, or configure a command that reaches a pg_dump of version %d",
        server, server);
}

/* The program for the wanted major version in Debian's folders: equal, else the next newer.  NULL: none. */
static char *debian_program(int wanted, int *ret_newest)
{
    glob_t found = {0};
    const char *best = NULL;
    int best_major = 0;
    if (glob(DEBIAN_PROGRAMS, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            int major = (int) strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
            if (major > *ret_newest)
                *ret_newest = major;
            if (major >= wanted && (best == NULL || major < best_major)) {
                best = found.gl_pathv[i];
                best_major = major;
            }
        }
    }
    char *program = hf_strdup(best);
    globfree(&found);
    return program;
}

hf_status hf_pg_dump_find(const hf_strings *configured, int server_version, hf_pg_dump *ret_dump,
                          hf_error *error)
{
    int server = server_version / 10000;
    if (configured != NULL && configured->count > 0) {
        HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
        HF_TRY(ask_version(configured, &dump, error));
        if (dump.major < server) {
            hf_fail(error, HF_E_PG_DUMP,
                    "the configured pg_dump is of version %d, the server is PostgreSQL %d", dump.major,
                    server);
            return hf_hint(error, "configure a pg_dump of version %d or newer (Debian: postgresql-client-%d)",
                           server, server);
        }
        *ret_dump = dump;
        dump = (hf_pg_dump){0};
        return HF_OK;
    }

    int newest = 0;
    HF_AUTO_STR program = debian_program(server, &newest);
    HF_AUTO(hf_pg_dump_done) hf_pg_dump best = {0};
    if (program != NULL) {
        hf_strings command = {0};
        hf_strings_add(&command, program);
        hf_status status = ask_version(&command, &best, error);
        hf_strings_done(&command);
        if (status == HF_E_CANCELLED)
            return status;
    }
    if (best.major != server) {
        hf_strings command = {0};
        hf_strings_add(&command, "pg_dump");
        HF_AUTO(hf_pg_dump_done) hf_pg_dump other = {0};
        hf_status status = ask_version(&command, &other, error);
        hf_strings_done(&command);
        if (status == HF_E_CANCELLED)
            return status;
        if (other.major > newest)
            newest = other.major;
        if (other.major >= server && (best.major == 0 || other.major < best.major)) {
            hf_pg_dump swapped = best;
            best = other;
            other = swapped;
        }
    }
    if (best.major < server)
        return missing(server, newest, error);
    *ret_dump = best;
    best = (hf_pg_dump){0};
    return HF_OK;
}

static void conninfo_add(hf_buf *info, const char *keyword, const char *value)
{
    if (info->len > 0)
        hf_buf_putc(info, ' ');
    hf_buf_printf(info, "%s='", keyword);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            hf_buf_putc(info, '\\');
        hf_buf_putc(info, *value);
    }
    hf_buf_putc(info, '\'');
}

/*
 * Split a URL into what may be seen and the password.  ret_password gets "PGPASSWORD=..." if the URL has one.
 * libpq marks secrets with the display character '*'.
 */
static hf_status split_url(const char *url, const char *database, hf_buf *ret_conninfo, hf_buf *ret_password,
                           hf_error *error)
{
    PQconninfoOption *options;
    HF_TRY(hf_pg_url_parse(url, &options, error));
    const char *refused = NULL;
    for (PQconninfoOption *option = options; option->keyword != NULL; option++) {
        const char *value = option->val;
        if (strcmp(option->keyword, "dbname") == 0 && database != NULL)
            value = database;
        if (value == NULL || *value == '\0')
            continue;
        if (strcmp(option->keyword, "password") == 0)
            hf_buf_printf(ret_password, "PGPASSWORD=%s", value);
        else if (strchr(option->dispchar, '*') != NULL)
            refused = option->keyword;
        else if (strcmp(option->keyword, "application_name") != 0 &&
                 strcmp(option->keyword, "fallback_application_name") != 0)
            conninfo_add(ret_conninfo, option->keyword, value);
    }
    hf_status status = HF_OK;
    if (refused != NULL) {
        hf_fail(error, HF_E_UNSUPPORTED,
                "the URL's parameter \"%s\" is a secret that cannot be passed to pg_dump", refused);
        status = hf_hint(error, "use a client key without a passphrase, readable by this user only");
    }
    PQconninfoFree(options);
    HF_TRY(status);
    conninfo_add(ret_conninfo, "application_name", "holdfast: pg_dump");
    HF_TRY(hf_buf_check(ret_conninfo, "the connection string", error));
    return hf_buf_check(ret_password, "the password", error);
}

static hf_status explain_failure(const hf_child_result *result, hf_buf *errors, hf_error *error)
{
    if (strstr(hf_buf_text(errors), "invalid byte sequence for encoding \"UTF8\"") != NULL) {
        hf_fail(error, HF_E_UNSUPPORTED,
                "the schema has a name, a comment or a definition that is not UTF-8");
        return hf_hint(error,
                       "the database has no encoding (SQL_ASCII): write it anew; rows may be of any bytes");
    }
    HF_AUTO_BUF tail = HF_BUF_MAX(1600);
    tail_of(errors, &tail);
    const char *text = hf_buf_text(&tail);
    /* --lock-wait-timeout is a statement_timeout */
    if (strstr(text, "statement timeout") != NULL && strstr(text, "LOCK TABLE") != NULL) {
        hf_fail(error, HF_E_LOCKED, "pg_dump could not lock what it reads: %s", text);
        return hf_hint(error, "end the session that holds the lock, or try again when it is idle");
    }
    hf_fail(error, HF_E_PG_DUMP, "pg_dump ended with exit status %d: %s", result->exit_status,
            *text != '\0' ? text : "it said nothing");
    if (error != NULL && strstr(text, "conflict with recovery") != NULL)
        (void) snprintf(error->sqlstate, sizeof(error->sqlstate), "40001");
    if (strstr(text, "version mismatch") != NULL)
        hf_hint(error, "install the client package of the server's version");
    else if (strstr(text, "permission denied") != NULL)
        hf_hint(error, "the role needs USAGE on every schema and SELECT on every table");
    return HF_E_PG_DUMP;
}

static hf_status explain_timeout(int64_t timeout_ms, hf_error *error)
{
    hf_fail(error, HF_E_PG_DUMP, "pg_dump did not end within %lld s", (long long) (timeout_ms / 1000));
    return hf_hint(error, "look what it waits for, or raise snapshot.pg_dump_timeout");
}

hf_status hf_pg_dump_schema(const hf_pg_dump *dump, const char *url, const char *database,
                            const char *snapshot, hf_archive **ret_archive, hf_error *error)
{
    HF_AUTO_BUF conninfo = HF_BUF_MAX(HF_PG_URL_MAX);
    HF_AUTO_BUF password = HF_BUF_MAX(HF_PG_URL_MAX);
    HF_TRY(split_url(url, database, &conninfo, &password, error));

    HF_AUTO_STR dbname = hf_format("--dbname=%s", hf_buf_text(&conninfo));
    HF_AUTO_STR with_snapshot = snapshot != NULL ? hf_format("--snapshot=%s", snapshot) : NULL;
    const bool statistics = dump->statistics && dump->major >= 18; /* which --schema-only forbids */
    const char *more[12] = {"--format=custom",
                            statistics ? "--no-data" : "--schema-only",
                            "--compress=0",
                            "--no-password",
                            "--encoding=UTF8",
                            LOCK_WAIT,
                            dbname};
    size_t count = 7;
    if (with_snapshot != NULL)
        more[count++] = with_snapshot;
    if (dump->major >= 18)
        more[count++] = statistics ? "--statistics" : "--no-statistics";
    HF_AUTO_STR argv = (char *) argv_with(&dump->argv, more);
    const char *env[2] = {password.len > 0 ? hf_buf_text(&password) : NULL, NULL};

    HF_AUTO_BUF output = HF_BUF_MAX(ARCHIVE_MAX);
    HF_AUTO_BUF errors = HF_BUF_MAX(2 * STDERR_TAIL);
    hf_child_options options = {.argv = (const char *const *) argv,
                                .env = env,
                                .timeout_ms = dump->timeout_ms > 0 ? dump->timeout_ms : DUMP_TIMEOUT_MS,
                                .on_stdout = append_output,
                                .context = &output,
                                .ret_stderr = &errors,
                                .tail_bytes = STDERR_TAIL};
    hf_child_result result;
    hf_status status = hf_child_run(&options, &result, error);
    if (status == HF_E_NOT_FOUND)
        return hf_fail(error, HF_E_PG_DUMP, "there is no program \"%s\"", dump->argv.items[0]);
    HF_TRY(status);
    if (result.timed_out)
        return explain_timeout(options.timeout_ms, error);
    if (result.exit_status != 0)
        return explain_failure(&result, &errors, error);
    return hf_archive_parse(output.data, output.len, ret_archive, error);
}
