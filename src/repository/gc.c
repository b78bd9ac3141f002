/*
 * What nobody needs is what no snapshot names, so everything depends on seeing all snapshots.  Where the listing leaves one
 * out that the inventory or an object tells of, and that is there when it is asked for by key, nothing is removed.
 */
#include "repository/gc.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/inventory.h"
#include "repository/layout.h"
#include "repository/presence.h"
#include "repository/proof.h"
#include "repository/references.h"

#define BATCH 200          /* objects removed between two looks at ourselves */
#define LOOK_EVERY_MS 2000 /* so long somebody who comes waits */
#define SWEEP_MIN_MS (3600 * 1000)

typedef struct gc {
    hf_repository *repository;
    hf_storage *storage;
    const hf_gc_options *options;
    hf_gc_report *report;
    hf_presence *presence;
    hf_snapshot_list snapshots;
    hf_references references;
    hf_strings garbage; /* keys */
    int64_t now_ms;     /* the storage's */
    int64_t looked_ms;
} gc;

static void gc_done(gc *self)
{
    hf_presence_end(self->presence);
    hf_snapshot_list_done(&self->snapshots);
    hf_references_done(&self->references);
    hf_strings_done(&self->garbage);
}

/* May we go on?  HF_E_BUSY when somebody came, or took us for dead. */
static hf_status look_around(void *context, hf_error *error)
{
    gc *self = context;

    HF_TRY(hf_stop_check(error));
    HF_TRY(hf_presence_check(self->presence, false, error));
    if (hf_monotonic_ms() - self->looked_ms < LOOK_EVERY_MS)
        return HF_OK;
    HF_TRY(hf_presence_check(self->presence, true, error));
    HF_TRY(hf_presence_look(self->presence, error));
    self->looked_ms = hf_monotonic_ms();
    return HF_OK;
}

static void count(hf_gc_count *counter, const hf_storage_entry *entry)
{
    counter->count++;
    counter->bytes += entry->bytes;
}

static hf_status judge(void *context, const hf_storage_entry *entry, hf_error *error)
{
    gc *self = context;
    bool is_object = false;

    (void) error;
    if (hf_references_have(&self->references, entry->key, &is_object)) {
        count(&self->report->needed, entry);
    } else if (is_object &&
               (entry->modified_ms == 0 || self->now_ms - entry->modified_ms <= self->options->grace_ms)) {
        count(&self->report->young, entry);
    } else if (is_object) {
        count(&self->report->garbage, entry);
        hf_strings_add(&self->garbage, entry->key);
    }
    return HF_OK;
}

/* Where there is no snapshot at all, the pointers may have been lost; manifests among the objects could bring them back. */
static hf_status refuse_to_remove_all(const gc *self, hf_error *error)
{
    if (self->report->snapshots > 0 || self->report->garbage.count == 0)
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED,
                   "the repository has %llu objects, but no snapshot: its \"snapshots/\" may be lost",
                   (unsigned long long) self->report->garbage.count);
    return hf_hint(error, "bring it back from a copy; if nothing is lost, take a \"holdfast backup\" first");
}

static hf_status left_out(const gc *self, const char *key, hf_error *error)
{
    (void) hf_fail(error, HF_E_STORAGE,
                   "nothing is removed: the listing of \"%s\" leaves out \"%s\", which is there",
                   hf_storage_url(self->storage), key);
    return hf_hint(error,
                   "the storage, or something before it, lists what it had some time ago, or a part of it; "
                   "try again later, and do not use gc there if it stays so");
}

static hf_status list_snapshots(gc *self, hf_error *error)
{
    HF_TRY(hf_repository_list(self->repository, NULL, &self->snapshots, error));
    for (size_t i = 0; i < self->snapshots.count; i++) {
        const hf_snapshot_info *info = &self->snapshots.items[i];
        HF_AUTO_STR key = hf_snapshot_key(info->target, info->id);

        if (info->unlisted)
            return left_out(self, key, error);
    }
    return HF_OK;
}

/* Is this object a manifest whose snapshot is there, though nothing else told of it? */
static hf_status look_for_snapshot(const gc *self, hf_zstd *zstd, const char *object_key, hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX(HF_MANIFEST_RAW_MAX);
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    uint64_t bytes = 0;
    hf_error why = {0};
    hf_status status =
        hf_repository_read_object(self->repository, zstd, hf_object_of_key(object_key), &content, &why);

    if (status == HF_OK)
        status = hf_parse_document("the manifest", &content, &json, &why);
    if (status == HF_OK)
        status = hf_manifest_from_json(json, &manifest, &why);
    if (hf_is_damage(status) || status == HF_E_NOT_FOUND)
        return HF_OK; /* of no snapshot that could be read */
    if (status != HF_OK) {
        *error = why;
        return status;
    }
    HF_AUTO_STR key = hf_snapshot_key(manifest->target, manifest->id);

    status = hf_storage_stat(self->storage, key, &bytes, error);
    if (status == HF_OK)
        return left_out(self, key, error);
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

/* Snapshots of earlier writers, and of keys that may not read, are in no inventory: everything that is to be removed is read. */
static hf_status look_at_garbage(gc *self, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();

    for (size_t i = 0; i < self->garbage.count; i++) {
        HF_TRY(look_around(self, error));
        HF_TRY(look_for_snapshot(self, zstd, self->garbage.items[i], error));
    }
    return HF_OK;
}

static hf_status remove_batch(gc *self, size_t first, size_t end, hf_error *error)
{
    const hf_strings batch = {.items = self->garbage.items + first, .count = end - first};

    HF_TRY(look_around(self, error));
    HF_FAULT("gc.before_remove", error);
    HF_TRY(hf_storage_remove_many(self->storage, &batch, error));
    HF_FAULT("gc.after_remove", error);
    return HF_OK;
}

static hf_status remove_garbage(gc *self, hf_error *error)
{
    for (size_t first = 0; first < self->garbage.count; first += BATCH) {
        const size_t end = first + BATCH < self->garbage.count ? first + BATCH : self->garbage.count;

        HF_TRY(remove_batch(self, first, end, error));
        self->report->removed = end;
    }
    return HF_OK;
}

typedef struct names {
    hf_strings targets, ids;
} names;

static void names_done(names *list)
{
    hf_strings_done(&list->targets);
    hf_strings_done(&list->ids);
}

static hf_status collect_proof(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    names *list = context;
    HF_AUTO_STR target = NULL;
    HF_AUTO_STR id = NULL;

    (void) bytes;
    (void) error;
    if (hf_split_document_key("proofs", key, &target, &id)) {
        hf_strings_add(&list->targets, target);
        hf_strings_add(&list->ids, id);
    }
    return HF_OK;
}

/* A prune that was killed leaves the proof of a snapshot that is gone. */
static hf_status remove_proofs(gc *self, hf_error *error)
{
    HF_AUTO(names_done) names list = {0};

    HF_TRY(hf_storage_list(self->storage, "proofs/", collect_proof, &list, error));
    for (size_t i = 0; i < list.ids.count; i++) {
        HF_AUTO_STR key = hf_snapshot_key(list.targets.items[i], list.ids.items[i]);
        uint64_t bytes = 0;
        hf_status status = hf_storage_stat(self->storage, key, &bytes, error);

        if (status == HF_OK)
            continue;
        if (status != HF_E_NOT_FOUND)
            return status;
        HF_TRY(look_around(self, error));
        HF_FAULT("gc.before_proof", error);
        HF_TRY(hf_proof_remove(self->repository, list.targets.items[i], list.ids.items[i], error));
        self->report->proofs++;
    }
    return HF_OK;
}

hf_status hf_gc_run(hf_repository *repository, const hf_gc_options *options, hf_gc_report *report,
                    hf_error *error)
{
    HF_AUTO(gc_done)
    gc self = {.repository = repository,
               .storage = hf_repository_storage(repository),
               .options = options,
               .report = report};

    HF_TRY(hf_presence_begin(self.storage, HF_PRESENT_GC, "gc", NULL, &self.presence, error));
    HF_FAULT("gc.present", error);
    self.looked_ms = hf_monotonic_ms();
    HF_TRY(hf_presence_time(self.presence, &self.now_ms, error));
    HF_TRY(list_snapshots(&self, error));
    HF_TRY(hf_references_collect(repository, &self.snapshots, &self.references, look_around, &self, error));
    report->snapshots = self.references.snapshots;
    HF_TRY(hf_storage_list_entries(self.storage, "objects/", judge, &self, error));
    HF_TRY(refuse_to_remove_all(&self, error));
    if (options->dry_run)
        return HF_OK;
    HF_TRY(look_at_garbage(&self, error));
    HF_TRY(hf_inventory_renew(repository, &self.snapshots, error));
    HF_TRY(remove_garbage(&self, error));
    HF_TRY(remove_proofs(&self, error));
    return hf_storage_sweep(self.storage, options->grace_ms > SWEEP_MIN_MS ? options->grace_ms : SWEEP_MIN_MS,
                            &report->swept, error);
}
