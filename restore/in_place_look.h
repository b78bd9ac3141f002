/* What a restore in place leaves alone; for in_place.c. */
#ifndef HF_RESTORE_IN_PLACE_LOOK_H
#define HF_RESTORE_IN_PLACE_LOOK_H

#include "pg/archive.h"
#include "pg/connection.h"
#include "restore/restore.h"

/*
 * Take out of the archive, by making them empty, the entries of what stays as it is in the database of `pg`: extensions that are there, and what
 * belongs to roles that this one may not act for.  *ret_manifest is `manifest` without the rows and sequences of those; it borrows
 * everything but its lists, which hf_in_place_manifest_done() frees.
 */
HF_MUST_CHECK hf_status hf_in_place_leave_alone(hf_pg *pg, const hf_manifest *manifest, hf_archive *archive,
                                                hf_restore_report *report, hf_manifest *ret_manifest,
                                                hf_error *error);
void hf_in_place_manifest_done(hf_manifest *manifest);

/* The same with the schemas that are there now, after everything else was dropped. */
HF_MUST_CHECK hf_status hf_in_place_leave_schemas(hf_pg *pg, hf_archive *archive, hf_error *error);

#endif
