/* The comparison of sql checks, apart so that it can be tried without a server. */
#ifndef HF_CHECKS_COMPARE_H
#define HF_CHECKS_COMPARE_H

#include <stdbool.h>

/*
 * Whether `seen sign value` holds: as numbers if both are, else as text, byte by byte.  A boolean's "t" equals "true".
 * False for an unknown sign.
 */
bool hf_check_sql_compare(const char *seen, const char *sign, const char *value);

#endif
