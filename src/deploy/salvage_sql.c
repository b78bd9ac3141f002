#include "deploy/salvage_sql.h"

#include "pg/connection.h"

/* "a", "b"; each behind `alias.` if there is one. */
static void add_columns(hf_buf *sql, const char *alias, const hf_strings *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        hf_buf_printf(sql, "%s%s%s", i > 0 ? ", " : "", alias, alias[0] != '\0' ? "." : "");
        hf_sql_name(sql, columns->items[i]);
    }
}

/* The whole row as one text: json and the like have no equality. */
static void add_row(hf_buf *sql, const char *alias, const hf_salvage_table *table)
{
    hf_buf_puts(sql, "ROW(");
    add_columns(sql, alias, table->columns);
    hf_buf_puts(sql, ")::text");
}

static void add_join(hf_buf *sql, const char *a, const char *b, const hf_salvage_table *table)
{
    for (size_t i = 0; i < table->key->count; i++) {
        hf_buf_printf(sql, "%s%s.", i > 0 ? " AND " : "", a);
        hf_sql_name(sql, table->key->items[i]);
        hf_buf_printf(sql, " OPERATOR(pg_catalog.=) %s.", b);
        hf_sql_name(sql, table->key->items[i]);
    }
}

static void add_value(hf_buf *sql, const char *alias, const char *column)
{
    hf_buf_printf(sql, "pg_catalog.quote_nullable(%s.", alias);
    hf_sql_name(sql, column);
    hf_buf_puts(sql, "::text)");
}

void hf_salvage_sql_temporary(hf_buf *sql, const hf_salvage_table *table)
{
    static const char *const names[] = {"hf_after", "hf_before"};

    for (size_t i = 0; i < 2; i++) {
        hf_buf_printf(sql, "CREATE TEMPORARY TABLE %s AS SELECT ", names[i]);
        add_columns(sql, "", table->columns);
        hf_buf_printf(sql, " FROM %s WITH NO DATA; ", table->sql);
    }
}

void hf_salvage_sql_copy(hf_buf *sql, const hf_salvage_table *table, hf_row_change change)
{
    const bool is_after = change != HF_ROW_REMOVED;

    hf_buf_puts(sql, "COPY (SELECT ");
    add_columns(sql, "x", table->columns);
    hf_buf_printf(sql, " FROM pg_temp.%s x WHERE ", is_after ? "hf_after" : "hf_before");
    if (table->key->count == 0) { /* no row is known to be another one's change */
        hf_buf_puts(sql, change == HF_ROW_CHANGED ? "false" : "true");
    } else {
        hf_buf_printf(sql, "%sEXISTS (SELECT FROM pg_temp.%s y WHERE ",
                      change == HF_ROW_CHANGED ? "" : "NOT ", is_after ? "hf_before" : "hf_after");
        add_join(sql, "x", "y", table);
        hf_buf_putc(sql, ')');
    }
    hf_buf_puts(sql, ") TO STDOUT");
}

/* INSERT INTO t (...) OVERRIDING SYSTEM VALUE VALUES (...) ON CONFLICT DO NOTHING; */
static void add_insert(hf_buf *sql, const hf_salvage_table *table)
{
    HF_AUTO_BUF head = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);

    hf_buf_printf(&head, "INSERT INTO %s (", table->sql);
    add_columns(&head, "", table->columns);
    hf_buf_puts(&head, ") OVERRIDING SYSTEM VALUE VALUES (");
    hf_sql_literal(sql, hf_buf_text(&head));
    for (size_t i = 0; i < table->columns->count; i++) {
        hf_buf_puts(sql, i > 0 ? " || ', ' || " : " || ");
        add_value(sql, "a", table->columns->items[i]);
    }
    hf_buf_puts(sql, table->key->count > 0 ? " || ') ON CONFLICT DO NOTHING;'" : " || ');'");
}

/* WHERE key = ... AND the row is as it was; */
static void add_where(hf_buf *sql, const hf_salvage_table *table)
{
    HF_AUTO_BUF row = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);

    for (size_t i = 0; i < table->key->count; i++) {
        HF_AUTO_BUF name = HF_BUF_MAX(1024);

        hf_buf_puts(&name, i > 0 ? " AND " : " WHERE ");
        hf_sql_name(&name, table->key->items[i]);
        hf_buf_puts(&name, " = ");
        hf_buf_puts(sql, " || ");
        hf_sql_literal(sql, hf_buf_text(&name));
        hf_buf_puts(sql, " || ");
        add_value(sql, "b", table->key->items[i]);
    }
    hf_buf_puts(&row, " AND ");
    add_row(&row, "", table);
    hf_buf_puts(&row, " = ");
    hf_buf_puts(sql, " || ");
    hf_sql_literal(sql, hf_buf_text(&row));
    hf_buf_puts(sql, " || pg_catalog.quote_literal(");
    add_row(sql, "b", table);
    hf_buf_puts(sql, ") || ';'");
}

static void add_update(hf_buf *sql, const hf_salvage_table *table)
{
    HF_AUTO_BUF head = HF_BUF_MAX(HF_SALVAGE_SQL_MAX);
    bool is_first = true;

    hf_buf_printf(&head, "UPDATE %s SET ", table->sql);
    hf_sql_literal(sql, hf_buf_text(&head));
    for (size_t i = 0; i < table->columns->count; i++) {
        HF_AUTO_BUF name = HF_BUF_MAX(1024);

        if (hf_strings_has(table->key, table->columns->items[i]))
            continue;
        hf_buf_puts(&name, is_first ? "" : ", ");
        hf_sql_name(&name, table->columns->items[i]);
        hf_buf_puts(&name, " = ");
        hf_buf_puts(sql, " || ");
        hf_sql_literal(sql, hf_buf_text(&name));
        hf_buf_puts(sql, " || ");
        add_value(sql, "a", table->columns->items[i]);
        is_first = false;
    }
    add_where(sql, table);
}

void hf_salvage_sql_put(hf_buf *sql, const hf_salvage_table *table)
{
    if (table->key->count == 0) {
        hf_buf_puts(sql, "SELECT NULL::text AS conflict, ");
        add_insert(sql, table);
        hf_buf_puts(sql, " AS statement FROM pg_temp.hf_after a");
        return;
    }
    /* l: the live row; *_row: as text, NULL where there is none */
    hf_buf_puts(
        sql,
        "SELECT CASE WHEN l_row IS NULL AND b_row IS NOT NULL THEN 'the live database has no such row' WHEN "
        "l_row IS NOT NULL AND b_row IS NULL OR l_row <> b_row THEN 'the live row is ' || l_row END AS "
        "conflict, statement FROM (SELECT ");
    add_row(sql, "a", table);
    hf_buf_puts(sql, " AS a_row, CASE WHEN b.is_there THEN ");
    add_row(sql, "b", table);
    hf_buf_puts(sql, " END AS b_row, CASE WHEN l.is_there THEN ");
    add_row(sql, "l", table);
    hf_buf_puts(sql, " END AS l_row, CASE WHEN b.is_there THEN ");
    add_update(sql, table);
    hf_buf_puts(sql, " ELSE ");
    add_insert(sql, table);
    hf_buf_puts(sql, " END AS statement FROM pg_temp.hf_after a LEFT JOIN (SELECT *, true AS is_there FROM "
                     "pg_temp.hf_before) b ON ");
    add_join(sql, "a", "b", table);
    hf_buf_printf(sql, " LEFT JOIN (SELECT *, true AS is_there FROM %s) l ON ", table->sql);
    add_join(sql, "a", "l", table);
    hf_buf_puts(sql, ") x WHERE l_row IS DISTINCT FROM a_row");
}

void hf_salvage_sql_remove(hf_buf *sql, const hf_salvage_table *table)
{
    HF_AUTO_BUF head = HF_BUF_MAX(1024);

    hf_buf_printf(&head, "DELETE FROM %s", table->sql);
    hf_buf_puts(sql, "SELECT CASE WHEN ");
    add_row(sql, "l", table);
    hf_buf_puts(sql, " <> ");
    add_row(sql, "b", table);
    hf_buf_puts(sql, " THEN 'the live row is ' || ");
    add_row(sql, "l", table);
    hf_buf_puts(sql, " END AS conflict, ");
    hf_sql_literal(sql, hf_buf_text(&head));
    add_where(sql, table);
    hf_buf_printf(sql, " AS statement FROM pg_temp.hf_before b JOIN %s l ON ", table->sql);
    add_join(sql, "b", "l", table);
    hf_buf_puts(sql, " WHERE NOT EXISTS (SELECT FROM pg_temp.hf_after a WHERE ");
    add_join(sql, "a", "b", table);
    hf_buf_putc(sql, ')');
}

void hf_salvage_sql_sequences(hf_buf *sql, const hf_salvage_table *table)
{
    hf_buf_puts(
        sql, "SELECT NULL::text AS conflict, pg_catalog.format('SELECT pg_catalog.setval(%L, "
             "GREATEST((SELECT pg_catalog.max(%I) FROM %s), (SELECT last_value FROM %s)));', s, c, t, s) AS "
             "statement FROM (SELECT t, c, pg_catalog.pg_get_serial_sequence(t, c) AS s FROM (VALUES ");
    for (size_t i = 0; i < table->columns->count; i++) {
        hf_buf_puts(sql, i > 0 ? ", (" : "(");
        hf_sql_literal(sql, table->sql);
        hf_buf_puts(sql, ", ");
        hf_sql_literal(sql, table->columns->items[i]);
        hf_buf_puts(sql, ")");
    }
    hf_buf_puts(sql, ") v (t, c)) x WHERE s IS NOT NULL");
}
