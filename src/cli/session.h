/*
 * What most commands need: the configuration, the target, the repository, the database's URL.
 *
 *     HF_AUTO(hf_session_done) hf_session session = {0};
 *     HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
 */
#ifndef HF_CLI_SESSION_H
#define HF_CLI_SESSION_H

#include "cli/cli.h"
#include "config/config.h"
#include "repository/repository.h"

enum {
    HF_NEEDS_TARGET = 1, /* one target, by --target or because there is only one */
    HF_NEEDS_REPOSITORY = 2,
    HF_NEEDS_DATABASE = 4 | HF_NEEDS_TARGET, /* its URL is read; nothing is connected to */
    HF_READS_OBJECTS =
        8 |
        HF_NEEDS_REPOSITORY, /* enters it, if it can: a restore works on one that may not be written too */
    HF_ENTERS = 16 | HF_NEEDS_REPOSITORY,     /* it must: for whoever writes or takes a lock */
    HF_MAY_NOT_READ = 32 | HF_ENTERS,         /* or does without, where nothing may be read: for a backup */
    HF_FIRST_ALONE = 64 | HF_NEEDS_REPOSITORY /* no other than the first repository will do */
};

typedef struct hf_session {
    hf_config *config;
    const hf_target_config *target;    /* NULL if none was needed and none was named */
    const hf_repository_config *place; /* of the repository: the first, or as --repository says */
    hf_repository *repository;
    char *url;
} hf_session;

HF_MUST_CHECK hf_status hf_session_open(const hf_cli *cli, unsigned needs, hf_session *session,
                                        hf_error *error);
void hf_session_done(hf_session *session);

/* Read the URL of a target's database; the caller owns it (hf_secret_freep). */
HF_MUST_CHECK hf_status hf_session_url(const hf_target_config *target, char **ret_url, hf_error *error);

/* Read the passphrase of the repository; NULL if none is configured; the caller owns it (hf_secret_freep). */
HF_MUST_CHECK hf_status hf_session_passphrase(const hf_repository_config *config, char **ret_passphrase,
                                              hf_error *error);

/* The storage that the configuration names; the caller owns it. */
HF_MUST_CHECK hf_status hf_session_storage(const hf_repository_config *config, hf_storage **ret_storage,
                                           hf_error *error);

/* Open a repository of the configuration; the caller owns it. */
HF_MUST_CHECK hf_status hf_session_repository(const hf_session *session, const hf_repository_config *config,
                                              bool to_write, hf_repository **ret_repository, hf_error *error);

/* For hf_repository_enter(). */
void hf_session_tell_wait(const char *whom);

/* Log the broken snapshots that were passed over as warnings. */
void hf_session_warn(const hf_snapshot_choice *choice);

/* Find a snapshot of the session's target by any name that hf_repository_find() knows, and load it. */
HF_MUST_CHECK hf_status hf_session_manifest(const hf_session *session, const char *name,
                                            hf_manifest **ret_manifest, hf_error *error);

#endif
