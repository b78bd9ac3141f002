#include "deploy/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/salvage_sql.h"
#include "deploy/sql.h"
#include "deploy/written.h"
#include "pg/catalog.h"
#include "pg/copy.h"
#include "repository/journal.h"
#include "restore/rows.h"

#define BATCH_BYTES (1u << 20)
#define BATCH_MAX (1200u << 20) /* one row may be long */
#define FETCH "FETCH 500 FROM statements"

typedef struct salvage {
    const hf_deploy_options *options;
    const char *folder;
    hf_pg *failed, *live;
    hf_manifest *manifest;
    const hf_journal *journal;
    hf_written written;
    json_t *tables; /* of the report; borrowed */
    struct {
        int64_t depth;
        char *name; /* of the files, without what they end with */
    } * files;
    size_t count;
} salvage;

static void salvage_done(salvage *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->files[i].name);
    free(self->files);
    hf_written_done(&self->written);
    hf_manifest_free(self->manifest);
    hf_pg_free(self->failed);
    hf_pg_free(self->live);
}

/* ---- files ---- */

static hf_status open_file(const salvage *self, const char *name, const char *end, FILE **ret_file,
                           hf_error *error)
{
    HF_AUTO_STR path = hf_format("%s/%s%s", self->folder, name, end);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || (*ret_file = fdopen(fd, "w")) == NULL)
        return hf_fail_errno(error, "cannot write \"%s\"", path);
    return HF_OK;
}

static hf_status close_file(FILE **file, hf_error *error)
{
    FILE *taken = HF_TAKE(*file);
    const bool is_good = fflush(taken) == 0 && fsync(fileno(taken)) == 0 && !ferror(taken);

    if (fclose(taken) != 0 || !is_good)
        return hf_fail_errno(error, "cannot write a file of the salvage");
    return HF_OK;
}

static hf_status write_row(void *context, const char *row, size_t len, hf_error *error)
{
    return fwrite(row, 1, len, context) == len ? HF_OK
                                               : hf_fail_errno(error, "cannot write a file of the salvage");
}

static hf_status copy_to_file(const salvage *self, const char *name, const char *end, const char *sql,
                              hf_error *error)
{
    HF_AUTO(hf_fclosep) FILE *file = NULL;

    HF_TRY(open_file(self, name, end, &file, error));
    HF_TRY(hf_pg_copy_out(self->live, sql, write_row, file, error));
    return close_file(&file, error);
}

/* ---- a table's rows, from the failed database and the snapshot into two temporary tables of the live one ---- */

typedef struct carrier {
    hf_pg *live;
    const hf_table *table;
    bool binary;
    hf_buf after, before;
} carrier;

static hf_status flush(const carrier *self, hf_buf *batch, const char *into, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);
    uint64_t rows;

    if (batch->len == 0)
        return HF_OK;
    if (self->binary)
        hf_buf_append(batch, hf_copy_binary_trailer, HF_COPY_BINARY_TRAILER);
    HF_TRY(hf_buf_check(batch, "rows", error));
    hf_buf_printf(&sql, "COPY pg_temp.%s FROM STDIN", into);
    hf_pg_sql_copy_options(&sql, self->table->format, false);
    HF_TRY(hf_pg_copy_in(self->live, hf_buf_text(&sql), batch->data, batch->len, &rows, error));
    hf_buf_clear(batch);
    return HF_OK;
}

static hf_status carry(void *context, hf_row_change change, const char *row, size_t len, hf_error *error)
{
    carrier *self = context;
    const bool is_after = change == HF_ROW_ADDED || change == HF_ROW_CHANGED;
    hf_buf *batch = is_after ? &self->after : &self->before;

    if (self->binary && batch->len == 0)
        hf_buf_append(batch, hf_copy_binary_header, HF_COPY_BINARY_HEADER);
    hf_buf_append(batch, row, len);
    if (!self->binary)
        hf_buf_putc(batch, '\n');
    return batch->len < BATCH_BYTES ? HF_OK : flush(self, batch, is_after ? "hf_after" : "hf_before", error);
}

static hf_status load_rows(const salvage *self, const hf_table *table, hf_row_changes *changes,
                           hf_error *error)
{
    carrier to = {.live = self->live,
                  .table = table,
                  .binary = hf_streq(table->format, "binary"),
                  .after = HF_BUF_MAX(BATCH_MAX),
                  .before = HF_BUF_MAX(BATCH_MAX)};
    hf_status status = hf_rows_compare(&(hf_rows_options){.repository = self->options->repository,
                                                          .table = table,
                                                          .pg = self->failed,
                                                          .on_row = carry,
                                                          .context = &to},
                                       changes, error);

    if (status == HF_OK)
        status = flush(&to, &to.after, "hf_after", error);
    if (status == HF_OK)
        status = flush(&to, &to.before, "hf_before", error);
    hf_buf_done(&to.after);
    hf_buf_done(&to.before);
    return status;
}

/* ---- statements ---- */

/* As a comment, all of it: a line of a row's text or of a name must not become a statement.  psql ends a line at "\r" too. */
static void put_commented(FILE *file, const char *before, const char *text)
{
    fprintf(file, "-- %s", before);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r')
            fputs("\n-- ", file);
        else
            fputc(*c, file);
    }
    fputc('\n', file);
}

/* A statement that would undo somebody's work stands as a comment. */
static void write_statement(FILE *file, const char *conflict, const char *statement)
{
    if (conflict != NULL) {
        put_commented(file, "CONFLICT: ", conflict);
        put_commented(file, "", statement);
    } else {
        fprintf(file, "%s\n", statement);
    }
}

static hf_status write_statements(const salvage *self, const hf_buf *query, FILE *file, uint64_t *conflicts,
                                  hf_error *error)
{
    HF_TRY(hf_buf_check(query, "query", error));
    HF_AUTO_BUF declare = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);

    hf_buf_printf(&declare, "DECLARE statements NO SCROLL CURSOR FOR %s", hf_buf_text(query));
    HF_TRY(hf_buf_check(&declare, "query", error));
    HF_TRY(hf_pg_exec(self->live, hf_buf_text(&declare), error));
    for (;;) {
        HF_AUTO_ROWS rows = NULL;

        HF_TRY(hf_pg_query(self->live, FETCH, 0, NULL, &rows, error));
        if (hf_rows_count(rows) == 0)
            break;
        for (size_t i = 0; i < hf_rows_count(rows); i++) {
            const char *conflict = hf_rows_text(rows, i, "conflict");

            *conflicts += conflict != NULL;
            write_statement(file, conflict, hf_rows_text(rows, i, "statement"));
        }
    }
    return hf_pg_exec(self->live, "CLOSE statements", error);
}

static hf_status write_sql(const salvage *self, const hf_salvage_table *names, const char *file_name,
                           const hf_row_changes *changes, uint64_t *conflicts, hf_error *error)
{
    HF_AUTO(hf_fclosep) FILE *put = NULL;
    HF_AUTO(hf_fclosep) FILE *remove = NULL;
    HF_AUTO_BUF query = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);

    HF_TRY(open_file(self, file_name, ".put.sql", &put, error));
    HF_TRY(open_file(self, file_name, ".remove.sql", &remove, error));
    hf_salvage_sql_put(&query, names);
    HF_TRY(write_statements(self, &query, put, conflicts, error));
    if (changes->added > 0) {
        hf_buf_clear(&query);
        hf_salvage_sql_sequences(&query, names);
        HF_TRY(write_statements(self, &query, put, conflicts, error));
    }
    hf_buf_clear(&query);
    if (names->key->count > 0) {
        hf_salvage_sql_remove(&query, names);
        HF_TRY(write_statements(self, &query, remove, conflicts, error));
    } else if (changes->removed > 0) {
        HF_AUTO_STR told = hf_format("%s has no key: its %llu removed rows are in %s.removed.copy, and stay.",
                                     names->sql, (unsigned long long) changes->removed, file_name);
        put_commented(remove, "", told);
    }
    HF_TRY(close_file(&put, error));
    return close_file(&remove, error);
}

static hf_status write_copies(const salvage *self, const hf_salvage_table *names, const char *file_name,
                              hf_error *error)
{
    static const struct {
        hf_row_change change;
        const char *end;
    } files[] = {
        {HF_ROW_ADDED, ".added.copy"}, {HF_ROW_CHANGED, ".changed.copy"}, {HF_ROW_REMOVED, ".removed.copy"}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);

        hf_salvage_sql_copy(&sql, names, files[i].change);
        HF_TRY(hf_buf_check(&sql, "query", error));
        HF_TRY(copy_to_file(self, file_name, files[i].end, hf_buf_text(&sql), error));
    }
    return HF_OK;
}

/* ---- a table ---- */

static char *file_name_of(size_t number, const hf_table *table)
{
    char *name = hf_format("%02zu-%.60s.%.60s", number, table->schema, table->name);

    for (char *c = name; *c != '\0'; c++)
        if (strchr("/\\'\"` \t\r\n", *c) != NULL || (unsigned char) *c < ' ')
            *c = '_';
    return name;
}

static hf_status depth_of(const salvage *self, const char *sql_name, int64_t *ret_depth, hf_error *error)
{
    HF_AUTO_STR depth = NULL;
    const char *params[] = {sql_name};

    HF_TRY(hf_pg_query_text(self->live, hf_sql_salvage_depth, 1, params, &depth, error));
    return hf_parse_int(depth != NULL ? depth : "0", 0, INT32_MAX, ret_depth, error);
}

static hf_status export_rows(salvage *self, const hf_table *table, json_t *told, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings key = {0};
    HF_AUTO_BUF name = HF_BUF_MAX(1024), temporary = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);
    HF_AUTO_STR file_name = file_name_of(self->count + 1, table);
    hf_row_changes changes = {0};
    uint64_t conflicts = (uint64_t) json_integer_value(json_object_get(told, "conflicts"));
    int64_t depth = 0;

    hf_sql_qualified(&name, table->root_name != NULL ? table->root_schema : table->schema,
                     table->root_name != NULL ? table->root_name : table->name);
    HF_TRY(hf_rows_key(self->failed, table, &key, error));
    const hf_salvage_table names = {.sql = hf_buf_text(&name), .columns = &table->columns, .key = &key};

    HF_TRY(depth_of(self, names.sql, &depth, error));
    hf_salvage_sql_temporary(&temporary, &names);
    HF_TRY(hf_buf_check(&temporary, "query", error));
    HF_TRY(hf_pg_exec(self->live, hf_buf_text(&temporary), error));
    HF_TRY(load_rows(self, table, &changes, error));
    HF_TRY(write_copies(self, &names, file_name, error));
    HF_TRY(write_sql(self, &names, file_name, &changes, &conflicts, error));
    HF_TRY(hf_pg_exec(self->live, "DROP TABLE pg_temp.hf_after, pg_temp.hf_before", error));

    self->files = hf_realloc_array(self->files, self->count + 1, sizeof(*self->files));
    self->files[self->count].depth = depth;
    self->files[self->count++].name = HF_TAKE(file_name);
    json_object_set_new(told, "conflicts", json_integer((json_int_t) conflicts));
    return HF_OK;
}

/* What a table's own trouble is, a line of the report tells; the other tables are exported. */
static hf_status export_table(salvage *self, size_t number, json_t *told, hf_error *error)
{
    HF_TRY(hf_pg_exec(self->live, "SAVEPOINT one", error));
    for (size_t i = 0; i < self->manifest->tables.count; i++) {
        hf_error why;

        if (!hf_written_is_of(&self->written.tables.items[number], &self->manifest->tables.items[i]))
            continue;
        hf_status status = export_rows(self, &self->manifest->tables.items[i], told, &why);
        if (status == HF_OK)
            continue;
        if (status != HF_E_DATABASE && status != HF_E_PRIVILEGE && status != HF_E_LOCKED) {
            if (error != NULL)
                *error = why;
            return status;
        }
        json_object_set_new(told, "why", json_string(why.message));
        return hf_pg_exec(self->live, "ROLLBACK TO SAVEPOINT one", error);
    }
    return HF_OK;
}

static hf_status write_index(const salvage *self, hf_error *error)
{
    HF_AUTO(hf_fclosep) FILE *file = NULL;

    HF_TRY(open_file(self, "salvage", ".sql", &file, error));
    fprintf(file,
            "-- What was written after snapshot %s and is not in the live database, from cycle %s.\n"
            "-- Look for CONFLICT in the files beside this one; then:  psql -X -f salvage.sql DATABASE_URL\n"
            "-- All or nothing; triggers of the live database fire.\n"
            "\\set ON_ERROR_STOP on\nSET DateStyle = 'ISO, YMD';\nSET IntervalStyle = 'postgres';\nSET "
            "TimeZone = "
            "'UTC';\nSET extra_float_digits = 3;\nSET bytea_output = 'hex';\nSET xmlbinary = 'base64';\nSET "
            "lc_monetary = 'C';\nSET search_path = '';\nBEGIN;\n",
            self->manifest->id, hf_journal_cycle(self->journal));
    for (int64_t depth = 0, left = (int64_t) self->count; left > 0; depth++) /* parents before children */
        for (size_t i = 0; i < self->count; i++)
            if (self->files[i].depth == depth) {
                fprintf(file, "\\ir '%s.put.sql'\n", self->files[i].name);
                left--;
            }
    for (int64_t depth = 12; depth >= 0; depth--)
        for (size_t i = 0; i < self->count; i++)
            if (self->files[i].depth == depth)
                fprintf(file, "\\ir '%s.remove.sql'\n", self->files[i].name);
    fputs("COMMIT;\n", file);
    return close_file(&file, error);
}

static hf_status find_failed(salvage *self, const char *cycle, hf_error *error)
{
    const char *failed = hf_journal_text(self->journal, "failed_database");
    const char *snapshot = hf_journal_text(self->journal, "snapshot");

    if (failed == NULL || snapshot == NULL) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "cycle %s kept no failed database", cycle);
        return hf_hint(error, "only a cycle that was rolled back by a swap has one");
    }
    HF_TRY(hf_repository_load(self->options->repository, self->options->target->name, snapshot,
                              &self->manifest, error));
    if (hf_written_connect(self->options->url, failed, &self->failed, error) != HF_OK)
        return hf_prefix(error, "the failed database \"%s\"", failed);
    HF_TRY(hf_written_look(self->options, failed, self->manifest, hf_journal_fact(self->journal, "touches"),
                           &self->written, error));
    HF_TRY(
        hf_pg_connect(&(hf_pg_options){.url = self->options->url, .purpose = "salvage", .exact_text = true},
                      &self->live, error));
    return hf_pg_exec(self->live, "BEGIN", error);
}

hf_status hf_salvage_run(const hf_deploy_options *options, const char *cycle, const char *folder,
                         json_t **ret_report, hf_error *error)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    HF_AUTO(salvage_done) salvage self = {.options = options, .folder = folder};

    HF_TRY(hf_journal_load(options->repository, options->target->name, cycle, &journal, error));
    self.journal = journal;
    HF_TRY(find_failed(&self, cycle, error));
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST ? hf_fail(error, HF_E_EXISTS, "\"%s\" exists already", folder)
                               : hf_fail_errno(error, "cannot make the folder \"%s\"", folder);
    json_t *written = hf_written_json(&self.written);
    json_t *report =
        json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "cycle", cycle, "snapshot", self.manifest->id,
                  "failed_database", hf_journal_text(journal, "failed_database"), "folder", folder, "tables",
                  json_object_get(written, "tables"), "total", json_object_get(written, "total"));
    hf_status status = HF_OK;

    json_decref(written);
    for (size_t i = 0; status == HF_OK && i < self.written.tables.count; i++)
        if (self.written.tables.items[i].why == NULL)
            status = export_table(&self, i, json_array_get(json_object_get(report, "tables"), i), error);
    if (status == HF_OK)
        status = write_index(&self, error);
    if (status != HF_OK) {
        json_decref(report);
        return status;
    }
    *ret_report = report;
    return HF_OK;
}
