/*
 * The folder driver: one file a key, under one root.
 *
 * A put writes ".hf-tmp-<random>" beside the file's place, fsyncs it, renames it, and fsyncs the folder.  So a kill
 * leaves the old value (or none) and perhaps a temporary file, which no key can name and no listing shows; or, from the
 * rename on, the new value.  Only after the folder's fsync does the put return, so what it promised survives a power cut.
 *
 * Folders are made as needed.  Each is looked at once a process: it is made or found, its parent is fsynced, and
 * it is remembered.  The parent is fsynced for a found one too, because another process may have made it a moment ago
 * and not yet come to its own fsync.
 *
 * Symbolic links are not followed below the root: each folder of a key is opened from the one above it, and what is done to
 * the file is done from there, so a link that somebody puts in the way meanwhile leads nowhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage-backends/backend.h"

typedef struct local {
    hf_storage storage;
    char *root; /* absolute, without a slash at its end */
    pthread_mutex_t mutex;
    hf_strings
        known_folders; /* those that exist durably: "" is the root, else as in a key; guarded by mutex */
} local;

/* An error from errno that names what was done to which key. */
static hf_status fail_errno(hf_error *error, const local *self, const char *verb, const char *key)
{
    const int saved = errno;
    hf_status code = HF_E_STORAGE;

    if (saved == ENOSPC || saved == EDQUOT)
        code = HF_E_STORAGE_FULL;
    else if (saved == EACCES || saved == EPERM || saved == EROFS)
        code = HF_E_STORAGE_DENIED;

    (void) hf_fail(error, code, "cannot %s \"%s\" in \"%s\": %s", verb, key, self->root, strerror(saved));
    if (error != NULL)
        error->sys_errno = saved;

    if (code == HF_E_STORAGE_FULL)
        (void) hf_hint(error, "make room on the file system of \"%s\"; nothing half-written was left behind",
                       self->root);
    if (code == HF_E_STORAGE_DENIED)
        (void) hf_hint(error, "give the user that runs holdfast read and write access to \"%s\"", self->root);
    return code;
}

static hf_status fail_not_found(hf_error *error, const local *self, const char *key)
{
    return hf_fail(error, HF_E_NOT_FOUND, "\"%s\" does not exist in \"%s\"", key, self->root);
}

/* ENOTDIR: a part of the key is a file, so nothing can be below it.  ELOOP: a link, which is none of ours. */
static bool is_absent(int error_number)
{
    return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

/*
 * The folder that `key` lies in, opened; -1 with errno.  *ret_name is the last part of the key, borrowed from it.
 */
static int open_folder_of(const local *self, const char *key, const char **ret_name)
{
    int fd = open(self->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;

    for (; fd >= 0 && (slash = strchr(key, '/')) != NULL; key = slash + 1) {
        HF_AUTO_STR part = hf_strndup(key, (size_t) (slash - key));
        int below = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const int saved = errno;

        (void) close(fd);
        errno = saved;
        fd = below;
    }
    *ret_name = key;
    return fd;
}

static bool is_known_folder(local *self, const char *folder)
{
    pthread_mutex_lock(&self->mutex);
    bool known = hf_strings_has(&self->known_folders, folder) != 0;
    pthread_mutex_unlock(&self->mutex);
    return known;
}

static void remember_folder(local *self, const char *folder)
{
    pthread_mutex_lock(&self->mutex);
    if (!hf_strings_has(&self->known_folders, folder))
        hf_strings_add(&self->known_folders, folder);
    pthread_mutex_unlock(&self->mutex);
}

static void forget_folders(local *self)
{
    pthread_mutex_lock(&self->mutex);
    hf_strings_done(&self->known_folders);
    self->known_folders = (hf_strings){0};
    pthread_mutex_unlock(&self->mutex);
}

/* The root and what is missing above it.  What is there above it is not ours, and may be a link. */
static hf_status make_root(local *self, const char *folder, const char *key, hf_error *error)
{
    HF_AUTO_STR parent = hf_path_dirname(folder);
    struct stat info;
    int made = mkdir(folder, 0700);

    if (made != 0 && errno == ENOENT && !hf_streq(parent, folder)) {
        HF_TRY(make_root(self, parent, key, error));
        made = mkdir(folder, 0700);
    }
    if (made != 0) { /* a read-only parent answers so even if the folder is there */
        const int saved = errno;

        if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode))
            return HF_OK;
        errno = saved == EEXIST ? ENOTDIR : saved;
        return fail_errno(error, self, "make the folder of", key);
    }

    HF_AUTO_FD above = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (above < 0 || fsync(above) != 0)
        return fail_errno(error, self, "sync the folder of", key);
    return HF_OK;
}

/* One folder below the root, named as in a key, the one above it being there. */
static hf_status make_folder(local *self, const char *folder, const char *key, hf_error *error)
{
    const char *name;
    HF_AUTO_FD above = open_folder_of(self, folder, &name);
    struct stat info;

    if (above < 0)
        return fail_errno(error, self, "make the folder of", key);
    if (mkdirat(above, name, 0700) != 0) {
        const int saved = errno;

        if (fstatat(above, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) {
            errno = saved == EEXIST ? ENOTDIR : saved;
            return fail_errno(error, self, "make the folder of", key);
        }
    }
    if (fsync(above) != 0)
        return fail_errno(error, self, "sync the folder of", key);
    return HF_OK;
}

/* All the folders of a key, each name durable before the next is made. */
static hf_status make_folders(local *self, const char *key, hf_error *error)
{
    if (!is_known_folder(self, "")) {
        HF_TRY(make_root(self, self->root, key, error));
        remember_folder(self, "");
    }
    for (const char *slash = strchr(key, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        HF_AUTO_STR folder = hf_strndup(key, (size_t) (slash - key));

        if (is_known_folder(self, folder))
            continue;
        HF_TRY(make_folder(self, folder, key, error));
        remember_folder(self, folder);
    }
    return HF_OK;
}

/* Write and fsync the temporary file; on failure it is gone again. */
static hf_status write_temporary(const local *self, const char *key, int folder, const char *tmp,
                                 const void *data, size_t len, hf_error *error)
{
    int fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail_errno(error, self, "write", key);

    size_t written = 0;

    while (written < len) {
        ssize_t n = write(fd, (const char *) data + written, len - written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            break;
        }
        written += (size_t) n;
    }

    /* Some file systems tell of a full disk only when the file is synced or closed. */
    bool sound = written == len && fsync(fd) == 0;
    int saved = errno;

    if (close(fd) != 0 && sound) {
        sound = false;
        saved = errno;
    }

    if (!sound) {
        (void) unlinkat(folder, tmp, 0);
        errno = saved;
        return fail_errno(error, self, "write", key);
    }

    return HF_OK;
}

/* Give the temporary file its name, unless there is a file of that name: exactly one of several callers succeeds. */
static int rename_new(int folder, const char *tmp, const char *name)
{
    if (renameat2(folder, tmp, folder, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;

    /* A file system without it (NFS): a hard link is as exclusive. */
    if (linkat(folder, tmp, folder, name, 0) != 0)
        return -1;
    (void) unlinkat(folder, tmp, 0);
    return 0;
}

static hf_status name_temporary(const local *self, const char *key, int folder, const char *tmp,
                                const char *name, bool only_new, hf_error *error)
{
    HF_FAULT("storage.local.before_rename", error);

    if ((only_new ? rename_new(folder, tmp, name) : renameat(folder, tmp, folder, name)) != 0) {
        if (only_new && errno == EEXIST)
            return hf_fail(error, HF_E_EXISTS, "\"%s\" exists already in \"%s\"", key, self->root);
        return fail_errno(error, self, "write", key);
    }

    HF_FAULT("storage.local.after_rename", error);
    return HF_OK;
}

static hf_status put_in_folder(local *self, const char *key, const void *data, size_t len, bool only_new,
                               hf_error *error)
{
    const char *name;
    char random[33];

    hf_random_hex(16, random);
    HF_AUTO_STR tmp = hf_format(HF_TMP_PREFIX "%s", random);

    HF_TRY(make_folders(self, key, error));
    HF_AUTO_FD folder = open_folder_of(self, key, &name);

    if (folder < 0)
        return fail_errno(error, self, "write", key);
    HF_TRY(write_temporary(self, key, folder, tmp, data, len, error));

    hf_status status = name_temporary(self, key, folder, tmp, name, only_new, error);

    if (status != HF_OK) {
        (void) unlinkat(folder, tmp, 0);
        return status;
    }

    return fsync(folder) == 0 ? HF_OK : fail_errno(error, self, "sync the folder of", key);
}

static hf_status local_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    local *self = (local *) storage;
    const char *name;
    HF_AUTO_FD folder = open_folder_of(self, key, &name);
    struct stat info;

    if (folder < 0 || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (is_absent(errno))
            return fail_not_found(error, self, key);
        return fail_errno(error, self, "look at", key);
    }

    if (!S_ISREG(info.st_mode))
        return fail_not_found(error, self, key);

    *ret_bytes = (uint64_t) info.st_size;
    return HF_OK;
}

static hf_status local_put(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                           hf_error *error)
{
    local *self = (local *) storage;
    hf_error first = {0};
    uint64_t bytes;

    /* The rename decides; this only spares the writing where it is already decided. */
    if (only_new && local_stat(storage, key, &bytes, NULL) == HF_OK)
        return hf_fail(error, HF_E_EXISTS, "\"%s\" exists already in \"%s\"", key, self->root);

    hf_status status = put_in_folder(self, key, data, len, only_new, &first);

    if (status == HF_E_STORAGE && first.sys_errno == ENOENT) {
        /* A remembered folder was removed meanwhile. */
        forget_folders(self);
        return put_in_folder(self, key, data, len, only_new, error);
    }

    if (status != HF_OK && error != NULL)
        *error = first;
    return status;
}

static hf_status local_get(hf_storage *storage, const char *key, const hf_storage_range *range,
                           hf_buf *ret_data, hf_error *error)
{
    local *self = (local *) storage;
    const char *name;
    HF_AUTO_FD folder = open_folder_of(self, key, &name);
    /* O_NONBLOCK: a FIFO of that name must not hold us up; regular files do not care. */
    HF_AUTO_FD fd = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;

    if (fd < 0 && is_absent(errno))
        return fail_not_found(error, self, key);
    if (fd < 0 || fstat(fd, &info) != 0)
        return fail_errno(error, self, "read", key);
    if (!S_ISREG(info.st_mode))
        return fail_not_found(error, self, key);

    hf_buf_clear(ret_data);

    const uint64_t offset = range != NULL ? range->offset : 0;
    uint64_t size = (uint64_t) info.st_size > offset ? (uint64_t) info.st_size - offset : 0;

    if (range != NULL && size > range->len)
        size = range->len;
    if (size > ret_data->max)
        return hf_fail(error, HF_E_LIMIT, "\"%s\" in \"%s\" has %lld bytes, at most %zu are expected", key,
                       self->root, (long long) info.st_size, ret_data->max);
    if (size == 0)
        return HF_OK;

    char *place = hf_buf_reserve(ret_data, size);

    if (place == NULL)
        return hf_buf_check(ret_data, key, error);

    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, place + done, size - done, (off_t) (offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, self, "read", key);
        if (n == 0)
            return hf_fail(error, HF_E_STORAGE, "\"%s\" in \"%s\" became shorter while it was read", key,
                           self->root);
        done += (size_t) n;
    }

    place[size] = '\0';
    ret_data->len += size;
    return HF_OK;
}

typedef struct list_entry {
    char *key; /* a folder's ends in '/', so that sorting gives the order of the full keys */
    uint64_t bytes;
    int64_t modified_ms;
} list_entry;

typedef HF_VECTOR(list_entry) list_entries;

typedef struct listing {
    local *self;
    const char *prefix;
    bool temporary; /* only temporary files, instead of all others */
    hf_storage_on_entry on_entry;
    void *context;
} listing;

static void list_entries_done(list_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i].key);
    free(entries->items);
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        (void) closedir(*dir);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const list_entry *) a)->key, ((const list_entry *) b)->key);
}

/* Add what a name in a folder stands for, if it is a file or folder that the prefix allows. */
static hf_status collect_entry(const listing *list, int folder_fd, const char *folder, const char *name,
                               list_entries *entries, hf_error *error)
{
    HF_AUTO_STR key = hf_format("%s%s", folder, name);
    struct stat info;

    if (!hf_starts_with(key, list->prefix) && !hf_starts_with(list->prefix, key))
        return HF_OK;

    /* The folder that mkfs makes at the top of a file system, readable by root only. */
    if (hf_streq(key, "lost+found"))
        return HF_OK;

    if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HF_OK : fail_errno(error, list->self, "look at", key);

    if (S_ISDIR(info.st_mode)) {
        if (hf_starts_with(name, HF_TMP_PREFIX))
            return HF_OK;
        char *folder_key = hf_format("%s/", key);

        HF_PUSH(entries, ((list_entry){.key = folder_key}));
    } else if (S_ISREG(info.st_mode) && hf_starts_with(key, list->prefix) &&
               hf_starts_with(name, HF_TMP_PREFIX) == list->temporary) {
        const int64_t modified_ms = (int64_t) info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;

        HF_PUSH(entries,
                ((list_entry){
                    .key = HF_TAKE(key), .bytes = (uint64_t) info.st_size, .modified_ms = modified_ms}));
    }

    return HF_OK;
}

static hf_status collect_folder(const listing *list, const char *folder, list_entries *entries,
                                hf_error *error)
{
    const char *rest;
    int fd = open_folder_of(list->self, folder, &rest);
    HF_AUTO(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL)
        return is_absent(errno) ? HF_OK : fail_errno(error, list->self, "list", folder);

    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (entry == NULL && errno != 0)
            return fail_errno(error, list->self, "list", folder);
        if (entry == NULL)
            return HF_OK;
        if (hf_streq(entry->d_name, ".") || hf_streq(entry->d_name, ".."))
            continue;
        HF_TRY(collect_entry(list, dirfd(dir), folder, entry->d_name, entries, error));
    }
}

/* `folder` is "" or ends in '/'. */
static hf_status list_folder(const listing *list, const char *folder, hf_error *error)
{
    HF_AUTO(list_entries_done) list_entries entries = {0};

    HF_TRY(collect_folder(list, folder, &entries, error));
    if (entries.count > 1)
        qsort(entries.items, entries.count, sizeof(*entries.items), compare_entries);

    for (size_t i = 0; i < entries.count; i++) {
        const list_entry *entry = &entries.items[i];

        if (strlen(entry->key) > 512)
            continue; /* nothing of ours is that deep */
        if (hf_ends_with(entry->key, "/"))
            HF_TRY(list_folder(list, entry->key, error));
        else
            HF_TRY(list->on_entry(list->context,
                                  &(hf_storage_entry){.key = entry->key,
                                                      .bytes = entry->bytes,
                                                      .modified_ms = entry->modified_ms},
                                  error));
    }

    return HF_OK;
}

static hf_status local_list(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry,
                            void *context, hf_error *error)
{
    const listing list = {
        .self = (local *) storage, .prefix = prefix, .on_entry = on_entry, .context = context};

    return list_folder(&list, "", error);
}

typedef struct sweeping {
    local *self;
    int64_t before_ms;
    hf_storage_swept *swept;
} sweeping;

static hf_status sweep_file(void *context, const hf_storage_entry *entry, hf_error *error)
{
    const sweeping *sweep = context;
    const char *name;

    if (entry->modified_ms >= sweep->before_ms)
        return HF_OK;

    HF_AUTO_FD folder = open_folder_of(sweep->self, entry->key, &name);

    if (folder < 0 || unlinkat(folder, name, 0) != 0)
        return is_absent(errno) ? HF_OK : fail_errno(error, sweep->self, "remove", entry->key);
    sweep->swept->count++;
    sweep->swept->bytes += entry->bytes;
    return HF_OK;
}

static hf_status local_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error)
{
    sweeping sweep = {.self = (local *) storage, .before_ms = hf_now_ms() - older_ms, .swept = swept};
    const listing list = {
        .self = sweep.self, .prefix = "", .temporary = true, .on_entry = sweep_file, .context = &sweep};

    return list_folder(&list, "", error);
}

static hf_status local_remove(hf_storage *storage, const char *key, hf_error *error)
{
    local *self = (local *) storage;
    const char *name;

    HF_FAULT("storage.local.before_remove", error);
    HF_AUTO_FD folder = open_folder_of(self, key, &name);
    if (folder < 0 || unlinkat(folder, name, 0) != 0) {
        if (is_absent(errno) || errno == EISDIR)
            return HF_OK;
        return fail_errno(error, self, "remove", key);
    }
    return fsync(folder) == 0 ? HF_OK : fail_errno(error, self, "sync the folder of", key);
}

static hf_status local_free_bytes(hf_storage *storage, uint64_t *ret_bytes, hf_error *error)
{
    local *self = (local *) storage;
    HF_AUTO_STR path = hf_strdup(self->root);
    struct statvfs info;

    while (statvfs(path, &info) != 0) {
        if (errno != ENOENT || hf_streq(path, "/"))
            return fail_errno(error, self, "measure the free space of", path);

        char *parent = hf_path_dirname(path);

        free(path);
        path = parent;
    }

    *ret_bytes = (uint64_t) info.f_bavail * info.f_frsize;
    return HF_OK;
}

static void local_free(hf_storage *storage)
{
    local *self = (local *) storage;

    hf_strings_done(&self->known_folders);
    pthread_mutex_destroy(&self->mutex);
    free(self->root);
    free(self);
}

static const hf_storage_ops local_ops = {
    .name = "local",
    .put = local_put,
    .get = local_get,
    .stat = local_stat,
    .list = local_list,
    .remove = local_remove,
    .sweep = local_sweep,
    .free_bytes = local_free_bytes,
    .free = local_free,
};

hf_status hf_storage_local_new(const char *path, hf_storage **ret_storage, hf_error *error)
{
    if (path[0] != '/')
        return hf_fail(error, HF_E_USAGE, "the repository's folder \"%s\" is not an absolute path", path);

    local *self = hf_alloc(sizeof(*self));

    self->storage = (hf_storage){.ops = &local_ops, .url = hf_format("file://%s", path)};
    self->root = hf_strdup(path);
    pthread_mutex_init(&self->mutex, NULL);
    *ret_storage = &self->storage;
    return HF_OK;
}
