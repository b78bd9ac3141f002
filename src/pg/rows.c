/* A hf_rows is libpq's result under a name of our own. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg/connection.h"

static const PGresult *result_of(const hf_rows *rows)
{
    return (const PGresult *) rows;
}

size_t hf_rows_count(const hf_rows *rows)
{
    return (size_t) PQntuples(result_of(rows));
}

size_t hf_rows_columns(const hf_rows *rows)
{
    return (size_t) PQnfields(result_of(rows));
}

const char *hf_rows_name(const hf_rows *rows, size_t column)
{
    return PQfname(result_of(rows), (int) column);
}

const char *hf_rows_get(const hf_rows *rows, size_t row, size_t column)
{
    if (PQgetisnull(result_of(rows), (int) row, (int) column))
        return NULL;
    return PQgetvalue(result_of(rows), (int) row, (int) column);
}

const char *hf_rows_text(const hf_rows *rows, size_t row, const char *column)
{
    int number = PQfnumber(result_of(rows), column);

    if (number < 0) { /* a mistake in holdfast's own SQL */
        (void) fprintf(stderr, "holdfast: no column \"%s\" in the result\n", column);
        abort();
    }
    return hf_rows_get(rows, row, (size_t) number);
}

int64_t hf_rows_int(const hf_rows *rows, size_t row, const char *column)
{
    const char *text = hf_rows_text(rows, row, column);
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

bool hf_rows_bool(const hf_rows *rows, size_t row, const char *column)
{
    const char *text = hf_rows_text(rows, row, column);
    return text != NULL && text[0] == 't';
}

void hf_rows_free(hf_rows *rows)
{
    PQclear((PGresult *) rows);
}

void hf_rows_freep(hf_rows **rows)
{
    hf_rows_free(*rows);
    *rows = NULL;
}
