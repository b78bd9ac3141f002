#include "checks/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/text.h"
#include "stream/digest.h"

#define FILES_MAX 500
#define SIBLINGS_MAX 10000 /* names of one folder that are looked at */
#define TAIL_BYTES 512     /* before the mark, that are digested */
#define BEFORE_BYTES (4u << 20)
#define PIECE (256u << 10)

typedef struct log_file {
    char *path;
    bool meant; /* by the pattern; not only beside one that is */
    uint64_t inode, size;
} log_file;

typedef HF_VECTOR(log_file) log_file_list;

static void log_files_done(log_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].path);
    free(list->items);
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void) closedir(*dir);
}

static hf_status add_file(log_file_list *list, const char *path, bool meant, hf_error *error)
{
    struct stat info;

    for (size_t i = 0; i < list->count; i++)
        if (hf_streq(list->items[i].path, path)) {
            list->items[i].meant = list->items[i].meant || meant;
            return HF_OK;
        }
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* it went away meanwhile, or is a folder */
        return HF_OK;
    if (list->count == FILES_MAX)
        return hf_fail(error, HF_E_LIMIT, "more than %d log files", FILES_MAX);
    HF_PUSH(list, ((log_file){.path = hf_strdup(path),
                              .meant = meant,
                              .inode = (uint64_t) info.st_ino,
                              .size = (uint64_t) info.st_size}));
    return HF_OK;
}

static hf_status add_siblings(log_file_list *list, const char *path, hf_error *error)
{
    HF_AUTO_STR folder = hf_path_dirname(path);
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    HF_AUTO(close_dir) DIR *dir = opendir(folder);
    const struct dirent *entry;

    for (size_t seen = 0; dir != NULL && (entry = readdir(dir)) != NULL && seen < SIBLINGS_MAX; seen++) {
        if (!hf_starts_with(entry->d_name, name))
            continue;
        HF_AUTO_STR sibling = hf_path_join(folder, entry->d_name);
        HF_TRY(add_file(list, sibling, false, error));
    }
    return HF_OK;
}

static hf_status list_files(const char *pattern, log_file_list *ret_list, hf_error *error)
{
    glob_t found = {0};
    hf_status status = HF_OK;

    int result = glob(pattern, 0, NULL, &found);
    if (result != 0 && result != GLOB_NOMATCH)
        status = hf_fail(error, HF_E_SYSTEM, "cannot list \"%s\"", pattern);
    for (size_t i = 0; i < found.gl_pathc && status == HF_OK; i++)
        status = add_file(ret_list, found.gl_pathv[i], true, error);
    for (size_t i = 0; i < found.gl_pathc && status == HF_OK; i++)
        status = add_siblings(ret_list, found.gl_pathv[i], error);
    globfree(&found);
    return status;
}

static hf_status open_file(const char *path, int *ret_fd, hf_error *error)
{
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd >= 0)
        return HF_OK;
    if (errno == ENOENT)
        return hf_fail(error, HF_E_NOT_FOUND, "\"%s\" is gone", path);
    return hf_fail_errno(error, "cannot read the log \"%s\"", path);
}

/* Digest of the bytes just before `offset`; false if the file is shorter. */
static bool digest_before(int fd, uint64_t offset, char out[HF_SHA256_HEX])
{
    char bytes[TAIL_BYTES];
    size_t len = offset < TAIL_BYTES ? (size_t) offset : TAIL_BYTES;

    if (pread(fd, bytes, len, (off_t) (offset - len)) != (ssize_t) len)
        return false;
    hf_sha256_hex(bytes, len, out);
    return true;
}

static hf_status read_from(int fd, const char *path, uint64_t offset, uint64_t end,
                           const hf_log_reader *reader, hf_error *error)
{
    HF_AUTO_STR piece = hf_alloc(PIECE);

    while (offset < end) {
        size_t wanted = end - offset < PIECE ? (size_t) (end - offset) : PIECE;
        ssize_t got = pread(fd, piece, wanted, (off_t) offset);

        if (got < 0)
            return hf_fail_errno(error, "cannot read the log \"%s\"", path);
        if (got == 0)
            break;
        reader->feed(reader->context, piece, (size_t) got);
        offset += (uint64_t) got;
        HF_TRY(hf_stop_check(error));
        if (hf_monotonic_ms() > reader->deadline_ms)
            return hf_fail(error, HF_E_TIMEOUT, "reading the log \"%s\" takes too long", path);
    }
    reader->end(reader->context);
    return HF_OK;
}

/* ---- the mark ---- */

static hf_status mark_file(const log_file *file, const hf_log_reader *reader, json_t *marks, hf_error *error)
{
    char digest[HF_SHA256_HEX];
    HF_AUTO_FD fd = -1;

    hf_status status = open_file(file->path, &fd, error);
    if (status == HF_E_NOT_FOUND)
        return HF_OK;
    if (status != HF_OK && !file->meant) {
        json_array_append_new(marks,
                              json_pack("{s:s, s:b, s:I, s:I}", "path", file->path, "meant", 0, "inode",
                                        (json_int_t) file->inode, "offset", (json_int_t) file->size));
        return HF_OK;
    }
    HF_TRY(status);
    if (!digest_before(fd, file->size, digest))
        return HF_OK; /* truncated this moment: all that comes is new */
    json_array_append_new(marks, json_pack("{s:s, s:b, s:I, s:I, s:s}", "path", file->path, "meant",
                                           file->meant, "inode", (json_int_t) file->inode, "offset",
                                           (json_int_t) file->size, "digest", digest));
    if (reader == NULL || !file->meant)
        return HF_OK;
    return read_from(fd, file->path, file->size > BEFORE_BYTES ? file->size - BEFORE_BYTES : 0, file->size,
                     reader, error);
}

hf_status hf_log_files_mark(const char *pattern, const hf_log_reader *reader, json_t **ret_marks,
                            hf_error *error)
{
    HF_AUTO(log_files_done) log_file_list files = {0};
    json_t *marks = json_array();
    hf_status status = list_files(pattern, &files, error);

    for (size_t i = 0; i < files.count && status == HF_OK; i++)
        status = mark_file(&files.items[i], reader, marks, error);
    if (status != HF_OK) {
        json_decref(marks);
        return status;
    }
    *ret_marks = marks;
    return HF_OK;
}

/* ---- what came after it ---- */

static bool is_compressed(int fd)
{
    static const struct {
        const char *bytes;
        size_t len;
    } magics[] = {{"\x1f\x8b", 2},
                  {"\x28\xb5\x2f\xfd", 4},
                  {"\xfd"
                   "7zXZ",
                   5},
                  {"BZh", 3},
                  {"PK\x03\x04", 4}};
    char head[8] = {0};

    if (pread(fd, head, sizeof(head), 0) <= 0)
        return false;
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (memcmp(head, magics[i].bytes, magics[i].len) == 0)
            return true;
    return false;
}

static uint64_t number_at(const json_t *mark, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(mark, key));

    return number > 0 ? (uint64_t) number : 0;
}

/* The mark that this file goes on from, or -1.  An empty file has only its inode to be known by. */
static int64_t find_mark(const log_file *file, int fd, const json_t *marks)
{
    char digest[HF_SHA256_HEX];

    for (size_t i = 0; i < json_array_size(marks); i++) {
        const json_t *mark = json_array_get(marks, i);
        uint64_t offset = number_at(mark, "offset");

        if (offset == 0 ? number_at(mark, "inode") == file->inode
                        : offset <= file->size && digest_before(fd, offset, digest) &&
                              hf_streq(digest, json_string_value(json_object_get(mark, "digest"))))
            return (int64_t) i;
    }
    return -1;
}

/* A neighbour that was there before, as it is: whatever it holds is not new.  Any other may hold what was rotated away. */
static bool was_unreadable(const log_file *file, const json_t *marks)
{
    const json_t *mark;
    size_t i;

    json_array_foreach(marks, i, mark)
    {
        if (json_object_get(mark, "digest") == NULL && number_at(mark, "inode") == file->inode &&
            number_at(mark, "offset") == file->size)
            return true;
    }
    return false;
}

static hf_status read_file(const log_file *file, const json_t *marks, bool *continued,
                           const hf_log_reader *reader, hf_error *error)
{
    HF_AUTO_FD fd = -1;
    uint64_t offset = 0;

    hf_status status = open_file(file->path, &fd, error);
    if (status == HF_E_NOT_FOUND || (status != HF_OK && was_unreadable(file, marks)))
        return HF_OK;
    HF_TRY(status);
    int64_t mark = find_mark(file, fd, marks);
    if (mark >= 0) {
        continued[mark] = true;
        offset = number_at(json_array_get(marks, (size_t) mark), "offset");
    } else if (is_compressed(fd)) { /* of what came before; if not, its mark has no continuation */
        return HF_OK;
    }
    return read_from(fd, file->path, offset, file->size, reader, error);
}

hf_status hf_log_files_read(const char *pattern, const json_t *marks, const hf_log_reader *reader,
                            size_t *ret_files, hf_buf *lost, hf_error *error)
{
    HF_AUTO(log_files_done) log_file_list files = {0};
    HF_AUTO(hf_freep) bool *continued = hf_alloc(json_array_size(marks) + 1);
    size_t meant = 0;

    HF_TRY(list_files(pattern, &files, error));
    for (size_t i = 0; i < files.count; i++) {
        meant += files.items[i].meant;
        HF_TRY(read_file(&files.items[i], marks, continued, reader, error));
    }
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const json_t *mark = json_array_get(marks, i);

        if (!continued[i] && json_is_true(json_object_get(mark, "meant")) && number_at(mark, "offset") > 0)
            hf_buf_printf(lost, "%s\"%s\"", lost->len > 0 ? ", " : "",
                          json_string_value(json_object_get(mark, "path")));
    }
    *ret_files = meant;
    return HF_OK;
}
