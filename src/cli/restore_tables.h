/* `restore ID --table T --as S.T2`: tables beside the live ones; the part of cmd_restore.c that does it. */
#ifndef HF_CLI_RESTORE_TABLES_H
#define HF_CLI_RESTORE_TABLES_H

#include "cli/cli.h"
#include "cli/session.h"

/* HF_E_USAGE for options that do not go with --table.  To be asked first. */
HF_MUST_CHECK hf_status hf_restore_tables_check(const hf_cli *cli, hf_error *error);

HF_MUST_CHECK hf_status hf_restore_tables(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                                          hf_error *error);

#endif
