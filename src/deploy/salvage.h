/*
 * The rows that a way back took out of the live database, exported from the failed one that is kept.
 *
 * A folder gets, for each table whose written rows are known (written.h): what was added, changed and removed as files for COPY, and
 * SQL that does the same to the live database.  A row that the live database has changed meanwhile is a conflict: its statement
 * is there, as a comment; and what changes between the export and the application is found by the statements themselves.
 */
#ifndef HF_DEPLOY_SALVAGE_H
#define HF_DEPLOY_SALVAGE_H

#include <jansson.h>

#include "deploy/deploy.h"

/*
 * `folder` is made, 0700.  *ret_report (caller owns): {cycle, snapshot, failed_database, folder, tables: [{schema, name, rows, added,
 * removed, changed, conflicts, why}]}.  HF_E_NOT_FOUND: the cycle kept no failed database, or it is gone; HF_E_EXISTS: the folder.
 */
HF_MUST_CHECK hf_status hf_salvage_run(const hf_deploy_options *options, const char *cycle,
                                       const char *folder, json_t **ret_report, hf_error *error);

#endif
