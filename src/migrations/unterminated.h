/* Text of SQL that never ends: a quote, a dollar quote or a comment that is begun and not closed. */
#ifndef HF_MIGRATIONS_UNTERMINATED_H
#define HF_MIGRATIONS_UNTERMINATED_H

#include <stddef.h>

/*
 * What never ends ("a quoted text"), and where it begins in *ret_at; NULL: nothing.  A backslash in '...' may or may not escape, as
 * standard_conforming_strings says; what ends in one of both readings ends.
 */
const char *hf_unterminated(const char *sql, size_t *ret_at);

#endif
