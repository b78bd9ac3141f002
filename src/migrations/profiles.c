#include "migrations/profiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define UTC(column)                                                                                          \
    "pg_catalog.to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at"
#define VERSIONS(finished)                                                                                   \
    "SELECT version::text AS name, NULL AS checksum, NULL AS logs, NULL AS at, " finished                    \
    " AS finished, false AS rolled_back FROM schema_migrations ORDER BY version"

static const hf_profile profiles[] = {
    [HF_PROFILE_PRISMA] = {.name = "prisma",
                           .argv = {"npx", "prisma", "migrate", "deploy", NULL},
                           .directory = "prisma/migrations",
                           .names = HF_NAMES_PRISMA,
                           .sql = true},
    [HF_PROFILE_FLYWAY] =
        {.name = "flyway",
         .argv = {"flyway", "-locations=filesystem:%d", "migrate", NULL},
         .directory = "sql",
         .jdbc = true,
         .names = HF_NAMES_FLYWAY,
         .suffix = ".sql",
         .sql = true,
         .ledger = {.table = "flyway_schema_history",
                    .select = "SELECT script AS name, checksum::text, CASE WHEN type = 'BASELINE' "
                              "THEN version END AS logs, " UTC(
                                  "installed_on::timestamptz") ", "
                                                               "success AS finished, false AS rolled_back "
                                                               "FROM flyway_schema_history WHERE type IN "
                                                               "('SQL', 'SQL_BASELINE', "
                                                               "'BASELINE') ORDER BY installed_rank"},
         .repair = "put right what it left, then: flyway repair"},
    [HF_PROFILE_DBMATE] = {.name = "dbmate",
                           .argv = {"dbmate", "--migrations-dir=%d", "--no-dump-schema", "migrate", NULL},
                           .directory = "db/migrations",
                           .names = HF_NAMES_VERSION,
                           .suffix = ".sql",
                           .sql = true,
                           .ledger = {.table = "schema_migrations", .select = VERSIONS("true")}},
    /* its option -database is its only way to a URL, so this one names no more than the driver, which reads libpq's variables */
    [HF_PROFILE_GOLANG_MIGRATE] = {.name = "golang-migrate",
                                   .argv = {"migrate", "-path=%d", "-database=postgres://", "up", NULL},
                                   .directory = "migrations",
                                   .libpq = true,
                                   .names = HF_NAMES_UP_TO,
                                   .suffix = ".up.sql",
                                   .sql = true,
                                   .ledger = {.table = "schema_migrations", .select = VERSIONS("NOT dirty")},
                                   .repair = "put right what it left, then: migrate force VERSION"},
    [HF_PROFILE_RAILS] = {.name = "rails",
                          .argv = {"bin/rails", "db:migrate", NULL},
                          .directory = "db/migrate",
                          .names = HF_NAMES_VERSION,
                          .suffix = ".rb",
                          .ledger = {.table = "schema_migrations", .select = VERSIONS("true")}},
    [HF_PROFILE_DJANGO] =
        {.name = "django",
         .argv = {"python3", "manage.py", "migrate", "--noinput", NULL},
         .directory = ".",
         .libpq = true,
         .names = HF_NAMES_DJANGO,
         .suffix = ".py",
         .ledger = {.table = "django_migrations",
                    .select = "SELECT app || '.' || name AS name, NULL AS checksum, NULL AS logs, " UTC(
                        "applied") ", true AS finished, false AS rolled_back "
                                   "FROM django_migrations ORDER BY id"}},
    [HF_PROFILE_ALEMBIC] = {.name = "alembic",
                            .argv = {"alembic", "upgrade", "head", NULL},
                            .directory = "alembic/versions",
                            .names = HF_NAMES_ALEMBIC,
                            .suffix = ".py",
                            .ledger = {.table = "alembic_version",
                                       .select =
                                           "SELECT version_num AS name, NULL AS checksum, NULL AS logs, "
                                           "NULL AS at, true AS finished, false AS rolled_back "
                                           "FROM alembic_version"}},
};

const hf_profile *hf_profile_of(const hf_migrations_config *config)
{
    return config->kind == HF_MIGRATIONS_COMMAND && config->profile != HF_PROFILE_NONE
               ? &profiles[config->profile]
               : NULL;
}

char *hf_profile_directory(const hf_migrations_config *config)
{
    const char *folder = config->folder != NULL ? config->folder : ".";

    return config->directory != NULL ? hf_strdup(config->directory)
                                     : hf_path_join(folder, hf_profile_of(config)->directory);
}

void hf_profile_argv(const hf_migrations_config *config, hf_strings *ret_argv)
{
    const hf_profile *profile = hf_profile_of(config);

    for (size_t i = 0; i < config->command.count; i++)
        hf_strings_add(ret_argv, config->command.items[i]);
    if (config->command.count > 0 || profile == NULL)
        return;
    HF_AUTO_STR directory = hf_profile_directory(config);
    for (size_t i = 0; profile->argv[i] != NULL; i++) {
        const char *at = strstr(profile->argv[i], "%d");
        HF_AUTO_STR word =
            at == NULL ? hf_strdup(profile->argv[i])
                       : hf_format("%.*s%s", (int) (at - profile->argv[i]), profile->argv[i], directory);

        hf_strings_add(ret_argv, word);
    }
}

static const char *value_of(const hf_strings *env, const char *name, const char *fallback)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < env->count; i++)
        if (hf_starts_with(env->items[i], name) && env->items[i][len] == '=')
            return env->items[i] + len + 1;
    return fallback;
}

static void add(hf_strings *env, const char *name, const char *value)
{
    HF_AUTO_STR variable = hf_format("%s=%s", name, value);

    hf_strings_add(env, variable);
}

static hf_status add_jdbc(const hf_strings *libpq, hf_strings *env, hf_error *error)
{
    const char *host = value_of(libpq, "PGHOST", "localhost"), *mode = value_of(libpq, "PGSSLMODE", NULL);
    bool v6 = strchr(host, ':') != NULL;

    if (host[0] == '/') {
        (void) hf_fail(error, HF_E_USAGE, "Flyway cannot connect by the socket folder \"%s\"", host);
        return hf_hint(error, "give the database URL a host and a port");
    }
    HF_AUTO_STR url = hf_format("jdbc:postgresql://%s%s%s:%s/%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "",
                                value_of(libpq, "PGPORT", "5432"), value_of(libpq, "PGDATABASE", ""),
                                mode != NULL ? "?sslmode=" : "", mode != NULL ? mode : "");
    add(env, "FLYWAY_URL", url);
    add(env, "FLYWAY_USER", value_of(libpq, "PGUSER", ""));
    add(env, "FLYWAY_PASSWORD", value_of(libpq, "PGPASSWORD", ""));
    return HF_OK;
}

hf_status hf_profile_environment(const hf_migrations_config *config, const char *url, hf_strings *ret_env,
                                 hf_error *error)
{
    const hf_profile *profile = hf_profile_of(config);
    HF_AUTO(hf_strings_done) hf_strings libpq = {0};

    add(ret_env, config->url_variable != NULL ? config->url_variable : "DATABASE_URL", url);
    if (profile == NULL || (!profile->jdbc && !profile->libpq))
        return HF_OK;
    HF_TRY(hf_pg_url_environment(url, NULL, &libpq, error));
    if (profile->jdbc)
        return add_jdbc(&libpq, ret_env, error);
    for (size_t i = 0; i < libpq.count; i++)
        hf_strings_add(ret_env, libpq.items[i]);
    return HF_OK;
}
