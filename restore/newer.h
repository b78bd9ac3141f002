/*
 * What of a schema an older server does not know, as far as the definitions tell; for plan.c.  What they do not tell (a function of a later
 * version) fails when the schema is made, before any row.
 */
#ifndef HF_RESTORE_NEWER_H
#define HF_RESTORE_NEWER_H

#include "pg/archive.h"

/* What is later than `server_version` (170004) in the entry, such as "virtual generated columns"; *ret_since is the major version. NULL: nothing. */
const char *hf_entry_is_newer(const hf_entry *entry, int server_version, int *ret_since);

#endif
