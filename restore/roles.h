/*
 * Roles of a snapshot on another server: the statements that would make them, and giving what belongs to one to another.
 */
#ifndef HF_RESTORE_ROLES_H
#define HF_RESTORE_ROLES_H

#include "pg/archive.h"
#include "repository/manifest.h"

typedef struct hf_role_rename {
    const char *from, *to; /* borrowed */
} hf_role_rename;

typedef HF_VECTOR(hf_role_rename) hf_role_map;

/* The new name, or `role` itself. */
const char *hf_role_map_find(const hf_role_map *map, const char *role);

/*
 * A definition with the roles in it renamed: of GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, SET SESSION AUTHORIZATION, CREATE POLICY and CREATE
 * USER MAPPING, as pg_dump writes them.  The caller owns it.
 */
char *hf_role_map_sql(const hf_role_map *map, const char *definition);

/* The text of an aclitem[] with the roles in it renamed.  NULL gives NULL.  The caller owns it. */
char *hf_role_map_acl(const hf_role_map *map, const char *acl);

/* Owners and grants of all entries. */
void hf_role_map_archive(const hf_role_map *map, hf_archive *archive);

/*
 * A manifest with the roles renamed in its database, settings, list of roles and role plan.  Everything else is borrowed from `manifest`, which must
 * live longer; hf_role_map_manifest_done() frees the rest.
 */
void hf_role_map_manifest(const hf_role_map *map, const hf_manifest *manifest, hf_manifest *ret_mapped);
void hf_role_map_manifest_done(hf_manifest *mapped);

/*
 * Add the statements that make the plan's roles (`only` NULL: all of them; else those, even where the plan knows no more than the name): CREATE ROLE,
 * ALTER ROLE ... SET, GRANT.  Grants to roles that are not among them are comments.
 */
void hf_role_plan_statements(const hf_manifest *manifest, const hf_strings *only, hf_strings *ret_statements);

#endif
