#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/bundle.h"
#include "repository/lock.h"

typedef struct import {
    const hf_cli *cli;
    const hf_session *session;
    hf_lock *lock;
} import;

static void import_done(import *i)
{
    hf_lock_release(i->lock);
}

/* From here on nobody removes what is about to be stored. */
static hf_status begin(void *context, const hf_manifest *manifest, hf_error *error)
{
    import *i = context;
    const hf_target_config *target = NULL;

    if (i->cli->target != NULL && !hf_streq(i->cli->target, manifest->target)) {
        (void) hf_fail(error, HF_E_USAGE, "the bundle's snapshot is of target \"%s\", not \"%s\"",
                       manifest->target, i->cli->target);
        return hf_hint(error, "a snapshot keeps its target; leave \"--target\" out");
    }
    if (hf_config_target(i->session->config, manifest->target, &target, NULL) != HF_OK)
        hf_log(HF_LOG_WARNING,
               "%s has no target \"%s\", which the snapshot belongs to; add it to use the snapshot",
               i->session->config->path, manifest->target);
    return hf_lock_take(i->session->repository, manifest->target, "import", &i->lock, error);
}

static hf_status read_bundle(hf_cli *cli, const hf_session *session, int fd, const char *name,
                             hf_transfer *ret_transfer, hf_error *error)
{
    HF_AUTO(import_done) import i = {.cli = cli, .session = session};
    hf_progress progress = {0};
    const hf_bundle_stream stream = {.fd = fd, .name = name, .progress = &progress};

    hf_progress_begin("importing", &progress);
    hf_status status = hf_bundle_read(session->repository, &stream, begin, &i, ret_transfer, error);
    hf_progress_end();
    return status;
}

static hf_status tell(hf_cli *cli, const hf_session *session, const hf_transfer *transfer, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    char size[32];

    HF_TRY(hf_repository_load(session->repository, transfer->target, transfer->id, &manifest, error));
    hf_cli_result(cli,
                  json_pack("{s:o, s:b, s:I, s:I, s:I}", "snapshot", hf_describe_manifest(manifest),
                            "existed", (int) transfer->existed, "objects", (json_int_t) transfer->objects,
                            "objects_new", (json_int_t) transfer->objects_new, "bytes_written",
                            (json_int_t) transfer->bytes_stored));
    if (cli->json)
        return HF_OK;
    hf_out("snapshot %s of target %s %s\n", transfer->id, transfer->target,
           transfer->existed ? "was there already" : "is imported");
    hf_out_fact("written", "%s; %llu objects are new, %llu were there already",
                hf_show_size(transfer->bytes_stored, size), (unsigned long long) transfer->objects_new,
                (unsigned long long) (transfer->objects - transfer->objects_new));
    hf_print_incompleteness(manifest);
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_transfer_done) hf_transfer transfer = {0};
    const char *file = hf_cli_argument(cli, 0);
    bool from_stdin = hf_streq(file, "-");
    HF_AUTO_FD opened = from_stdin ? -1 : open(file, O_RDONLY | O_CLOEXEC);

    if (!from_stdin && opened < 0)
        return errno == ENOENT ? hf_fail(error, HF_E_NOT_FOUND, "there is no file \"%s\"", file)
                               : hf_fail_errno(error, "cannot open \"%s\"", file);
    HF_TRY(hf_session_open(cli, HF_ENTERS, &session, error));
    HF_TRY(read_bundle(cli, &session, from_stdin ? STDIN_FILENO : opened,
                       from_stdin ? "standard input" : file, &transfer, error));
    return tell(cli, &session, &transfer, error);
}

const hf_command hf_command_import = {
    .name = "import",
    .arguments = "FILE",
    .summary = "take a bundle that `export` wrote into the repository",
    .details = "FILE is - for standard input. The snapshot keeps its target, id, label and pin; whether it "
               "was proven does "
               "not travel.\nEvery byte is checked against the bundle's digests and read back from the "
               "repository, and "
               "nothing is visible before the\nwhole bundle was. One that is there already is left as it is, "
               "but broken "
               "objects of it are stored anew.",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
