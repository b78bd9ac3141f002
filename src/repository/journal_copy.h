/*
 * What of a journal the repository could not take, kept on this machine: the whole journal, sealed as in the repository, under
 * $XDG_STATE_HOME/holdfast/<repository>/ (without XDG_STATE_HOME ~/.local/state).  journal.h says when.
 */
#ifndef HF_REPOSITORY_JOURNAL_COPY_H
#define HF_REPOSITORY_JOURNAL_COPY_H

#include "repository/repository.h"

/* Durable when it returns.  *ret_where (the caller owns it) is the file. */
HF_MUST_CHECK hf_status hf_journal_copy_put(hf_repository *repository, const char *target, const char *cycle,
                                            const char *text, char **ret_where, hf_error *error);

/* HF_E_NOT_FOUND, as mostly, when there is none. */
HF_MUST_CHECK hf_status hf_journal_copy_get(hf_repository *repository, const char *target, const char *cycle,
                                            hf_buf *ret_text, hf_error *error);

/* Only once the repository has it all. */
HF_MUST_CHECK hf_status hf_journal_copy_remove(hf_repository *repository, const char *target,
                                               const char *cycle, hf_error *error);

#endif
