/* The settings of a session whose COPY text must be exact, for the other files of pg/. */
#ifndef HF_PG_SESSION_H
#define HF_PG_SESSION_H

#include "base/buffer.h"

/*
 * "name=value" settings, NULL-terminated, that change the text of values or cut a query short.  Every server from 14 on
 * knows them, and any role may set them.
 */
extern const char *const hf_pg_exact_settings[];

/* What would end a long statement or forbid to write; of PostgreSQL 17 and later as well. */
extern const char *const hf_pg_steady_settings[];
extern const char *const hf_pg_steady_settings_17[];

#endif
