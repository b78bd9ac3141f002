#include "config/options.h"

#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "config/approvers.h"
#include "config/check_options.h"
#include "config/gate_options.h"
#include "config/notify_options.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)

static const hf_choice migrations_kinds[] = {
    {"none", HF_MIGRATIONS_NONE},
    {"prisma", HF_MIGRATIONS_PRISMA},
    {"sql", HF_MIGRATIONS_SQL},
    {"command", HF_MIGRATIONS_COMMAND},
    {NULL, 0},
};
static const hf_choice profiles[] = {
    {"none", HF_PROFILE_NONE},
    {"prisma", HF_PROFILE_PRISMA},
    {"flyway", HF_PROFILE_FLYWAY},
    {"dbmate", HF_PROFILE_DBMATE},
    {"golang-migrate", HF_PROFILE_GOLANG_MIGRATE},
    {"rails", HF_PROFILE_RAILS},
    {"django", HF_PROFILE_DJANGO},
    {"alembic", HF_PROFILE_ALEMBIC},
    {NULL, 0},
};
static const hf_choice depths[] = {{"stored", false}, {"full", true}, {NULL, 0}};
static const hf_choice formats[] = {{"auto", false}, {"text", true}, {NULL, 0}};
static const hf_choice ways[] = {{"swap", HF_WAY_SWAP},
                                 {"clone", HF_WAY_CLONE},
                                 {"in-place", HF_WAY_IN_PLACE},
                                 {"auto", HF_WAY_AUTO},
                                 {NULL, 0}};
static const hf_choice fence_kinds[] = {
    {"none", HF_FENCE_NONE},
    {"hook", HF_FENCE_HOOK},
    {"connections", HF_FENCE_CONNECTIONS},
    {"read_only", HF_FENCE_READ_ONLY},
    {NULL, 0},
};
static const hf_choice if_written[] = {{"proceed", false}, {"hold", true}, {NULL, 0}};
static const hf_choice fence_begins[] = {{"migrate", false}, {"snapshot", true}, {NULL, 0}};
static const hf_choice fence_ends[] = {{"verified", false}, {"migrated", true}, {NULL, 0}};
static const hf_choice approvals[] = {
    {"never", HF_APPROVAL_NEVER},
    {"destructive", HF_APPROVAL_DESTRUCTIVE},
    {"always", HF_APPROVAL_ALWAYS},
    {NULL, 0},
};
static const hf_choice path_styles[] = {
    {"auto", HF_PATH_STYLE_AUTO}, {"true", HF_PATH_STYLE_YES}, {"false", HF_PATH_STYLE_NO}, {NULL, 0}};
static const hf_choice severities[] = {{"fail", false}, {"warn", true}, {NULL, 0}};
static const hf_choice inconclusives[] = {{"hold", HF_INCONCLUSIVE_HOLD},
                                          {"fail", HF_INCONCLUSIVE_FAIL},
                                          {"pass", HF_INCONCLUSIVE_PASS},
                                          {NULL, 0}};
static const hf_choice counts[] = {{"exact", false}, {"estimated", true}, {NULL, 0}};
static const hf_choice droppings[] = {{"fail", false}, {"pass", true}, {NULL, 0}};
static const hf_choice validities[] = {{"named", false}, {"all", true}, {NULL, 0}};

static void *append_copy(void *parent, const char *key, hf_where where)
{
    hf_config *config = parent;
    hf_repository_config *copy = HF_APPEND_NEW(&config->copy_to);

    (void) key;
    copy->where = where;
    copy->name = config->copy_to.count == 1 ? hf_strdup("copy") : hf_format("copy%zu", config->copy_to.count);
    return copy;
}

static hf_status finish_copy(const hf_config_reader *in, void *item)
{
    hf_repository_config *copy = item;

    if (hf_streq(copy->name, "main") || strchr(copy->name, '/') != NULL) {
        hf_config_refuse(in, copy->where, "\"%.80s\" cannot be the name of a copy", copy->name);
        return hf_hint(in->error, "main is the first repository; use a word such as offsite");
    }
    return HF_OK;
}

static void *append_target(void *parent, const char *key, hf_where where)
{
    hf_config *config = parent;
    hf_target_config *target = HF_APPEND_NEW(&config->targets);

    target->name = hf_strdup(key);
    target->where = where;
    return target;
}

/* name: [target, target]; whether the targets exist is seen when all is read. */
static hf_status set_groups(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                            void *base)
{
    hf_config *config = base;

    (void) option;
    for (size_t i = 0; value->kind == HF_YAML_MAPPING && i < value->pairs.count; i++) {
        const hf_yaml_pair *pair = &value->pairs.items[i];
        hf_group_config *group = HF_APPEND_NEW(&config->groups);

        group->name = hf_strdup(pair->key);
        group->where = pair->where;
        for (size_t k = 0; pair->value->kind == HF_YAML_SEQUENCE && k < pair->value->items.count; k++)
            if (pair->value->items.items[k]->kind == HF_YAML_SCALAR)
                hf_strings_add(&group->targets, pair->value->items.items[k]->text);
        if (pair->value->kind != HF_YAML_SEQUENCE || group->targets.count != pair->value->items.count ||
            group->targets.count < 2) {
            hf_config_refuse(in, pair->value->where, "group \"%.80s\" must be a list of two targets or more",
                             pair->key);
            return hf_hint(in->error, "for example groups: {all: [site, jobs]}");
        }
    }
    if (value->kind == HF_YAML_MAPPING)
        return HF_OK;
    hf_config_refuse(in, value->where, "\"groups\" must be a mapping of names and lists of targets");
    return hf_hint(in->error, "for example groups: {all: [site, jobs]}");
}

static bool is_target_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return len > 0 && len <= 64 && name[len] == '\0' && name[0] != '.' && name[0] != '-';
}

static hf_status check_fence(const hf_config_reader *in, const hf_target_config *target)
{
    const hf_fence_config *fence = &target->deploy.fence;
    const bool is_hook = fence->kind == HF_FENCE_HOOK;

    if (is_hook && (fence->before.count == 0 || fence->after.count == 0)) {
        hf_config_refuse(in, target->where,
                         "target \"%s\": a fence of kind hook needs \"before\" and \"after\"", target->name);
        return hf_hint(in->error, "two commands, each as a list: one keeps writers out, one lets them in");
    }
    if (!is_hook && (fence->before.count > 0 || fence->after.count > 0)) {
        hf_config_refuse(in, target->where, "target \"%s\": only a fence of kind hook has commands",
                         target->name);
        return hf_hint(in->error, "set kind: hook, or leave \"before\" and \"after\" out");
    }
    if (fence->roles.count > 0 && fence->kind != HF_FENCE_READ_ONLY) {
        hf_config_refuse(in, target->where, "target \"%s\": only a fence of kind read_only has roles",
                         target->name);
        return hf_hint(in->error, "leave \"roles\" out");
    }
    return HF_OK;
}

static hf_status finish_target(const hf_config_reader *in, void *item)
{
    hf_target_config *target = item;
    hf_migrations_config *migrations = &target->migrations;

    if (!is_target_name(target->name)) {
        hf_config_refuse(in, target->where, "\"%.80s\" cannot be the name of a target", target->name);
        return hf_hint(
            in->error,
            "up to 64 letters, digits, \"_\", \".\" and \"-\", beginning with none of the last two");
    }
    if (migrations->kind == HF_MIGRATIONS_PRISMA && migrations->directory == NULL)
        migrations->directory = hf_path_join(in->folder, "prisma/migrations");
    if (migrations->kind == HF_MIGRATIONS_SQL && migrations->directory == NULL) {
        hf_config_refuse(in, target->where, "target \"%s\": migrations of kind sql need a \"directory\"",
                         target->name);
        return hf_hint(in->error, "name the folder of the .sql files");
    }
    if (migrations->kind != HF_MIGRATIONS_COMMAND && migrations->profile != HF_PROFILE_NONE) {
        hf_config_refuse(in, target->where, "target \"%s\": a profile is of migrations of kind command",
                         target->name);
        return hf_hint(in->error, "set kind: command, or leave the profile out");
    }
    if (migrations->kind == HF_MIGRATIONS_COMMAND && migrations->command.count == 0 &&
        migrations->profile == HF_PROFILE_NONE) {
        hf_config_refuse(in, target->where, "target \"%s\": migrations of kind command need a \"command\"",
                         target->name);
        return hf_hint(in->error,
                       "as a list, for example command: [npx, prisma, migrate, deploy], or a \"profile\"");
    }
    HF_TRY(check_fence(in, target));
    return hf_approvers_check(in, target);
}

static hf_status set_headers(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base)
{
    hf_strings *headers = (hf_strings *) ((char *) base + option->offset);

    if (value->kind != HF_YAML_MAPPING) {
        hf_config_refuse(in, value->where, "\"headers\" must be a mapping of names and values");
        return hf_hint(in->error, "for example headers: {Accept: application/json}");
    }
    for (size_t i = 0; i < value->pairs.count; i++) {
        const hf_yaml_pair *pair = &value->pairs.items[i];

        if (pair->value->kind != HF_YAML_SCALAR || strpbrk(pair->value->text, "\r\n") != NULL ||
            pair->key[strcspn(pair->key, ": \t\r\n")] != '\0' || pair->key[0] == '\0') {
            hf_config_refuse(in, pair->where, "a header is one name and one line of text");
            return hf_hint(in->error, "for example headers: {Accept: application/json}");
        }
        if (strcasecmp(pair->key, "Authorization") == 0 || strcasecmp(pair->key, "Cookie") == 0)
            hf_log_redact(pair->value->text);
        HF_AUTO_STR line = hf_format("%s: %s", pair->key, pair->value->text);
        hf_strings_add(headers, line);
    }
    return HF_OK;
}

#define TARGET(member) AT(hf_target_config, member)
#define CHECK(member) AT(hf_check_config, member)
#define COMPARISON(word)                                                                                     \
    {                                                                                                        \
        "targets.*.checks[].sql." word, HF_OPTION_CUSTOM, .set = hf_check_set_comparison                     \
    }

#define LIMIT(path, member, ...)                                                                             \
    {                                                                                                        \
        path, HF_OPTION_CUSTOM, CHECK(member), .set = hf_config_set_limit, ##__VA_ARGS__                     \
    }
#define CHANGE(path, member)                                                                                 \
    LIMIT(path ".increase_at_most", member.increase), LIMIT(path ".decrease_at_most", member.decrease)
#define REQUEST(path, member)                                                                                \
    {path ".url", HF_OPTION_TEXT, .required = true, CHECK(member.url)},                                      \
        {path ".headers", HF_OPTION_CUSTOM, CHECK(member.headers), .set = hf_config_set_headers},            \
        {path ".ca_file", HF_OPTION_PATH, CHECK(member.ca_file)},                                            \
    {                                                                                                        \
        path ".insecure", HF_OPTION_BOOL, CHECK(member.insecure), .fallback = "false"                        \
    }

/* A program of a deploy: as a list, or as a mapping with the keys below it. */
#define PROGRAM(path, hook, url, text)                                                                       \
    {path, HF_OPTION_ARGV, TARGET(deploy.hooks[hook].command), .help = text},                                \
        {path ".command", HF_OPTION_ARGV, .required = true, TARGET(deploy.hooks[hook].command)},             \
        {path ".folder", HF_OPTION_PATH, TARGET(deploy.hooks[hook].folder), .fallback = "."},                \
        {path ".timeout", HF_OPTION_DURATION, TARGET(deploy.hooks[hook].timeout_ms),                         \
         .min = 1,        .max = DAY,         .fallback = "10m"},                                            \
    {                                                                                                        \
        path ".database_url", HF_OPTION_BOOL, TARGET(deploy.hooks[hook].with_url), .fallback = url           \
    }

#define CONTACTS(key, event)                                                                                 \
    {                                                                                                        \
        "contacts." key, HF_OPTION_TEXTS, AT(hf_config, contacts[event])                                     \
    }
#define NOTIFY(member) AT(hf_notify_config, member)

#define KEEP(prefix, type, rule, example_count, text)                                                        \
    {                                                                                                        \
        prefix ".keep_" #rule, HF_OPTION_INT, AT(type, retention.keep_##rule),                               \
            .max = 100000, .example = example_count, .help = text                                            \
    }

/* The keys of a repository, wherever one is named; `of` is how its item is reached in `type`. */
#define REPOSITORY(path, type, of)                                                                           \
    {path ".url",                                                                                            \
     HF_OPTION_URL,                                                                                          \
     .required = true,                                                                                       \
     AT(type, of url),                                                                                       \
     .example = "file://./holdfast-repository",                                                              \
     .help = "A folder: file:///absolute/folder, or a path relative to this file. Best on another disk "     \
             "than the\n"                                                                                    \
             "database's, and not in version control. Or a bucket: s3://bucket/prefix."},                    \
        {path ".passphrase", HF_OPTION_SECRET, AT(type, of passphrase),                                      \
         .help =                                                                                             \
             "Encrypts the repository, from its making on: {env: HOLDFAST_PASSPHRASE}, {file: path} or\n"    \
             "{command: [program]}. Without it a repository is not encrypted."},                             \
        {path ".s3", HF_OPTION_GROUP,                                                                        \
         .help = "For s3://. The keys stand in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and "            \
                 "AWS_SESSION_TOKEN), or in\n"                                                               \
                 "the shared credentials file."},                                                            \
        {path ".s3.endpoint", HF_OPTION_TEXT, AT(type, of s3.endpoint),                                      \
         .help = "https://host:port of the service; Amazon's unless told."},                                 \
        {path ".s3.region", HF_OPTION_TEXT, AT(type, of s3.region), .fallback = "auto",                      \
         .help = "With auto: AWS_REGION, else what the service says, else us-east-1."},                      \
        {path ".s3.path_style",                                                                              \
         HF_OPTION_ENUM,                                                                                     \
         AT(type, of s3.path_style),                                                                         \
         .choices = path_styles,                                                                             \
         .fallback = "auto",                                                                                 \
         .help = "Whether the bucket stands in the path (true) or in the host name (false, and auto at "     \
                 "Amazon's)."},                                                                              \
        {path ".s3.ca_file", HF_OPTION_PATH, AT(type, of s3.ca_file),                                        \
         .help = "Certificates to trust instead of the system's."},                                          \
        {path ".s3.profile", HF_OPTION_TEXT, AT(type, of s3.profile),                                        \
         .help = "Of ~/.aws/credentials; goes before the environment's keys."},                              \
    {                                                                                                        \
        path ".s3.timeout", HF_OPTION_DURATION, AT(type, of s3.timeout_ms),                                  \
            .min = SECOND, .max = HOUR, .fallback = "30s",                                                   \
            .help = "A request that moves no byte for so long is given up and tried again."                  \
    }

const hf_option hf_options[] = {
    {"repository", HF_OPTION_GROUP, .required = true, .help = "Where snapshots are kept."},
    REPOSITORY("repository", hf_config, repository.),
    {"repository.copy_to", HF_OPTION_LIST, .append = append_copy, .finish = finish_copy,
     .example = "# - {url: \"s3://another-bucket/prefix\", s3: {region: eu-west-1}, passphrase: {env: "
                "COPY_PASSPHRASE}}",
     .help =
         "Repositories that get a copy of each snapshot, with the keys above, a name (\"copy\" unless told) "
         "and wait:\n"
         "with true (default) a backup without its copy has failed, and a deploy does not go on before it is "
         "sealed;\n"
         "with false a copy that fails is a warning."},
    REPOSITORY("repository.copy_to[]", hf_repository_config, ),
    {"repository.copy_to[].name", HF_OPTION_TEXT, AT(hf_repository_config, name)},
    {"repository.copy_to[].wait", HF_OPTION_BOOL, AT(hf_repository_config, wait), .fallback = "true"},
    {"repository.retention", HF_OPTION_GROUP,
     .help =
         "What \"holdfast prune\" keeps of each target, beside pinned snapshots, the newest one, the newest "
         "proven one\n"
         "and those of an unfinished deploy: what any of these rules keeps. Without any, prune removes "
         "nothing."},
    KEEP("repository.retention", hf_config, last, "7", "The newest so many."),
    KEEP("repository.retention", hf_config, hourly, NULL,
         "The last of each of the newest so many hours that have any; days begin at midnight UTC, weeks on "
         "Monday."),
    KEEP("repository.retention", hf_config, daily, "14", NULL),
    KEEP("repository.retention", hf_config, weekly, "8", NULL),
    KEEP("repository.retention", hf_config, monthly, "12", NULL),
    KEEP("repository.retention", hf_config, yearly, NULL, NULL),
    {"repository.retention.keep_within", HF_OPTION_DURATION, AT(hf_config, retention.keep_within_ms),
     .max = 36500 * DAY, .help = "All that are at most so much older than the newest, such as 3d."},
    {"repository.retention.keep_labels", HF_OPTION_TEXTS, AT(hf_config, retention.keep_labels),
     .help = "All with such a label, as a list of patterns: [release-*, audit]."},
    {"groups", HF_OPTION_CUSTOM, .set = set_groups,
     .help =
         "Targets that `deploy --group NAME` migrates together, all of them or none: {all: [site, jobs]}."},
    {"targets", HF_OPTION_MAP, .required = true, .append = append_target, .finish = finish_target,
     .example = "main",
     .help = "The databases, each under a name of your choice. With only one, --target may be left out."},

    {"targets.*.database", HF_OPTION_GROUP, .required = true},
    {"targets.*.database.url", HF_OPTION_SECRET, .required = true, TARGET(database_url),
     .example = "{env: DATABASE_URL}",
     .help =
         "The connection string is a secret, so only where it is stands here: {env: NAME}, {file: path} or\n"
         "{command: [program, argument]}."},
    {"targets.*.database.maintenance_database", HF_OPTION_TEXT, TARGET(maintenance_database),
     .help =
         "The database to connect to for CREATE DATABASE and renames; postgres or template1 unless told."},

    {"targets.*.shadow", HF_OPTION_GROUP,
     .help = "Where `drift`, `plan --base` and `migrations baseline` make their scratch databases."},
    {"targets.*.shadow.url", HF_OPTION_SECRET, TARGET(shadow_url),
     .help =
         "{env: SHADOW_URL} of any database of a server, which is only connected to; the target's own server "
         "unless told."},

    {"targets.*.snapshot", HF_OPTION_GROUP, .help = "How snapshots are taken."},
    {"targets.*.snapshot.jobs", HF_OPTION_INT, TARGET(snapshot.jobs), .min = 1, .max = 64, .fallback = "4",
     .help = "Connections that read or load side by side."},
    {"targets.*.snapshot.compression", HF_OPTION_INT, TARGET(snapshot.compression), .min = 1, .max = 19,
     .fallback = "1", .help = "zstd level, 1 (fast) to 19 (small)."},
    {"targets.*.snapshot.verify", HF_OPTION_ENUM, TARGET(snapshot.verify_full), .choices = depths,
     .fallback = "full",
     .help = "How a backup is checked. full reads back every object of it, also those that were there "
             "already, and\n"
             "stores a broken one anew; stored looks at presence and size only. A deploy always does the "
             "former."},
    {"targets.*.snapshot.lock_timeout", HF_OPTION_DURATION, TARGET(snapshot.lock_timeout_ms), .min = 0,
     .max = DAY, .fallback = "10s",
     .help = "How long to wait for a table that is locked exclusively; 0 waits for ever."},
    {"targets.*.snapshot.format", HF_OPTION_ENUM, TARGET(snapshot.text_only), .choices = formats,
     .fallback = "auto",
     .help = "How rows are stored. auto: in COPY's binary form where it suits all of a table's columns, "
             "which is\n"
             "faster both ways; text: always as text."},
    {"targets.*.snapshot.range_pages", HF_OPTION_INT, TARGET(snapshot.range_pages), .min = 16, .max = 1 << 20,
     .fallback = "1024",
     .help = "Heap pages (of 8 KiB) a chunk: the unit of parallel work and of deduplication."},
    {"targets.*.snapshot.chunk_size", HF_OPTION_SIZE, TARGET(snapshot.chunk_bytes), .min = 1 << 16,
     .max = 1 << 30, .fallback = "32MiB", .help = "Most text in one chunk; with jobs it bounds the memory."},
    {"targets.*.snapshot.pg_dump", HF_OPTION_ARGV, TARGET(snapshot.pg_dump),
     .help = "A pg_dump, or a command that reaches one: [docker, exec, -i, db, pg_dump]. Found by itself "
             "unless told."},
    {"targets.*.snapshot.pg_dump_timeout", HF_OPTION_DURATION, TARGET(snapshot.pg_dump_timeout_ms),
     .min = 1000, .max = DAY, .fallback = "1h",
     .help = "How long pg_dump may take to read the definitions before it is ended as one that hangs."},
    {"targets.*.snapshot.include", HF_OPTION_TEXTS, TARGET(snapshot.include),
     .help = "Only these tables, views and materialized views, as a list: [public.orders, sales.*]. Such a "
             "snapshot\n"
             "is a filtered one, which a deploy refuses."},
    {"targets.*.snapshot.exclude", HF_OPTION_TEXTS, TARGET(snapshot.exclude),
     .help = "Not these, nor what belongs to them; foreign keys and views that need them are left out and "
             "named."},
    {"targets.*.snapshot.exclude_data", HF_OPTION_TEXTS, TARGET(snapshot.exclude_data),
     .help = "The definition of these tables, but none of their rows."},

    {"targets.*.migrations", HF_OPTION_GROUP, .help = "How the schema is changed."},
    {"targets.*.migrations.kind", HF_OPTION_ENUM, .required = true, TARGET(migrations.kind),
     .choices = migrations_kinds, .example = "prisma",
     .help = "prisma: a Prisma Migrate folder, applied natively; sql: a folder of .sql files; command: any "
             "program;\n"
             "none."},
    {"targets.*.migrations.directory", HF_OPTION_PATH, TARGET(migrations.directory),
     .example = "prisma/migrations", .help = "Of prisma (the folder with migration_lock.toml) and sql."},
    {"targets.*.migrations.profile", HF_OPTION_ENUM, TARGET(migrations.profile), .choices = profiles,
     .fallback = "none",
     .help = "Of command: which migrator it is, so that holdfast knows how to run it and what is pending: "
             "prisma, flyway, "
             "dbmate,\ngolang-migrate, rails, django or alembic. Its folder is the directory above, if it is "
             "not where that "
             "migrator looks."},
    {"targets.*.migrations.command", HF_OPTION_ARGV, TARGET(migrations.command),
     .help = "Of command: [npx, prisma, migrate, deploy]. The connection string is in its environment."},
    {"targets.*.migrations.url_variable", HF_OPTION_TEXT, TARGET(migrations.url_variable),
     .fallback = "DATABASE_URL", .help = "Under this name."},
    {"targets.*.migrations.folder", HF_OPTION_PATH, TARGET(migrations.folder), .fallback = ".",
     .help = "The command's working folder."},
    {"targets.*.migrations.timeout", HF_OPTION_DURATION, TARGET(migrations.timeout_ms), .min = 0,
     .max = 7 * DAY, .fallback = "0", .help = "Of one migration, or of the command; 0: none."},
    {"targets.*.migrations.lock_timeout", HF_OPTION_DURATION, TARGET(migrations.lock_timeout_ms), .min = 0,
     .max = DAY, .fallback = "10s",
     .help = "Of prisma and sql: lock_timeout for each file, so that nobody queues behind a migration that "
             "waits; 0: the "
             "server's. A file\nmay set its own; with CONCURRENTLY there is none."},
    {"targets.*.migrations.lock_retries", HF_OPTION_INT, TARGET(migrations.lock_retries), .min = 0,
     .max = 1000, .fallback = "6",
     .help = "How often a file is tried again, after longer and longer pauses, if a lock was not to be had "
             "and it is\n"
             "certain that nothing of it was applied: it is one transaction."},

    {"targets.*.deploy", HF_OPTION_GROUP, .help = "The guarded deploy."},
    {"targets.*.deploy.rollback", HF_OPTION_GROUP, .required = false},
    {"targets.*.deploy.rollback.way", HF_OPTION_ENUM, TARGET(deploy.way), .choices = ways, .fallback = "swap",
     .help =
         "How the database is put back. swap: restore beside, verify, and exchange both databases in one\n"
         "transaction, which needs CREATEDB; clone: the same with a copy made before migrating, which needs "
         "a moment\n"
         "without clients and makes the way back fast; in-place: one transaction in the live database, for "
         "roles\n"
         "that may not make another one; auto: what fits the role, size and space (`doctor` tells which)."},
    {"targets.*.deploy.rollback.compare_clone", HF_OPTION_BOOL, TARGET(deploy.compare_clone),
     .fallback = "true",
     .help =
         "Of clone: read it before migrating, and compare it with the snapshot row for row. Without it the\n"
         "copy rests on the server alone."},
    {"targets.*.deploy.rollback.keep_failed", HF_OPTION_DURATION, TARGET(deploy.keep_failed_ms), .min = 0,
     .max = 3650 * DAY, .fallback = "7d",
     .help =
         "How long the failed database is kept; a later deploy that succeeds drops it then. 0: for ever."},
    {"targets.*.deploy.rollback.if_written", HF_OPTION_ENUM, TARGET(deploy.hold_if_written),
     .choices = if_written, .fallback = "proceed",
     .help =
         "What if rows were written since the snapshot, or it cannot be told: take the way back all the same "
         "(they "
         "are in the\n"
         "failed database, see \"holdfast salvage\"), or hold, and wait for \"holdfast resume --proceed\"."},
    {"targets.*.deploy.fence", HF_OPTION_GROUP, .required = false},
    {"targets.*.deploy.fence.kind", HF_OPTION_ENUM, TARGET(deploy.fence.kind), .choices = fence_kinds,
     .fallback = "none",
     .help =
         "Keeps writers out while migrations run. connections: no client connects but holdfast, its migrator "
         "and its\n"
         "checks; read_only: clients read; hook: two commands of yours."},
    {"targets.*.deploy.fence.from", HF_OPTION_ENUM, TARGET(deploy.fence.before_snapshot),
     .choices = fence_begins, .fallback = "migrate",
     .help = "With snapshot it goes up before the snapshot, so that a way back loses no write; with migrate "
             "after it."},
    {"targets.*.deploy.fence.until", HF_OPTION_ENUM, TARGET(deploy.fence.until_migrated),
     .choices = fence_ends, .fallback = "verified",
     .help =
         "With migrated it comes down before the checks, for those that need an application that writes."},
    {"targets.*.deploy.fence.roles", HF_OPTION_TEXTS, TARGET(deploy.fence.roles),
     .help = "Of read_only: the application's roles; all roles unless told."},
    {"targets.*.deploy.fence.before", HF_OPTION_ARGV, TARGET(deploy.fence.before),
     .help = "Of hook: [kubectl, scale, --replicas=0, deployment/shop]."},
    {"targets.*.deploy.fence.after", HF_OPTION_ARGV, TARGET(deploy.fence.after),
     .help = "Of hook: undoes it. It runs at every end, also where before has failed, and maybe twice."},
    {"targets.*.deploy.timeouts", HF_OPTION_GROUP,
     .help = "How long a phase may take; 0: for ever. Up to migrate too much ends in a refusal, from there "
             "on in the way "
             "back,\n"
             "which itself has none."},
    {"targets.*.deploy.timeouts.preflight", HF_OPTION_DURATION, TARGET(deploy.timeouts.preflight_ms),
     .max = 7 * DAY, .fallback = "15m"},
    {"targets.*.deploy.timeouts.snapshot", HF_OPTION_DURATION, TARGET(deploy.timeouts.snapshot_ms),
     .max = 7 * DAY, .fallback = "12h"},
    {"targets.*.deploy.timeouts.fence", HF_OPTION_DURATION, TARGET(deploy.timeouts.fence_ms), .min = SECOND,
     .max = HOUR, .fallback = "1m", .help = "To end the last session, or one run of a hook."},
    {"targets.*.deploy.timeouts.migrate", HF_OPTION_DURATION, TARGET(deploy.timeouts.migrate_ms),
     .max = 7 * DAY, .fallback = "12h"},
    {"targets.*.deploy.timeouts.compare", HF_OPTION_DURATION, TARGET(deploy.timeouts.compare_ms),
     .max = 7 * DAY, .fallback = "5m",
     .help = "To count what was written since the snapshot, before a way back; what is not counted by then "
             "is unknown."},
    {"targets.*.deploy.timeouts.verify", HF_OPTION_DURATION, TARGET(deploy.timeouts.verify_ms),
     .max = 7 * DAY, .fallback = "2h"},
    {"targets.*.deploy.approval", HF_OPTION_ENUM, TARGET(deploy.approval), .choices = approvals,
     .fallback = "never",
     .help =
         "Which plans run only when approved: those with a destructive finding, or all. By --approve and "
         "the digest that\n"
         "`holdfast plan` prints, by typing the target's name at a terminal, or as approvers says. Not for "
         "migrations of\n"
         "kind command."},
    {"targets.*.deploy.approvers", HF_OPTION_GROUP,
     .help = "Approvals signed by `holdfast approve DIGEST`, in the place of --approve."},
    {"targets.*.deploy.approvers.keys", HF_OPTION_CUSTOM, .set = hf_approvers_set,
     .help = "Who may approve: {anna: \"ed25519:...\", ben: \"ed25519:...\"}, as `holdfast approve --new-key "
             "FILE` prints it."},
    {"targets.*.deploy.approvers.required", HF_OPTION_INT, TARGET(deploy.approvers.required), .min = 1,
     .max = 100, .fallback = "1", .help = "So many of them must."},
    {"targets.*.deploy.approvers.expiry", HF_OPTION_DURATION, TARGET(deploy.approvers.expiry_ms), .min = 0,
     .max = 3650 * DAY, .fallback = "7d", .help = "How long a signature counts; 0: for ever."},
    {"targets.*.deploy.approvers.cooling_off", HF_OPTION_DURATION, TARGET(deploy.approvers.cooling_off_ms),
     .min = 0, .max = 365 * DAY, .fallback = "0", .help = "Nothing runs sooner after the first signature."},
    {"targets.*.deploy.approvers.four_eyes", HF_OPTION_BOOL, TARGET(deploy.approvers.four_eyes),
     .fallback = "false",
     .help =
         "The signature of who has the plan deployed (`deploy --by NAME`, else the system's user) does not "
         "count."},
    {"targets.*.deploy.approvers.unsigned", HF_OPTION_BOOL, TARGET(deploy.approvers.unsigned_too),
     .fallback = "false", .help = "--approve DIGEST, or typing the name, will do as well."},
    {"targets.*.deploy.windows", HF_OPTION_LIST, .append = hf_window_append, .finish = hf_window_finish,
     .example = "# - {days: [mon-thu], from: \"01:00\", to: \"05:00\", timezone: Europe/Paris}",
     .help = "When a deploy may begin: in any of these. days: [mon-thu, sat]; dates: [2026-12-05, "
             "2026-12-08..2026-12-10];\n"
             "a \"to\" before \"from\" is on the day after; timezone: an IANA name, UTC unless told."},
    {"targets.*.deploy.windows[].days", HF_OPTION_CUSTOM, .set = hf_window_set_days},
    {"targets.*.deploy.windows[].dates", HF_OPTION_CUSTOM, .set = hf_window_set_dates},
    {"targets.*.deploy.windows[].from", HF_OPTION_CUSTOM, .set = hf_window_set_time},
    {"targets.*.deploy.windows[].to", HF_OPTION_CUSTOM, .set = hf_window_set_time},
    {"targets.*.deploy.windows[].timezone", HF_OPTION_CUSTOM, .set = hf_window_set_zone},
    {"targets.*.deploy.freezes", HF_OPTION_LIST, .append = hf_freeze_append, .finish = hf_freeze_finish,
     .example = "# - {from: 2026-12-20, to: 2027-01-03, timezone: Europe/Paris, reason: the holidays}",
     .help =
         "When none may begin, whatever the windows say: days, or a day and a time. \"to\" is the last day."},
    {"targets.*.deploy.freezes[].from", HF_OPTION_CUSTOM, .required = true, .set = hf_freeze_set_moment},
    {"targets.*.deploy.freezes[].to", HF_OPTION_CUSTOM, .required = true, .set = hf_freeze_set_moment},
    {"targets.*.deploy.freezes[].timezone", HF_OPTION_CUSTOM, .set = hf_freeze_set_zone},
    {"targets.*.deploy.freezes[].reason", HF_OPTION_TEXT, AT(hf_freeze_config, reason)},
    {"targets.*.deploy.activity", HF_OPTION_GROUP,
     .help = "How busy the database may be when a deploy begins; 0: as it likes."},
    {"targets.*.deploy.activity.max_sessions", HF_OPTION_INT, TARGET(deploy.gates.max_sessions),
     .max = 1000000, .fallback = "0", .help = "Sessions of others in this database."},
    {"targets.*.deploy.activity.max_transaction_age", HF_OPTION_DURATION,
     TARGET(deploy.gates.max_transaction_age_ms), .max = 365 * DAY, .fallback = "0",
     .help = "Of the oldest open transaction in it: a migration would wait for it."},
    {"targets.*.deploy.activity.max_transactions_per_second", HF_OPTION_INT,
     TARGET(deploy.gates.max_transactions_per_second), .max = 100000000, .fallback = "0"},
    {"targets.*.deploy.activity.wait", HF_OPTION_DURATION, TARGET(deploy.gates.activity_wait_ms), .max = DAY,
     .fallback = "0",
     .help = "How long to wait until it is calm, within timeouts.preflight; then, or at once with 0, the "
             "deploy is "
             "refused."},
    {"targets.*.deploy.max_snapshot_age", HF_OPTION_DURATION, TARGET(deploy.gates.max_snapshot_age_ms),
     .max = 3650 * DAY, .fallback = "0",
     .help =
         "Refuse if the newest snapshot is older, because the nightly backups do not run; 0: however old."},
    {"targets.*.deploy.max_replication_lag", HF_OPTION_DURATION, TARGET(deploy.gates.max_replication_lag_ms),
     .max = 365 * DAY, .fallback = "0", .help = "Of the slowest standby; 0: however slow."},
    {"targets.*.deploy.space", HF_OPTION_GROUP,
     .help = "What must be free; a way back by swap needs the database's size."},
    {"targets.*.deploy.space.repository", HF_OPTION_SIZE, TARGET(deploy.gates.min_repository_bytes),
     .max = INT64_MAX, .fallback = "0"},
    {"targets.*.deploy.space.server", HF_OPTION_SIZE, TARGET(deploy.gates.min_server_bytes), .max = INT64_MAX,
     .fallback = "0", .help = "Known where the server is on this machine, and where disk is given."},
    {"targets.*.deploy.space.disk", HF_OPTION_SIZE, TARGET(deploy.gates.disk_bytes), .max = INT64_MAX,
     .fallback = "0", .help = "The size of the server's disk: what is free is this less all databases."},
    {"targets.*.deploy.shrink", HF_OPTION_GROUP,
     .help = "Refuse if a table has lost so many of its rows since the snapshot before."},
    {"targets.*.deploy.shrink.max_percent", HF_OPTION_INT, TARGET(deploy.gates.shrink_max_percent),
     .max = 100, .fallback = "0", .help = "0: however many."},
    {"targets.*.deploy.shrink.min_rows", HF_OPTION_INT, TARGET(deploy.gates.shrink_min_rows), .min = 1,
     .max = 1000000000, .fallback = "100", .help = "Tables that had fewer are not looked at."},
    {"targets.*.deploy.shrink.ignore", HF_OPTION_TEXTS, TARGET(deploy.gates.shrink_ignore),
     .help = "Nor those that fit one of these: [public.jobs, \"cache.*\"]."},
    {"targets.*.deploy.reports", HF_OPTION_PATH, TARGET(deploy.reports), .fallback = "holdfast-reports",
     .help = "A folder: for each deploy that was rolled back or is stuck, a report is written there "
             "(incident-*.md)."},
    {"targets.*.deploy.allow_filtered", HF_OPTION_BOOL, TARGET(deploy.allow_filtered), .fallback = "false",
     .help = "Deploy though the snapshot leaves something out: after a way back that is gone from the live "
             "database\n"
             "(it is still in the failed one, which is kept)."},
    {"targets.*.deploy.hooks", HF_OPTION_GROUP,
     .help =
         "Programs before and after each phase: [program, argument], or {command: [...], timeout: 10m, "
         "database_url: true}\n"
         "with DATABASE_URL in the environment. They get the cycle's facts as HOLDFAST_... and as JSON on "
         "stdin. Up to\n"
         "before_migrate a failure refuses the deploy, until after_verify it counts as a failed check, later "
         "it is a warning."},
    PROGRAM("targets.*.deploy.hooks.before_preflight", HF_HOOK_BEFORE_PREFLIGHT, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_preflight", HF_HOOK_AFTER_PREFLIGHT, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.before_snapshot", HF_HOOK_BEFORE_SNAPSHOT, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_snapshot", HF_HOOK_AFTER_SNAPSHOT, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.before_migrate", HF_HOOK_BEFORE_MIGRATE, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_migrate", HF_HOOK_AFTER_MIGRATE, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.before_verify", HF_HOOK_BEFORE_VERIFY, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_verify", HF_HOOK_AFTER_VERIFY, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.before_rollback", HF_HOOK_BEFORE_ROLLBACK, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_rollback", HF_HOOK_AFTER_ROLLBACK, "false", NULL),
    PROGRAM("targets.*.deploy.hooks.after_cycle", HF_HOOK_AFTER_CYCLE, "false",
            "However it ended; HOLDFAST_STATE tells."),
    PROGRAM("targets.*.deploy.seed", HF_HOOK_SEED, "true",
            "A program after the migrations and before the checks, with DATABASE_URL; what it does to the "
            "number of rows of\n"
            "each table is told. If it fails, the database is put back."),
    {"targets.*.deploy.app", HF_OPTION_GROUP, .help = "The application that stands on the database."},
    {"targets.*.deploy.app.revision", HF_OPTION_SOURCE, TARGET(deploy.app_revision),
     .help = "Where the revision that runs before the deploy is told: {command: [program]}, {env: NAME} or "
             "{file: path}. It\n"
             "is recorded when the deploy begins."},
    PROGRAM("targets.*.deploy.app.rollback", HF_HOOK_APP_ROLLBACK, "false",
            "What brings it back, with HOLDFAST_REVISION; runs before the database is switched back."),

    {"targets.*.deploy.on_inconclusive", HF_OPTION_ENUM, TARGET(deploy.on_inconclusive),
     .choices = inconclusives, .fallback = "hold",
     .help = "Where a check could not tell (the metrics server is down): hold asks on a terminal, and else "
             "leaves the deploy\n"
             "as it is for `holdfast resume`; fail takes the way back; pass goes on."},
    {"targets.*.deploy.observe", HF_OPTION_GROUP, .required = false},
    {"targets.*.deploy.observe.for", HF_OPTION_DURATION, TARGET(deploy.observe.for_ms), .min = 0, .max = DAY,
     .fallback = "0", .help = "Once the checks have passed, run them again for so long; 0: not."},
    {"targets.*.deploy.observe.every", HF_OPTION_DURATION, TARGET(deploy.observe.every_ms), .min = 10,
     .max = HOUR, .fallback = "10s"},
    {"targets.*.deploy.observe.failures", HF_OPTION_INT, TARGET(deploy.observe.failures), .min = 1,
     .max = 10000, .fallback = "3",
     .help = "One check that fails so often while observed has failed; one that so often in a row cannot "
             "tell is inconclusive."},

    {"targets.*.retention", HF_OPTION_GROUP,
     .help = "The same keys as of repository.retention, all of them in the place of those."},
    KEEP("targets.*.retention", hf_target_config, last, NULL, NULL),
    KEEP("targets.*.retention", hf_target_config, hourly, NULL, NULL),
    KEEP("targets.*.retention", hf_target_config, daily, NULL, NULL),
    KEEP("targets.*.retention", hf_target_config, weekly, NULL, NULL),
    KEEP("targets.*.retention", hf_target_config, monthly, NULL, NULL),
    KEEP("targets.*.retention", hf_target_config, yearly, NULL, NULL),
    {"targets.*.retention.keep_within", HF_OPTION_DURATION, TARGET(retention.keep_within_ms),
     .max = 36500 * DAY},
    {"targets.*.retention.keep_labels", HF_OPTION_TEXTS, TARGET(retention.keep_labels)},

    {"targets.*.checks", HF_OPTION_LIST, .append = hf_check_append, .finish = hf_check_finish,
     .example =
         "# - {name: api health, http: {url: \"http://localhost:8080/healthz\", jq: '.status == \"ok\"', "
         "within: 60s}}\n"
         "# - {name: has users, sql: {query: 'SELECT count(*) FROM users', at_least: 1}}\n"
         "# - {name: no invoice lost, sql: {query: 'SELECT sum(total) FROM invoices', unchanged: true}}\n"
         "# - {name: critical schema, schema: .github/prisma-verification.json}\n"
         "# - {name: nothing shrank, rows: {shrink_at_most: 5%, except: [audit.*]}}\n"
         "# - {name: sequences, sequences: \"*\"}\n"
         "# - {name: quiet log, log: {file: /var/log/app/*.log, forbid: ['does not exist', FATAL]}}\n"
         "# - {name: error rate, metric: {url: \"http://prometheus:9090\", query: 'sum(rate(errors[1m]))', "
         "increase_at_most: 50%, ignore_below: 0.1}}\n"
         "# - {name: fresh backup, snapshot: {younger_than: 24h}}\n"
         "# - {name: smoke tests, command: [npm, run, smoke], timeout: 10m, severity: warn}",
     .help =
         "What must hold after the migrations; if one fails, the database is put back. A command runs in "
         "this "
         "file's\n"
         "folder (folder: path, beside it, names another), with the connection string as DATABASE_URL.\n"
         "Beside each may stand severity (fail or warn), timeout of one try, within and retries (how long "
         "and how\n"
         "often it is tried again, every so often), and on_inconclusive."},
    {"targets.*.checks[].name", HF_OPTION_TEXT, .required = true, CHECK(name)},
    {"targets.*.checks[].timeout", HF_OPTION_DURATION, CHECK(timeout_ms), .min = 1, .max = DAY},
    {"targets.*.checks[].within", HF_OPTION_DURATION, CHECK(within_ms), .min = 0, .max = DAY,
     .fallback = "0"},
    {"targets.*.checks[].every", HF_OPTION_DURATION, CHECK(every_ms), .min = 10, .max = HOUR,
     .fallback = "1s"},
    {"targets.*.checks[].retries", HF_OPTION_INT, CHECK(retries), .min = 0, .max = 1000},
    {"targets.*.checks[].severity", HF_OPTION_ENUM, CHECK(warn_only), .choices = severities,
     .fallback = "fail"},
    {"targets.*.checks[].on_inconclusive", HF_OPTION_ENUM, CHECK(on_inconclusive), .choices = inconclusives},
    {"targets.*.checks[].http", HF_OPTION_GROUP, .required = false},
    REQUEST("targets.*.checks[].http", http.request),
    {"targets.*.checks[].http.method", HF_OPTION_TEXT, CHECK(http.method), .fallback = "GET"},
    {"targets.*.checks[].http.body", HF_OPTION_TEXT, CHECK(http.body)},
    {"targets.*.checks[].http.status", HF_OPTION_CUSTOM, .set = hf_check_set_status},
    {"targets.*.checks[].http.jq", HF_OPTION_CUSTOM, CHECK(http.jq), .set = hf_config_set_placed},
    {"targets.*.checks[].http.matches", HF_OPTION_CUSTOM, CHECK(http.matches), .set = hf_config_set_placed},
    {"targets.*.checks[].http.latency_at_most", HF_OPTION_DURATION, CHECK(http.latency_ms), .min = 1,
     .max = DAY},
    {"targets.*.checks[].http.follow", HF_OPTION_BOOL, CHECK(http.follow), .fallback = "false"},
    {"targets.*.checks[].http.timeout", HF_OPTION_DURATION, CHECK(timeout_ms), .min = 1, .max = DAY},
    {"targets.*.checks[].http.within", HF_OPTION_DURATION, CHECK(within_ms), .min = 0, .max = DAY},
    {"targets.*.checks[].http.every", HF_OPTION_DURATION, CHECK(every_ms), .min = 10, .max = HOUR},
    {"targets.*.checks[].sql", HF_OPTION_GROUP, .required = false},
    {"targets.*.checks[].sql.query", HF_OPTION_TEXT, .required = true, CHECK(sql.query)},
    COMPARISON("equals"),
    COMPARISON("not_equals"),
    COMPARISON("less_than"),
    COMPARISON("at_most"),
    COMPARISON("greater_than"),
    COMPARISON("at_least"),
    {"targets.*.checks[].sql.rows", HF_OPTION_INT, CHECK(sql.rows), .min = 0, .max = 1000000},
    {"targets.*.checks[].sql.unchanged", HF_OPTION_BOOL, CHECK(sql.unchanged), .fallback = "false"},
    CHANGE("targets.*.checks[].sql", sql.change),
    {"targets.*.checks[].schema", HF_OPTION_PATH, CHECK(schema.file)},
    {"targets.*.checks[].schema.file", HF_OPTION_PATH, CHECK(schema.file)},
    {"targets.*.checks[].schema.database", HF_OPTION_TEXT, CHECK(schema.database)},
    {"targets.*.checks[].schema.valid", HF_OPTION_ENUM, CHECK(schema.all_valid), .choices = validities,
     .fallback = "named"},
    {"targets.*.checks[].command", HF_OPTION_ARGV, CHECK(command)},
    {"targets.*.checks[].folder", HF_OPTION_PATH, CHECK(folder)},
    {"targets.*.checks[].rows", HF_OPTION_GROUP, .required = false},
    LIMIT("targets.*.checks[].rows.shrink_at_most", rows.shrink, .required = true),
    {"targets.*.checks[].rows.tables", HF_OPTION_ARGV, CHECK(rows.tables)},
    {"targets.*.checks[].rows.except", HF_OPTION_ARGV, CHECK(rows.except)},
    {"targets.*.checks[].rows.count", HF_OPTION_ENUM, CHECK(rows.estimated), .choices = counts,
     .fallback = "exact"},
    {"targets.*.checks[].rows.dropped", HF_OPTION_ENUM, CHECK(rows.may_be_dropped), .choices = droppings,
     .fallback = "fail"},
    {"targets.*.checks[].rows.ignore_below", HF_OPTION_INT, CHECK(rows.ignore_below), .min = 0,
     .max = INT64_MAX, .fallback = "0"},
    {"targets.*.checks[].sequences", HF_OPTION_ARGV, CHECK(sequences)},
    {"targets.*.checks[].log", HF_OPTION_GROUP, .required = false},
    {"targets.*.checks[].log.file", HF_OPTION_PATH, CHECK(log.file)},
    {"targets.*.checks[].log.journal", HF_OPTION_ARGV, CHECK(log.journal)},
    {"targets.*.checks[].log.command", HF_OPTION_ARGV, CHECK(log.command)},
    {"targets.*.checks[].log.forbid", HF_OPTION_CUSTOM, CHECK(log.forbid), .set = hf_config_set_placed_list},
    {"targets.*.checks[].log.require", HF_OPTION_CUSTOM, CHECK(log.require),
     .set = hf_config_set_placed_list},
    {"targets.*.checks[].log.rate", HF_OPTION_GROUP, .required = false},
    {"targets.*.checks[].log.rate.pattern", HF_OPTION_CUSTOM, .required = true, CHECK(log.rate),
     .set = hf_config_set_placed},
    LIMIT("targets.*.checks[].log.rate.at_most", log.rate_at_most),
    CHANGE("targets.*.checks[].log.rate", log.rate_change),
    {"targets.*.checks[].log.rate.over", HF_OPTION_DURATION, CHECK(log.over_ms), .min = SECOND,
     .max = 7 * DAY, .fallback = "15m"},
    {"targets.*.checks[].metric", HF_OPTION_GROUP, .required = false},
    REQUEST("targets.*.checks[].metric", metric.request),
    {"targets.*.checks[].metric.query", HF_OPTION_TEXT, CHECK(metric.query)},
    {"targets.*.checks[].metric.jq", HF_OPTION_CUSTOM, CHECK(metric.jq), .set = hf_config_set_placed},
    LIMIT("targets.*.checks[].metric.at_most", metric.at_most),
    LIMIT("targets.*.checks[].metric.at_least", metric.at_least),
    LIMIT("targets.*.checks[].metric.ignore_below", metric.ignore_below),
    LIMIT("targets.*.checks[].metric.empty", metric.empty),
    CHANGE("targets.*.checks[].metric", metric.change),
    {"targets.*.checks[].snapshot", HF_OPTION_GROUP, .required = false},
    {"targets.*.checks[].snapshot.younger_than", HF_OPTION_DURATION, .required = true,
     CHECK(snapshot.younger_than_ms), .min = SECOND, .max = 3650 * DAY},
    {"targets.*.checks[].snapshot.proven", HF_OPTION_BOOL, CHECK(snapshot.proven), .fallback = "false"},

    {"notify", HF_OPTION_LIST, .append = hf_notify_append, .finish = hf_notify_finish,
     .example = "# - {slack: {url: {env: SLACK_URL}}, events: [rollback, stuck, backup_failed]}\n"
                "# - {discord: {url: {env: DISCORD_URL}}}\n"
                "# - {teams: {url: {env: TEAMS_URL}}}\n"
                "# - {webhook: {url: {env: HOOK_URL}, template: '{\"title\": \"{{title}}\", \"text\": "
                "\"{{text}}\"}'}}\n"
                "# - {email: {server: \"smtp://mail.example:587\", from: deploys@shop.example, to: "
                "[team@shop.example]}}\n"
                "# - {github: {repository: owner/name, token: {env: GITHUB_TOKEN}}}\n"
                "# - {ping: {url: {env: HEALTHCHECK_URL}, commands: [backup]}}",
     .help =
         "Who is told, of the events named: start, success, rollback, stuck, held, refused, drift, "
         "backup_failed (all\n"
         "unless told; of github rollback, stuck and drift). A ping tells a dead-man's switch of the start, "
         "the success\n"
         "and the failure of commands: backup, prove, verify, prune, gc, copy, drift, deploy. Try it: "
         "holdfast notify\n"
         "--test."},
    {"notify[].name", HF_OPTION_TEXT, NOTIFY(name)},
    {"notify[].events", HF_OPTION_CUSTOM, .set = hf_notify_set_events},
    {"notify[].slack", HF_OPTION_GROUP, .required = false},
    {"notify[].slack.url", HF_OPTION_SECRET, .required = true, NOTIFY(url[HF_NOTIFY_SLACK])},
    {"notify[].discord", HF_OPTION_GROUP, .required = false},
    {"notify[].discord.url", HF_OPTION_SECRET, .required = true, NOTIFY(url[HF_NOTIFY_DISCORD])},
    {"notify[].teams", HF_OPTION_GROUP, .required = false},
    {"notify[].teams.url", HF_OPTION_SECRET, .required = true, NOTIFY(url[HF_NOTIFY_TEAMS])},
    {"notify[].webhook", HF_OPTION_GROUP, .required = false},
    {"notify[].webhook.url", HF_OPTION_SECRET, .required = true, NOTIFY(url[HF_NOTIFY_WEBHOOK])},
    {"notify[].webhook.authorization", HF_OPTION_SECRET, NOTIFY(webhook.authorization)},
    {"notify[].webhook.headers", HF_OPTION_CUSTOM, NOTIFY(webhook.headers), .set = set_headers},
    {"notify[].webhook.format", HF_OPTION_ENUM, NOTIFY(webhook.format), .choices = hf_notify_formats,
     .fallback = "json"},
    {"notify[].webhook.template", HF_OPTION_CUSTOM, .set = hf_notify_set_template},
    {"notify[].ping", HF_OPTION_GROUP, .required = false},
    {"notify[].ping.url", HF_OPTION_SECRET, .required = true, NOTIFY(url[HF_NOTIFY_PING])},
    {"notify[].ping.commands", HF_OPTION_CUSTOM, .required = true, NOTIFY(ping.commands),
     .set = hf_notify_set_commands},
    {"notify[].ping.target", HF_OPTION_TEXT, NOTIFY(ping.target)},
    {"notify[].email", HF_OPTION_GROUP, .required = false},
    {"notify[].email.server", HF_OPTION_TEXT, .required = true, NOTIFY(email.server)},
    {"notify[].email.from", HF_OPTION_TEXT, .required = true, NOTIFY(email.from)},
    {"notify[].email.to", HF_OPTION_TEXTS, .required = true, NOTIFY(email.to)},
    {"notify[].email.user", HF_OPTION_TEXT, NOTIFY(email.user)},
    {"notify[].email.password", HF_OPTION_SECRET, NOTIFY(email.password)},
    {"notify[].email.tls", HF_OPTION_BOOL, NOTIFY(email.tls), .fallback = "true"},
    {"notify[].email.ca_file", HF_OPTION_PATH, NOTIFY(email.ca_file)},
    {"notify[].github", HF_OPTION_GROUP, .required = false},
    {"notify[].github.repository", HF_OPTION_TEXT, .required = true, NOTIFY(github.repository)},
    {"notify[].github.token", HF_OPTION_SECRET, .required = true, NOTIFY(github.token)},
    {"notify[].github.api", HF_OPTION_TEXT, NOTIFY(github.api), .fallback = "https://api.github.com"},
    {"notify[].github.labels", HF_OPTION_TEXTS, NOTIFY(github.labels)},
    {"contacts", HF_OPTION_GROUP,
     .help = "Whom to call, as a list of texts, in the messages of an event: stuck: [Dana +49 30 1234]."},
    CONTACTS("start", HF_NOTIFY_START),
    CONTACTS("success", HF_NOTIFY_SUCCESS),
    CONTACTS("rollback", HF_NOTIFY_ROLLBACK),
    CONTACTS("stuck", HF_NOTIFY_STUCK),
    CONTACTS("held", HF_NOTIFY_HELD),
    CONTACTS("refused", HF_NOTIFY_REFUSED),
    CONTACTS("drift", HF_NOTIFY_DRIFT),
    CONTACTS("backup_failed", HF_NOTIFY_BACKUP_FAILED),
};

const size_t hf_options_count = sizeof(hf_options) / sizeof(hf_options[0]);
