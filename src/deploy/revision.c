/*
 * By git's own program, for what it stores is not ours to read.  The revision's name reaches git once, behind --end-of-options; from
 * then on its commit is named by its digits alone, and the files by their blobs'.
 */
#include "deploy/revision.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/child.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#define LISTING_MAX (64u << 20)
#define CONTENT_MAX (512u << 20) /* of all files together */
#define GIT_TIMEOUT_MS (5 * 60 * 1000)
#define OID_DIGITS_MAX 64

typedef struct revision_file {
    char *path; /* relative to the folder */
    char *blob;
} revision_file;
typedef HF_VECTOR(revision_file) revision_files;

static void files_done(revision_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        free(files->items[i].blob);
    }
    free(files->items);
}

/* Run git in `folder`. */
static hf_status git(const char *folder, const char *const *arguments, const char *input, hf_buf *output,
                     hf_error *error)
{
    const char *argv[12] = {"git", "-C", folder};
    HF_AUTO_BUF complaint = HF_BUF_MAX(4096);
    hf_child_result result = {0};

    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[3 + i] = arguments[i];
    const hf_child_options options = {.argv = argv,
                                      .input = input,
                                      .timeout_ms = GIT_TIMEOUT_MS,
                                      .ret_stdout = output,
                                      .ret_stderr = &complaint,
                                      .tail_bytes = 0};
    hf_status status = hf_child_run(&options, &result, error);
    if (status == HF_E_NOT_FOUND) {
        (void) hf_fail(error, HF_E_NOT_FOUND,
                       "git is not installed here, and it is needed to read a revision");
        return hf_hint(error, "install git");
    }
    HF_TRY(status);
    HF_TRY(hf_buf_check(output, "what git has of the folder", error));
    if (result.timed_out)
        return hf_fail(error, HF_E_TIMEOUT, "git took too long");
    if (result.exit_status == 0)
        return HF_OK;
    const char *said = hf_buf_text(&complaint);
    return hf_fail(error, HF_E_NOT_FOUND, "git %s in \"%s\": %.*s", arguments[0], folder,
                   (int) strcspn(said, "\n"), said[0] != '\0' ? said : "it failed");
}

static bool is_oid(const char *text, size_t len)
{
    return len >= 40 && len <= OID_DIGITS_MAX && strspn(text, "0123456789abcdef") >= len;
}

static hf_status find_commit(const char *folder, const char *revision, char **ret_commit, hf_error *error)
{
    HF_AUTO_STR name = hf_format("%s^{commit}", revision);
    const char *const arguments[] = {"rev-parse", "--verify", "--end-of-options", name, NULL};
    HF_AUTO_BUF output = HF_BUF_MAX(4096);

    if (git(folder, arguments, NULL, &output, error) != HF_OK) {
        if (error != NULL && error->hint[0] == '\0')
            return hf_hint(error,
                           "is \"%.100s\" a revision of this repository? a CI checkout may hold only one "
                           "commit (fetch-depth: 0 gets all)",
                           revision);
        return error != NULL ? error->code : HF_E_NOT_FOUND;
    }
    const size_t len = strcspn(hf_buf_text(&output), "\n");
    if (!is_oid(hf_buf_text(&output), len))
        return hf_fail(error, HF_E_CHILD, "git rev-parse gave no commit");
    *ret_commit = hf_strndup(hf_buf_text(&output), len);
    return HF_OK;
}

/* "<mode> blob <oid>\t<path>" up to a NUL, each.  A path that could leave the folder is refused, though git has none. */
static hf_status add_file(const char *line, revision_files *files, hf_error *error)
{
    const char *tab = strchr(line, '\t'), *type = strchr(line, ' ');
    const char *oid = type != NULL ? strchr(type + 1, ' ') : NULL;

    if (tab == NULL || oid == NULL || oid > tab || !is_oid(oid + 1, (size_t) (tab - oid - 1)))
        return hf_fail(error, HF_E_CHILD, "git ls-tree gave a line that cannot be read");
    if (!hf_starts_with(line, "100") || !hf_starts_with(type, " blob "))
        return HF_OK;
    HF_AUTO_STR rooted = hf_format("/%s/", tab + 1);
    if (strstr(rooted, "/../") != NULL || strstr(rooted, "//") != NULL)
        return hf_fail(error, HF_E_CHILD, "git has a file \"%.200s\" outside of the folder", tab + 1);
    revision_file *file = HF_APPEND_NEW(files);
    file->path = hf_strdup(tab + 1);
    file->blob = hf_strndup(oid + 1, (size_t) (tab - oid - 1));
    return HF_OK;
}

static hf_status list_files(const char *folder, const char *commit, revision_files *files, hf_error *error)
{
    const char *const arguments[] = {"ls-tree", "-r", "-z", commit,
                                     NULL}; /* in a folder: only what is below it */
    HF_AUTO_BUF output = HF_BUF_MAX(LISTING_MAX);

    HF_TRY(git(folder, arguments, NULL, &output, error));
    for (const char *at = hf_buf_text(&output), *end = at + output.len; at < end; at += strlen(at) + 1)
        HF_TRY(add_file(at, files, error));
    return HF_OK;
}

/* The next "<oid> blob <size>\n<content>\n" of cat-file's output. */
static hf_status write_file(const char *folder, const revision_file *file, const char **at, const char *end,
                            hf_error *error)
{
    const char *newline = memchr(*at, '\n', (size_t) (end - *at));
    unsigned long long size = 0;
    char blob[OID_DIGITS_MAX + 1];

    if (newline == NULL || sscanf(*at, "%64s blob %llu", blob, &size) != 2 || !hf_streq(blob, file->blob) ||
        size >= (size_t) (end - newline - 1))
        return hf_fail(error, HF_E_CHILD, "git cat-file gave no content for \"%.200s\"", file->path);
    HF_AUTO_STR path = hf_path_join(folder, file->path);
    HF_AUTO_STR parent = hf_path_dirname(path);
    HF_TRY(hf_make_folders(parent, error));
    HF_AUTO(hf_fclosep) FILE *out = fopen(path, "wxe");
    if (out == NULL || fwrite(newline + 1, 1, size, out) != size || fflush(out) != 0)
        return hf_fail_errno(error, "cannot write \"%s\"", path);
    *at = newline + 1 + size + 1;
    return HF_OK;
}

static hf_status write_files(const char *folder, const revision_files *files, const char *to, hf_error *error)
{
    const char *const arguments[] = {"cat-file", "--batch", NULL};
    HF_AUTO_BUF names = HF_BUF_MAX(LISTING_MAX);
    HF_AUTO_BUF output = HF_BUF_MAX(CONTENT_MAX);

    for (size_t i = 0; i < files->count; i++)
        hf_buf_printf(&names, "%s\n", files->items[i].blob);
    HF_TRY(hf_buf_check(&names, "the list of files", error));
    if (files->count == 0)
        return HF_OK;
    HF_TRY(git(folder, arguments, hf_buf_text(&names), &output, error));
    const char *at = hf_buf_text(&output), *end = at + output.len;
    for (size_t i = 0; i < files->count; i++)
        HF_TRY(write_file(to, &files->items[i], &at, end, error));
    return HF_OK;
}

hf_status hf_revision_extract(const char *folder, const char *revision, char **ret_path, char **ret_commit,
                              hf_error *error)
{
    const char *temporary = getenv("TMPDIR");
    HF_AUTO(files_done) revision_files files = {0};
    HF_AUTO_STR commit = NULL;

    HF_TRY(find_commit(folder, revision, &commit, error));
    HF_TRY(list_files(folder, commit, &files, error));
    HF_AUTO_STR path =
        hf_format("%s/holdfast-XXXXXX", temporary != NULL && temporary[0] == '/' ? temporary : "/tmp");
    if (mkdtemp(path) == NULL)
        return hf_fail_errno(error, "cannot make the folder \"%s\"", path);
    *ret_path = HF_TAKE(path);
    HF_TRY(write_files(folder, &files, *ret_path, error));
    *ret_commit = HF_TAKE(commit);
    return HF_OK;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void) about;
    (void) type;
    (void) place;
    (void) remove(path);
    return 0;
}

void hf_revision_remove(const char *path)
{
    (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
