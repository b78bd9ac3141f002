/*
 * Exchanging two databases by name: `live` becomes `kept`, `beside` becomes `live`, both in one transaction.
 *
 * Clients are kept out meanwhile (ALLOW_CONNECTIONS false) and ended; afterwards both databases accept connections.  A
 * kill at any instant leaves either the old names or the new ones; hf_swap_state() tells which by the OID that the live
 * database had before, and hf_swap() goes on from there.
 */
#ifndef HF_RESTORE_SWAP_H
#define HF_RESTORE_SWAP_H

#include <stdint.h>

#include "base/error.h"

typedef struct hf_swap_options {
    const char *url; /* any database of the server; postgres or template1 is used */
    const char *live;
    const char *beside;
    const char *kept;
    uint32_t live_oid;  /* of the live database before the swap; from hf_swap_oid() */
    int64_t timeout_ms; /* for getting the last client out; 0: 60 s */
} hf_swap_options;

typedef enum hf_swap_progress {
    HF_SWAP_NOT_STARTED, /* the names are as before; connections may be blocked */
    HF_SWAP_DONE,        /* the names are exchanged; connections may be blocked */
    HF_SWAP_UNCLEAR      /* neither: someone else has renamed, dropped or created */
} hf_swap_progress;

/*
 * "<database>__<what>_<id>", the name of a database that stands beside: the suffix in lower case and without dashes, so that it needs
 * no quotes, and the database's part cut at a character so that PostgreSQL cuts nothing.  The caller owns it.
 */
char *hf_swap_name(const char *database, const char *what, const char *id);

/* The OID of a database; HF_E_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_swap_oid(const char *url, const char *database, uint32_t *ret_oid,
                                    hf_error *error);

HF_MUST_CHECK hf_status hf_swap_state(const hf_swap_options *options, hf_swap_progress *ret_state,
                                      hf_error *error);

/*
 * Swap; if it is done already, only let connections in again.  HF_E_PRIVILEGE, HF_E_LOCKED (a client that cannot be ended,
 * a prepared transaction): nothing is renamed and connections are allowed again.  A lost connection is made anew for two
 * minutes; HF_E_CONNECTION after that leaves what a kill leaves.  Stop requests wait until the end.
 */
HF_MUST_CHECK hf_status hf_swap(const hf_swap_options *options, hf_error *error);

/*
 * After a swap that was killed and that no journal tells of: if `live` refuses clients, let them in again; *ret_reopened tells
 * whether it did.  The caller holds the target's lock, so no swap is under way.
 */
HF_MUST_CHECK hf_status hf_swap_reopen(const char *url, const char *live, bool *ret_reopened,
                                       hf_error *error);

#endif
