/* Which snapshot a command works on, and what an operator should know about it before it does. */
#ifndef HF_CLI_CHOSEN_H
#define HF_CLI_CHOSEN_H

#include "cli/session.h"

/*
 * The snapshot that the command line means, loaded: its first argument (NULL: the latest), or what --at tells.  HF_E_USAGE if both are given, or
 * neither where one `must` be.  Newer snapshots that were passed over because they are broken are logged as warnings.
 */
HF_MUST_CHECK hf_status hf_chosen_manifest(const hf_cli *cli, const hf_session *session, bool must,
                                           hf_manifest **ret_manifest, hf_error *error);

/* Log which snapshot it is, its age and label, whether it was proven, and the deploys since.  What cannot be read is a warning. */
void hf_chosen_tell(const hf_session *session, const hf_manifest *manifest);

/* A snapshot is of another database than this one: by name or, where both are known, the server's system identifier. */
bool hf_is_of_another(const hf_manifest *manifest, const char *database, const char *system_identifier);

/* "database \"blog\"", and the server where it is known.  The caller owns it. */
char *hf_origin_shown(const char *database, const char *system_identifier);

#endif
