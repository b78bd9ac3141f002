/*
 * Inside the folder: what a kind of check provides.
 *
 * A kind looks once and says what it saw; trying again, threads and results are checks.c's.
 */
#ifndef HF_CHECKS_KIND_H
#define HF_CHECKS_KIND_H

#include "base/buffer.h"
#include "checks/checks.h"

#define HF_CHECK_SEEN_MAX (16u << 10)

typedef struct hf_check_context {
    const hf_check_config *check;
    const char *target; /* the target's name */
    const char *url;    /* the database's */
} hf_check_context;

typedef struct hf_check_ops {
    const char *name;

    /* What can be known without running; HF_E_USAGE.  NULL: nothing. */
    hf_status (*validate)(const char *config_path, const hf_check_config *check, hf_error *error);

    /* What must be the case, for people. */
    void (*expect)(const hf_check_config *check, hf_buf *expected);

    /* Look once: whether it passes, and what was seen.  Whatever goes wrong is something seen. */
    bool (*look)(const hf_check_context *context, hf_buf *seen);
} hf_check_ops;

extern const hf_check_ops hf_check_http;
extern const hf_check_ops hf_check_sql;
extern const hf_check_ops hf_check_schema;
extern const hf_check_ops hf_check_command;

/* HF_E_USAGE with "<file>:<line>:<column>: " before the message of a filled error. */
hf_status hf_check_at(const char *config_path, hf_where where, hf_error *error);

#endif
