/*
 * Patterns for names of relations: "schema.table" or "table" (then of any schema), with * and ? in each part.  A part in double quotes
 * stands for itself: public."odd.name".
 */
#ifndef HF_PG_PATTERN_H
#define HF_PG_PATTERN_H

#include <stdbool.h>

typedef struct hf_pattern_part {
    char *text; /* NULL: not given */
    bool quoted;
} hf_pattern_part;

typedef struct hf_pattern {
    hf_pattern_part schema, name;
} hf_pattern;

void hf_pattern_done(hf_pattern *pattern);

/* Fill a zeroed pattern; false if the text is not of that form.  To be freed in both cases. */
bool hf_pattern_parse(const char *text, hf_pattern *ret_pattern);

bool hf_pattern_fits(const hf_pattern *pattern, const char *schema, const char *name);

#endif
