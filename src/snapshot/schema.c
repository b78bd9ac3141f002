#include "snapshot/schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/sql.h"
#include "snapshot/filters.h"

struct hf_schema_reader {
    const hf_snapshot_options *options;
    const hf_snapshot_session *session;
    const hf_pg_dump *dump;
    pthread_t thread;
    bool joined;
    hf_archive *archive;
    bool changed;
    hf_status status;
    hf_error error;
};

/* In a transaction of its own, which sees what was committed since. */
static hf_status look_for_changes(hf_schema_reader *self, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR now = NULL;

    HF_TRY(hf_pg_connect(
        &(hf_pg_options){.url = self->options->url, .purpose = "snapshot", .exact_text = true}, &pg, error));
    HF_TRY(hf_pg_query_text(pg, hf_sql_catalog_digest, 0, NULL, &now, error));
    self->changed = !hf_streq(now, self->session->definitions);
    return HF_OK;
}

static void *read_schema(void *context)
{
    hf_schema_reader *self = context;
    hf_error error;

    self->status = hf_pg_dump_schema(self->dump, self->options->url, NULL, self->session->exported,
                                     &self->archive, &self->error);
    hf_status looked = look_for_changes(self, &error);
    if (self->status == HF_OK && looked != HF_OK) {
        self->status = looked;
        self->error = error;
    }
    return NULL;
}

hf_status hf_schema_reader_start(const hf_snapshot_options *options, const hf_snapshot_session *session,
                                 const hf_pg_dump *dump, hf_schema_reader **ret_reader, hf_error *error)
{
    hf_schema_reader *self = hf_alloc(sizeof(*self));

    *self = (hf_schema_reader){.options = options, .session = session, .dump = dump};
    if (pthread_create(&self->thread, NULL, read_schema, self) != 0) {
        free(self);
        return hf_fail(error, HF_E_SYSTEM, "cannot start a thread");
    }
    *ret_reader = self;
    return HF_OK;
}

static void join(hf_schema_reader *self)
{
    if (!self->joined)
        (void) pthread_join(self->thread, NULL);
    self->joined = true;
}

static hf_status store_schema(const hf_snapshot_options *options, const hf_archive *archive,
                              hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF check = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    json_t *json = hf_archive_to_json(archive);
    HF_AUTO_STR text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    char digest[65];
    bool new;

    json_decref(json);
    if (text == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "the schema holds text that is not UTF-8");
    HF_TRY(hf_repository_put_object(options->repository, zstd, options->compression, true, text, strlen(text),
                                    &manifest->schema, &new, error));
    if (!hf_repository_is_write_only(options->repository))
        HF_TRY(hf_repository_get_object(options->repository, zstd, &manifest->schema, &check, error));
    hf_archive_digest(archive, digest);
    manifest->schema_digest = hf_strdup(digest);
    manifest->schema_entries = (uint32_t) archive->entries.count;
    for (size_t i = 0; i < archive->entries.count; i++) {
        const char *owner = archive->entries.items[i].owner;

        if (owner != NULL && owner[0] != '\0' && !hf_strings_has(&manifest->roles, owner))
            hf_strings_add(&manifest->roles, owner);
    }
    return HF_OK;
}

static hf_status wait_for_archive(hf_schema_reader *self, bool *ret_changed, hf_error *error)
{
    join(self);
    *ret_changed = self->changed;
    if (self->status != HF_OK && error != NULL)
        *error = self->error;
    return self->status;
}

hf_status hf_schema_reader_filter(hf_schema_reader *self, hf_manifest *manifest, bool *ret_changed,
                                  hf_error *error)
{
    HF_TRY(wait_for_archive(self, ret_changed, error));
    return *ret_changed ? HF_OK : hf_filters_apply(self->archive, &self->options->filter, manifest, error);
}

hf_status hf_schema_reader_finish(hf_schema_reader *self, hf_manifest *manifest, bool *ret_changed,
                                  hf_error *error)
{
    HF_TRY(wait_for_archive(self, ret_changed, error));
    if (*ret_changed)
        return HF_OK;
    hf_filters_loosen(self->archive, manifest, &manifest->warnings);
    return store_schema(self->options, self->archive, manifest, error);
}

void hf_schema_reader_free(hf_schema_reader *self)
{
    if (self == NULL)
        return;
    join(self);
    hf_archive_free(self->archive);
    free(self);
}

void hf_schema_reader_freep(hf_schema_reader **self)
{
    hf_schema_reader_free(*self);
    *self = NULL;
}
