/*
 * Writing a bundle: bundle.json, manifest.json, the files for psql, the schema archive, the chunks in the manifest's order.
 *
 * The manifest of a bundle names objects by SHA-256.  An encrypted repository names them otherwise, so there each is read twice: the
 * manifest comes first, and holding everything until its digest is known is what a stream must not do.
 */
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/signals.h"
#include "base/text.h"
#include "repository/bundle.h"
#include "repository/bundle_head.h"
#include "repository/document.h"
#include "repository/vault.h"

#define WRITE_BLOCK (256 << 10)
#define SHOWN_NAME_MAX 60
#define ZSTD_LEVEL "3"

typedef struct writer {
    const hf_bundle_stream *stream;
    struct archive *archive;
    int64_t time_s; /* of every entry, so that the same snapshot gives the same bytes */
    hf_error failure;
} writer;

static void writer_done(writer *w)
{
    if (w->archive != NULL)
        (void) archive_write_free(w->archive);
}

static la_ssize_t write_block(struct archive *archive, void *context, const void *data, size_t len)
{
    writer *w = context;

    if (hf_stop_check(&w->failure) == HF_OK &&
        hf_fd_write_all(w->stream->fd, data, len, w->stream->name, &w->failure) == HF_OK)
        return (la_ssize_t) len;
    archive_set_error(archive, w->failure.sys_errno, "%s", w->failure.message);
    return -1;
}

static hf_status refused(writer *w, hf_error *error)
{
    if (w->failure.code == HF_OK)
        return hf_fail(error, HF_E_SYSTEM, "cannot write \"%s\": %s", w->stream->name,
                       archive_error_string(w->archive));
    if (error != NULL)
        *error = w->failure;
    return w->failure.code;
}

static hf_status open_writer(writer *w, hf_error *error)
{
    w->archive = archive_write_new();
    if (w->archive == NULL)
        hf_out_of_memory();
    if (archive_write_set_format_pax_restricted(w->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(w->archive, WRITE_BLOCK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(w->archive, 1) != ARCHIVE_OK ||
        (w->stream->zstd && (archive_write_add_filter_zstd(w->archive) != ARCHIVE_OK ||
                             archive_write_set_filter_option(w->archive, "zstd", "compression-level",
                                                             ZSTD_LEVEL) != ARCHIVE_OK)) ||
        archive_write_open(w->archive, w, NULL, write_block, NULL) != ARCHIVE_OK)
        return refused(w, error);
    return HF_OK;
}

static hf_status put_entry(writer *w, const char *name, const void *data, size_t len, hf_error *error)
{
    struct archive_entry *entry = archive_entry_new();
    bool written = false;

    if (entry == NULL)
        hf_out_of_memory();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, w->time_s, 0);
    archive_entry_set_size(entry, (la_int64_t) len);
    written = archive_write_header(w->archive, entry) == ARCHIVE_OK &&
              (len == 0 || archive_write_data(w->archive, data, len) == (la_ssize_t) len) &&
              archive_write_finish_entry(w->archive) == ARCHIVE_OK;
    archive_entry_free(entry);
    return written ? HF_OK : refused(w, error);
}

static void add_shown(hf_buf *file, const char *name)
{
    for (; *name != '\0'; name++)
        hf_buf_putc(file, isalnum((unsigned char) *name) || *name == '_' || *name == '-' ? *name : '_');
}

char *hf_bundle_object_file(const hf_manifest *manifest, const hf_mapped_object *object)
{
    const hf_table *table = object->table;
    HF_AUTO_BUF name = HF_BUF_MAX(SHOWN_NAME_MAX);

    if (table == NULL)
        return hf_strdup("schema.json");
    if (table == &manifest->large_objects.objects)
        return hf_format("data/large_objects/%05zu.copy", object->chunk + 1);
    if (table == &manifest->large_objects.pieces)
        return hf_format("data/large_object_pieces/%05zu.copy", object->chunk + 1);
    add_shown(&name, table->schema);
    hf_buf_putc(&name, '.');
    add_shown(&name, table->name);
    return hf_format("data/%05zu.%s/%05zu.copy", (size_t) (table - manifest->tables.items) + 1,
                     hf_buf_text(&name), object->chunk + 1);
}

static hf_status write_head(writer *w, const hf_manifest *manifest, const hf_bundle_file *files, size_t count,
                            hf_error *error)
{
    HF_AUTO(hf_bundle_head_done)
    hf_bundle_head head = {.target = hf_strdup(manifest->target), .id = hf_strdup(manifest->id)};
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    HF_AUTO_STR text = hf_canonical_json(json);

    hf_bundle_head_add(&head, HF_BUNDLE_MANIFEST, text);
    for (size_t i = 0; i < count; i++)
        hf_bundle_head_add(&head, files[i].name, files[i].text);
    HF_AUTO_STR first = hf_bundle_head_write(&head);
    HF_TRY(put_entry(w, HF_BUNDLE_HEAD, first, strlen(first), error));
    HF_TRY(put_entry(w, HF_BUNDLE_MANIFEST, text, strlen(text), error));
    for (size_t i = 0; i < count; i++)
        HF_TRY(put_entry(w, files[i].name, files[i].text, strlen(files[i].text), error));
    return HF_OK;
}

static void count_progress(hf_progress *progress, size_t bytes)
{
    if (progress == NULL)
        return;
    atomic_fetch_add(&progress->bytes, bytes);
    atomic_fetch_add(&progress->done_bytes, bytes);
}

static hf_status write_objects(writer *w, hf_repository *repository, const hf_manifest *manifest,
                               const hf_object_map *map, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF content = HF_BUF_MAX(HF_OBJECT_RAW_MAX);

    for (size_t i = 0; i < map->count; i++) {
        HF_AUTO_STR name = hf_bundle_object_file(manifest, &map->items[i]);

        HF_TRY(hf_repository_get_object(repository, zstd, &map->items[i].from, &content, error));
        HF_TRY(put_entry(w, name, content.data, content.len, error));
        count_progress(w->stream->progress, content.len);
    }
    return HF_OK;
}

/* The manifest with each object's SHA-256. */
static hf_status name_plainly(hf_repository *repository, const hf_manifest *manifest, hf_manifest **ret_plain,
                              hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO(hf_object_map_done) hf_object_map map = {0};
    HF_AUTO_BUF content = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    HF_AUTO(hf_manifest_freep) hf_manifest *plain = NULL;

    HF_TRY(hf_manifest_from_json(json, &plain, error));
    HF_TRY(hf_object_map_make(plain, &map, error));
    for (size_t i = 0; i < map.count && hf_repository_vault(repository) != NULL; i++) {
        HF_TRY(hf_stop_check(error));
        HF_TRY(hf_repository_get_object(repository, zstd, &map.items[i].from, &content, error));
        hf_sha256_hex(content.data, content.len, map.items[i].to.name);
    }
    hf_object_map_apply(&map, plain);
    *ret_plain = HF_TAKE(plain);
    return HF_OK;
}

hf_status hf_bundle_write(hf_repository *repository, const hf_manifest *manifest, const hf_bundle_file *files,
                          size_t count, const hf_bundle_stream *stream, hf_error *error)
{
    HF_AUTO(writer_done) writer w = {.stream = stream, .time_s = manifest->finished_ms / 1000};
    HF_AUTO(hf_object_map_done) hf_object_map map = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *plain = NULL;

    HF_TRY(name_plainly(repository, manifest, &plain, error));
    HF_TRY(hf_object_map_make(manifest, &map, error));
    if (stream->progress != NULL)
        for (size_t i = 0; i < map.count; i++)
            atomic_fetch_add(&stream->progress->total_bytes, map.items[i].from.raw_bytes);
    HF_TRY(open_writer(&w, error));
    HF_TRY(write_head(&w, plain, files, count, error));
    HF_TRY(write_objects(&w, repository, manifest, &map, error));
    return archive_write_close(w.archive) == ARCHIVE_OK ? HF_OK : refused(&w, error);
}
