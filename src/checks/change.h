/* How far a number may have moved since before the deploy. */
#ifndef HF_CHECKS_CHANGE_H
#define HF_CHECKS_CHANGE_H

#include "base/buffer.h"
#include "config/config.h"

bool hf_change_is_given(const hf_change_config *change);

/* "at most 50% more and 10 less than before the deploy" */
void hf_change_expect(const hf_change_config *change, hf_buf *expected);

/* Percentages are of the number before. */
bool hf_change_holds(const hf_change_config *change, double before, double now);

/* "0.5" or "10%" */
void hf_limit_show(const hf_limit *limit, hf_buf *out);

/* A whole text as a finite number. */
bool hf_check_parse_number(const char *text, double *ret_number);

#endif
