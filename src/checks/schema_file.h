/*
 * The file of critical objects that schema checks read: .github/prisma-verification.json and its like.
 *
 *     {"databases": {"site": {"criticalTables": ["users", "audit.log"],
 *                             "criticalIndexes": [{"table": "users", "name": "users_email_key"}],
 *                             "criticalConstraints": ["offers_mission_id_fkey"],
 *                             "criticalEnums": [{"name": "Role", "values": ["ADMIN", "USER"]}]}}}
 *
 * The lists may also stand at the top level (they then hold for every database), entries may be "name", "schema.name"
 * or objects, and a list may be an object: {"Role": ["ADMIN"]} for enums, {"users": ["users_email_key"]} for indexes and
 * constraints.  Other keys are somebody else's.
 *
 * A .yaml or .yml file has our own form, of schema_own.h.
 */
#ifndef HF_CHECKS_SCHEMA_FILE_H
#define HF_CHECKS_SCHEMA_FILE_H

#include <jansson.h>

#include "base/error.h"

/*
 * The objects that `database` needs as [{"n", "kind": "table" | "index" | "constraint" | "enum", "name", "schema"?,
 * "table"?, "values"?}], the caller owns it.  database NULL: the only one, else the one called `target`.  HF_E_USAGE with
 * "<path>:<line>:<column>: " for a file that is not like the above.
 */
HF_MUST_CHECK hf_status hf_schema_file_read(const char *path, const char *database, const char *target,
                                            json_t **ret_objects, hf_error *error);

/* Only whether it can be read; any database. */
HF_MUST_CHECK hf_status hf_schema_file_validate(const char *path, const char *database, hf_error *error);

#endif
