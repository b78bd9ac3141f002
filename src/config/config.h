/*
 * The configuration as values: what holdfast.yaml says, with defaults filled in.
 *
 * Read once; every mistake is HF_E_USAGE with "<file>:<line>:<column>: ..." and a hint.  One table of options in options.c
 * gives name, type, limits, default and help of each key, and everything else (parsing, the commented file that `init`
 * writes, the effective configuration shown) follows from it.  Paths are made absolute, relative to the file's folder.
 * This header holds only values; modules below cli/ take them as they are.
 */
#ifndef HF_CONFIG_H
#define HF_CONFIG_H

#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/secret.h"

typedef struct hf_where { /* where a value stood in the file; line 0: a default */
    unsigned line, column;
} hf_where;

typedef enum hf_migrations_kind {
    HF_MIGRATIONS_NONE,
    HF_MIGRATIONS_PRISMA,
    HF_MIGRATIONS_SQL,
    HF_MIGRATIONS_COMMAND
} hf_migrations_kind;

/* A migrator that is run as a command, and whose ledger and files holdfast can read (migrations/profiles.c). */
typedef enum hf_migrations_profile {
    HF_PROFILE_NONE,
    HF_PROFILE_PRISMA,
    HF_PROFILE_FLYWAY,
    HF_PROFILE_DBMATE,
    HF_PROFILE_GOLANG_MIGRATE,
    HF_PROFILE_RAILS,
    HF_PROFILE_DJANGO,
    HF_PROFILE_ALEMBIC
} hf_migrations_profile;

typedef struct hf_migrations_config {
    hf_migrations_kind kind;
    hf_migrations_profile profile; /* of kind command */
    char *directory;               /* prisma: with migration_lock.toml; sql: *.sql files */
    hf_strings command;            /* command: argv; the URL is in its environment */
    char *url_variable;            /* name of that variable; default DATABASE_URL */
    char *folder;                  /* working folder of the command; default: the configuration's */
    int64_t timeout_ms;            /* of one migration or of the command; 0: none */
    int64_t lock_timeout_ms;       /* for native migrations, 10 s; 0: the server's */
    int lock_retries;              /* after a lock timeout that left nothing behind; 6 */
} hf_migrations_config;

/* A text, and where it stood: for what is compiled later, such as a jq expression. */
typedef struct hf_placed {
    char *text; /* NULL: not given */
    hf_where where;
} hf_placed;
typedef HF_VECTOR(hf_placed) hf_placed_list;

typedef struct hf_header {
    char *name;
    char *value;             /* NULL: it is a secret */
    hf_secret_source secret; /* read when the request is made */
} hf_header;
typedef HF_VECTOR(hf_header) hf_headers;

/* "0.5", or "10%" of something. */
typedef struct hf_limit {
    bool given, percent;
    double value;
} hf_limit;

/* How a value may differ from the one before the deploy. */
typedef struct hf_change_config {
    hf_limit increase, decrease; /* at most so much */
} hf_change_config;

typedef struct hf_request_config {
    char *url;
    hf_headers headers;
    char *ca_file; /* certificates to trust instead of the system's; NULL: those */
    bool insecure; /* the server's certificate is not checked */
} hf_request_config;

typedef enum hf_check_kind {
    HF_CHECK_HTTP,
    HF_CHECK_SQL,
    HF_CHECK_SCHEMA,
    HF_CHECK_COMMAND,
    HF_CHECK_ROWS,
    HF_CHECK_SEQUENCES,
    HF_CHECK_LOG,
    HF_CHECK_METRIC,
    HF_CHECK_SNAPSHOT,
    HF_CHECK_KINDS
} hf_check_kind;

/* What becomes of a check that could not tell. */
typedef enum hf_inconclusive {
    HF_INCONCLUSIVE_UNSAID, /* of a check: as deploy.on_inconclusive says */
    HF_INCONCLUSIVE_HOLD,
    HF_INCONCLUSIVE_FAIL,
    HF_INCONCLUSIVE_PASS
} hf_inconclusive;

typedef struct hf_check_config {
    char *name;
    hf_check_kind kind;
    hf_where where;
    int64_t timeout_ms; /* of one try; default 10 s (command, rows: 10 min; log: 1 min) */
    int64_t within_ms;  /* tried again until so much time has passed; default 0: one try */
    int64_t every_ms;   /* pause between tries; default 1 s */
    int retries;        /* tried again at most so often; -1: only within_ms counts */
    bool warn_only;     /* severity: warn */
    hf_inconclusive on_inconclusive;

    struct {
        hf_request_config request;
        char *method;          /* GET */
        char *body;            /* NULL: none */
        HF_VECTOR(int) status; /* allowed; default 200 */
        hf_placed jq;          /* must give a value that is neither false nor null */
        hf_placed matches;     /* the body must match this regular expression */
        int64_t latency_ms;    /* the answer may take so long; 0: as the timeout */
        bool follow;           /* redirects */
    } http;
    struct {
        char *query;   /* one statement; the first column of its first row is the value */
        char *compare; /* "=", "!=", "<", "<=", ">", ">="; NULL: not compared */
        char *value;   /* what it is compared with: as numbers if both are, else as text */
        int64_t rows;  /* the query gives exactly so many rows; -1: not looked at */
        bool unchanged;
        hf_change_config change;
    } sql;
    struct {
        char *file;     /* path of the verification JSON, or NULL */
        char *database; /* key under "databases"; NULL: the only one, or the target's name */
        bool all_valid; /* no index and no constraint of the whole database is invalid */
    } schema;
    hf_strings command; /* command: argv; DATABASE_URL is in its environment */
    char *folder;       /* command: its working folder; default: the configuration's */
    struct {
        hf_limit shrink; /* given: a rows check */
        hf_strings tables, except;
        bool estimated;      /* counted by the statistics, and exactly only where those say too few */
        bool may_be_dropped; /* a table that is gone is none that shrank */
        int64_t ignore_below;
    } rows;
    hf_strings sequences; /* sequences: patterns of the tables whose columns are looked at */
    struct {
        char *file;         /* a path, may be a glob */
        hf_strings journal; /* units of journald */
        hf_strings command; /* {since} in an argument is the time since when */
        hf_placed_list forbid, require;
        hf_placed rate; /* lines that match, of 1,000 */
        hf_limit rate_at_most;
        hf_change_config rate_change;
        int64_t over_ms; /* the time before, for journal and command */
    } log;
    struct {
        hf_request_config request;
        char *query;  /* Prometheus; or */
        hf_placed jq; /* the number in any JSON */
        hf_limit at_most, at_least, ignore_below, empty;
        hf_change_config change;
    } metric;
    struct {
        int64_t younger_than_ms; /* > 0: a snapshot check */
        bool proven;
    } snapshot;
} hf_check_config;

typedef HF_VECTOR(hf_check_config) hf_check_configs;

/* How many snapshots are kept (repository/retention.h); all 0: nothing is said. */
typedef struct hf_retention_config {
    int keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly;
    int64_t keep_within_ms;
    hf_strings keep_labels; /* patterns */
} hf_retention_config;

typedef enum hf_approval_policy {
    HF_APPROVAL_NEVER,
    HF_APPROVAL_DESTRUCTIVE,
    HF_APPROVAL_ALWAYS
} hf_approval_policy;

/* Somebody whose signature approves plans. */
typedef struct hf_approver_config {
    char *name;
    char *public_key; /* as stream/signature.h has it */
} hf_approver_config;
typedef enum hf_fence_kind {
    HF_FENCE_NONE,
    HF_FENCE_HOOK,        /* the operator's commands */
    HF_FENCE_CONNECTIONS, /* no client connects */
    HF_FENCE_READ_ONLY    /* clients read */
} hf_fence_kind;

typedef struct hf_fence_config {
    hf_fence_kind kind;
    bool before_snapshot;     /* from: snapshot */
    bool until_migrated;      /* until: migrated; else it stays for the checks */
    hf_strings before, after; /* hook: argv */
    hf_strings roles;         /* read_only: these alone; empty: every role */
} hf_fence_config;

/* Where a program may stand in the course of a deploy. */
typedef enum hf_hook {
    HF_HOOK_BEFORE_PREFLIGHT,
    HF_HOOK_AFTER_PREFLIGHT,
    HF_HOOK_BEFORE_SNAPSHOT,
    HF_HOOK_AFTER_SNAPSHOT,
    HF_HOOK_BEFORE_MIGRATE,
    HF_HOOK_AFTER_MIGRATE,
    HF_HOOK_BEFORE_VERIFY,
    HF_HOOK_AFTER_VERIFY,
    HF_HOOK_BEFORE_ROLLBACK,
    HF_HOOK_AFTER_ROLLBACK,
    HF_HOOK_AFTER_CYCLE,
    HF_HOOK_SEED,         /* deploy.seed */
    HF_HOOK_APP_ROLLBACK, /* deploy.app.rollback */
    HF_HOOKS
} hf_hook;

typedef struct hf_hook_config {
    hf_strings command; /* argv; empty: none */
    char *folder;
    int64_t timeout_ms;
    bool with_url; /* DATABASE_URL is in its environment */
} hf_hook_config;

typedef enum hf_rollback_way { HF_WAY_SWAP, HF_WAY_CLONE, HF_WAY_IN_PLACE, HF_WAY_AUTO } hf_rollback_way;
/* Local days since 1970-01-01, the last one too. */
typedef struct hf_date_span {
    int64_t first, last;
} hf_date_span;

typedef struct hf_window_config {
    hf_where where;
    unsigned days;                 /* bit 0: Monday */
    HF_VECTOR(hf_date_span) dates; /* none: every date */
    int from_minute, to_minute;    /* of the day; to < from: it ends on the day after */
    char *timezone;
} hf_window_config;

typedef struct hf_freeze_config {
    hf_where where;
    int64_t from, to; /* local minutes since 1970-01-01, without the last */
    char *timezone;
    char *reason; /* NULL: none */
} hf_freeze_config;

/* What must be the case before a deploy may begin; 0: not asked for. */
typedef struct hf_gates_config {
    HF_VECTOR(hf_window_config) windows; /* none: at any time */
    HF_VECTOR(hf_freeze_config) freezes;
    int max_sessions, max_transactions_per_second;
    int64_t max_transaction_age_ms, activity_wait_ms;
    int64_t max_snapshot_age_ms, max_replication_lag_ms;
    uint64_t min_repository_bytes, min_server_bytes;
    uint64_t disk_bytes; /* of the server, where it cannot be asked */
    int shrink_max_percent, shrink_min_rows;
    hf_strings shrink_ignore; /* patterns of "schema.table" */
} hf_gates_config;

typedef struct hf_target_config {
    char *name;
    hf_where where;
    hf_secret_source database_url;
    hf_secret_source shadow_url; /* of the server for scratch databases; HF_SECRET_NONE: the target's own */
    char *
        maintenance_database; /* to connect to for CREATE/RENAME DATABASE; default: postgres, else template1 */

    struct {
        size_t jobs;                               /* 4; 1..64 */
        int compression;                           /* zstd level, 1; 1..19 */
        bool text_only;                            /* never COPY's binary form */
        uint32_t range_pages;                      /* heap pages a chunk, 1024 */
        uint64_t chunk_bytes;                      /* most text in a chunk, 32 MiB */
        int64_t lock_timeout_ms;                   /* for ACCESS SHARE on the tables; 10 s */
        hf_strings pg_dump;                        /* argv, or empty: found */
        int64_t pg_dump_timeout_ms;                /* 1 h */
        hf_strings include, exclude, exclude_data; /* patterns, see pg/pattern.h */
        bool verify_full; /* of plain backups: "full" (default), or "stored"; a deploy's is always full */
    } snapshot;

    hf_migrations_config migrations;

    struct {
        hf_rollback_way way;
        bool compare_clone;     /* with the snapshot, before migrating */
        int64_t keep_failed_ms; /* 7d */
        hf_approval_policy approval;
        struct {
            HF_VECTOR(hf_approver_config) keys; /* none: approvals are not signed */
            int required;                       /* so many of them */
            int64_t expiry_ms;                  /* a signature counts for so long; 0: for ever */
            int64_t cooling_off_ms;             /* and nothing runs before so long after the first one */
            bool four_eyes;                     /* that of the plan's author does not count */
            bool unsigned_too;                  /* --approve DIGEST alone will do as well */
        } approvers;
        bool hold_if_written; /* rollback.if_written: hold */
        hf_fence_config fence;
        struct { /* 0: none */
            int64_t preflight_ms, snapshot_ms, fence_ms, migrate_ms, verify_ms, compare_ms;
        } timeouts;
        hf_gates_config gates;
        char *reports;       /* folder of the incident reports */
        bool allow_filtered; /* deploy though the snapshot leaves something out */
        hf_hook_config hooks[HF_HOOKS];
        hf_secret_source app_revision; /* no secret: what tells the application's revision */
        hf_inconclusive on_inconclusive;
        struct {
            int64_t for_ms; /* 0: no observation after the first pass */
            int64_t every_ms;
            int failures; /* of one check, that end it */
        } observe;
    } deploy;

    hf_check_configs checks;
    hf_retention_config retention; /* in the place of the repository's, if it says anything */
} hf_target_config;

/* What somebody may be told of. */
typedef enum hf_notify_event {
    HF_NOTIFY_START,
    HF_NOTIFY_SUCCESS,
    HF_NOTIFY_ROLLBACK,
    HF_NOTIFY_STUCK,
    HF_NOTIFY_HELD, /* it waits for somebody's word */
    HF_NOTIFY_REFUSED,
    HF_NOTIFY_DRIFT,
    HF_NOTIFY_BACKUP_FAILED,
    HF_NOTIFY_EVENTS
} hf_notify_event;

typedef enum hf_notify_kind {
    HF_NOTIFY_SLACK,
    HF_NOTIFY_DISCORD,
    HF_NOTIFY_TEAMS,
    HF_NOTIFY_WEBHOOK,
    HF_NOTIFY_PING,
    HF_NOTIFY_EMAIL,
    HF_NOTIFY_GITHUB,
    HF_NOTIFY_KINDS
} hf_notify_kind;

typedef enum hf_notify_format { HF_NOTIFY_JSON, HF_NOTIFY_FORM, HF_NOTIFY_TEXT } hf_notify_format;

typedef struct hf_notify_config {
    char *name; /* unlike all others */
    hf_notify_kind kind;
    hf_where where;
    unsigned events;                       /* 1 << hf_notify_event */
    hf_secret_source url[HF_NOTIFY_EMAIL]; /* of the kinds before it: the one at its kind */
    struct {
        hf_secret_source authorization; /* the header's value; or none */
        hf_strings headers;             /* "Name: value" */
        hf_notify_format format;
        char *template; /* of config/template.h; NULL: a JSON object of all fields */
        hf_where template_where;
    } webhook;
    struct {
        hf_strings commands; /* those that ping */
        char *target;        /* only for this one; NULL: for all */
    } ping;
    struct {
        char *server; /* smtp:// or smtps:// */
        char *user, *from, *ca_file;
        hf_secret_source password;
        hf_strings to;
        bool tls; /* of smtp://: STARTTLS must work */
    } email;
    struct {
        char *repository, *api; /* owner/name; https://... */
        hf_secret_source token;
        hf_strings labels;
    } github;
} hf_notify_config;

/* "start", "backup_failed"; "slack". */
extern const char *const hf_notify_event_names[HF_NOTIFY_EVENTS];
extern const char *const hf_notify_kind_names[HF_NOTIFY_KINDS];

typedef enum hf_path_style { HF_PATH_STYLE_AUTO, HF_PATH_STYLE_YES, HF_PATH_STYLE_NO } hf_path_style;

/* One repository: the first, or one that gets copies. */
typedef struct hf_repository_config {
    char *name; /* "main" for the first */
    hf_where where;
    char *url;                   /* absolute: file:///..., or s3://... */
    hf_secret_source passphrase; /* HF_SECRET_NONE: not encrypted */
    struct {
        char *endpoint, *region, *ca_file, *profile; /* NULL: not given */
        hf_path_style path_style;
        int64_t timeout_ms; /* without a byte moving; 0: the default */
    } s3;
    bool wait; /* of a copy: its failure is that of the backup, and keeps a deploy from going on */
} hf_repository_config;

typedef struct hf_group_config { /* targets that are deployed together */
    char *name;
    hf_where where;
    hf_strings targets;
} hf_group_config;

typedef struct hf_config {
    char *path;
    char *folder;
    hf_repository_config repository;
    HF_VECTOR(hf_repository_config) copy_to;
    hf_retention_config retention;
    HF_VECTOR(hf_target_config) targets;
    HF_VECTOR(hf_notify_config) notify;
    hf_strings contacts[HF_NOTIFY_EVENTS]; /* whom to call when it happens */
    HF_VECTOR(hf_group_config) groups;
} hf_config;

/* What is wrong with a configuration, each HF_E_USAGE with "<file>:<line>:<column>: ..." and a hint. */
typedef HF_VECTOR(hf_error) hf_config_problems;
void hf_config_problems_done(hf_config_problems *problems);

/* Add `error` with the file and the place before its message. */
void hf_config_problems_add(hf_config_problems *problems, const char *config_path, hf_where where,
                            const hf_error *error);

/* `path` NULL: ./holdfast.yaml. */
HF_MUST_CHECK hf_status hf_config_load(const char *path, hf_config **ret_config, hf_error *error);
void hf_config_free(hf_config *config);
void hf_config_freep(hf_config **config);

/* name NULL: the only target.  HF_E_USAGE lists the names otherwise. */
HF_MUST_CHECK hf_status hf_config_target(const hf_config *config, const char *name,
                                         const hf_target_config **ret_target, hf_error *error);

/* HF_E_USAGE lists the names if there is no such group. */
HF_MUST_CHECK hf_status hf_config_group(const hf_config *config, const char *name,
                                        const hf_group_config **ret_group, hf_error *error);

/* NULL or "main": the first repository; else the copy of this name or URL.  HF_E_USAGE lists the names. */
HF_MUST_CHECK hf_status hf_config_repository(const hf_config *config, const char *name,
                                             const hf_repository_config **ret_repository, hf_error *error);

/* A commented configuration to begin with, for `init`; the caller owns it. */
char *hf_config_example(void);

#endif
