/* The connection of a check: read-only, limited in time, with the application's search_path. */
#ifndef HF_CHECKS_SESSION_H
#define HF_CHECKS_SESSION_H

#include "checks/kind.h"
#include "pg/connection.h"

/* Connected and inside a read-only transaction; statements and locks take at most the check's timeout. */
HF_MUST_CHECK hf_status hf_check_connect(const hf_check_context *context, hf_pg **ret_pg, hf_error *error);

/* What an error of such a connection means: without a connection nothing could be looked at. */
hf_check_outcome hf_check_database_error(const hf_error *error, hf_buf *seen);

#endif
