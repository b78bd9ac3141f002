/* Exact comparison of decimal numbers as text, of any length. */
#ifndef HF_CHECKS_NUMBER_H
#define HF_CHECKS_NUMBER_H

#include <stdbool.h>

/*
 * Compare two decimal numbers ("-12", "+1.50", ".5", "1e-3"); *ret_order is below, at or above 0.  False if one of them
 * is none.
 */
bool hf_number_compare(const char *a, const char *b, int *ret_order);

#endif
