#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"

#define READ_STEP ((size_t) 64 * 1024)

char *hf_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0')
        return hf_strdup(name);
    return hf_format("%s%s%s", dir, hf_ends_with(dir, "/") ? "" : "/", name);
}

char *hf_path_dirname(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len == 0 ? hf_strdup(".") : hf_strndup(path, len);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

hf_status hf_make_folders(const char *path, hf_error *error)
{
    if (is_folder(path))
        return HF_OK;

    HF_AUTO_STR parent = hf_path_dirname(path);
    if (!hf_streq(parent, path))
        HF_TRY(hf_make_folders(parent, error));

    if (mkdir(path, 0700) == 0)
        return hf_sync_folder(parent, error);
    /* Another process may have been faster. */
    if (errno == EEXIST && is_folder(path))
        return HF_OK;
    return hf_fail_errno(error, "cannot make folder \"%s\"", path);
}

hf_status hf_sync_folder(const char *path, hf_error *error)
{
    HF_AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return hf_fail_errno(error, "cannot open folder \"%s\"", path);
    /* EINVAL: this file system needs and knows no fsync of folders. */
    if (fsync(fd) != 0 && errno != EINVAL)
        return hf_fail_errno(error, "cannot sync folder \"%s\"", path);
    return HF_OK;
}

hf_status hf_file_read(const char *path, hf_buf *ret_content, hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX(ret_content->max);
    HF_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return hf_fail(error, HF_E_NOT_FOUND, "file \"%s\" does not exist", path);
    if (fd < 0)
        return hf_fail_errno(error, "cannot open \"%s\"", path);

    for (;;) {
        char piece[READ_STEP];
        ssize_t got = read(fd, piece, sizeof(piece));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hf_fail_errno(error, "cannot read \"%s\"", path);
        if (got == 0)
            break;
        hf_buf_append(&content, piece, (size_t) got);
        if (content.overflowed)
            return hf_fail(error, HF_E_LIMIT, "file \"%s\" is larger than %zu bytes", path, content.max);
    }

    hf_buf_done(ret_content);
    *ret_content = content;
    content = HF_BUF_MAX(0);
    return HF_OK;
}

hf_status hf_fd_write_all(int fd, const void *data, size_t len, const char *name, hf_error *error)
{
    const char *p = data;

    while (len > 0) {
        ssize_t done = write(fd, p, len);

        if (done < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};

            (void) poll(&ready, 1, 1000);
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return hf_fail_errno(error, "cannot write \"%s\"", name);
        p += done;
        len -= (size_t) done;
    }
    return HF_OK;
}

/* Everything up to the rename, which is the commit point. */
static hf_status write_and_rename(const char *temporary, const char *path, const void *data, size_t len,
                                  hf_error *error)
{
    HF_AUTO_FD fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return hf_fail_errno(error, "cannot create \"%s\"", temporary);
    HF_TRY(hf_fd_write_all(fd, data, len, path, error));
    if (fsync(fd) != 0)
        return hf_fail_errno(error, "cannot sync \"%s\"", path);

    const int closing = fd;
    fd = -1;
    if (close(closing) != 0)
        return hf_fail_errno(error, "cannot close \"%s\"", path);

    HF_FAULT("file.before_rename", error);
    if (rename(temporary, path) != 0)
        return hf_fail_errno(error, "cannot rename \"%s\" to \"%s\"", temporary, path);
    return HF_OK;
}

hf_status hf_file_write_atomic(const char *path, const void *data, size_t len, hf_error *error)
{
    char random[17];
    hf_random_hex(8, random);

    HF_AUTO_STR folder = hf_path_dirname(path);
    HF_AUTO_STR name = hf_format(HF_TMP_PREFIX "%s", random);
    HF_AUTO_STR temporary = hf_path_join(folder, name);

    hf_status status = write_and_rename(temporary, path, data, len, error);
    if (status != HF_OK) {
        (void) unlink(temporary);
        return status;
    }
    HF_FAULT("file.after_rename", error);
    return hf_sync_folder(folder, error);
}

bool hf_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
