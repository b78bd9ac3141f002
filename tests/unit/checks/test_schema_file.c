#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "checks/schema_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/hf-unit-XXXXXX";

static int make_file(void **state)
{
    (void) state;
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void) state;
    return unlink(path);
}

static void write_file(const char *json)
{
    assert_int_equal(hf_file_write_atomic(path, json, strlen(json), NULL), HF_OK);
}

static void test_schema_file__reads_every_form(void **state)
{
    (void) state;
    static const struct {
        const char *json;
        const char *objects;
    } cases[] = {
        {"{\"databases\":{\"site\":{\"criticalTables\":[\"users\",\"audit.log\"]}}}",
         "[{\"n\":0,\"kind\":\"table\",\"name\":\"users\"},"
         "{\"n\":1,\"kind\":\"table\",\"schema\":\"audit\",\"name\":\"log\"}]"},
        {"{\"criticalTables\":[\"\\\"public\\\".\\\"User\\\"\"]}",
         "[{\"n\":0,\"kind\":\"table\",\"schema\":\"public\",\"name\":\"User\"}]"},
        {"{\"criticalTables\":[{\"table\":\"users\"},{\"name\":\"u\",\"schema\":\"s\",\"reason\":\"x\"}]}",
         "[{\"n\":0,\"kind\":\"table\",\"name\":\"users\"},{\"n\":1,\"kind\":\"table\",\"schema\":\"s\","
         "\"name\":\"u\"}]"},
        {"{\"criticalIndexes\":[{\"table\":\"users\",\"name\":\"i\"},{\"table\":\"a.users\",\"name\":\"j\"}]"
         "}",
         "[{\"n\":0,\"kind\":\"index\",\"name\":\"i\",\"table\":\"users\"},"
         "{\"n\":1,\"kind\":\"index\",\"name\":\"j\",\"table\":\"users\",\"schema\":\"a\"}]"},
        {"{\"criticalConstraints\":{\"users\":[\"a\",\"b\"]}}",
         "[{\"n\":0,\"kind\":\"constraint\",\"name\":\"a\",\"table\":\"users\"},"
         "{\"n\":1,\"kind\":\"constraint\",\"name\":\"b\",\"table\":\"users\"}]"},
        {"{\"criticalEnums\":[\"Role\",{\"name\":\"Kind\",\"values\":[\"A\",\"B\"]}]}",
         "[{\"n\":0,\"kind\":\"enum\",\"name\":\"Role\"},"
         "{\"n\":1,\"kind\":\"enum\",\"name\":\"Kind\",\"values\":[\"A\",\"B\"]}]"},
        {"{\"criticalEnums\":{\"Role\":[\"A\"]}}",
         "[{\"n\":0,\"kind\":\"enum\",\"name\":\"Role\",\"values\":[\"A\"]}]"},
        {"{\"version\":1,\"criticalTables\":[\"a\"],\"databases\":{\"x\":{\"criticalTables\":[\"b\"]}}}",
         "[{\"n\":0,\"kind\":\"table\",\"name\":\"a\"},{\"n\":1,\"kind\":\"table\",\"name\":\"b\"}]"},
        {"{\"$schema\":\"u\",\"description\":\"d\",\"x\":{\"criticalTables\":[\"a\"]},"
         "\"site\":{\"criticalTables\":[\"b\"]}}",
         "[{\"n\":0,\"kind\":\"table\",\"name\":\"b\"}]"},
        {"{\"databases\":{\"x\":{\"criticalTables\":[\"a\"]},\"site\":{\"criticalTables\":[\"b\"]}}}",
         "[{\"n\":0,\"kind\":\"table\",\"name\":\"b\"}]"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *objects = NULL;
        json_t *expected = json_loads(cases[i].objects, 0, NULL);
        hf_error error = {0};

        write_file(cases[i].json);
        if (hf_schema_file_read(path, NULL, "site", &objects, &error) != HF_OK)
            fail_msg("case %zu: %s", i, error.message);
        if (!json_equal(objects, expected))
            fail_msg("case %zu: %s", i, json_dumps(objects, JSON_COMPACT));
        assert_int_equal(hf_schema_file_validate(path, NULL, &error), HF_OK);
        json_decref(objects);
        json_decref(expected);
    }
}

static void test_schema_file__names_what_is_wrong(void **state)
{
    (void) state;
    static const struct {
        const char *json, *message;
        bool only_reading; /* it cannot be known without the target */
    } cases[] = {
        {"{\"criticalTables\": [\"a\"", ":1:", false},
        {"{\n\"criticalTables\": nonsense}", ":2:", false},
        {"[]", "not a JSON object", false},
        {"{}", "names nothing to check", false},
        {"{\"databases\":{\"site\":{}}}", "names nothing to check", false},
        {"{\"databases\":[]}", "\"databases\" is not an object", false},
        {"{\"databases\":{\"site\":[]}}", "is not an object", false},
        {"{\"criticalTables\":\"users\"}", "criticalTables: not a list", false},
        {"{\"criticalTables\":[1]}", "neither a text nor an object", false},
        {"{\"criticalTables\":[\"\"]}", "without a name", false},
        {"{\"criticalIndexes\":[{\"table\":\"users\"}]}", "criticalIndexes: an entry without a name", false},
        {"{\"criticalEnums\":[{\"name\":\"R\",\"values\":\"A\"}]}", "values are not a list", false},
        {"{\"criticalEnums\":{\"R\":[1]}}", "a value is not a text", false},
        {"{\"criticalConstraints\":{\"users\":\"a\"}}", "not a list", false},
        {"{\"databases\":{\"a\":{\"criticalTables\":[\"x\"]},\"b\":{}}}", "no database \"site\"", true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *objects = NULL;
        hf_error error = {0};

        write_file(cases[i].json);
        assert_int_equal(hf_schema_file_read(path, NULL, "site", &objects, &error), HF_E_USAGE);
        if (strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        assert_null(objects);
        assert_int_equal(hf_schema_file_validate(path, NULL, &error),
                         cases[i].only_reading ? HF_OK : HF_E_USAGE);
    }
}

static void test_schema_file__needs_the_named_database(void **state)
{
    (void) state;
    json_t *objects = NULL;
    hf_error error = {0};

    write_file("{\"databases\":{\"a\":{\"criticalTables\":[\"x\"]}}}");
    assert_int_equal(hf_schema_file_validate(path, "b", &error), HF_E_USAGE);
    assert_non_null(strstr(error.hint, "\"a\""));
    assert_int_equal(hf_schema_file_read(path, "a", "site", &objects, &error), HF_OK);
    json_decref(objects);
    assert_int_equal(hf_schema_file_validate("/nonexistent/x.json", NULL, &error), HF_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_file__reads_every_form),
        cmocka_unit_test(test_schema_file__names_what_is_wrong),
        cmocka_unit_test(test_schema_file__needs_the_named_database),
    };

    return cmocka_run_group_tests_name("checks/schema_file", tests, make_file, remove_file);
}
