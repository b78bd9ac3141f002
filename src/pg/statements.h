/*
 * SQL text, cut into statements and parsed by libpg_query (the grammar of PostgreSQL 15).
 *
 * What that grammar does not know is a statement without a tree, never an error.  The parser runs in a child process: it
 * recurses without a limit, and SQL that is nested deeply enough ends it.
 */
#ifndef HF_PG_STATEMENTS_H
#define HF_PG_STATEMENTS_H

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct hf_statement {
    size_t at, len; /* in bytes of the text; begins at its first word, ends before the semicolon */
    int line;       /* of its first word, from 1 */
    json_t *
        tree; /* {"CreateStmt": {...}}, as libpg_query writes it; without the rows of an INSERT that calls nothing.  Or NULL */
    char *problem; /* why there is no tree, or NULL */
    bool too_deep; /* the parser's stack did not hold it; the server's, which is smaller, will not either */
} hf_statement;

typedef HF_VECTOR(hf_statement) hf_statements;
void hf_statements_done(hf_statements *statements);

/* `sql` is followed by a NUL and holds none.  HF_E_SYSTEM when no child process can be had. */
HF_MUST_CHECK hf_status hf_statements_read(const char *sql, size_t len, hf_statements *ret_statements,
                                           hf_error *error);

/* The comment that begins at or after `at`: its offset, and its end in *ret_end; (size_t) -1 when there is none. */
size_t hf_statements_comment(const char *sql, size_t at, size_t *ret_end);

#endif
