/*
 * holdfast's own fuller form of what a schema check expects, in YAML (or JSON, which is YAML):
 *
 *     tables:
 *       users:                                # or audit.log; a table that is only named must be there
 *         columns:
 *           id: integer                       # its type
 *           email: {type: varchar(255), nullable: false, default: none}
 *           role: {type: '"Role"', default: "'USER'::\"Role\""}
 *         indexes: [users_email_key]          # there, and valid
 *         constraints: [users_team_id_fkey]   # there, and validated
 *         row_security: forced                # off, enabled or forced
 *         grants:
 *           app: [SELECT, INSERT]             # these and no others, on the table itself
 *           reader: {at_least: [SELECT]}
 *           PUBLIC: []
 *     enums:
 *       Role: [USER, ADMIN]                   # these and no others, in this order
 *       Kind: {at_least: [A]}
 *
 * What is not said is not looked at.  `default` is the expression as psql's \d shows it, "none" or "identity".
 */
#ifndef HF_CHECKS_SCHEMA_OWN_H
#define HF_CHECKS_SCHEMA_OWN_H

#include <jansson.h>

#include "base/error.h"

/* Whether a file of this name is read as the above: .yaml and .yml. */
bool hf_schema_own_is(const char *path);

/*
 * What is expected, as hf_schema_file_read gives it, with "expected" (a text to show) in each; and for a property "shown"
 * (the object's name to show), "aspect" and "want".  The caller owns it.  HF_E_USAGE with "<path>:<line>:<column>: ".
 */
HF_MUST_CHECK hf_status hf_schema_own_read(const char *path, json_t **ret_objects, hf_error *error);

#endif
