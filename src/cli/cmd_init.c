#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"

/* Make one if there is none.  One that was there may be of another kind than the configuration has it. */
static hf_status create(const hf_repository_config *place, bool *ret_created, bool *ret_encrypted,
                        hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO(hf_repository_freep) hf_repository *repository = NULL;
    HF_AUTO_SECRET passphrase = NULL;

    HF_TRY(hf_session_passphrase(place, &passphrase, error));
    HF_TRY(hf_session_storage(place, &storage, error));
    HF_TRY(hf_repository_create(storage, passphrase == NULL ? NULL : &(hf_new_key){.passphrase = passphrase},
                                ret_created, error));
    *ret_encrypted = passphrase != NULL;
    return hf_repository_open(HF_TAKE(storage), passphrase, &repository, error);
}

static void print(const hf_repository_config *place, bool created, bool encrypted)
{
    hf_out("%s %s%s\n", created ? "created" : "found  ", place->url, encrypted ? ", encrypted" : "");
}

static hf_status create_copies(const hf_cli *cli, const hf_config *config, json_t *copies, hf_error *error)
{
    for (size_t i = 0; i < config->copy_to.count; i++) {
        const hf_repository_config *place = &config->copy_to.items[i];
        bool created = false, encrypted = false;

        HF_TRY(create(place, &created, &encrypted, error));
        json_array_append_new(copies, json_pack("{s:s, s:o, s:b, s:b}", "name", place->name, "url",
                                                hf_json_text(place->url), "created", (int) created,
                                                "encrypted", (int) encrypted));
        if (!cli->json)
            print(place, created, encrypted);
    }
    return HF_OK;
}

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
    json_t *copies = json_array();
    bool encrypted = false;

    hf_cli_result(cli, json_pack("{s:{s:o, s:b}, s:o}", "config", "path", hf_json_text(path), "created",
                                 (int) written, "copies", copies));
    HF_TRY(hf_config_load(path, &config, error));
    HF_TRY(create(&config->repository, &created, &encrypted, error));
    json_object_set_new(cli->result, "repository",
                        json_pack("{s:o, s:b, s:b}", "url", hf_json_text(config->repository.url), "created",
                                  (int) created, "encrypted", (int) encrypted));
    if (!cli->json) {
        hf_out("%s %s\n", written ? "wrote  " : "kept   ", path);
        print(&config->repository, created, encrypted);
    }
    HF_TRY(create_copies(cli, config, copies, error));
    if (cli->json)
        return HF_OK;
    if (created && encrypted)
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
