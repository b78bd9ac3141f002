#include "checks/session.h"

#include <inttypes.h>

hf_status hf_check_connect(const hf_check_context *context, hf_pg **ret_pg, hf_error *error)
{
    const hf_pg_options options = {.url = context->scene->url, .purpose = "check"};
    HF_AUTO_STR schema = hf_pg_url_parameter(context->scene->url, "schema");
    HF_AUTO_BUF sql = HF_BUF_MAX(8192);
    HF_AUTO_PG pg = NULL;

    hf_buf_printf(&sql, "SET statement_timeout = %" PRId64 "; SET lock_timeout = 0; ",
                  context->check->timeout_ms);
    if (schema != NULL && schema[0] != '\0') {
        hf_buf_puts(&sql, "SET search_path = ");
        hf_sql_name(&sql, schema);
        hf_buf_puts(&sql, "; ");
    }
    hf_buf_puts(&sql, "SET default_transaction_read_only = on; BEGIN READ ONLY");
    HF_TRY(hf_buf_check(&sql, "schema of the database URL", error));
    HF_TRY(hf_pg_connect(&options, &pg, error));
    HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    *ret_pg = HF_TAKE(pg);
    return HF_OK;
}

hf_check_outcome hf_check_database_error(const hf_error *error, hf_buf *seen)
{
    hf_buf_puts(seen, error->message);
    if (error->sqlstate[0] != '\0')
        hf_buf_printf(seen, " (SQLSTATE %s)", error->sqlstate);
    return error->code == HF_E_CONNECTION ? HF_CHECK_INCONCLUSIVE : HF_CHECK_FAILED;
}
