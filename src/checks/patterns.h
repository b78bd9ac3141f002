/* Lists of patterns for tables (pg/pattern.h). */
#ifndef HF_CHECKS_PATTERNS_H
#define HF_CHECKS_PATTERNS_H

#include "config/config.h"

/* Add those that are none. */
void hf_check_patterns_validate(const char *config_path, const hf_check_config *check,
                                const hf_strings *patterns, hf_config_problems *problems);

/* Whether one of them fits. */
bool hf_check_patterns_fit(const hf_strings *patterns, const char *schema, const char *name);

#endif
