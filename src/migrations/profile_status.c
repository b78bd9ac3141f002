/*
 * What is pending with a migrator that is a command: the files of its folder against its ledger, both only read.
 *
 * What cannot be told from files is not told: migrations of Django's own and of installed apps are not in the folder (those that are
 * applied are left out), and Java migrations of Flyway are not looked at.
 */
#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "migrations/folder.h"
#include "migrations/profiles.h"
#include "migrations/script.h"

#define FILES_MAX 100000u
#define DEPTH_MAX 8

typedef struct migration_file {
    char *key;  /* by which the ledger knows it */
    char *sort; /* a version, or a text */
    char *path;
    char *name;         /* relative to the folder */
    hf_strings parents; /* alembic */
    bool applied;       /* by what the ledger says of others */
    char checksum[HF_SHA256_HEX];
    int32_t crc;
} migration_file;

typedef HF_VECTOR(migration_file) migration_files;

static void files_done(migration_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].key);
        free(files->items[i].sort);
        free(files->items[i].path);
        free(files->items[i].name);
        hf_strings_done(&files->items[i].parents);
    }
    free(files->items);
}

/* ---- files ---- */

int hf_profile_compare_versions(const char *a, const char *b)
{
    if ((*a == '~') != (*b == '~')) /* repeatable ones come last */
        return *a == '~' ? 1 : -1;
    while (*a != '\0' || *b != '\0') {
        a += *a == '.' || *a == '_';
        b += *b == '.' || *b == '_';
        a += strspn(a, "0");
        b += strspn(b, "0");
        size_t la = strspn(a, "0123456789"), lb = strspn(b, "0123456789");
        int order = la != lb ? (la < lb ? -1 : 1) : strncmp(a, b, la);

        if (order != 0)
            return order;
        a += la;
        b += lb;
        if ((*a != '\0' && *a != '.' && *a != '_') || (*b != '\0' && *b != '.' && *b != '_'))
            return strcmp(a, b);
    }
    return 0;
}

int32_t hf_profile_flyway_checksum(const char *text, size_t len)
{
    uint32_t crc = ~0u;

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            continue;
        crc ^= (uint8_t) text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return (int32_t) ~crc;
}

void hf_profile_python_texts(const char *text, const char *name, hf_strings *ret_texts)
{
    size_t len = strlen(name);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = line + len;
        if (!hf_starts_with(line, name) || (*at != ' ' && *at != ':' && *at != '='))
            continue;
        at += strcspn(at, "=\n");
        int depth = 0;
        for (; *at != '\0' && (*at != '\n' || depth > 0); at++) {
            if (*at == '#') /* the line's end still counts */
                at += strcspn(at, "\n");
            if (*at == '\0' || (*at == '\n' && depth <= 0))
                break;
            depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
            if (*at != '\'' && *at != '"')
                continue;
            size_t quoted = strcspn(at + 1, (const char[]){*at, '\n', '\0'});
            HF_AUTO_STR one = hf_strndup(at + 1, quoted);
            hf_strings_add(ret_texts, one);
            at += quoted + (at[quoted + 1] != '\0' && at[quoted + 1] != '\n');
        }
        return;
    }
}

/* The digits that a name begins with, without leading zeros, as text; NULL: none. */
static char *leading_number(const char *name)
{
    size_t len = strspn(name, "0123456789"), zeros = strspn(name, "0");

    if (len == 0)
        return NULL;
    return zeros == len ? hf_strdup("0") : hf_strndup(name + zeros, len - zeros);
}

static bool read_alembic(const char *content, migration_file *file)
{
    HF_AUTO(hf_strings_done) hf_strings revision = {0};

    hf_profile_python_texts(content, "revision", &revision);
    if (revision.count != 1)
        return false;
    hf_profile_python_texts(content, "down_revision", &file->parents);
    hf_profile_python_texts(content, "depends_on", &file->parents);
    file->key = hf_strdup(revision.items[0]);
    file->sort = hf_strdup(file->name);
    return true;
}

/* Django's app is the folder above "migrations". */
static bool read_django(migration_file *file)
{
    char *slash = strrchr(file->path, '/'), *folder, *app;

    if (slash == NULL || hf_streq(slash, "/__init__.py"))
        return false;
    *slash = '\0';
    folder = strrchr(file->path, '/');
    bool fits = folder != NULL && hf_streq(folder, "/migrations");
    if (fits) {
        *folder = '\0';
        app = strrchr(file->path, '/');
        file->key = hf_format("%s.%.*s", app != NULL ? app + 1 : file->path, (int) (strlen(slash + 1) - 3),
                              slash + 1);
        file->sort = hf_strdup(file->key);
        *folder = '/';
    }
    *slash = '/';
    return fits;
}

static bool read_flyway(migration_file *file)
{
    const char *base = strrchr(file->name, '/') != NULL ? strrchr(file->name, '/') + 1 : file->name;
    const char *what = strstr(base, "__");

    if (what == NULL || (base[0] != 'V' && base[0] != 'R') || (base[0] == 'R' && what != base + 1))
        return false;
    file->key = hf_strdup(file->name);
    file->sort = base[0] == 'R' ? hf_strdup("~") : hf_strndup(base + 1, (size_t) (what - base - 1));
    return true;
}

static bool identify(const hf_profile *profile, const char *content, migration_file *file)
{
    const char *base = strrchr(file->path, '/') + 1;

    switch (profile->names) {
    case HF_NAMES_FLYWAY:
        return read_flyway(file);
    case HF_NAMES_DJANGO:
        return read_django(file);
    case HF_NAMES_ALEMBIC:
        return read_alembic(content, file);
    default:
        file->key = leading_number(base);
        file->sort = hf_strdup(file->key);
        return file->key != NULL;
    }
}

static void close_tree(FTS **tree)
{
    if (*tree != NULL)
        (void) fts_close(*tree);
}

static bool is_left_out(const char *folder)
{
    return folder[0] == '.' || hf_streq(folder, "node_modules") || hf_streq(folder, "__pycache__") ||
           hf_streq(folder, "site-packages");
}

static hf_status take_file(const hf_profile *profile, const char *directory, const char *path,
                           migration_files *files, hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX(HF_SCRIPT_MAX);
    migration_file file = {.path = hf_strdup(path),
                           .name = hf_strdup(path + strlen(directory) + !hf_ends_with(directory, "/"))};
    hf_status status = hf_script_read(path, file.name, &content, error);
    bool taken = status == HF_OK && identify(profile, hf_buf_text(&content), &file);

    if (taken && files->count >= FILES_MAX)
        status = hf_fail(error, HF_E_LIMIT, "more than %u migrations", FILES_MAX);
    if (taken && status == HF_OK) {
        hf_sha256_hex(hf_buf_text(&content), content.len, file.checksum);
        file.crc = hf_profile_flyway_checksum(hf_buf_text(&content), content.len);
        if (profile->names == HF_NAMES_DJANGO) {
            free(file.name);
            file.name = hf_strdup(file.key);
        }
        HF_PUSH(files, file);
        return HF_OK;
    }
    migration_files one = {.items = hf_alloc(sizeof(file)), .count = 1};
    one.items[0] = file;
    files_done(&one);
    return status;
}

static hf_status list_files(const hf_profile *profile, char *directory, migration_files *files,
                            hf_error *error)
{
    char *roots[] = {directory, NULL};
    HF_AUTO(close_tree) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    FTSENT *entry;

    while (tree != NULL && (errno = 0, entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_D && entry->fts_level > 0 &&
            (entry->fts_level > DEPTH_MAX || is_left_out(entry->fts_name)))
            (void) fts_set(tree, entry, FTS_SKIP);
        if ((entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) &&
            entry->fts_level == 0) {
            (void) hf_fail(error, HF_E_MIGRATION, "the migrations folder \"%s\" cannot be read: %s",
                           directory, strerror(entry->fts_errno));
            return hf_hint(error, "set migrations.directory; it is relative to the configuration file");
        }
        if ((entry->fts_info == FTS_NSOK || entry->fts_info == FTS_F) && entry->fts_level > 0 &&
            hf_ends_with(entry->fts_name, profile->suffix))
            HF_TRY(take_file(profile, directory, entry->fts_path, files, error));
    }
    return tree == NULL || errno != 0
               ? hf_fail_errno(error, "cannot read the migrations folder \"%s\"", directory)
               : HF_OK;
}

static int compare_files(const void *a, const void *b)
{
    const migration_file *one = a, *other = b;
    int order = hf_profile_compare_versions(one->sort, other->sort);

    return order != 0 ? order : strcmp(one->name, other->name);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(((const migration_file *) a)->sort, ((const migration_file *) b)->sort);
}

static migration_file *find(const migration_files *files, const char *key)
{
    for (size_t i = 0; i < files->count; i++)
        if (hf_streq(files->items[i].key, key))
            return &files->items[i];
    return NULL;
}

/* Each behind what it comes after; what is in a circle, or after a file that is gone, comes last. */
static void order_by_parents(migration_files *files)
{
    size_t placed = 0;

    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = placed; i < files->count; i++) {
            bool ready = true;

            for (size_t k = 0; ready && k < files->items[i].parents.count; k++) {
                const migration_file *parent = find(files, files->items[i].parents.items[k]);
                ready = parent == NULL || (size_t) (parent - files->items) < placed;
            }
            if (!ready)
                continue;
            migration_file next = files->items[i];
            memmove(&files->items[placed + 1], &files->items[placed], (i - placed) * sizeof(next));
            files->items[placed++] = next;
            moved = true;
        }
    }
}

/* ---- files and ledger ---- */

static void apply_with_parents(migration_files *files, const char *key)
{
    HF_AUTO(hf_strings_done) hf_strings todo = {0};

    hf_strings_add(&todo, key);
    for (size_t i = 0; i < todo.count; i++) {
        migration_file *file = find(files, todo.items[i]);

        if (file == NULL || file->applied)
            continue;
        file->applied = true;
        for (size_t k = 0; k < file->parents.count; k++)
            hf_strings_add(&todo, file->parents.items[k]);
    }
}

/* What one row says of several files. */
static void spread(const hf_profile *profile, const hf_ledger *ledger, migration_files *files)
{
    for (size_t r = 0; r < ledger->rows.count; r++) {
        const hf_ledger_row *row = &ledger->rows.items[r];
        const char *until = profile->names == HF_NAMES_UP_TO ? row->name : row->logs;

        if (profile->names == HF_NAMES_ALEMBIC)
            apply_with_parents(files, row->name);
        for (size_t i = 0; until != NULL && profile->names != HF_NAMES_ALEMBIC && i < files->count; i++)
            if (hf_profile_compare_versions(files->items[i].sort, until) <= 0)
                files->items[i].applied = true;
    }
}

static hf_migration_state state_of(const hf_profile *profile, const hf_ledger *ledger,
                                   const migration_file *file, const hf_ledger_row **row)
{
    hf_migration_state state = hf_ledger_state(ledger, file->key, row);
    bool repeatable = profile->names == HF_NAMES_FLYWAY && file->sort[0] == '~';

    if (state == HF_MIGRATION_PENDING && file->applied && !repeatable)
        return HF_MIGRATION_APPLIED;
    if (state != HF_MIGRATION_APPLIED || profile->names != HF_NAMES_FLYWAY || (*row)->checksum[0] == '\0')
        return state;
    if (strtol((*row)->checksum, NULL, 10) == file->crc)
        return state;
    return repeatable ? HF_MIGRATION_PENDING : HF_MIGRATION_EDITED;
}

/* Rows of files that are gone.  Django's also tell of apps that are installed elsewhere. */
static void add_missing(const hf_profile *profile, const hf_ledger *ledger, const migration_files *files,
                        hf_migration_list *list)
{
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_ledger_row *row = &ledger->rows.items[i];
        bool ours = profile->names != HF_NAMES_DJANGO;
        size_t app = strcspn(row->name, ".") + 1;

        for (size_t k = 0; !ours && k < files->count; k++)
            ours = strncmp(files->items[k].key, row->name, app) == 0;
        if (!ours || find(files, row->name) != NULL ||
            (profile->names == HF_NAMES_FLYWAY && row->logs != NULL))
            continue;
        hf_migration *missing = hf_migration_list_add(
            list, row->name, NULL, row->finished ? HF_MIGRATION_MISSING : HF_MIGRATION_FAILED, NULL);
        missing->at = hf_strdup(row->at);
    }
}

static void note_failed(const hf_profile *profile, hf_migration_list *list)
{
    const hf_migration *failed = hf_migration_list_find_state(list, HF_MIGRATION_FAILED);

    if (failed == NULL)
        return;
    (void) hf_fail(&list->obstacle, HF_E_MIGRATION,
                   "%s: the migration \"%s\" failed and left the ledger %s dirty", profile->name,
                   failed->name, profile->ledger.table);
    (void) hf_hint(&list->obstacle, "%s",
                   profile->repair != NULL ? profile->repair : "put right what it left");
}

hf_status hf_profile_status(const hf_migrations_config *config, const char *url, hf_migration_list *list,
                            hf_error *error)
{
    const hf_profile *profile = hf_profile_of(config);
    HF_AUTO_STR directory = hf_profile_directory(config);

    if (profile->names == HF_NAMES_PRISMA) {
        hf_migrations_config native = *config;

        native.directory = directory;
        return hf_folder_status(&hf_folder_prisma, &native, url, list, error);
    }

    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO(files_done) migration_files files = {0};

    HF_TRY(list_files(profile, directory, &files, error));
    if (files.count > 1)
        qsort(files.items, files.count, sizeof(*files.items),
              profile->names == HF_NAMES_DJANGO || profile->names == HF_NAMES_ALEMBIC ? compare_texts
                                                                                      : compare_files);
    if (profile->names == HF_NAMES_ALEMBIC)
        order_by_parents(&files);
    HF_TRY(hf_migrations_session_open(url, &session, error));
    HF_TRY(hf_ledger_read(&profile->ledger, &session, &ledger, error));
    for (size_t i = 0; profile->names == HF_NAMES_VERSION && i < ledger.rows.count; i++) {
        char *number = leading_number(ledger.rows.items[i].name);

        if (number == NULL)
            continue;
        free(ledger.rows.items[i].name);
        ledger.rows.items[i].name = number;
    }
    spread(profile, &ledger, &files);
    for (size_t i = 0; i < files.count; i++) {
        const migration_file *file = &files.items[i];
        const hf_ledger_row *row = NULL;
        hf_migration_state state = state_of(profile, &ledger, file, &row);
        hf_migration *migration = hf_migration_list_add(list, file->name, file->path, state, NULL);

        migration->at = hf_strdup(row != NULL ? row->at : NULL);
        memcpy(migration->checksum, file->checksum, sizeof(file->checksum));
    }
    add_missing(profile, &ledger, &files, list);
    note_failed(profile, list);
    return HF_OK;
}
