/* What the server lacks for a restore, found before the first byte is written; for the other files of restore/. */
#ifndef HF_RESTORE_PLAN_H
#define HF_RESTORE_PLAN_H

#include "pg/archive.h"
#include "pg/connection.h"
#include "restore/restore.h"

typedef struct hf_lacks {
    hf_strings roles;
    hf_strings extensions;
    hf_strings tablespaces;
    hf_strings locales;
    hf_strings settings; /* names that ALTER DATABASE ... SET would have to give */
    hf_strings features; /* of the schema, with the version that brought them and an example */
} hf_lacks;

void hf_lacks_done(hf_lacks *lacks);
bool hf_lacks_nothing(const hf_lacks *lacks);

/* One HF_E_NOT_FOUND that lists all, with a hint what to do. */
hf_status hf_lacks_fail(const hf_lacks *lacks, const char *database, hf_error *error);

/*
 * HF_E_EXISTS: the database exists (unless it may be replaced, then *ret_replace); HF_E_PRIVILEGE: the role may not create
 * databases; HF_E_NOT_FOUND as above.  Roles that only owners or ACLs name do not count when these are left out.
 * Warnings that stop nothing are added to `warnings`, statements that would make missing roles to `ret_create_roles`.
 */
HF_MUST_CHECK hf_status hf_restore_plan(hf_pg *pg, const hf_restore_options *options,
                                        const hf_archive *archive, hf_strings *warnings,
                                        hf_strings *ret_create_roles, bool *ret_replace, hf_error *error);

#endif
