/* What a migration command must not be, and what Prisma's codes in its output mean. */
#ifndef HF_MIGRATIONS_DANGER_H
#define HF_MIGRATIONS_DANGER_H

#include "base/error.h"
#include "base/memory.h"

/*
 * HF_E_REFUSED for a command that empties or rebuilds a database, such as `prisma migrate reset`; also inside of `sh -c` texts.  What a
 * script of another name does is not seen.
 */
HF_MUST_CHECK hf_status hf_danger_check_command(const hf_strings *argv, hf_error *error);

/*
 * HF_E_REFUSED if the shadow database (--shadow-database-url of the command, or SHADOW_DATABASE_URL), which Prisma wipes, is
 * the database of `url`: the same one of the same server, whatever the URLs look like.
 */
HF_MUST_CHECK hf_status hf_danger_check_shadow(const hf_strings *argv, const char *url, hf_error *error);

/* What to do about the first of Prisma's codes in the text that is known, or NULL. */
const char *hf_danger_explain(const char *text);

#endif
