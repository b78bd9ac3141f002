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
    const hf_checks_scene *scene;
    const json_t *before; /* this check's; NULL: nothing was taken */
} hf_check_context;

typedef struct hf_check_ops {
    const char *name;
    unsigned needs; /* HF_CHECKS_NEED_... */

    /* Add what can be known without running.  NULL: nothing. */
    void (*validate)(const char *config_path, const hf_check_config *check, hf_config_problems *problems);

    /* What must be the case, for people. */
    void (*expect)(const hf_check_config *check, hf_buf *expected);

    /*
     * Before the deploy: what look() will need (*ret_before stays NULL for nothing; the caller owns it), and whether it
     * can be run.  NULL: nothing.
     */
    hf_status (*before)(const hf_check_context *context, json_t **ret_before, hf_error *error);

    /* Look once, and tell what was seen.  Whatever goes wrong is something seen.  *ret_value is NaN. */
    hf_check_outcome (*look)(const hf_check_context *context, hf_buf *seen, double *ret_value);
} hf_check_ops;

extern const hf_check_ops hf_check_http;
extern const hf_check_ops hf_check_sql;
extern const hf_check_ops hf_check_schema;
extern const hf_check_ops hf_check_command;
extern const hf_check_ops hf_check_rows;
extern const hf_check_ops hf_check_sequences;
extern const hf_check_ops hf_check_log;
extern const hf_check_ops hf_check_metric;
extern const hf_check_ops hf_check_snapshot;

#endif
