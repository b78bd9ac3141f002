/* The role plan of a snapshot: what its roles would have to be made as.  Never a password. */
#ifndef HF_SNAPSHOT_ROLES_H
#define HF_SNAPSHOT_ROLES_H

#include "pg/connection.h"
#include "repository/manifest.h"

/* For manifest->roles and those with settings in the database, and what they are members of. */
HF_MUST_CHECK hf_status hf_role_plan_read(hf_pg *pg, hf_manifest *manifest, hf_error *error);

#endif
