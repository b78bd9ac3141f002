/*
 * Paths and files.
 *
 * A file that must be whole or absent is written beside its place, fsynced, renamed, and its folder fsynced
 * (hf_file_write_atomic).  A kill before the rename leaves a ".hf-tmp-*" file that nothing reads; a kill after it
 * leaves the new file.  Files are created 0600, folders 0700.
 */
#ifndef HF_BASE_FILE_H
#define HF_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define HF_TMP_PREFIX ".hf-tmp-"

/* dir + "/" + name, or a copy of name if it is absolute; the caller owns it. */
char *hf_path_join(const char *dir, const char *name);
char *hf_path_dirname(const char *path); /* the caller owns it */

/* Make a folder and its parents, 0700; an existing one is fine. */
HF_MUST_CHECK hf_status hf_make_folders(const char *path, hf_error *error);

/* Fsync a folder, so that names in it are durable. */
HF_MUST_CHECK hf_status hf_sync_folder(const char *path, hf_error *error);

/* The whole file; HF_E_NOT_FOUND, HF_E_LIMIT past ret_content->max. */
HF_MUST_CHECK hf_status hf_file_read(const char *path, hf_buf *ret_content, hf_error *error);

/* Durable and all at once; replaces an existing file. */
HF_MUST_CHECK hf_status hf_file_write_atomic(const char *path, const void *data, size_t len, hf_error *error);

bool hf_file_exists(const char *path);

/* Read or write exactly; short reads are HF_E_SYSTEM. */
HF_MUST_CHECK hf_status hf_fd_write_all(int fd, const void *data, size_t len, const char *name, hf_error *error);

#endif
