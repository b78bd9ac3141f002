/*
 * Regular expressions as Perl's, by PCRE2.  Text need not be UTF-8.  A match that would take too long is given up.
 */
#ifndef HF_CHECKS_REGEX_H
#define HF_CHECKS_REGEX_H

#include <stddef.h>

#include "base/error.h"

typedef struct hf_regex hf_regex; /* belongs to one thread */

/* HF_E_USAGE with what the compiler says, and at which character.  ^ and $ match at lines. */
HF_MUST_CHECK hf_status hf_regex_compile(const char *pattern, hf_regex **ret_regex, hf_error *error);
void hf_regex_freep(hf_regex **regex);

typedef enum hf_regex_match { HF_REGEX_NO, HF_REGEX_YES, HF_REGEX_GAVE_UP } hf_regex_match;

hf_regex_match hf_regex_find(const hf_regex *regex, const char *text, size_t len);

#endif
