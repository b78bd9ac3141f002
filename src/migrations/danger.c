#include "migrations/danger.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/connection.h"

/* A program or sub-command, and the word behind it: the next one, or (far) any later one. */
static const struct {
    const char *first, *second;
    bool far;
} dangerous[] = {
    {"migrate", "reset", false},
    {"migrate", "dev", false},
    {"db", "push", false},
    {"db", "drop", false},
    {"db", "wipe", false},
    {"flyway", "clean", true},
    {"flyway", "undo", true},
    {"dbmate", "drop", true},
    {"dbmate", "down", true},
    {"dbmate", "rollback", true},
    {"migrate", "drop", true}, /* golang-migrate's */
    {"migrate", "down", true},
    {"rails", "db:drop", true},
    {"rails", "db:reset", true},
    {"rails", "db:setup", true},
    {"rails", "db:purge", true},
    {"rails", "db:rollback", true},
    {"rails", "db:schema:load", true},
    {"rails", "db:truncate_all", true},
    {"rails", "db:migrate:reset", true},
    {"rails", "db:migrate:down", true},
    {"rake", "db:drop", true},
    {"rake", "db:reset", true},
    {"rake", "db:setup", true},
    {"rake", "db:purge", true},
    {"rake", "db:rollback", true},
    {"rake", "db:schema:load", true},
    {"rake", "db:truncate_all", true},
    {"rake", "db:migrate:reset", true},
    {"rake", "db:migrate:down", true},
    {"manage.py", "flush", true},
    {"manage.py", "reset_db", true},
    {"manage.py", "zero", true}, /* migrate APP zero */
    {"alembic", "downgrade", true},
    {"drizzle-kit", "push", false},
};

static const struct {
    const char *code, *what;
} explanations[] = {
    {"P1001", "P1001: the server cannot be reached; \"holdfast doctor\" tries the same URL"},
    {"P1002",
     "P1002: the server, or the lock that another migrate holds, was waited for in vain; end the other one, "
     "then try again"},
    {"P2021", "P2021: a table that the application expects is not there; \"holdfast migrations status\" and "
              "\"holdfast "
              "drift\" tell what is missing"},
    {"P3005", "P3005: the database has tables and no ledger; with migrations of kind prisma: holdfast "
              "migrations baseline"},
    {"P3009", "P3009: an earlier migration failed; put right what it left, then: prisma migrate resolve "
              "--rolled-back NAME"},
    {"P3012", "P3012: that migration did not fail, so there is nothing to roll back; a restored database "
              "needs no resolve"},
    {"P3018", "P3018: a migration failed; correct its file, and deploy again"},
};

/* The words of the whole command line: an argument may hold several, for a shell. */
static void split(const hf_strings *argv, hf_strings *words)
{
    static const char between[] = " \t\n;&|()'\"";

    for (size_t i = 0; i < argv->count; i++)
        for (const char *at = argv->items[i]; *at != '\0';) {
            size_t len = strcspn(at, between);
            HF_AUTO_STR word = hf_strndup(at, len);
            const char *slash = strrchr(word, '/');

            if (len > 0 && word[0] != '-')
                hf_strings_add(words, slash != NULL && slash[1] != '\0' ? slash + 1 : word);
            at += at[len] != '\0' ? len + 1 : len;
        }
}

static bool has_word(const hf_strings *words, size_t from, size_t end, const char *word)
{
    for (size_t i = from; i < end; i++)
        if (hf_streq(words->items[i], word))
            return true;
    return false;
}

hf_status hf_danger_check_command(const hf_strings *argv, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings words = {0};

    split(argv, &words);
    for (size_t i = 0; i + 1 < words.count; i++)
        for (size_t k = 0; k < sizeof(dangerous) / sizeof(*dangerous); k++)
            if (hf_streq(words.items[i], dangerous[k].first) &&
                has_word(&words, i + 1, dangerous[k].far ? words.count : i + 2, dangerous[k].second)) {
                (void) hf_fail(error, HF_E_REFUSED,
                               "the migration command holds \"%s %s\", which may empty the database",
                               dangerous[k].first, dangerous[k].second);
                return hf_hint(
                    error,
                    "a deploy applies migrations, as \"prisma migrate deploy\" does, and nothing else");
            }
    return HF_OK;
}

static const char *shadow_url(const hf_strings *argv)
{
    static const char option[] = "--shadow-database-url";

    for (size_t i = 0; i < argv->count; i++) {
        if (hf_streq(argv->items[i], option) && i + 1 < argv->count)
            return argv->items[i + 1];
        if (hf_starts_with(argv->items[i], option) && argv->items[i][sizeof(option) - 1] == '=')
            return argv->items[i] + sizeof(option);
    }
    return getenv("SHADOW_DATABASE_URL");
}

/* Server (no other one started in that microsecond) and database, by what they say of themselves. */
static hf_status identity(const char *url, char **ret_identity, hf_error *error)
{
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "shadow"}, &pg, error));
    return hf_pg_query_text(pg,
                            "SELECT pg_catalog.concat_ws('/', pg_catalog.pg_postmaster_start_time(), oid) "
                            "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
                            0, NULL, ret_identity, error);
}

hf_status hf_danger_check_shadow(const hf_strings *argv, const char *url, hf_error *error)
{
    const char *shadow = shadow_url(argv);
    HF_AUTO_STR theirs = NULL;
    HF_AUTO_STR ours = NULL;
    hf_error unreachable;

    if (shadow == NULL || shadow[0] == '\0')
        return HF_OK;
    hf_pg_url_redact(shadow);
    HF_TRY(identity(url, &ours, error));
    if (identity(shadow, &theirs, &unreachable) != HF_OK || !hf_streq(ours, theirs))
        return HF_OK; /* what cannot be reached is not the database that just was */
    (void) hf_fail(error, HF_E_REFUSED,
                   "the shadow database is the target itself, and Prisma wipes its shadow database");
    return hf_hint(error, "let SHADOW_DATABASE_URL name another database, or unset it: a deploy needs none");
}

const char *hf_danger_explain(const char *text)
{
    for (const char *at = text; (at = strchr(at, 'P')) != NULL; at++)
        for (size_t k = 0; k < sizeof(explanations) / sizeof(*explanations); k++)
            if (hf_starts_with(at, explanations[k].code))
                return explanations[k].what;
    return NULL;
}
