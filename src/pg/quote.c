/* Names and texts as SQL writes them. */
#include <string.h>

#include "pg/connection.h"

static void quote(hf_buf *sql, char mark, const char *text)
{
    hf_buf_putc(sql, mark);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == mark)
            hf_buf_putc(sql, mark);
        hf_buf_putc(sql, *c);
    }
    hf_buf_putc(sql, mark);
}

void hf_sql_name(hf_buf *sql, const char *name)
{
    quote(sql, '"', name);
}

void hf_sql_qualified(hf_buf *sql, const char *schema, const char *name)
{
    hf_sql_name(sql, schema);
    hf_buf_putc(sql, '.');
    hf_sql_name(sql, name);
}

void hf_sql_literal(hf_buf *sql, const char *text)
{
    if (strchr(text, '\\') == NULL) {
        quote(sql, '\'', text);
        return;
    }
    hf_buf_puts(sql, " E'"); /* right whatever standard_conforming_strings is */
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            hf_buf_putc(sql, *c);
        hf_buf_putc(sql, *c);
    }
    hf_buf_putc(sql, '\'');
}
