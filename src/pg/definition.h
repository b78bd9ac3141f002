/* Definitions in one of the spellings that PostgreSQL has for the same thing, for the digests of archive_digest.c. */
#ifndef HF_PG_DEFINITION_H
#define HF_PG_DEFINITION_H

#include "base/buffer.h"

/*
 * Append a definition of pg_dump's as the server would print it after having read its own print once.  Text that is not
 * understood is copied.
 */
void hf_definition_canonical(hf_buf *out, const char *definition);

/*
 * Behind the quoted text ('...', E'...', "...", $tag$...$tag$) that begins at `at`, or `at` itself where none begins.  `begin` is where the
 * text to look at begins.
 */
const char *hf_definition_after_quoted(const char *begin, const char *at);

#endif
