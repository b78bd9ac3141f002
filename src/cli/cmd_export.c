#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/bundle.h"
#include "restore/compare.h"
#include "restore/script.h"

/* Everything but the snapshot's own objects is made before the first byte is written. */
static hf_status write_bundle(hf_repository *repository, const hf_manifest *manifest,
                              const hf_bundle_stream *stream, hf_error *error)
{
    HF_AUTO(hf_archive_freep) hf_archive *archive = NULL;
    HF_AUTO_BUF restore = HF_BUF_MAX(HF_BUNDLE_FILE_MAX);
    HF_AUTO_BUF database = HF_BUF_MAX(HF_BUNDLE_FILE_MAX);

    HF_TRY(hf_compare_load_archive(repository, manifest, &archive, error));
    HF_TRY(hf_script_restore(manifest, archive, &restore, error));
    HF_TRY(hf_script_database(manifest, &database, error));

    const hf_bundle_file files[] = {{"restore.sql", hf_buf_text(&restore)},
                                    {"database.sql", hf_buf_text(&database)}};

    hf_progress_begin("exporting", stream->progress);
    hf_status status = hf_bundle_write(repository, manifest, files, 2, stream, error);
    hf_progress_end();
    return status;
}

/* The file appears whole or not at all; a kill leaves one that begins with ".hf-tmp-". */
static hf_status write_and_rename(hf_repository *repository, const hf_manifest *manifest,
                                  hf_bundle_stream *stream, const char *temporary, hf_error *error)
{
    HF_AUTO_FD fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return hf_fail_errno(error, "cannot create \"%s\"", temporary);
    stream->fd = fd;
    HF_TRY(write_bundle(repository, manifest, stream, error));
    if (fsync(fd) != 0)
        return hf_fail_errno(error, "cannot sync \"%s\"", stream->name);
    HF_FAULT("export.before_rename", error);
    if (rename(temporary, stream->name) != 0)
        return hf_fail_errno(error, "cannot rename \"%s\" to \"%s\"", temporary, stream->name);
    HF_AUTO_STR folder = hf_path_dirname(stream->name);
    return hf_sync_folder(folder, error);
}

static hf_status write_file(hf_repository *repository, const hf_manifest *manifest, hf_bundle_stream *stream,
                            hf_error *error)
{
    char random[17];

    if (hf_file_exists(stream->name)) {
        (void) hf_fail(error, HF_E_EXISTS, "there is a file \"%s\"", stream->name);
        return hf_hint(error, "choose another name; what exists is never replaced");
    }
    hf_random_hex(8, random);
    HF_AUTO_STR folder = hf_path_dirname(stream->name);
    HF_AUTO_STR name = hf_format(HF_TMP_PREFIX "%s", random);
    HF_AUTO_STR temporary = hf_path_join(folder, name);
    hf_status status = write_and_rename(repository, manifest, stream, temporary, error);
    if (status != HF_OK)
        (void) unlink(temporary);
    return status;
}

static hf_status check_stdout(const hf_cli *cli, hf_error *error)
{
    if (cli->json)
        return hf_fail(error, HF_E_USAGE,
                       "a bundle to standard output and \"--output json\" exclude each other");
    if (!isatty(STDOUT_FILENO))
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "a bundle is not written to a terminal");
    return hf_hint(error,
                   "name a file, or send it on: holdfast export latest - | ssh host holdfast import -");
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_progress progress = {0};
    const char *file = hf_cli_argument(cli, 1);
    bool to_stdout = hf_streq(file, "-");
    hf_bundle_stream stream = {.fd = STDOUT_FILENO,
                               .name = to_stdout ? "standard output" : file,
                               .zstd = hf_ends_with(file, ".zst") || hf_ends_with(file, ".tzst"),
                               .progress = &progress};

    if (to_stdout)
        HF_TRY(check_stdout(cli, error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_READS_OBJECTS, &session, error));
    HF_TRY(hf_session_manifest(&session, hf_cli_argument(cli, 0), &manifest, error));
    if (to_stdout)
        return write_bundle(session.repository, manifest, &stream, error);
    HF_TRY(write_file(session.repository, manifest, &stream, error));
    hf_cli_result(
        cli, json_pack("{s:o, s:o}", "snapshot", hf_describe_manifest(manifest), "file", hf_json_text(file)));
    if (!cli->json) {
        hf_out("snapshot %s is in %s\n", manifest->id, file);
        hf_print_incompleteness(manifest);
    }
    return HF_OK;
}

const hf_command hf_command_export = {
    .name = "export",
    .arguments = "ID FILE",
    .summary = "write a snapshot as one tar that psql alone restores",
    .details = "FILE is - for standard output; one that ends in .zst is compressed. The bundle is not "
               "encrypted, whatever the "
               "repository\nis. Without holdfast it is restored into an empty database by\n"
               "  tar xf FILE && psql -X -v ON_ERROR_STOP=1 -f restore.sql DATABASE\n"
               "and `holdfast import` takes it into any repository.",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
