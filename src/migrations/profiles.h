/*
 * What holdfast knows of other migrators, for `migrations: {kind: command, profile: NAME}`: how each is run, where its ledger
 * is, and which files are its migrations.  One table, in profiles.c.
 *
 * The URL reaches a migrator through its environment alone, under the names that it reads; what it needs to be told beside (its
 * folder) may stand in argv.  Ledgers are only read, never written.
 */
#ifndef HF_MIGRATIONS_PROFILES_H
#define HF_MIGRATIONS_PROFILES_H

#include "migrations/ledger.h"

/* How the names of its files are read, and how they are compared with its ledger. */
typedef enum hf_profile_names {
    HF_NAMES_PRISMA,  /* as kind prisma reads it */
    HF_NAMES_VERSION, /* <digits>...<suffix>; the ledger has the digits of each */
    HF_NAMES_UP_TO,   /* the same; the ledger has the last one alone */
    HF_NAMES_FLYWAY,  /* V<version>__<what>.sql and R__<what>.sql; the ledger has the files' names */
    HF_NAMES_DJANGO,  /* <app>/migrations/<name>.py; the ledger has "<app>.<name>" */
    HF_NAMES_ALEMBIC  /* revision and down_revision stand in the files; the ledger has the newest */
} hf_profile_names;

typedef struct hf_profile {
    const char *name;
    const char *argv[8];   /* "%d" is the folder; NULL-terminated */
    const char *directory; /* default, in migrations.folder */
    bool jdbc;             /* FLYWAY_URL, _USER, _PASSWORD beside the URL's variable */
    bool libpq;            /* PGHOST, ... beside it */
    hf_profile_names names;
    const char *suffix;    /* of its files */
    bool sql;              /* they are SQL, so that a plan can show it */
    hf_ledger_kind ledger; /* table and select alone */
    const char *repair;    /* what to do about one that failed */
} hf_profile;

/* NULL for HF_PROFILE_NONE. */
const hf_profile *hf_profile_of(const hf_migrations_config *config);

/* The folder of its files; the caller owns it. */
char *hf_profile_directory(const hf_migrations_config *config);

/* The configured command, else the profile's. */
void hf_profile_argv(const hf_migrations_config *config, hf_strings *ret_argv);

/* "NAME=value" for its child process; secrets.  HF_E_USAGE for a URL that it cannot be given. */
HF_MUST_CHECK hf_status hf_profile_environment(const hf_migrations_config *config, const char *url,
                                               hf_strings *ret_env, hf_error *error);

/* Files and ledger put together, as hf_migrations_status() does. */
HF_MUST_CHECK hf_status hf_profile_status(const hf_migrations_config *config, const char *url,
                                          hf_migration_list *list, hf_error *error);

/* The version before another one: numbers between dots or underscores; for the order of files. */
int hf_profile_compare_versions(const char *a, const char *b);

/* Flyway's checksum of a file: CRC-32 over its lines without their ends. */
int32_t hf_profile_flyway_checksum(const char *text, size_t len);

/* The texts that a line "<name> = ..." of a Python file assigns; none if there is no such line or it is None. */
void hf_profile_python_texts(const char *text, const char *name, hf_strings *ret_texts);

#endif
