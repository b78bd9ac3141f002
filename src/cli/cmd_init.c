#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *path = cli->config_path == NULL ? "holdfast.yaml" : cli->config_path;
    bool written = !hf_file_exists(path);
    bool created = false;

    if (written) {
        HF_AUTO_STR example = hf_config_example();

        HF_TRY(hf_file_write_atomic(path, example, strlen(example), error));
    }

    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO(hf_repository_freep) hf_repository *repository = NULL;
    HF_AUTO_SECRET passphrase = NULL;
    HF_TRY(hf_config_load(path, &config, error));
    HF_TRY(hf_session_passphrase(config, &passphrase, error));
    HF_TRY(hf_session_storage(config, &storage, error));
    HF_TRY(hf_repository_create(storage, passphrase == NULL ? NULL : &(hf_new_key){.passphrase = passphrase},
                                &created, error));
    /* One that was there may be of another kind than the configuration has it. */
    HF_TRY(hf_repository_open(HF_TAKE(storage), passphrase, &repository, error));

    hf_cli_result(cli, json_pack("{s:{s:o, s:b}, s:{s:o, s:b, s:b}}", "config", "path", hf_json_text(path),
                                 "created", (int) written, "repository", "url",
                                 hf_json_text(config->repository_url), "created", (int) created, "encrypted",
                                 passphrase != NULL));
    if (cli->json)
        return HF_OK;
    hf_out("%s %s\n", written ? "wrote  " : "kept   ", path);
    hf_out("%s %s%s\n", created ? "created" : "found  ", config->repository_url,
           passphrase != NULL ? ", encrypted" : "");
    if (created && passphrase != NULL)
        hf_out("\nkeep the passphrase in a second place: without it nothing here can be read, by nobody\n");
    if (written)
        hf_out("\nnext:\n"
               "  1. look through %s: the repository's place, migrations, checks\n"
               "  2. export DATABASE_URL=postgresql://user:password@host/database\n"
               "  3. holdfast doctor     says what is still missing\n"
               "  4. holdfast backup     takes the first snapshot\n",
               path);
    else if (created)
        hf_out("\nnext: holdfast doctor\n");
    return HF_OK;
}

const hf_command hf_command_init = {
    .name = "init",
    .summary = "write a commented configuration and create the repository",
    .details = "A configuration that is there already is kept, and only its repository is created. Running "
               "it again\n"
               "does no harm.",
    .run = run,
};
