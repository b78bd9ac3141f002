/*
 * A repository in a private folder, a manifest whose objects are in it, and the means to damage its files.
 */
#ifndef TESTS_UNIT_REPOSITORY_FIXTURE_H
#define TESTS_UNIT_REPOSITORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/keys.h"
#include "repository/repository.h"
#include "storage-backends/storage.h"

#define TARGET "site"
#define PASSPHRASE "correct horse"

typedef struct fixture {
    char folder[64];
    hf_repository *repository;
    hf_zstd *zstd;
    hf_error error;
} fixture;

static inline hf_storage *open_storage(const fixture *f)
{
    HF_AUTO_STR url = hf_format("file://%s", f->folder);
    hf_storage *storage = NULL;
    hf_error error = {0};

    assert_int_equal(hf_storage_open(url, &storage, &error), HF_OK);
    return storage;
}

/* An empty folder and nothing open. */
static inline int setup_folder(void **state)
{
    fixture *f = hf_alloc(sizeof(*f));

    (void) snprintf(f->folder, sizeof(f->folder), "/tmp/hf-repository-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    f->zstd = hf_zstd_new();
    *state = f;
    return 0;
}

static inline int setup(void **state)
{
    if (setup_folder(state) != 0)
        return -1;

    fixture *f = *state;
    hf_storage *storage = open_storage(f);
    bool created = false;

    if (hf_repository_create(storage, NULL, &created, &f->error) != HF_OK || !created)
        return -1;
    return hf_repository_open(storage, NULL, &f->repository, &f->error) == HF_OK ? 0 : -1;
}

/* The same, encrypted; a passphrase that is guessed cheaply. */
static inline int setup_encrypted(void **state)
{
    if (setup_folder(state) != 0)
        return -1;

    fixture *f = *state;
    hf_storage *storage = open_storage(f);
    const hf_new_key key = {.passphrase = PASSPHRASE, .scrypt_n = 16};
    bool created = false;

    if (hf_repository_create(storage, &key, &created, &f->error) != HF_OK || !created)
        return -1;
    return hf_repository_open(storage, PASSPHRASE, &f->repository, &f->error) == HF_OK ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void) info;
    (void) type;
    (void) place;
    return remove(path);
}

static inline int teardown(void **state)
{
    fixture *f = *state;

    hf_repository_free(f->repository);
    hf_zstd_free(f->zstd);
    (void) nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* The stored file of a key. */
static inline char *file_of(const fixture *f, const char *key)
{
    return hf_format("%s/%s", f->folder, key);
}

static inline char *read_key(const fixture *f, const char *key, size_t *ret_len)
{
    HF_AUTO_STR path = file_of(f, key);
    HF_AUTO_BUF content = HF_BUF_MAX(16 << 20);
    hf_error error = {0};

    assert_int_equal(hf_file_read(path, &content, &error), HF_OK);
    *ret_len = content.len;
    return hf_buf_take(&content);
}

static inline void write_key(const fixture *f, const char *key, const char *data, size_t len)
{
    HF_AUTO_STR path = file_of(f, key);
    hf_error error = {0};

    assert_int_equal(hf_file_write_atomic(path, data, len, &error), HF_OK);
}

static inline void flip_bit(const fixture *f, const char *key, size_t byte, int bit)
{
    size_t len = 0;
    HF_AUTO_STR data = read_key(f, key, &len);

    assert_true(byte < len);
    data[byte] = (char) (data[byte] ^ (1 << bit));
    write_key(f, key, data, len);
}

static inline void cut_in_half(const fixture *f, const char *key)
{
    size_t len = 0;
    HF_AUTO_STR data = read_key(f, key, &len);

    write_key(f, key, data, len / 2);
}

static inline void replace_text(const fixture *f, const char *key, const char *from, const char *to)
{
    size_t len = 0;
    HF_AUTO_STR data = read_key(f, key, &len);
    char *place = strstr(data, from);

    assert_non_null(place);
    HF_AUTO_STR changed = hf_format("%.*s%s%s", (int) (place - data), data, to, place + strlen(from));

    write_key(f, key, changed, strlen(changed));
}

static inline char *object_key(const hf_object_ref *object)
{
    return hf_format("objects/%.2s/%s", object->name, object->name);
}

/* Rows "<first>\n" ... "<last>\n" as one chunk of a table, stored. */
static inline void add_chunk(fixture *f, hf_table *table, uint32_t first_page, uint32_t end_page,
                             uint32_t part, int first, int last)
{
    hf_chunk *chunk = HF_APPEND_NEW(&table->chunks);
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    bool is_new = false;

    chunk->first_page = first_page;
    chunk->end_page = end_page;
    chunk->part = part;
    for (int i = first; i <= last; i++) {
        HF_AUTO_STR row = hf_format("%d", i);

        hf_row_digest_add(&chunk->digest, row, strlen(row));
        hf_buf_printf(&text, "%s\n", row);
    }

    assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, false, text.data, text.len,
                                              &chunk->object, &is_new, &f->error),
                     HF_OK);
    hf_row_digest_merge(&table->total, &chunk->digest);
    table->raw_bytes += chunk->object.raw_bytes;
    table->stored_bytes += chunk->object.stored_bytes;
}

static inline hf_table *add_table(hf_manifest *manifest, const char *name)
{
    hf_table *table = HF_APPEND_NEW(&manifest->tables);

    table->schema = hf_strdup("public");
    table->name = hf_strdup(name);
    table->oid = 16400 + (uint32_t) manifest->tables.count;
    table->relfilenode = 4294967295u;
    table->relkind = 'r';
    table->persistence = 'p';
    hf_strings_add(&table->columns, "id");
    hf_strings_add(&table->columns, "d\xc3\xa9j\xc3\xa0 \"vu\"");
    table->format = hf_strdup("text");
    table->pages = 300;
    return table;
}

static inline void fill_facts(hf_manifest *m)
{
    m->holdfast_version = hf_strdup("0.1.0");
    m->label = hf_strdup("before \"1.2\"");
    m->cycle = hf_strdup("20261121T073000Z-aaaaaa");
    m->server.version_num = 150018;
    m->server.version = hf_strdup("15.18 (Debian 15.18-0+deb12u1)");
    m->server.system_identifier = hf_strdup("7311111111111111111");
    m->server.timeline = 1;
    m->server.block_size = 8192;
    m->database.name = hf_strdup("marketplace");
    m->database.oid = 16384;
    m->database.owner = hf_strdup("app");
    m->database.encoding = hf_strdup("UTF8");
    m->database.collate = hf_strdup("C.UTF-8");
    m->database.ctype = hf_strdup("C.UTF-8");
    m->database.locale_provider = hf_strdup("c");
    m->database.tablespace = hf_strdup("pg_default");
    m->database.acl = hf_strdup("{=Tc/app,app=CTc/app}");
    m->database.connection_limit = -1;
    m->database.bytes = 123456789;
    HF_PUSH(&m->database.settings, ((hf_role_setting){.setting = hf_strdup("work_mem=64MB")}));
    HF_PUSH(&m->database.settings,
            ((hf_role_setting){.role = hf_strdup("app"), .setting = hf_strdup("search_path=public")}));
    m->visibility.lsn = hf_strdup("0/1A2B3C8");
    m->visibility.xmin = hf_strdup("740");
    m->visibility.xmax = hf_strdup("742");
    m->visibility.xip = hf_strdup("741");
    m->pg_dump_version = hf_strdup("15.18");
    m->schema_entries = 42;
    m->schema_digest = hf_strdup("0011223344556677");
    HF_PUSH(&m->sequences, ((hf_sequence){.schema = hf_strdup("public"),
                                          .name = hf_strdup("ids"),
                                          .last_value = INT64_MIN,
                                          .is_called = true}));
    HF_PUSH(&m->populated_matviews,
            ((hf_relation_name){.schema = hf_strdup("public"), .name = hf_strdup("overview")}));
    HF_PUSH(&m->extensions,
            ((hf_extension){
                .name = hf_strdup("pgcrypto"), .version = hf_strdup("1.3"), .schema = hf_strdup("public")}));
    hf_strings_add(&m->roles, "app");
    hf_strings_add(&m->warnings, "large objects are not carried");
    hf_strings_add(&m->filters.exclude, "public.\"d\xc3\xa9j\xc3\xa0\"");
    hf_strings_add(&m->filters.exclude_data, "audit");
    HF_PUSH(&m->filters.left_out, ((hf_left_out){.kind = hf_strdup("TABLE"),
                                                 .schema = hf_strdup("public"),
                                                 .name = hf_strdup("d\xc3\xa9j\xc3\xa0")}));
    HF_PUSH(&m->filters.left_out,
            ((hf_left_out){.kind = hf_strdup("EVENT TRIGGER"),
                           .name = hf_strdup("guard"),
                           .why = hf_strdup("it needs FUNCTION f(), which is left out")}));
    HF_PUSH(&m->degraded, ((hf_lost){.schema = hf_strdup("public"),
                                     .name = hf_strdup("offers"),
                                     .first_page = 7,
                                     .end_page = 8,
                                     .reason = hf_strdup("XX001: invalid page")}));
    hf_strings_add(&m->degraded.items[0].ctids, "(7,3)");
    m->database.icu_rules = hf_strdup("&a < b");
    m->database.is_template = true;
    HF_PUSH(&m->labels, ((hf_label){.oid = 4294967295u,
                                    .provider = hf_strdup("selinux"),
                                    .label = hf_strdup("unconfined_u:object_r")}));
    HF_PUSH(&m->role_plan.roles, ((hf_role){.name = hf_strdup("app"),
                                            .login = true,
                                            .inherit = true,
                                            .connection_limit = -1,
                                            .valid_until = hf_strdup("2027-01-01 00:00:00+00")}));
    hf_strings_add(&m->role_plan.roles.items[0].settings, "work_mem=8MB");
    HF_PUSH(&m->role_plan.memberships,
            ((hf_membership){.role = hf_strdup("app"), .member = hf_strdup("deployer"), .set = true}));
}

/* A snapshot of two tables, five chunks; its objects are stored, the manifest is not sealed. */
static inline hf_manifest *make_manifest(fixture *f, const char *id, int64_t created_ms)
{
    static const char schema[] = "{\"entries\":[]}";
    hf_manifest *m = hf_manifest_new();
    bool is_new = false;

    m->id = hf_strdup(id);
    m->target = hf_strdup(TARGET);
    m->created_ms = created_ms;
    m->finished_ms = created_ms + 1234;
    fill_facts(m);
    assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, false, schema, strlen(schema),
                                              &m->schema, &is_new, &f->error),
                     HF_OK);

    hf_table *invoices = add_table(m, "invoices");

    add_chunk(f, invoices, 0, 128, 0, 1, 400);
    add_chunk(f, invoices, 128, 256, 0, 401, 800);
    add_chunk(f, invoices, 128, 256, 1, 801, 900);

    hf_table *offers = add_table(m, "offers");

    add_chunk(f, offers, 0, 128, 0, 1001, 1400);
    add_chunk(f, offers, 128, 130, 0, 1, 400); /* the same rows as the first chunk of the other table */

    hf_table *audit = add_table(m, "audit");

    audit->data_excluded = true;
    audit->persistence = 'u';
    return m;
}

static inline void seal_new(fixture *f, const char *id, int64_t created_ms)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, id, created_ms);

    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_OK);
}

/* The key of a sealed snapshot's manifest object. */
static inline char *manifest_key(fixture *f, const char *id)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    assert_int_equal(hf_repository_list(f->repository, TARGET, &list, &f->error), HF_OK);
    for (size_t i = 0; i < list.count; i++) {
        if (hf_streq(list.items[i].id, id))
            return object_key(&list.items[i].manifest);
    }

    fail_msg("no snapshot \"%s\"", id);
    return NULL;
}

#endif
