#include "cli/session.h"

#include "base/log.h"
#include "config/secret.h"
#include "pg/connection.h"

void hf_session_done(hf_session *session)
{
    hf_secret_freep(&session->url);
    hf_repository_free(session->repository);
    hf_config_free(session->config);
    *session = (hf_session){0};
}

hf_status hf_session_url(const hf_target_config *target, char **ret_url, hf_error *error)
{
    HF_AUTO_STR what = hf_format("the database URL of target \"%s\"", target->name);

    HF_TRY(hf_secret_read(&target->database_url, what, ret_url, error));
    hf_pg_url_redact(*ret_url);
    return HF_OK;
}

hf_status hf_session_storage(const hf_repository_config *config, hf_storage **ret_storage, hf_error *error)
{
    static const hf_s3_addressing addressing[] = {
        [HF_PATH_STYLE_AUTO] = HF_S3_ADDRESSING_AUTO,
        [HF_PATH_STYLE_YES] = HF_S3_ADDRESSING_PATH,
        [HF_PATH_STYLE_NO] = HF_S3_ADDRESSING_HOST,
    };
    const hf_storage_options options = {
        .url = config->url,
        .s3 = {.endpoint = config->s3.endpoint,
               .region = config->s3.region,
               .addressing = addressing[config->s3.path_style],
               .ca_file = config->s3.ca_file,
               .profile = config->s3.profile,
               .stall_ms = config->s3.timeout_ms},
    };

    return hf_storage_open_with(&options, ret_storage, error);
}

hf_status hf_session_passphrase(const hf_repository_config *config, char **ret_passphrase, hf_error *error)
{
    HF_AUTO_STR what = hf_format("the passphrase of repository \"%s\"", config->name);

    return config->passphrase.kind == HF_SECRET_NONE
               ? HF_OK
               : hf_secret_read(&config->passphrase, what, ret_passphrase, error);
}

hf_status hf_session_repository(const hf_session *session, const hf_repository_config *config, bool to_write,
                                hf_repository **ret_repository, hf_error *error)
{
    HF_AUTO_SECRET passphrase = NULL;
    hf_storage *storage = NULL;

    HF_TRY(hf_session_passphrase(config, &passphrase, error));
    HF_TRY(hf_session_storage(config, &storage, error));
    hf_status status = (to_write ? hf_repository_open_to_write : hf_repository_open)(storage, passphrase,
                                                                                     ret_repository, error);
    if (status != HF_OK && error->hint[0] == '\0')
        hf_hint(error, "\"holdfast init\" creates the repositories that %s names", session->config->path);
    return status;
}

void hf_session_tell_wait(const char *whom)
{
    hf_log(HF_LOG_INFO, "waiting: %s", whom);
}

static hf_status enter(const hf_cli *cli, hf_session *session, bool must, hf_error *error)
{
    hf_status status =
        hf_repository_enter(session->repository, cli->command->name, hf_session_tell_wait, error);

    if (status == HF_OK || status == HF_E_CANCELLED || must)
        return status;
    hf_log(HF_LOG_WARNING, "a gc meanwhile could take objects away: %s", error->message);
    *error = (hf_error){0};
    return HF_OK;
}

hf_status hf_session_open(const hf_cli *cli, unsigned needs, hf_session *session, hf_error *error)
{
    HF_TRY(hf_config_load(cli->config_path, &session->config, error));
    if ((needs & HF_NEEDS_TARGET) != 0 || cli->target != NULL)
        HF_TRY(hf_config_target(session->config, cli->target, &session->target, error));
    HF_TRY(hf_config_repository(session->config, cli->repository, &session->place, error));
    if ((needs & HF_FIRST_ALONE) == HF_FIRST_ALONE && session->place != &session->config->repository)
        return hf_fail(error, HF_E_USAGE, "\"holdfast %s\" works with the first repository only",
                       cli->command->name);
    if ((needs & HF_NEEDS_REPOSITORY) != 0)
        HF_TRY(hf_session_repository(session, session->place, (needs & HF_MAY_NOT_READ) == HF_MAY_NOT_READ,
                                     &session->repository, error));
    const bool is_blind = session->repository != NULL && hf_repository_is_write_only(session->repository);
    const bool must_enter = (needs & HF_ENTERS) == HF_ENTERS && !is_blind;
    if (must_enter || (needs & HF_READS_OBJECTS) == HF_READS_OBJECTS)
        HF_TRY(enter(cli, session, must_enter, error));
    if ((needs & HF_NEEDS_DATABASE) == HF_NEEDS_DATABASE)
        HF_TRY(hf_session_url(session->target, &session->url, error));
    return HF_OK;
}

void hf_session_warn(const hf_snapshot_choice *choice)
{
    for (size_t i = 0; i < choice->passed_over.count; i++)
        hf_log(HF_LOG_WARNING, "passed over a newer snapshot: %s", choice->passed_over.items[i]);
}

hf_status hf_session_manifest(const hf_session *session, const char *name, hf_manifest **ret_manifest,
                              hf_error *error)
{
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};

    HF_TRY(hf_repository_choose(session->repository, session->target->name, name, &choice, error));
    hf_session_warn(&choice);
    return hf_repository_load(session->repository, session->target->name, choice.id, ret_manifest, error);
}
