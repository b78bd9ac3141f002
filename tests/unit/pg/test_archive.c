#include "unit.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "pg/archive.h"

static void read_fixture(const char *name, hf_buf *ret_data)
{
    HF_AUTO_STR path = hf_format("%s/fixtures/archives/%s", HF_SOURCE_DIR, name);
    hf_error error;
    hf_buf_clear(ret_data);
    assert_int_equal(hf_file_read(path, ret_data, &error), HF_OK);
}

static hf_archive *parse_fixture(const char *name)
{
    HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);
    read_fixture(name, &data);
    hf_archive *archive = NULL;
    hf_error error;
    assert_int_equal(hf_archive_parse(data.data, data.len, &archive, &error), HF_OK);
    return archive;
}

static hf_entry *find_kind(hf_archive *archive, const char *kind)
{
    for (size_t i = 0; i < archive->entries.count; i++)
        if (hf_streq(archive->entries.items[i].kind, kind))
            return &archive->entries.items[i];
    fail_msg("no entry of kind %s", kind);
    return NULL;
}

static void test_archive__reads_what_pg_dump_wrote(void **state)
{
    (void) state;
    HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture("postgres-15.dump");
    assert_int_equal(archive->version, 0x010E00);
    assert_true(hf_starts_with(archive->server_version, "15."));
    assert_int_equal(archive->entries.count, 14);

    const hf_entry *index = find_kind(archive, "INDEX");
    assert_string_equal(index->tag, "orders_at");
    assert_string_equal(index->schema, "shop");
    assert_string_equal(index->owner, "postgres");
    assert_int_equal(index->section, HF_SECTION_POST_DATA);
    assert_string_equal(index->definition, "CREATE INDEX orders_at ON shop.orders USING btree (at);\n");
    assert_int_equal(index->dependencies.count, 1);
    const hf_entry *table = hf_archive_find(archive, index->dependencies.items[0]);
    assert_non_null(table);
    assert_string_equal(table->kind, "TABLE");
    assert_string_equal(table->tag, "orders");
    assert_string_equal(table->access_method, "heap");
    assert_null(hf_archive_find(archive, 999999));
}

static void test_archive__reads_every_version(void **state)
{
    (void) state;
    static const struct {
        const char *file;
        int version;
        const char *access_method;
        char relkind;
    } cases[] = {
        {"version-1.13.dump", 0x010D00, NULL, 0},          {"version-1.14.dump", 0x010E00, "heap", 0},
        {"version-1.15.dump", 0x010F00, "heap", 0},        {"version-1.16.dump", 0x011000, "heap", 'p'},
        {"version-1.16-wide.dump", 0x011000, "heap", 'p'},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture(cases[i].file);
        assert_int_equal(archive->version, cases[i].version);
        assert_int_equal(archive->entries.count, 6);
        const hf_entry *table = hf_archive_find(archive, 216);
        assert_non_null(table);
        assert_true(hf_streq(table->access_method, cases[i].access_method));
        assert_int_equal(table->relkind, cases[i].relkind);
        assert_string_equal(table->owner, "app");
        assert_int_equal(table->catalog_oid, 1259);
        assert_int_equal(table->oid, 16401);
        assert_int_equal(table->section, HF_SECTION_PRE_DATA);
        assert_string_equal(hf_archive_find(archive, 217)->tag, "naïve \"t\"");
        assert_string_equal(hf_archive_find(archive, 217)->tablespace, "fast");
        assert_null(hf_archive_find(archive, 1)->schema);
        assert_int_equal(hf_archive_find(archive, 3360)->section, HF_SECTION_NONE);
        assert_int_equal(hf_archive_find(archive, 3206)->dependencies.items[0], 216);
    }
}

static void test_archive__refuses_what_it_does_not_know(void **state)
{
    (void) state;
    static const struct {
        const char *file;
        hf_status status;
        const char *says;
    } cases[] = {
        {"version-1.12.dump", HF_E_FORMAT, "version 1.12"},
        {"version-1.17.dump", HF_E_FORMAT, "version 1.17"},
        {"format-tar.dump", HF_E_FORMAT, "format 3"},
        {"same-id.dump", HF_E_CORRUPT, "the id 6"},
        {"many-entries.dump", HF_E_CORRUPT, "number of entries"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);
        read_fixture(cases[i].file, &data);
        hf_archive *archive = NULL;
        hf_error error;
        assert_int_equal(hf_archive_parse(data.data, data.len, &archive, &error), cases[i].status);
        assert_null(archive);
        assert_non_null(strstr(error.message, cases[i].says));
    }
    hf_archive *archive = NULL;
    hf_error error;
    assert_int_equal(hf_archive_parse("#!/bin/sh\n", 10, &archive, &error), HF_E_FORMAT);
}

static const char *const SOUND[] = {"postgres-15.dump", "version-1.13.dump", "version-1.15.dump",
                                    "version-1.16-wide.dump"};

static void test_archive__finds_every_truncation(void **state)
{
    (void) state;
    for (size_t file = 0; file < sizeof(SOUND) / sizeof(*SOUND); file++) {
        HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);
        read_fixture(SOUND[file], &data);
        for (size_t len = 0; len < data.len; len++) {
            /* A copy of its own, so that the sanitizer sees a read past the end. */
            HF_AUTO_STR copy = hf_alloc(len + (len == 0));
            if (len > 0)
                memcpy(copy, data.data, len);
            hf_archive *archive = NULL;
            hf_error error;
            assert_int_equal(hf_archive_parse(copy, len, &archive, &error), HF_E_CORRUPT);
            assert_null(archive);
        }
    }
}

static void test_archive__survives_every_flipped_bit(void **state)
{
    (void) state;
    for (size_t file = 0; file < sizeof(SOUND) / sizeof(*SOUND); file++) {
        HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);
        read_fixture(SOUND[file], &data);
        for (size_t bit = 0; bit < data.len * 8; bit++) {
            data.data[bit / 8] ^= (char) (1 << bit % 8);
            HF_AUTO(hf_archive_freep) hf_archive *archive = NULL;
            hf_error error;
            /* What parses goes on; not each time, which would take long under a sanitizer. */
            if (hf_archive_parse(data.data, data.len, &archive, &error) == HF_OK && bit % 16 == file) {
                char digest[65];
                hf_archive_digest(archive, digest);
                json_t *json = hf_archive_to_json(archive);
                HF_AUTO(hf_archive_freep) hf_archive *again = NULL;
                assert_int_equal(hf_archive_from_json(json, &again, &error), HF_OK);
                json_decref(json);
            }
            data.data[bit / 8] ^= (char) (1 << bit % 8);
        }
    }
}

static void test_archive__goes_through_json(void **state)
{
    (void) state;
    HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture("version-1.16.dump");
    json_t *json = hf_archive_to_json(archive);
    HF_AUTO_STR text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    json_error_t why;
    json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    assert_non_null(json);
    HF_AUTO(hf_archive_freep) hf_archive *again = NULL;
    hf_error error;
    assert_int_equal(hf_archive_from_json(json, &again, &error), HF_OK);
    json_decref(json);
    json = hf_archive_to_json(again);
    HF_AUTO_STR second = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_string_equal(text, second);
    assert_int_equal(again->version, 0x011000);
    assert_int_equal(hf_archive_find(again, 216)->relkind, 'p');
}

static void test_archive__json_must_fit(void **state)
{
    (void) state;
    static const struct {
        const char *member;
        const char *value; /* NULL: taken out */
    } cases[] = {
        {"id", NULL},
        {"id", "0"},
        {"id", "4294967296"},
        {"id", "\"6\""},
        {"oid", "-1"},
        {"kind", "null"},
        {"kind", "\"a\\u0000b\""},
        {"schema", "5"},
        {"section", "\"later\""},
        {"relkind", "\"rr\""},
        {"definition", NULL},
        {"dependencies", "[1, \"2\"]"},
        {"dependencies", "[-1]"},
        {"dependencies", "{}"},
        {"unknown", "1"},
    };
    HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture("version-1.16.dump");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *json = hf_archive_to_json(archive);
        json_t *entry = json_array_get(json_object_get(json, "entries"), 2);
        json_error_t why;
        if (cases[i].value == NULL)
            json_object_del(entry, cases[i].member);
        else
            json_object_set_new(entry, cases[i].member,
                                json_loads(cases[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why));
        hf_archive *again = NULL;
        hf_error error;
        assert_int_equal(hf_archive_from_json(json, &again, &error), HF_E_CORRUPT);
        assert_null(again);
        json_decref(json);
    }
    static const char *const VERSIONS[] = {"", "1", "1.16", "1.16.0.0", "1..0", "1.256.0", "1.x.0", "1.16."};
    for (size_t i = 0; i < sizeof(VERSIONS) / sizeof(*VERSIONS); i++) {
        json_t *json = hf_archive_to_json(archive);
        json_object_set_new(json, "archive_version", json_string(VERSIONS[i]));
        hf_archive *again = NULL;
        hf_error error;
        assert_int_equal(hf_archive_from_json(json, &again, &error), HF_E_CORRUPT);
        json_decref(json);
    }
}

static void test_archive__digest_knows_no_ids_and_no_order(void **state)
{
    (void) state;
    HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture("version-1.16.dump");
    char before[65], after[65];
    hf_archive_digest(archive, before);

    for (size_t i = 0; i < archive->entries.count; i++) {
        archive->entries.items[i].id += 1000;
        archive->entries.items[i].oid += 7;
    }
    hf_entry moved = archive->entries.items[1];
    archive->entries.items[1] = archive->entries.items[4];
    archive->entries.items[4] = moved;
    free(archive->entries.items[0].definition);
    archive->entries.items[0].definition = hf_strdup("SET client_encoding = 'LATIN1';\n");
    hf_archive_digest(archive, after);
    assert_string_equal(before, after);

    /* Grants in another order are the same ACL. */
    hf_entry *acl = find_kind(archive, "ACL");
    free(acl->definition);
    acl->definition = hf_strdup("GRANT ALL ON TABLE shop.events TO writer;\n"
                                "GRANT SELECT ON TABLE shop.events TO reader;\n");
    hf_archive_digest(archive, after);
    assert_string_equal(before, after);
}

static void change_text(char **text, const char *value)
{
    free(*text);
    *text = hf_strdup(value);
}

static void test_archive__digest_sees_every_change(void **state)
{
    (void) state;
    for (int change = 0; change < 7; change++) {
        HF_AUTO(hf_archive_freep) hf_archive *archive = parse_fixture("version-1.16.dump");
        char before[65], after[65];
        hf_archive_digest(archive, before);
        hf_entry *table = find_kind(archive, "TABLE");
        char **texts[] = {&table->kind,       &table->tag,           &table->schema,    &table->owner,
                          &table->tablespace, &table->access_method, &table->definition};
        change_text(texts[change], "other");
        hf_archive_digest(archive, after);
        assert_string_not_equal(before, after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive__reads_what_pg_dump_wrote),
        cmocka_unit_test(test_archive__reads_every_version),
        cmocka_unit_test(test_archive__refuses_what_it_does_not_know),
        cmocka_unit_test(test_archive__finds_every_truncation),
        cmocka_unit_test(test_archive__survives_every_flipped_bit),
        cmocka_unit_test(test_archive__goes_through_json),
        cmocka_unit_test(test_archive__json_must_fit),
        cmocka_unit_test(test_archive__digest_knows_no_ids_and_no_order),
        cmocka_unit_test(test_archive__digest_sees_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
