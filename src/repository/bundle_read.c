/*
 * Reading a bundle.  Every entry must be the one that has to come now: a regular file of exactly this name and length, with this
 * digest.  So a path that leads elsewhere, a link, a device, an entry too many, too few, twice or elsewhere is never
 * written anywhere, and no length is taken from the tar.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/text.h"
#include "repository/bundle.h"
#include "repository/bundle_head.h"
#include "repository/document.h"

#define READ_BLOCK (256 << 10)
#define LEVEL 3

typedef struct reader {
    const hf_bundle_stream *stream;
    struct archive *archive;
} reader;

static void reader_done(reader *r)
{
    if (r->archive != NULL)
        (void) archive_read_free(r->archive);
}

/* The name of an entry as it may be shown. */
static const char *shown(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    return name != NULL ? name : "";
}

static hf_status unreadable(const reader *r, hf_error *error)
{
    const char *why = archive_error_string(r->archive);

    return hf_fail(error, HF_E_CORRUPT, "\"%s\" is damaged or cut off: %s", r->stream->name,
                   why != NULL ? why : "it cannot be read");
}

static hf_status open_reader(reader *r, hf_error *error)
{
    r->archive = archive_read_new();
    if (r->archive == NULL)
        hf_out_of_memory();
    if (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(r->archive) != ARCHIVE_OK ||
        archive_read_open_fd(r->archive, r->stream->fd, READ_BLOCK) != ARCHIVE_OK) {
        (void) hf_fail(error, HF_E_FORMAT, "\"%s\" is no bundle: it is not a tar", r->stream->name);
        return hf_hint(error, "`holdfast export` writes bundles, .tar or .tar.zst");
    }
    return HF_OK;
}

static hf_status check_entry(const reader *r, struct archive_entry *entry, const char *name, hf_error *error)
{
    if (!hf_streq(shown(entry), name))
        return hf_fail(error, HF_E_CORRUPT, "\"%s\" has an entry \"%.200s\" where \"%s\" must be",
                       r->stream->name, shown(entry), name);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL ||
        archive_entry_symlink(entry) != NULL || archive_entry_sparse_count(entry) > 0 ||
        !archive_entry_size_is_set(entry))
        return hf_fail(error, HF_E_CORRUPT, "entry \"%s\" of \"%s\" is not a plain file", name,
                       r->stream->name);
    return HF_OK;
}

/* Call each() with the pieces of the next entry, which must have this name and at most (exactly, if is_exact) so many bytes. */
static hf_status read_entry(const reader *r, const char *name, uint64_t bytes, bool is_exact,
                            void (*each)(void *context, const void *data, size_t len), void *context,
                            hf_error *error)
{
    struct archive_entry *entry = NULL;
    int code = archive_read_next_header(r->archive, &entry);
    char piece[64 << 10];
    uint64_t left;

    if (code == ARCHIVE_EOF)
        return hf_fail(error, HF_E_CORRUPT, "\"%s\" ends where \"%s\" must be", r->stream->name, name);
    if (code != ARCHIVE_OK)
        return unreadable(r, error);
    HF_TRY(check_entry(r, entry, name, error));
    left = (uint64_t) archive_entry_size(entry);
    if (is_exact ? left != bytes : left > bytes)
        return hf_fail(error, HF_E_CORRUPT, "entry \"%s\" of \"%s\" has %llu bytes instead of %llu", name,
                       r->stream->name, (unsigned long long) left, (unsigned long long) bytes);
    while (left > 0) {
        la_ssize_t got =
            archive_read_data(r->archive, piece, left < sizeof(piece) ? (size_t) left : sizeof(piece));

        HF_TRY(hf_stop_check(error));
        if (got <= 0)
            return unreadable(r, error);
        each(context, piece, (size_t) got);
        left -= (uint64_t) got;
    }
    return HF_OK;
}

static void append(void *buf, const void *data, size_t len)
{
    hf_buf_append(buf, data, len);
}

static void digest_on(void *digest, const void *data, size_t len)
{
    hf_sha256_update(digest, data, len);
}

static hf_status check_digest(const reader *r, const char *name, const char *seen, const char *wanted,
                              hf_error *error)
{
    if (hf_streq(seen, wanted))
        return HF_OK;
    return hf_fail(error, HF_E_CORRUPT, "entry \"%s\" of \"%s\" has another digest than it must have", name,
                   r->stream->name);
}

static hf_status read_head(const reader *r, hf_bundle_head *ret_head, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(HF_BUNDLE_HEAD_MAX);
    hf_status status = read_entry(r, HF_BUNDLE_HEAD, HF_BUNDLE_HEAD_MAX, false, append, &text, error);

    if (status == HF_OK)
        status = hf_bundle_head_read(&text, ret_head, error);
    if (status == HF_E_CORRUPT)
        (void) hf_hint(error, "`holdfast export` writes bundles, .tar or .tar.zst");
    return status;
}

static hf_status read_manifest(const reader *r, const hf_bundle_head *head, hf_manifest **ret_manifest,
                               hf_error *error)
{
    const hf_bundle_part *part = &head->parts.items[0];
    HF_AUTO_BUF text = HF_BUF_MAX(HF_MANIFEST_RAW_MAX);
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    char digest[HF_SHA256_HEX];

    HF_TRY(read_entry(r, part->name, part->bytes, true, append, &text, error));
    hf_sha256_hex(text.data, text.len, digest);
    HF_TRY(check_digest(r, part->name, digest, part->digest, error));
    HF_TRY(hf_parse_document("the manifest", &text, &json, error));
    HF_TRY(hf_manifest_from_json(json, &manifest, error));
    if (!hf_streq(manifest->target, head->target) || !hf_streq(manifest->id, head->id))
        return hf_fail(error, HF_E_CORRUPT, "\"%s\" has the manifest of another snapshot", r->stream->name);
    *ret_manifest = HF_TAKE(manifest);
    return HF_OK;
}

/* What is there for people is only looked at. */
static hf_status pass_files(const reader *r, const hf_bundle_head *head, hf_error *error)
{
    for (size_t i = 1; i < head->parts.count; i++) {
        const hf_bundle_part *part = &head->parts.items[i];
        hf_sha256 *sum = hf_sha256_new();
        char digest[HF_SHA256_HEX];
        hf_status status = read_entry(r, part->name, part->bytes, true, digest_on, sum, error);

        hf_sha256_final_hex(sum, digest);
        hf_sha256_free(sum);
        HF_TRY(status);
        HF_TRY(check_digest(r, part->name, digest, part->digest, error));
    }
    return HF_OK;
}

static hf_status read_object(const reader *r, const hf_manifest *manifest, const hf_mapped_object *object,
                             hf_buf *content, hf_error *error)
{
    HF_AUTO_STR name = hf_bundle_object_file(manifest, object);
    char digest[HF_SHA256_HEX];

    if (object->from.raw_bytes > HF_OBJECT_RAW_MAX)
        return hf_fail(error, HF_E_LIMIT, "object \"%s\" is larger than the format allows",
                       object->from.name);
    hf_buf_clear(content);
    HF_TRY(read_entry(r, name, object->from.raw_bytes, true, append, content, error));
    hf_sha256_hex(content->data, content->len, digest);
    return check_digest(r, name, digest, object->from.name, error);
}

static hf_status read_objects(const reader *r, hf_repository *repository, const hf_manifest *manifest,
                              hf_object_map *map, hf_transfer *transfer, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF content = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    hf_progress *progress = r->stream->progress;

    for (size_t i = 0; i < map->count; i++) {
        hf_mapped_object *object = &map->items[i];
        bool is_new = false;

        HF_TRY(read_object(r, manifest, object, &content, error));
        HF_TRY(hf_transfer_object(repository, zstd, LEVEL, true, &content, object, &is_new, error));
        if (is_new) {
            transfer->objects_new++;
            transfer->bytes_stored += object->to.stored_bytes;
        }
        if (progress != NULL) {
            atomic_fetch_add(&progress->bytes, content.len);
            atomic_fetch_add(&progress->done_bytes, content.len);
        }
    }
    return HF_OK;
}

static hf_status expect_end(const reader *r, hf_error *error)
{
    struct archive_entry *entry = NULL;
    int code = archive_read_next_header(r->archive, &entry);

    if (code == ARCHIVE_EOF)
        return HF_OK;
    return code != ARCHIVE_OK
               ? unreadable(r, error)
               : hf_fail(error, HF_E_CORRUPT, "\"%s\" has an entry \"%.200s\" that is too much",
                         r->stream->name, shown(entry));
}

hf_status hf_bundle_read(hf_repository *repository, const hf_bundle_stream *stream,
                         hf_status (*check_snapshot)(void *context, const hf_manifest *manifest,
                                                     hf_error *error),
                         void *context, hf_transfer *ret_transfer, hf_error *error)
{
    HF_AUTO(reader_done) reader r = {.stream = stream};
    HF_AUTO(hf_bundle_head_done) hf_bundle_head head = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_object_map_done) hf_object_map map = {0};
    hf_transfer transfer = {0};

    HF_TRY(open_reader(&r, error));
    HF_TRY(read_head(&r, &head, error));
    HF_TRY(read_manifest(&r, &head, &manifest, error));
    HF_TRY(hf_object_map_make(manifest, &map, error));
    if (check_snapshot != NULL)
        HF_TRY(check_snapshot(context, manifest, error));
    if (stream->progress != NULL)
        for (size_t i = 0; i < map.count; i++)
            atomic_fetch_add(&stream->progress->total_bytes, map.items[i].from.raw_bytes);
    HF_TRY(pass_files(&r, &head, error));
    HF_TRY(read_objects(&r, repository, manifest, &map, &transfer, error));
    HF_TRY(expect_end(&r, error));
    HF_TRY(hf_transfer_seal(repository, &map, manifest, &transfer, error));
    *ret_transfer = transfer;
    return HF_OK;
}
