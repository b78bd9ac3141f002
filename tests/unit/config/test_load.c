#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "config/load.h"
#include "config/options.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Nine lines that every configuration of the tables below begins with; what is tested follows under the target. */
#define HEAD                                                                                                 \
    "repository:\n"                                                                                          \
    "  url: file:///srv/hf\n"                                                                                \
    "targets:\n"                                                                                             \
    "  site:\n"                                                                                              \
    "    database:\n"                                                                                        \
    "      url: {env: DATABASE_URL}\n"

#define PUBLIC_KEY "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511A"

static hf_status parse(const char *text, hf_config **ret_config, hf_error *error)
{
    return hf_config_parse("hf.yaml", "/etc/hf", text, strlen(text), ret_config, error);
}

static void test_load__names_mistakes_with_line_and_column(void **state)
{
    static const struct {
        const char *text, *message, *hint; /* the hint holds this */
    } cases[] = {
        {"", "hf.yaml: the file is empty", "holdfast init"},
        {"# only a comment\n", "hf.yaml: the file is empty", ""},
        {"just text\n", "hf.yaml:1:1: a configuration is a mapping", "repository:"},
        {"- a\n", "hf.yaml:1:3: a configuration is a mapping", ""},
        {"a: [1\nb: 2\n", "hf.yaml:3:1: not valid YAML: flow sequence without a closing bracket", ""},
        {"a:\n\t- b\n", "hf.yaml:2:1: not valid YAML: tab character may not be used as indentation", ""},
        {" a: 1\nb: 2\n", "hf.yaml:2:1: not valid YAML: invalid mapping in plain multiline", ""},
        {"a: \xff\n", "hf.yaml:1:1: not UTF-8", ""},
        {"a: 1\n---\nb: 1\n", "hf.yaml:2:1: a second document begins here", ""},
        {"? [a]\n: b\n", "hf.yaml:1:4: a key must be a text", ""},
        {"repository: {url: /a}\nrepository: {url: /b}\n", "hf.yaml:2:1: \"repository\" is given twice",
         "line 1"},
        {"repository: &r {url: /a}\ntargets: *r\n",
         "hf.yaml:2:10: anchors and aliases are not understood here", ""},
        {"repository: {url: /a}\n", "hf.yaml:1:1: \"targets\" is missing here", ""},
        {"repository: {url: /a}\ntargets:\n", "hf.yaml:2:1: \"targets\" is empty: at least one is needed",
         "help configuration"},
        {"repository: {url: /a}\ntargets: {}\n", "hf.yaml:2:1: \"targets\" is empty: at least one is needed",
         "help configuration"},
        {"repository: {url: /a}\ntargets: [a]\n",
         "hf.yaml:2:11: \"targets\" must be a mapping of names and mappings, not a list", ""},
        {HEAD "    checks: [{name: a, folder: x, schema: s.json}]\n",
         "hf.yaml:7:15: check \"a\": only a command runs in a folder", ""},
        {HEAD "    deploy: {approvers: {keys: [anna]}}\n",
         "hf.yaml:7:33: \"keys\" must be a mapping of names and public keys", "ed25519:"},
        {HEAD "    deploy: {approvers: {keys: {a.b: x}}}\n",
         "hf.yaml:7:33: \"a.b\" cannot be the name of an approver", "letters"},
        {HEAD "    deploy: {approvers: {keys: {anna: \"ed25519:00\"}}}\n",
         "hf.yaml:7:39: this is not the public key of an approver", "--new-key"},
        {HEAD "    deploy: {approvers: {keys: {anna: \"" PUBLIC_KEY "\", ben: \"" PUBLIC_KEY "\"}}}\n",
         "hf.yaml:7:120: \"anna\" and \"ben\" have the same key", ""},
        {HEAD "    deploy: {approvers: {required: 2, keys: {anna: \"" PUBLIC_KEY "\"}}}\n"
              "    migrations: {kind: none}\n",
         "hf.yaml:4:3: target \"site\": deploy.approvers needs 2 signatures and has 1 key", "required"},
        {"repository:\ntargets: {a: {}}\n", "hf.yaml:1:1: \"url\" is missing here", ""},
        {"repositroy:\n  url: x\n", "hf.yaml:1:1: unknown key \"repositroy\"",
         "did you mean \"repository\"?"},
        {"repository:\n  url: x\n  bucket: {}\n", "hf.yaml:3:3: unknown key \"bucket\"",
         "known here: url, passphrase, s3"},
        {"repository:\n  url: x\n  s3: {path_style: maybe}\n",
         "hf.yaml:3:20: \"path_style\" must be auto, true or false, not \"maybe\"", ""},
        {"repository:\n  url: [x]\n", "hf.yaml:2:9: \"url\" must be a path, not a list", ""},
        {"repository:\n  url:\n", "hf.yaml:2:3: \"url\" has no value; it must be a path", ""},
        {"repository: {url: /a}\ntargets:\n  a b: {database: {url: {env: X}}}\n",
         "hf.yaml:3:3: \"a b\" cannot be the name of a target", "letters"},
        {"repository: {url: /a}\ntargets:\n  site: {}\n", "hf.yaml:3:3: \"database\" is missing here", ""},
        {"repository: {url: /a}\ntargets:\n  site:\n    database: {}\n",
         "hf.yaml:4:5: \"url\" is missing here", ""},
        {HEAD "    jobs: 3\n", "hf.yaml:7:5: unknown key \"jobs\"", "its place is targets.*.snapshot.jobs"},
        {HEAD "    snapshot: {jbos: 3}\n", "hf.yaml:7:16: unknown key \"jbos\"", "did you mean \"jobs\"?"},
        {HEAD "    snapshot:\n      jobs: many\n",
         "hf.yaml:8:13: \"jobs\" must be a whole number from 1 to 64, not \"many\"", ""},
        {HEAD "    snapshot:\n      jobs: 65\n",
         "hf.yaml:8:13: \"jobs\" must be a whole number from 1 to 64, not \"65\"", ""},
        {HEAD "    snapshot: 4\n", "hf.yaml:7:15: \"snapshot\" must be a mapping, not \"4\"", ""},
        {HEAD "    snapshot: {verify: ful}\n", "hf.yaml:7:24: \"verify\" must be stored or full, not \"ful\"",
         "did you mean \"full\"?"},
        {HEAD "    snapshot: {chunk_size: 1}\n",
         "hf.yaml:7:28: \"chunk_size\" must be a size from 64.0 KiB to 1.0 GiB, not \"1\"", ""},
        {HEAD "    snapshot: {lock_timeout: soon}\n",
         "hf.yaml:7:30: \"lock_timeout\" must be a duration like \"30s\", \"5m\" or \"7d\" (at most 1d 00h), "
         "not \"soon\"",
         ""},
        {HEAD "    snapshot: {pg_dump: []}\n",
         "hf.yaml:7:16: \"pg_dump\" must be a list: [program, argument, ...], not a list", ""},
        {HEAD "    migrations: {directory: x}\n", "hf.yaml:7:18: \"kind\" is missing here", ""},
        {HEAD "    migrations: {kind: prism}\n",
         "hf.yaml:7:24: \"kind\" must be none, prisma, sql or command, not \"prism\"", "\"prisma\""},
        {HEAD "    migrations: {kind: sql}\n",
         "hf.yaml:4:3: target \"site\": migrations of kind sql need a \"directory\"", ""},
        {HEAD "    migrations: {kind: command}\n",
         "hf.yaml:4:3: target \"site\": migrations of kind command need a \"command\"", ""},
        {HEAD "    deploy: {rollback: {way: sideways}}\n",
         "hf.yaml:7:30: \"way\" must be swap, clone, in-place or auto, not \"sideways\"", ""},
        {HEAD "    deploy: {approval: sometimes}\n",
         "hf.yaml:7:24: \"approval\" must be never, destructive or always, not \"sometimes\"", ""},
        {HEAD "    deploy: {window: {}}\n", "hf.yaml:7:14: unknown key \"window\"", "known here: rollback"},
        {HEAD "notify:\n  - {events: [stuck]}\n", "hf.yaml:8:6: this does not say where a message goes",
         "slack, discord"},
        {HEAD "notify:\n  - {slack: {url: {env: A}}, teams: {url: {env: B}}}\n",
         "hf.yaml:8:6: this goes to more than one place", "exactly one"},
        {HEAD "notify:\n  - {slack: {url: \"https://x\"}}\n",
         "hf.yaml:8:19: \"url\" is a secret and may not stand in the configuration itself", "{env: NAME}"},
        {HEAD "notify:\n  - {slack: {url: {env: A}}, events: [stcuk]}\n",
         "hf.yaml:8:39: \"stcuk\" is no event", "did you mean \"stuck\"?"},
        {HEAD "notify:\n  - {webhook: {url: {env: A}, template: '{{tite}}'}}\n",
         "hf.yaml:8:41: the template has an unknown field \"tite\"", "did you mean \"title\"?"},
        {HEAD "notify:\n  - {webhook: {url: {env: A}, template: 'x {{title}}'}}\n",
         "hf.yaml:8:41: the template does not make JSON: invalid token near 'x'", "format: text"},
        {HEAD "notify:\n  - {ping: {url: {env: A}, commands: [bakcup]}}\n",
         "hf.yaml:8:39: \"bakcup\" is no command that pings", "did you mean \"backup\"?"},
        {HEAD "notify:\n  - {ping: {url: {env: A}, commands: [backup]}, events: [stuck]}\n",
         "hf.yaml:8:6: a ping has no events", ""},
        {HEAD "notify:\n  - {email: {server: mail.example, from: a@b, to: [c@d]}}\n",
         "hf.yaml:8:6: the mail server must begin with smtp:// or smtps://", "STARTTLS"},
        {HEAD "notify:\n  - {email: {server: \"smtp://m\", from: a@b, to: [\"c@d>\\r\\nX: y\"]}}\n",
         "hf.yaml:8:6: \"c@d>\r\nX: y\" is no mail address", "only the address"},
        {HEAD "notify:\n  - {email: {server: \"smtp://m\", from: a@b, to: [c@d], user: u}}\n",
         "hf.yaml:8:6: \"user\" and \"password\" belong together", ""},
        {HEAD
         "notify:\n  - {email: {server: \"smtp://m\", from: a@b, to: [c@d], user: u, password: {env: P}, "
         "tls: false}}\n",
         "hf.yaml:8:6: a password is not sent without TLS", ""},
        {HEAD "notify:\n  - {github: {repository: app, token: {env: T}}}\n",
         "hf.yaml:8:6: \"app\" is no repository: it must be owner/name", ""},
        {HEAD "notify:\n  - {name: a, slack: {url: {env: A}}}\n  - {name: a, slack: {url: {env: A}}}\n",
         "hf.yaml:9:6: two have the name \"a\"", "of its own"},
        {HEAD "contacts: {stcuk: [me]}\n", "hf.yaml:7:12: unknown key \"stcuk\"", "did you mean \"stuck\"?"},
        {HEAD "    deploy: {hooks: {before_migrat: [x]}}\n", "hf.yaml:7:22: unknown key \"before_migrat\"",
         "before_migrate"},
        {HEAD "    deploy: {hooks: {before_migrate: {timeout: 5s}}}\n",
         "hf.yaml:7:39: \"command\" is missing here", ""},
        {HEAD "    deploy: {app: {revision: v1}}\n",
         "hf.yaml:7:30: \"revision\" must be {env: NAME}, {file: path} or {command: [program]}, not \"v1\"",
         ""},
        {HEAD "    checks: {}\n", "hf.yaml:7:5: \"checks\" must be a list of mappings, not a mapping", ""},
        {HEAD "    checks: [x]\n", "hf.yaml:7:14: \"checks\" must be a list of mappings, not \"x\"", ""},
        {HEAD "    checks:\n      - {name: a}\n", "hf.yaml:8:10: check \"a\" does not say what to check",
         "exactly one"},
        {HEAD "    checks:\n      - {http: {url: \"http://x\"}}\n", "hf.yaml:8:10: \"name\" is missing here",
         ""},
        {HEAD "    checks:\n      - {name: a, command: [x], schema: y}\n",
         "hf.yaml:8:10: check \"a\" checks more than one thing", ""},
        {HEAD "    checks:\n      - {name: a, http: {}}\n", "hf.yaml:8:19: \"url\" is missing here", ""},
        {HEAD "    checks:\n      - {name: a, http: {url: x}}\n",
         "hf.yaml:8:10: check \"a\": the url must begin with http:// or https://", ""},
        {HEAD "    checks:\n      - {name: a, http: {url: \"http://x\", status: [200, ok]}}\n",
         "hf.yaml:8:57: \"status\" must be an HTTP status from 100 to 599, or a list of them", ""},
        {HEAD "    checks:\n      - {name: a, http: {url: \"http://x\", headers: [a]}}\n",
         "hf.yaml:8:53: \"headers\" must be a mapping of names and values", ""},
        {HEAD "    checks:\n      - {name: a, sql: {query: SELECT 1}}\n",
         "hf.yaml:8:10: check \"a\" does not say what the query's value must be", "equals"},
        {HEAD "    checks:\n      - {name: a, sql: {query: SELECT 1, at_least: 1, at_most: 2}}\n",
         "hf.yaml:8:64: \"at_most\" is a second comparison", ""},
        {HEAD "    checks:\n      - {name: a, schema: {database: x}}\n",
         "hf.yaml:8:10: check \"a\" does not say what to check", ""},
        {HEAD "    checks:\n      - {name: a, http: {url: \"http://x\", headers: {X-Key: [a]}}}\n",
         "hf.yaml:8:53: a header is one name and one line of text, or a secret", "{env: API_KEY}"},
        {HEAD "    checks:\n      - {name: a, sql: {query: SELECT 1, rows: 1, unchanged: true}}\n",
         "hf.yaml:8:10: check \"a\" asks for a number of rows and for a value", "two checks"},
        {HEAD "    checks:\n      - {name: a, rows: {shrink_at_most: 5}}\n",
         "hf.yaml:8:10: check \"a\": \"shrink_at_most\" must be a percentage", "5%"},
        {HEAD "    checks:\n      - {name: a, rows: {shrink_at_most: 5%x}}\n",
         "hf.yaml:8:42: \"shrink_at_most\" must be a number, or a percentage", "10%"},
        {HEAD "    checks:\n      - {name: a, log: {file: x, journal: y, forbid: z}}\n",
         "hf.yaml:8:10: check \"a\": a log is exactly one of file, journal and command", "docker"},
        {HEAD "    checks:\n      - {name: a, log: {file: x}}\n",
         "hf.yaml:8:10: check \"a\" does not say what the log must have or not have", "forbid"},
        {HEAD "    checks:\n      - {name: a, log: {file: x, rate: {pattern: y}}}\n",
         "hf.yaml:8:10: check \"a\": the rate has no limit", "at_most"},
        {HEAD "    checks:\n      - {name: a, metric: {url: \"http://x\", at_most: 1}}\n",
         "hf.yaml:8:10: check \"a\": a metric is either a Prometheus query or a jq expression", "query"},
        {HEAD "    checks:\n      - {name: a, metric: {url: \"http://x\", query: y}}\n",
         "hf.yaml:8:10: check \"a\" has no limit", "increase_at_most"},
        {HEAD "    checks:\n      - {name: a, snapshot: {}}\n",
         "hf.yaml:8:19: \"younger_than\" is missing here", ""},
        {HEAD "    checks:\n      - {name: a, command: [x], severity: warning}\n",
         "hf.yaml:8:43: \"severity\" must be fail or warn, not \"warning\"", ""},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_config *config = NULL;
        hf_error error = {0};

        assert_int_equal(parse(cases[i].text, &config, &error), HF_E_USAGE);
        assert_null(config);
        assert_string_equal(error.message, cases[i].message);
        if (strstr(error.hint, cases[i].hint) == NULL)
            fail_msg("hint of \"%s\" is \"%s\"", error.message, error.hint);
    }
}

static void test_load__never_shows_a_secret_in_the_wrong_place(void **state)
{
#define SECRET "postgresql://me:hunter2@db/site"
#define BEGIN "repository: {url: /a}\ntargets:\n  site:\n"
    static const char *const texts[] = {
        BEGIN "    database: {url: \"" SECRET "\"}\n",
        BEGIN "    database: \"" SECRET "\"\n",
        BEGIN "    database: {url: {env: \"" SECRET "\"}}\n",
        BEGIN "    database: {url: [\"" SECRET "\"]}\n",
        BEGIN "    database: {url: {value: \"" SECRET "\"}}\n",
        BEGIN "    database: {url: {env: X}}\n    snapshot: {jobs: \"" SECRET "\"}\n",
        BEGIN "    database: {url: {env: X}}\n    snapshot: {verify: \"" SECRET "\"}\n",
    };

    (void) state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        hf_config *config = NULL;
        hf_error error = {0};

        assert_int_equal(parse(texts[i], &config, &error), HF_E_USAGE);
        assert_null(strstr(error.message, "hunter2"));
        assert_null(strstr(error.hint, "hunter2"));
        assert_non_null(strstr(error.message, "hf.yaml:"));
        if (i == 0) {
            assert_string_equal(
                error.message,
                "hf.yaml:4:21: \"url\" is a secret and may not stand in the configuration itself");
            assert_non_null(strstr(error.hint, "{env: DATABASE_URL}"));
        }
    }
}

static void test_load__fills_in_defaults(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    hf_error error = {0};

    (void) state;
    assert_int_equal(parse(HEAD "    snapshot:\n    checks:\n", &config, &error), HF_OK);
    assert_string_equal(config->path, "hf.yaml");
    assert_string_equal(config->folder, "/etc/hf");
    assert_string_equal(config->repository.url, "file:///srv/hf");
    assert_int_equal(config->targets.count, 1);

    const hf_target_config *target = &config->targets.items[0];
    assert_string_equal(target->name, "site");
    assert_int_equal(target->where.line, 4);
    assert_int_equal(target->where.column, 3);
    assert_int_equal(target->database_url.kind, HF_SECRET_ENV);
    assert_string_equal(target->database_url.name, "DATABASE_URL");
    assert_null(target->maintenance_database);
    assert_int_equal(target->snapshot.jobs, 4);
    assert_int_equal(target->snapshot.compression, 1);
    assert_int_equal(target->snapshot.range_pages, 1024);
    assert_int_equal(target->snapshot.chunk_bytes, 32 << 20);
    assert_int_equal(target->snapshot.lock_timeout_ms, 10000);
    assert_int_equal(target->snapshot.pg_dump.count, 0);
    assert_true(target->snapshot.verify_full);
    assert_int_equal(target->migrations.kind, HF_MIGRATIONS_NONE);
    assert_string_equal(target->migrations.url_variable, "DATABASE_URL");
    assert_int_equal(target->migrations.timeout_ms, 0);
    assert_int_equal(target->deploy.way, HF_WAY_SWAP);
    assert_int_equal(target->deploy.keep_failed_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(target->checks.count, 0);
}

static void test_load__reads_every_option(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    hf_error error = {0};

    (void) state;
    assert_int_equal(
        parse(
            "repository: {url: backups/hf, s3: {endpoint: \"https://s3.x:1\", region: r-1, path_style: true,"
            " ca_file: ca.pem, profile: p, timeout: 5s}}\n"
            "targets:\n"
            "  a:\n"
            "    database: {url: {file: secrets/url}, maintenance_database: admin}\n"
            "    snapshot: {jobs: 8, compression: 19, range_pages: 64, chunk_size: 1MiB, lock_timeout: 0,\n"
            "               pg_dump: [docker, exec, db, pg_dump], verify: stored}\n"
            "    migrations: {kind: prisma, timeout: 5m, lock_timeout: 3s}\n"
            "    deploy: {rollback: {way: swap, keep_failed: 2d}}\n"
            "    checks:\n"
            "      - name: api\n"
            "        http: {url: \"https://x/health\", method: POST, headers: {Accept: a/b, X-Y: \"1\"},\n"
            "               body: hello, status: [200, 401], jq: '.ok', within: 60s, timeout: 2s}\n"
            "        severity: warn\n"
            "      - {name: one, http: {url: \"http://x\", status: 204}, within: 5s, every: 500ms}\n"
            "      - {name: rows, sql: {query: SELECT count(*) FROM t, at_least: 5}}\n"
            "      - {name: schema, schema: v.json}\n"
            "      - {name: schema 2, schema: {file: /v.json, database: main}}\n"
            "      - {name: smoke, command: [npm, test]}\n"
            "      - {name: shrink, rows: {shrink_at_most: 2.5%, tables: public.*, count: estimated}, "
            "retries: 2}\n"
            "      - {name: lines, log: {file: app.log, forbid: [a, 'b c'], require: d}}\n"
            "      - {name: errors, metric: {url: \"http://p\", query: up, increase_at_most: 50%, empty: "
            "0}}\n"
            "      - {name: same, sql: {query: SELECT 1, unchanged: true}, on_inconclusive: pass}\n"
            "      - {name: key, http: {url: \"https://x\", headers: {X-Key: {env: KEY}}, matches: ok, "
            "follow: true}}\n"
            "  b:\n"
            "    database: {url: {command: [get, url]}}\n"
            "    snapshot: {pg_dump: /opt/pg_dump}\n"
            "    migrations: {kind: command, command: [npx, prisma], url_variable: DB, folder: app}\n",
            &config, &error),
        HF_OK);
    assert_string_equal(config->repository.url, "file:///etc/hf/backups/hf");
    assert_string_equal(config->repository.s3.endpoint, "https://s3.x:1");
    assert_string_equal(config->repository.s3.region, "r-1");
    assert_string_equal(config->repository.s3.ca_file, "/etc/hf/ca.pem");
    assert_string_equal(config->repository.s3.profile, "p");
    assert_int_equal(config->repository.s3.path_style, HF_PATH_STYLE_YES);
    assert_int_equal(config->repository.s3.timeout_ms, 5000);
    assert_int_equal(config->targets.count, 2);

    const hf_target_config *a = &config->targets.items[0];
    assert_int_equal(a->database_url.kind, HF_SECRET_FILE);
    assert_string_equal(a->database_url.name, "/etc/hf/secrets/url");
    assert_string_equal(a->maintenance_database, "admin");
    assert_int_equal(a->snapshot.jobs, 8);
    assert_int_equal(a->snapshot.compression, 19);
    assert_int_equal(a->snapshot.range_pages, 64);
    assert_int_equal(a->snapshot.chunk_bytes, 1 << 20);
    assert_int_equal(a->snapshot.lock_timeout_ms, 0);
    assert_int_equal(a->snapshot.pg_dump.count, 4);
    assert_false(a->snapshot.verify_full);
    assert_string_equal(a->migrations.directory, "/etc/hf/prisma/migrations");
    assert_int_equal(a->migrations.timeout_ms, 300000);
    assert_int_equal(a->migrations.lock_timeout_ms, 3000);
    assert_int_equal(a->deploy.keep_failed_ms, INT64_C(2) * 24 * 3600 * 1000);
    assert_int_equal(a->checks.count, 11);

    const hf_check_config *check = a->checks.items;
    assert_int_equal(check[0].kind, HF_CHECK_HTTP);
    assert_true(check[0].warn_only);
    assert_int_equal(check[0].where.line, 10);
    assert_int_equal(check[0].where.column, 9);
    assert_string_equal(check[0].http.method, "POST");
    assert_int_equal(check[0].http.request.headers.count, 2);
    assert_string_equal(check[0].http.request.headers.items[0].name, "Accept");
    assert_string_equal(check[0].http.request.headers.items[0].value, "a/b");
    assert_string_equal(check[0].http.body, "hello");
    assert_int_equal(check[0].http.status.count, 2);
    assert_int_equal(check[0].http.status.items[1], 401);
    assert_string_equal(check[0].http.jq.text, ".ok");
    assert_int_equal(check[0].http.jq.where.line, 12);
    assert_int_equal(check[0].within_ms, 60000);
    assert_int_equal(check[0].timeout_ms, 2000);
    assert_string_equal(check[1].http.method, "GET");
    assert_int_equal(check[1].http.status.items[0], 204);
    assert_int_equal(check[1].within_ms, 5000);
    assert_int_equal(check[1].every_ms, 500);
    assert_int_equal(check[1].timeout_ms, 10000);
    assert_false(check[1].warn_only);
    assert_int_equal(check[2].kind, HF_CHECK_SQL);
    assert_string_equal(check[2].sql.compare, ">=");
    assert_string_equal(check[2].sql.value, "5");
    assert_int_equal(check[3].kind, HF_CHECK_SCHEMA);
    assert_string_equal(check[3].schema.file, "/etc/hf/v.json");
    assert_null(check[3].schema.database);
    assert_string_equal(check[4].schema.file, "/v.json");
    assert_string_equal(check[4].schema.database, "main");
    assert_int_equal(check[5].kind, HF_CHECK_COMMAND);
    assert_int_equal(check[5].timeout_ms, 600000);
    assert_int_equal(check[5].retries, -1);
    assert_int_equal(check[5].on_inconclusive, HF_INCONCLUSIVE_UNSAID);
    assert_int_equal(check[6].kind, HF_CHECK_ROWS);
    assert_true(check[6].rows.shrink.percent && check[6].rows.shrink.value == 2.5 && check[6].rows.estimated);
    assert_string_equal(check[6].rows.tables.items[0], "public.*");
    assert_int_equal(check[6].retries, 2);
    assert_int_equal(check[7].kind, HF_CHECK_LOG);
    assert_string_equal(check[7].log.file, "/etc/hf/app.log");
    assert_int_equal(check[7].log.forbid.count, 2);
    assert_string_equal(check[7].log.forbid.items[1].text, "b c");
    assert_int_equal(check[7].log.forbid.items[1].where.line, 20);
    assert_string_equal(check[7].log.require.items[0].text, "d");
    assert_int_equal(check[8].kind, HF_CHECK_METRIC);
    assert_true(check[8].metric.change.increase.percent && check[8].metric.change.increase.value == 50);
    assert_true(check[8].metric.empty.given && !check[8].metric.at_most.given);
    assert_true(check[9].sql.unchanged && check[9].sql.rows == -1);
    assert_int_equal(check[9].on_inconclusive, HF_INCONCLUSIVE_PASS);
    assert_null(check[10].http.request.headers.items[0].value);
    assert_string_equal(check[10].http.request.headers.items[0].secret.name, "KEY");
    assert_true(check[10].http.follow);

    const hf_target_config *b = &config->targets.items[1];
    assert_int_equal(b->database_url.kind, HF_SECRET_COMMAND);
    assert_string_equal(b->database_url.argv.items[1], "url");
    assert_string_equal(b->snapshot.pg_dump.items[0], "/opt/pg_dump");
    assert_string_equal(b->migrations.url_variable, "DB");
    assert_string_equal(b->migrations.folder, "/etc/hf/app");
    assert_int_equal(b->migrations.command.count, 2);
}

static void test_load__makes_urls_absolute(void **state)
{
    static const struct {
        const char *text, *url;
    } cases[] = {
        {"file:///a/b", "file:///a/b"},       {"file://./b", "file:///etc/hf/b"},
        {"file://b/c", "file:///etc/hf/b/c"}, {"b", "file:///etc/hf/b"},
        {"./b", "file:///etc/hf/b"},          {"/a", "file:///a"},
        {"../b", "file:///etc/hf/../b"},      {"s3://bucket/x", "s3://bucket/x"},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_STR url = hf_config_absolute_url("/etc/hf", cases[i].text);

        assert_string_equal(url, cases[i].url);
    }
}

/* Each word that is accepted, as the hint of a wrong one lists them, stands in the option's help. */
static void test_load__the_help_of_notify_is_whole(void **state)
{
    static const char *const wrong[] = {HEAD "notify:\n  - {slack: {url: {env: A}}, events: [x]}\n",
                                        HEAD "notify:\n  - {ping: {url: {env: A}, commands: [x]}}\n"};
    const hf_option *option = hf_options;

    (void) state;
    while (!hf_streq(option->path, "notify"))
        option++;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        HF_AUTO(hf_config_freep) hf_config *config = NULL;
        hf_error error = {0};
        char *rest = NULL;

        assert_int_equal(parse(wrong[i], &config, &error), HF_E_USAGE);
        assert_memory_equal(error.hint, "known here: ", 12);
        for (char *word = strtok_r(error.hint + 12, ", ", &rest); word != NULL;
             word = strtok_r(NULL, ", ", &rest))
            if (strstr(option->help, word) == NULL)
                fail_msg("the help of notify does not name %s", word);
    }
}

static void test_load__chooses_the_target(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *two = NULL, *one = NULL;
    const hf_target_config *target = NULL;
    hf_error error = {0};

    (void) state;
    assert_int_equal(parse(HEAD, &one, &error), HF_OK);
    assert_int_equal(parse(HEAD "  shop:\n    database: {url: {env: SHOP}}\n", &two, &error), HF_OK);
    assert_int_equal(hf_config_target(one, NULL, &target, &error), HF_OK);
    assert_string_equal(target->name, "site");
    assert_int_equal(hf_config_target(two, "shop", &target, &error), HF_OK);
    assert_string_equal(target->name, "shop");
    assert_int_equal(hf_config_target(two, NULL, &target, &error), HF_E_USAGE);
    assert_non_null(strstr(error.hint, "site, shop"));
    assert_int_equal(hf_config_target(two, "shpo", &target, &error), HF_E_USAGE);
    assert_non_null(strstr(error.hint, "did you mean \"shop\"?"));
}

static void test_load__accepts_its_own_example(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    HF_AUTO_STR example = hf_config_example();
    hf_error error = {0};

    (void) state;
    if (parse(example, &config, &error) != HF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(config->targets.count, 1);
    assert_string_equal(config->targets.items[0].database_url.name, "DATABASE_URL");
    assert_string_equal(config->repository.url, "file:///etc/hf/holdfast-repository");
    assert_int_equal(config->targets.items[0].snapshot.jobs, 4);
}

/* With every commented default made live the example says the same. */
static void test_load__accepts_the_examples_comments(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    HF_AUTO_STR example = hf_config_example();
    HF_AUTO_BUF live = HF_BUF_MAX(1 << 20);
    hf_error error = {0};

    (void) state;
    for (char *line = example; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        char *text = hf_strndup(line, len);
        char *mark = strstr(text, "# ");
        const char *colon = mark == NULL ? NULL : strchr(mark, ':');
        bool option = colon != NULL && colon[1] == ' ' &&
                      strspn(mark + 2, "abcdefghijklmnopqrstuvwxyz_") == (size_t) (colon - mark - 2);

        if (mark != NULL && (option || hf_starts_with(mark, "# - {")) && !hf_starts_with(mark, "# prisma:") &&
            !hf_starts_with(mark, "# swap:"))
            hf_buf_printf(&live, "%.*s%s\n", (int) (mark - text), text, mark + 2);
        else
            hf_buf_printf(&live, "%s\n", text);
        free(text);
        line += len + (line[len] == '\n');
    }
    if (parse(hf_buf_text(&live), &config, &error) != HF_OK)
        fail_msg("%s in:\n%s", error.message, hf_buf_text(&live));
    assert_int_equal(config->targets.items[0].checks.count, 10);
}

static void test_load__bounds_size_and_depth(void **state)
{
    hf_config *config = NULL;
    hf_error error = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(4 << 20);

    (void) state;
    for (int i = 0; i < 3000; i++)
        hf_buf_putc(&text, '[');
    assert_int_equal(parse(hf_buf_text(&text), &config, &error), HF_E_USAGE);
    hf_buf_clear(&text);
    for (int i = 0; i < 40; i++)
        hf_buf_printf(&text, "%*sa:\n", i, "");
    assert_int_equal(parse(hf_buf_text(&text), &config, &error), HF_E_USAGE);
    assert_non_null(strstr(error.message, "nested too deeply"));
    hf_buf_clear(&text);
    while (text.len <= 1 << 20)
        hf_buf_puts(&text, "# nothing\n");
    assert_int_equal(parse(hf_buf_text(&text), &config, &error), HF_E_USAGE);
    assert_string_equal(error.message, "hf.yaml: larger than 1 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load__names_mistakes_with_line_and_column),
        cmocka_unit_test(test_load__never_shows_a_secret_in_the_wrong_place),
        cmocka_unit_test(test_load__fills_in_defaults),
        cmocka_unit_test(test_load__reads_every_option),
        cmocka_unit_test(test_load__makes_urls_absolute),
        cmocka_unit_test(test_load__the_help_of_notify_is_whole),
        cmocka_unit_test(test_load__chooses_the_target),
        cmocka_unit_test(test_load__accepts_its_own_example),
        cmocka_unit_test(test_load__accepts_the_examples_comments),
        cmocka_unit_test(test_load__bounds_size_and_depth),
    };

    return cmocka_run_group_tests_name("config/load", tests, NULL, NULL);
}
