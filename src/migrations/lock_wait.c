#include "migrations/lock_wait.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "migrations/sql.h"

#define FIRST_LOOK_MS 400
#define LOOK_TIMEOUT_MS 2000
#define SHOWN_MAX (16u << 10)

/* ---- is it one transaction? ---- */

static const char *node_kind(const hf_statement *statement)
{
    return statement->tree != NULL ? json_object_iter_key(json_object_iter(statement->tree)) : NULL;
}

static const char *text(const json_t *node, const char *member)
{
    const char *value = json_string_value(json_object_get(node, member));

    return value != NULL ? value : "";
}

/* "concurrent": true anywhere in it: of an index, a drop, a partition that is detached. */
static bool has_concurrent(const json_t *node)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_true(json_object_get(node, "concurrent")))
        return true;
    json_object_foreach((json_t *) node, key, value) if (has_concurrent(value)) return true;
    json_array_foreach(node, i, value) if (has_concurrent(value)) return true;
    return false;
}

static bool is_concurrent(const hf_statement *statement)
{
    const char *kind = node_kind(statement);

    if (kind == NULL || hf_streq(kind, "RefreshMatViewStmt")) /* which is one transaction all the same */
        return false;
    if (!hf_streq(kind, "ReindexStmt"))
        return has_concurrent(statement->tree);

    const json_t *option;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(statement->tree, kind), "params"), i,
                       option) if (hf_streq(text(json_object_get(option, "DefElem"), "defname"),
                                            "concurrently")) return true;
    return false;
}

bool hf_script_is_concurrent(const hf_statements *statements)
{
    for (size_t i = 0; i < statements->count; i++)
        if (is_concurrent(&statements->items[i]))
            return true;
    return false;
}

static bool is_transaction(const hf_statement *statement, const char *first, const char *second)
{
    const json_t *node = json_object_get(statement->tree, "TransactionStmt");
    const char *kind = text(node, "kind");

    return (hf_streq(kind, first) || hf_streq(kind, second)) && !json_is_true(json_object_get(node, "chain"));
}

/* May commit by itself when it is alone; in company the server does not let it. */
static bool commits_alone(const char *kind)
{
    static const char *const kinds[] = {"VacuumStmt",
                                        "ClusterStmt",
                                        "ReindexStmt",
                                        "CallStmt",
                                        "DoStmt",
                                        "CreatedbStmt",
                                        "DropdbStmt",
                                        "AlterSystemStmt",
                                        "CreateTableSpaceStmt",
                                        "DropTableSpaceStmt",
                                        "CreateSubscriptionStmt"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (hf_streq(kind, kinds[i]))
            return true;
    return false;
}

bool hf_script_is_one_transaction(const hf_statements *statements)
{
    size_t first = 0, end = statements->count;

    if (end >= 2 && is_transaction(&statements->items[0], "TRANS_STMT_BEGIN", "TRANS_STMT_START") &&
        is_transaction(&statements->items[end - 1], "TRANS_STMT_COMMIT", "TRANS_STMT_COMMIT")) {
        first++;
        end--;
    }
    for (size_t i = first; i < end; i++) {
        const char *kind = node_kind(&statements->items[i]);

        if (kind == NULL || hf_streq(kind, "TransactionStmt") || is_concurrent(&statements->items[i]) ||
            (statements->count == 1 && commits_alone(kind)))
            return false;
    }
    return true;
}

/* ---- who blocks whom ---- */

/* The same sessions in the same roles; how long they have waited does not count. */
static bool same_tree(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *one = json_array_get(a, i), *other = json_array_get(b, i);

        if (!json_equal(json_object_get(one, "pid"), json_object_get(other, "pid")) ||
            !json_equal(json_object_get(one, "depth"), json_object_get(other, "depth")) ||
            !json_equal(json_object_get(one, "query"), json_object_get(other, "query")))
            return false;
    }
    return true;
}

static void look(void *context)
{
    hf_lock_watch *watch = context;
    HF_AUTO_STR pid = NULL;
    HF_AUTO_STR found = NULL;
    hf_error ignored; /* who looks on must not end what he looks at */
    int64_t now = hf_monotonic_ms();

    if (now < watch->next_ms)
        return;
    watch->next_ms = now + watch->every_ms;
    pid = hf_format("%d", hf_pg_pid(watch->session->scripts));
    hf_pg_set_deadline(watch->session->ledger, now + LOOK_TIMEOUT_MS);
    hf_status status = hf_pg_query_text(watch->session->ledger, hf_sql_lock_waits, 1,
                                        (const char *const[]){pid}, &found, &ignored);
    hf_pg_set_deadline(watch->session->ledger, 0);
    if (status != HF_OK || found == NULL)
        return;

    HF_AUTO_BUF redacted = HF_BUF_MAX(SHOWN_MAX * 4);
    hf_buf_puts(&redacted, found);
    hf_redact(&redacted);
    json_t *tree = json_loads(hf_buf_text(&redacted), 0, NULL);
    bool told = tree == NULL || same_tree(tree, watch->tree);

    if (tree != NULL) {
        json_decref(watch->tree);
        watch->tree = tree;
    }
    if (!told && watch->events != NULL && watch->events->blocked != NULL)
        watch->events->blocked(watch->events->context, watch->name, watch->tree);
}

void hf_lock_watch_begin(hf_lock_watch *watch)
{
    if (watch->every_ms <= 0 || watch->every_ms > 2 * FIRST_LOOK_MS)
        watch->every_ms = 2 * FIRST_LOOK_MS;
    watch->next_ms = hf_monotonic_ms() + watch->every_ms / 2;
    hf_pg_set_watch(watch->session->scripts, look, watch);
}

void hf_lock_watch_end(hf_lock_watch *watch)
{
    if (watch->session->scripts != NULL)
        hf_pg_set_watch(watch->session->scripts, NULL, NULL);
}

void hf_lock_watch_done(hf_lock_watch *watch)
{
    json_decref(watch->tree);
    watch->tree = NULL;
}

static void show_session(const json_t *session, hf_buf *out)
{
    const char *query = text(session, "query"), *awaits = text(session, "awaits");
    char age[32];

    if (json_integer_value(json_object_get(session, "pid")) == 0) {
        hf_buf_puts(out, "a prepared transaction (pg_prepared_xacts)");
        return;
    }
    hf_buf_printf(out, "pid %" JSON_INTEGER_FORMAT ", %s, \"%s\", %s",
                  json_integer_value(json_object_get(session, "pid")), text(session, "user"),
                  text(session, "application"), text(session, "state"));
    if (json_is_integer(json_object_get(session, "age_ms")))
        hf_buf_printf(out, " for %s",
                      hf_show_duration(json_integer_value(json_object_get(session, "age_ms")), age));
    if (awaits[0] != '\0')
        hf_buf_printf(out, ", awaits %s", awaits);
    if (query[0] != '\0')
        hf_buf_printf(out, ": %s", query);
}

char *hf_migrations_blockers_shown(const json_t *tree)
{
    HF_AUTO_BUF out = HF_BUF_MAX(SHOWN_MAX);
    const json_t *session;
    size_t i;

    json_array_foreach(tree, i, session)
    {
        int depth = (int) json_integer_value(json_object_get(session, "depth"));

        hf_buf_printf(&out, "%s%*s%s", i > 0 ? "\n" : "", 2 * depth, "", depth > 0 ? "blocked by " : "");
        show_session(session, &out);
    }
    return hf_buf_take(&out);
}

void hf_lock_watch_hint(const hf_lock_watch *watch, hf_error *error)
{
    HF_AUTO_BUF who = HF_BUF_MAX(1024);
    const json_t *session, *root = NULL;
    size_t i;

    json_array_foreach(watch->tree, i, session) /* the first that waits for nobody, else the nearest */
        if (i > 0 &&
            (root == NULL || (text(root, "awaits")[0] != '\0' && text(session, "awaits")[0] == '\0'))) root =
            session;
    if (root == NULL)
        return;
    if (json_integer_value(json_object_get(root, "pid")) == 0) {
        (void) hf_hint(error,
                       "in the way was a prepared transaction; pg_prepared_xacts lists it: COMMIT PREPARED "
                       "or ROLLBACK PREPARED it");
        return;
    }
    show_session(root, &who);
    (void) hf_hint(error,
                   "in the way was %s; end it (SELECT pg_terminate_backend(%" JSON_INTEGER_FORMAT
                   ")), or give migrations.lock_timeout and lock_retries more patience",
                   hf_buf_text(&who), json_integer_value(json_object_get(root, "pid")));
}
