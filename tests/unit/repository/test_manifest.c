#include "fixture.h"

#include <jansson.h>

#include "repository/document.h"
#include "repository/manifest.h"

#define ID "20261121T073002Z-1f3a9c"
#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_manifest__survives_json(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    HF_AUTO(hf_manifest_freep) hf_manifest *again = NULL;
    HF_AUTO_JSON json = hf_manifest_to_json(m);

    assert_int_equal(hf_manifest_from_json(json, &again, &f->error), HF_OK);

    /* Everything is in the JSON, so equal texts are equal manifests. */
    HF_AUTO_JSON json_again = hf_manifest_to_json(again);

    assert_true(json_equal(json, json_again));

    assert_string_equal(again->id, ID);
    assert_true(again->created_ms == 1795246202123 && again->finished_ms == 1795246203357);
    assert_null(again->database.icu_locale);
    assert_null(again->database.settings.items[0].role);
    assert_string_equal(again->tables.items[0].columns.items[1], "d\xc3\xa9j\xc3\xa0 \"vu\"");
    assert_true(again->tables.items[0].relfilenode == 4294967295u);
    assert_int_equal(again->tables.items[0].chunks.items[2].part, 1);
    assert_true(again->sequences.items[0].last_value == INT64_MIN);
    assert_true(hf_row_digest_equal(&again->tables.items[1].total, &m->tables.items[1].total));
}

static void test_manifest__sums_over_its_tables(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    uint64_t stored = m->schema.stored_bytes;

    for (size_t t = 0; t < 2; t++) {
        for (size_t c = 0; c < m->tables.items[t].chunks.count; c++)
            stored += m->tables.items[t].chunks.items[c].object.stored_bytes;
    }
    stored -= m->tables.items[0].chunks.items[0].object.stored_bytes; /* shared by both tables */

    assert_int_equal(hf_manifest_rows(m), 900 + 800);
    assert_int_equal(hf_manifest_raw_bytes(m), m->tables.items[0].raw_bytes + m->tables.items[1].raw_bytes);
    assert_int_equal(hf_manifest_stored_bytes(m), stored);
    assert_ptr_equal(hf_manifest_find_table(m, "public", "offers"), &m->tables.items[1]);
    assert_null(hf_manifest_find_table(m, "audit", "offers"));
}

static void test_manifest__carries_large_objects_and_conditions(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    HF_AUTO(hf_manifest_freep) hf_manifest *again = NULL;
    uint64_t before = hf_manifest_raw_bytes(m);

    m->tables.items[1].condition = hf_strdup("");
    m->tables.items[0].root_schema = hf_strdup("public");
    m->tables.items[0].root_name = hf_strdup("all of them");
    m->tables.items[2].condition = hf_strdup("WHERE NOT builtin");
    add_chunk(f, &m->large_objects.objects, 0, 0, 0, 1, 3);
    add_chunk(f, &m->large_objects.pieces, 16400, 16500, 0, 1, 10);
    add_chunk(f, &m->large_objects.pieces, 16400, 16500, 1, 11, 20);
    add_chunk(f, &m->large_objects.pieces, 4294967294u, 4294967295u, 0, 5, 5);

    HF_AUTO_JSON json = hf_manifest_to_json(m);
    assert_int_equal(hf_manifest_from_json(json, &again, &f->error), HF_OK);
    HF_AUTO_JSON json_again = hf_manifest_to_json(again);
    assert_true(json_equal(json, json_again));

    assert_null(again->tables.items[0].condition);
    assert_string_equal(again->tables.items[0].root_name, "all of them");
    assert_null(again->tables.items[1].root_name);
    assert_string_equal(again->tables.items[1].condition, "");
    assert_string_equal(again->tables.items[2].condition, "WHERE NOT builtin");
    assert_int_equal(again->large_objects.objects.total.rows, 3);
    assert_int_equal(again->large_objects.pieces.chunks.count, 3);
    assert_true(again->large_objects.pieces.chunks.items[2].end_page == UINT32_MAX);
    assert_int_equal(hf_manifest_raw_bytes(again),
                     before + again->large_objects.objects.raw_bytes + again->large_objects.pieces.raw_bytes);

    hf_damage_list damage = {0};
    assert_int_equal(hf_repository_verify(f->repository, again, true, 1, &damage, &f->error), HF_OK);
    assert_int_equal(damage.count, 0);
    again->large_objects.pieces.chunks.items[1].object.raw_bytes++;
    assert_int_equal(hf_repository_verify(f->repository, again, true, 1, &damage, &f->error), HF_OK);
    assert_int_equal(damage.count, 1);
    assert_non_null(strstr(damage.items[0].what, "\"pg_largeobject\", OIDs 16400-16500, part 1"));
    hf_damage_list_done(&damage);
}

static void test_manifest__has_no_json_form_when_a_name_is_not_utf8(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);

    free(m->tables.items[0].name);
    m->tables.items[0].name = hf_strdup("latin-1 \xe9");
    assert_null(hf_manifest_to_json(m));
    assert_int_equal(hf_repository_seal(f->repository, m, &f->error), HF_E_UNSUPPORTED);
}

/* `path` is replaced by the JSON text `value`, or removed if that is NULL; numbers in it are indexes. */
typedef struct corruption {
    const char *path;
    const char *value;
    hf_status status;
    const char *message; /* a part of it */
} corruption;

static void corrupt(json_t *json, const char *path, const char *value)
{
    HF_AUTO_STR copy = hf_strdup(path);
    char *rest = copy;
    json_t *place = json;

    for (char *dot = strchr(rest, '.'); dot != NULL; dot = strchr(rest, '.')) {
        *dot = '\0';
        place = json_is_array(place) ? json_array_get(place, (size_t) strtoul(rest, NULL, 10))
                                     : json_object_get(place, rest);
        assert_non_null(place);
        rest = dot + 1;
    }

    json_t *replacement = value != NULL ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;

    if (json_is_array(place)) {
        size_t index = (size_t) strtoul(rest, NULL, 10);

        assert_int_equal(replacement != NULL ? json_array_set_new(place, index, replacement)
                                             : json_array_remove(place, index),
                         0);
    } else {
        assert_non_null(json_object_get(place, rest));
        assert_int_equal(replacement != NULL ? json_object_set_new(place, rest, replacement)
                                             : json_object_del(place, rest),
                         0);
    }
}

static const corruption corruptions[] = {
    {"format", NULL, HF_E_CORRUPT, "member \"format\" is missing"},
    {"format", "0", HF_E_CORRUPT, "member \"format\" is 0"},
    {"format", "\"1\"", HF_E_CORRUPT, "member \"format\" is not an integer"},
    {"format", "2", HF_E_FORMAT, "written by a newer holdfast"},
    {"format", "9223372036854775807", HF_E_FORMAT, "written by a newer holdfast"},
    {"id", NULL, HF_E_CORRUPT, "member \"id\" is missing"},
    {"id", "\"../../etc\"", HF_E_CORRUPT, "member \"id\" is not a valid name"},
    {"target", "\"\"", HF_E_CORRUPT, "member \"target\" is not a valid name"},
    {"target", "7", HF_E_CORRUPT, "member \"target\" is not a text"},
    {"created_at", "\"yesterday\"", HF_E_CORRUPT, "member \"created_at\" is not a time"},
    {"finished_at", "null", HF_E_CORRUPT, "member \"finished_at\" is not a text"},
    {"label", "[]", HF_E_CORRUPT, "member \"label\" is not a text"},
    {"pinned", "1", HF_E_CORRUPT, "member \"pinned\" is neither true nor false"},
    {"server", "[]", HF_E_CORRUPT, "member \"server\" is not an object"},
    {"server.version_num", "-1", HF_E_CORRUPT, "member \"server.version_num\" is -1"},
    {"server.timeline", "4294967296", HF_E_CORRUPT, "member \"server.timeline\" is 4294967296"},
    {"database.name", "\"\"", HF_E_CORRUPT, "member \"database.name\" is empty"},
    {"database.connection_limit", "1e3", HF_E_CORRUPT,
     "member \"database.connection_limit\" is not an integer"},
    {"database.settings", "{}", HF_E_CORRUPT, "member \"database.settings\" is not an array"},
    {"database.settings.1", "\"x\"", HF_E_CORRUPT, "member \"database.settings[1]\" is not an object"},
    {"database.settings.0.role", NULL, HF_E_CORRUPT, "member \"database.settings[0].role\" is missing"},
    {"visibility.lsn", NULL, HF_E_CORRUPT, "member \"visibility.lsn\" is missing"},
    {"schema.object.name", "\"short\"", HF_E_CORRUPT, "member \"schema.object\" does not name its object"},
    {"schema.object.raw_bytes", "1073741825", HF_E_CORRUPT,
     "member \"schema.object.raw_bytes\" is 1073741825"},
    {"schema.object.stored_bytes", "0", HF_E_CORRUPT, "member \"schema.object\" has a stored size"},
    {"schema.object.stored_bytes", "1000000", HF_E_CORRUPT, "member \"schema.object\" has a stored size"},
    {"tables", "null", HF_E_CORRUPT, "member \"tables\" is not an array"},
    {"tables.1", "null", HF_E_CORRUPT, "member \"tables[1]\" is not an object"},
    {"tables.0.schema", "\"\"", HF_E_CORRUPT, "member \"tables[0].schema\" is empty"},
    {"tables.0.kind", "\"rr\"", HF_E_CORRUPT, "member \"tables[0].kind\" is not one of"},
    {"tables.0.kind", "\"\"", HF_E_CORRUPT, "member \"tables[0].kind\" is not one of"},
    {"tables.0.persistence", "\"x\"", HF_E_CORRUPT, "member \"tables[0].persistence\" is not one of"},
    {"tables.0.columns", "[1]", HF_E_CORRUPT,
     "member \"tables[0].columns\" has an element that is not a text"},
    {"tables.0.pages", "-1", HF_E_CORRUPT, "member \"tables[0].pages\" is -1"},
    {"tables.0.rows", "901", HF_E_CORRUPT, "member \"tables[0].row_digest\" is not the sum"},
    {"tables.0.row_digest", "\"" DIGITS "\"", HF_E_CORRUPT,
     "member \"tables[0].row_digest\" is not a digest"},
    {"tables.0.row_digest", "\"00112233445566778899aabbccddeeff\"", HF_E_CORRUPT,
     "is not the sum over the chunks"},
    {"tables.0.raw_bytes", "1", HF_E_CORRUPT, "member \"tables[0].raw_bytes\" is not the sum"},
    {"tables.0.chunks.1", NULL, HF_E_CORRUPT, "member \"tables[0].row_digest\" is not the sum"},
    {"tables.0.chunks.1", "{}", HF_E_CORRUPT, "member \"tables[0].chunks[1]\" is not an array"},
    {"tables.0.chunks.1", "[]", HF_E_CORRUPT, "member \"tables[0].chunks[1].object\" is missing"},
    {"tables.0.chunks.1.0", "\"" DIGITS "0\"", HF_E_CORRUPT,
     "member \"tables[0].chunks[1]\" does not name its object"},
    {"tables.0.chunks.1.3", "-1", HF_E_CORRUPT, "member \"tables[0].chunks[1].first_page\" is -1"},
    {"tables.0.chunks.1.3", "300", HF_E_CORRUPT, "member \"tables[0].chunks[1]\" ends before its first page"},
    {"tables.0.chunks.1.3", "127", HF_E_CORRUPT, "member \"tables[0].chunks[1]\" is not in the order"},
    {"tables.0.chunks.2.5", "0", HF_E_CORRUPT, "member \"tables[0].chunks[2]\" is not in the order"},
    {"tables.0.chunks.2.6", "99", HF_E_CORRUPT, "member \"tables[0].row_digest\" is not the sum"},
    {"tables.0.chunks.2.7", "\"xyz\"", HF_E_CORRUPT,
     "member \"tables[0].chunks[2].row_digest\" is not a digest"},
    {"tables.0.data_excluded", "true", HF_E_CORRUPT, "member \"tables[0].chunks\" is not empty"},
    {"tables.0.condition", "7", HF_E_CORRUPT, "member \"tables[0].condition\" is not a text"},
    {"tables.0.root_name", "\"p\"", HF_E_CORRUPT, "member \"tables[0].root_name\" is given without"},
    {"large_objects", NULL, HF_E_CORRUPT, "member \"large_objects\" is missing"},
    {"large_objects.pieces.rows", "1", HF_E_CORRUPT,
     "member \"large_objects.pieces.row_digest\" is not the sum"},
    {"sequences.0.last_value", "\"1\"", HF_E_CORRUPT, "member \"sequences[0].last_value\" is not an integer"},
    {"sequences.0.is_called", NULL, HF_E_CORRUPT, "member \"sequences[0].is_called\" is missing"},
    {"populated_matviews.0.name", "null", HF_E_CORRUPT,
     "member \"populated_matviews[0].name\" is not a text"},
    {"extensions.0", "3", HF_E_CORRUPT, "member \"extensions[0]\" is not an object"},
    {"roles", "[null]", HF_E_CORRUPT, "member \"roles\" has an element that is not a text"},
    {"warnings", NULL, HF_E_CORRUPT, "member \"warnings\" is missing"},
    {"filters", "[]", HF_E_CORRUPT, "member \"filters\" is not an object"},
    {"filters.left_out.0.name", "null", HF_E_CORRUPT, "member \"filters.left_out[0].name\" is not a text"},
    {"filters", "{\"include\":[],\"exclude\":[],\"exclude_data\":[],\"left_out\":[]}", HF_E_CORRUPT,
     "member \"filters\" has no pattern"},
    {"degraded.0.ctids", "[1]", HF_E_CORRUPT, "has an element that is not a text"},
    {"labels.0.oid", "4294967296", HF_E_CORRUPT, "oid\" is 4294967296"},
    {"labels.0.label", NULL, HF_E_CORRUPT, "label\" is missing"},
    {"degraded", "null", HF_E_CORRUPT, "member \"degraded\" is not an array"},
    {"role_plan.roles.0.connection_limit", "-2", HF_E_CORRUPT, "connection_limit\" is -2"},
    {"role_plan.memberships.0.admin", NULL, HF_E_CORRUPT, "admin\" is missing"},
};

static void test_manifest__each_corruption_is_named(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    HF_AUTO_JSON json = hf_manifest_to_json(m);

    for (size_t i = 0; i < sizeof(corruptions) / sizeof(*corruptions); i++) {
        const corruption *c = &corruptions[i];
        HF_AUTO_JSON damaged = json_deep_copy(json);
        hf_manifest *read = NULL;
        hf_error error = {0};

        corrupt(damaged, c->path, c->value);
        hf_status status = hf_manifest_from_json(damaged, &read, &error);

        if (status != c->status || strstr(error.message, c->message) == NULL || read != NULL)
            fail_msg("\"%s\" as %s: %s \"%s\", expected %s \"%s\"", c->path,
                     c->value != NULL ? c->value : "removed", hf_status_name(status), error.message,
                     hf_status_name(c->status), c->message);
    }
}

/* Earlier writers did not write them. */
static bool may_be_missing(const char *member)
{
    static const char *const LATER[] = {"filters",   "degraded",    "role_plan", "labels",
                                        "icu_rules", "is_template", NULL};

    for (const char *const *later = LATER; *later != NULL; later++)
        if (hf_streq(member, *later))
            return true;
    return false;
}

/* Whatever single member is missing or of another type, reading neither crashes nor accepts what it must not. */
static void damage_everywhere(json_t *root, json_t *value)
{
    static const char *const replacements[] = {"null", "true", "-9223372036854775808", "\"\"", "[]",
                                               "{}",   "1.5"};
    HF_AUTO_JSON sound = json_copy(value); /* to walk, while the value changes */
    const char *name;
    json_t *kept;

    json_object_foreach(sound, name, kept)
    {

        for (size_t i = 0; i < sizeof(replacements) / sizeof(*replacements); i++) {
            HF_AUTO(hf_manifest_freep) hf_manifest *read = NULL;
            hf_error error = {0};

            assert_int_equal(
                json_object_set_new(value, name, json_loads(replacements[i], JSON_DECODE_ANY, NULL)), 0);
            hf_status status = hf_manifest_from_json(root, &read, &error);

            assert_true(status == HF_OK ? read != NULL : status == HF_E_CORRUPT && error.message[0] != '\0');
        }

        assert_int_equal(json_object_del(value, name), 0);
        HF_AUTO(hf_manifest_freep) hf_manifest *read = NULL;

        assert_int_equal(hf_manifest_from_json(root, &read, NULL),
                         may_be_missing(name) ? HF_OK : HF_E_CORRUPT);
        assert_int_equal(json_object_set(value, name, kept), 0);

        if (json_is_object(kept))
            damage_everywhere(root, kept);
        for (size_t i = 0; json_is_array(kept) && i < json_array_size(kept); i++)
            damage_everywhere(root, json_array_get(kept, i));
    }
}

static void test_manifest__any_member_may_be_wrong(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    HF_AUTO_JSON json = hf_manifest_to_json(m);

    damage_everywhere(json, json);

    HF_AUTO(hf_manifest_freep) hf_manifest *read = NULL;

    assert_int_equal(hf_manifest_from_json(json, &read, &f->error), HF_OK);
}

static void test_manifest__unknown_members_are_ignored(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = make_manifest(f, ID, 1795246202123);
    HF_AUTO(hf_manifest_freep) hf_manifest *read = NULL;
    HF_AUTO_JSON json = hf_manifest_to_json(m);

    assert_int_equal(json_object_set_new(json, "from_the_future", json_true()), 0);
    assert_int_equal(hf_manifest_from_json(json, &read, &f->error), HF_OK);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_manifest__survives_json),
        CASE(test_manifest__sums_over_its_tables),
        CASE(test_manifest__carries_large_objects_and_conditions),
        CASE(test_manifest__has_no_json_form_when_a_name_is_not_utf8),
        CASE(test_manifest__each_corruption_is_named),
        CASE(test_manifest__any_member_may_be_wrong),
        CASE(test_manifest__unknown_members_are_ignored),
    };

    return cmocka_run_group_tests_name("repository/manifest", tests, NULL, NULL);
}
