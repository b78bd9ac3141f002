/*
 * A pooler gives its clients a process number of its own, so a backend that says another one than the greeting did is
 * reached through a pooler.  In transaction mode a client gets whichever backend is free: two clients that hold a
 * transaction each at the same time, and then end them in turn, find themselves exchanged (PgBouncer hands out the
 * backend that was given back last).
 */
#include "pg/pooler.h"

#include <stdlib.h>

#include "base/text.h"

#define ROUNDS 4

static hf_status backend_pid(hf_pg *pg, int64_t *ret_pid, hf_error *error)
{
    HF_AUTO_STR text = NULL;

    HF_TRY(hf_pg_query_text(pg, "SELECT pg_catalog.pg_backend_pid()", 0, NULL, &text, error));
    *ret_pid = text != NULL ? strtoll(text, NULL, 10) : 0;
    return HF_OK;
}

/* Both in a transaction at once, so on two backends; gives the first one's. */
static hf_status meet(hf_pg *pg, hf_pg *other, int64_t *ret_pid, hf_error *error)
{
    HF_TRY(hf_pg_exec(pg, "BEGIN", error));
    HF_TRY(backend_pid(pg, ret_pid, error));
    HF_TRY(hf_pg_exec(other, "BEGIN", error));
    HF_TRY(hf_pg_exec(pg, "COMMIT", error));
    return hf_pg_exec(other, "COMMIT", error);
}

hf_status hf_pg_refuse_pooler(const hf_pg_options *options, hf_pg *pg, hf_error *error)
{
    HF_AUTO_PG other = NULL;
    int64_t first = 0, now = 0;

    HF_TRY(backend_pid(pg, &first, error));
    if (first == hf_pg_pid(pg))
        return HF_OK;

    HF_TRY(hf_pg_connect(options, &other, error));
    HF_TRY(meet(pg, other, &first, error));
    for (int i = 0; i < ROUNDS; i++) {
        HF_TRY(meet(pg, other, &now, error));
        if (now == first)
            continue;
        (void) hf_fail(error, HF_E_UNSUPPORTED,
                       "the connection goes through a pooler in transaction mode, where no setting, lock or "
                       "snapshot holds");
        return hf_hint(
            error,
            "use the direct URL of the database (Supabase: port 5432 instead of 6543; Neon: the host without "
            "\"-pooler\"), or a pooler in session mode");
    }
    return HF_OK;
}
