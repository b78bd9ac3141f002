/* Connection strings, for the other files of pg/ (the public part is in connection.h). */
#ifndef HF_PG_URL_H
#define HF_PG_URL_H

#include <libpq-fe.h>

#include "base/error.h"

#define HF_PG_URL_MAX (64u << 10)

/* The URL without the parameters that only Prisma knows; the caller owns it. */
char *hf_pg_url_for_libpq(const char *url);

/*
 * PQconninfoFree() the result.  HF_E_USAGE without quoting the URL, also where libpq would read a part of an unencoded
 * password as a host, a port or a database.
 */
HF_MUST_CHECK hf_status hf_pg_url_parse(const char *url, PQconninfoOption **ret_options, hf_error *error);

#endif
