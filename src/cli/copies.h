/* Copies of snapshots in the repositories that repository.copy_to names; for backup, deploy and copy. */
#ifndef HF_CLI_COPIES_H
#define HF_CLI_COPIES_H

#include "cli/session.h"
#include "repository/transfer.h"

/* What came of one snapshot in one repository. */
typedef struct hf_copied {
    const hf_repository_config *place; /* borrowed */
    char *snapshot;
    hf_error error;       /* code HF_OK: it is there */
    hf_transfer transfer; /* filled then */
} hf_copied;

typedef HF_VECTOR(hf_copied) hf_copied_list;
void hf_copied_list_done(hf_copied_list *list);

/* Copy the session's snapshots with these ids to one place; what fails is in the list.  An error only for a stop request. */
HF_MUST_CHECK hf_status hf_copies_make(const hf_cli *cli, const hf_session *session,
                                       const hf_repository_config *place, const hf_strings *ids,
                                       bool check_existing, hf_copied_list *ret_list, hf_error *error);

typedef enum hf_copies_which { HF_COPIES_ALL, HF_COPIES_WAITED_FOR, HF_COPIES_OTHERS } hf_copies_which;

/*
 * Copy a snapshot just taken to the places of the configuration (with "wait", without, or all).  A failure is a warning, or where "wait"
 * says so the error; the snapshot exists in any case.
 */
HF_MUST_CHECK hf_status hf_copies_after(const hf_cli *cli, const hf_session *session, const char *id,
                                        hf_copies_which which, hf_copied_list *ret_list, hf_error *error);

/* [{repository, snapshot, copied, existed, objects_new, bytes_written, error}]; the caller owns it. */
json_t *hf_copies_json(const hf_copied_list *list);

/* The first failure (where place->wait, if `waited_for`), its code kept; HF_OK if there is none. */
hf_status hf_copies_failure(const hf_copied_list *list, bool waited_for, hf_error *error);

#endif
