#include "pg/catalog.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pg/sql.h"

#define SQL_MAX (16u << 20)
#define SEQUENCES_A_QUERY 500

void hf_pg_tables_done(hf_pg_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->items[i].schema);
        free(tables->items[i].name);
        free(tables->items[i].condition);
        free(tables->items[i].root_schema);
        free(tables->items[i].root_name);
        hf_strings_done(&tables->items[i].columns);
    }
    free(tables->items);
    *tables = (hf_pg_tables){0};
}

/* A database without an encoding may have names in any; the manifest's are UTF-8. */
static hf_status check_names(const hf_rows *rows, size_t row, hf_error *error)
{
    static const char *const NAMES[] = {"schema", "name", "columns"};

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        const char *text = hf_rows_text(rows, row, NAMES[i]);

        if (text == NULL || hf_is_utf8(text, strlen(text)))
            continue;
        (void) hf_fail(
            error, HF_E_UNSUPPORTED,
            "the table of OID %s has a name, or a column or a schema with a name, that is not UTF-8",
            hf_rows_text(rows, row, "oid"));
        return hf_hint(error,
                       "the database has no encoding (SQL_ASCII): rename it; rows may be of any bytes");
    }
    return HF_OK;
}

static void read_columns(const char *json_text, hf_strings *columns)
{
    json_t *json = json_loads(json_text != NULL ? json_text : "[]", 0, NULL);
    json_t *name;
    size_t i;

    json_array_foreach(json, i, name) hf_strings_add(columns, json_string_value(name));
    json_decref(json);
}

hf_status hf_pg_list_tables(hf_pg *pg, bool with_sizes, hf_pg_tables *ret_tables, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_tables, 1, (const char *const[]){with_sizes ? "t" : "f"}, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_TRY(check_names(rows, i, error));
        hf_pg_table *table = HF_APPEND_NEW(ret_tables);

        table->schema = hf_strdup(hf_rows_text(rows, i, "schema"));
        table->name = hf_strdup(hf_rows_text(rows, i, "name"));
        table->oid = (uint32_t) hf_rows_int(rows, i, "oid");
        table->relfilenode = (uint32_t) hf_rows_int(rows, i, "relfilenode");
        table->relkind = hf_rows_text(rows, i, "relkind")[0];
        table->persistence = hf_rows_text(rows, i, "persistence")[0];
        table->pages = (uint32_t) hf_rows_int(rows, i, "pages");
        table->readable = hf_rows_bool(rows, i, "readable");
        table->rows_hidden = hf_rows_bool(rows, i, "rows_hidden");
        table->binary_suits = hf_rows_bool(rows, i, "binary_suits");
        table->condition = hf_strdup(hf_rows_text(rows, i, "condition"));
        table->root_schema = hf_strdup(hf_rows_text(rows, i, "root_schema"));
        table->root_name = hf_strdup(hf_rows_text(rows, i, "root_name"));
        read_columns(hf_rows_text(rows, i, "columns"), &table->columns);
    }
    return HF_OK;
}

void hf_pg_sequences_done(hf_pg_sequences *sequences)
{
    for (size_t i = 0; i < sequences->count; i++) {
        free(sequences->items[i].schema);
        free(sequences->items[i].name);
    }
    free(sequences->items);
    *sequences = (hf_pg_sequences){0};
}

/* The values of sequences first..end-1 in one query, which numbers its rows. */
static hf_status read_sequence_values(hf_pg *pg, hf_pg_sequences *sequences, size_t first, size_t end,
                                      hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    HF_AUTO_ROWS rows = NULL;

    for (size_t i = first; i < end; i++) {
        hf_buf_printf(&sql, "%sSELECT %zu AS number, last_value, is_called FROM ",
                      i > first ? " UNION ALL " : "", i);
        hf_sql_qualified(&sql, sequences->items[i].schema, sequences->items[i].name);
    }
    HF_TRY(hf_buf_check(&sql, "the query of sequences", error));
    HF_TRY(hf_pg_query(pg, hf_buf_text(&sql), 0, NULL, &rows, error));
    for (size_t row = 0; row < hf_rows_count(rows); row++) {
        hf_pg_sequence *sequence = &sequences->items[(size_t) hf_rows_int(rows, row, "number")];

        sequence->last_value = hf_rows_int(rows, row, "last_value");
        sequence->is_called = hf_rows_bool(rows, row, "is_called");
    }
    return HF_OK;
}

hf_status hf_pg_list_sequences(hf_pg *pg, hf_pg_sequences *ret_sequences, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO(hf_pg_sequences_done) hf_pg_sequences sequences = {0};

    HF_TRY(hf_pg_query(pg, hf_sql_sequences, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        hf_pg_sequence *sequence = HF_APPEND_NEW(&sequences);

        sequence->schema = hf_strdup(hf_rows_text(rows, i, "schema"));
        sequence->name = hf_strdup(hf_rows_text(rows, i, "name"));
        if (!hf_rows_bool(rows, i, "readable")) {
            HF_AUTO_STR shown = hf_pg_table_shown(sequence->schema, sequence->name);

            (void) hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" may not read sequence %s", hf_pg_user(pg),
                           shown);
            return hf_hint(error, "GRANT SELECT ON SEQUENCE %s TO \"%s\"", shown, hf_pg_user(pg));
        }
    }
    for (size_t first = 0; first < sequences.count; first += SEQUENCES_A_QUERY) {
        size_t end =
            first + SEQUENCES_A_QUERY < sequences.count ? first + SEQUENCES_A_QUERY : sequences.count;
        HF_TRY(read_sequence_values(pg, &sequences, first, end, error));
    }
    *ret_sequences = sequences;
    sequences = (hf_pg_sequences){0};
    return HF_OK;
}

void hf_pg_sql_condition(hf_buf *sql, const char *condition, bool further)
{
    const char *text = condition != NULL ? condition + strspn(condition, " \t\r\n") : "";

    if (further && strncasecmp(text, "WHERE", 5) == 0)
        hf_buf_printf(sql, " AND (%s)", text + 5);
    else if (text[0] != '\0')
        hf_buf_printf(sql, " %s", text);
}

void hf_pg_sql_copy_out(hf_buf *sql, const char *schema, const char *name, const hf_strings *columns,
                        const char *condition, const char *format, uint32_t first_page, uint32_t end_page)
{
    hf_buf_puts(sql, "COPY (SELECT ");
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            hf_buf_putc(sql, ',');
        hf_sql_name(sql, columns->items[i]);
    }
    hf_buf_puts(sql, " FROM ONLY ");
    hf_sql_qualified(sql, schema, name);
    if (end_page > 0)
        hf_buf_printf(sql, " WHERE ctid >= '(%u,0)' AND ctid < '(%u,0)'", first_page, end_page);
    hf_pg_sql_condition(sql, condition, end_page > 0);
    hf_buf_puts(sql, ") TO STDOUT");
    hf_pg_sql_copy_options(sql, format, false);
}

void hf_pg_sql_copy_options(hf_buf *sql, const char *format, bool freeze)
{
    bool binary = hf_streq(format, "binary");

    if (binary || freeze)
        hf_buf_printf(sql, " (%s%s%s)", binary ? "FORMAT binary" : "", binary && freeze ? ", " : "",
                      freeze ? "FREEZE" : "");
}

static bool is_plain_name(const char *name)
{
    if (!islower((unsigned char) name[0]) && name[0] != '_')
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!islower((unsigned char) *c) && !isdigit((unsigned char) *c) && *c != '_')
            return false;
    return true;
}

char *hf_pg_table_shown(const char *schema, const char *name)
{
    HF_AUTO_BUF shown = HF_BUF_MAX(4096);

    if (is_plain_name(schema))
        hf_buf_puts(&shown, schema);
    else
        hf_sql_name(&shown, schema);
    hf_buf_putc(&shown, '.');
    if (is_plain_name(name))
        hf_buf_puts(&shown, name);
    else
        hf_sql_name(&shown, name);
    return hf_buf_take(&shown);
}
