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
#include "checks/schema_own.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/hf-unit-XXXXXX.yaml";

static int make_file(void **state)
{
    (void) state;
    int fd = mkstemps(path, 5);

    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void) state;
    return unlink(path);
}

static void write_file(const char *yaml)
{
    assert_int_equal(hf_file_write_atomic(path, yaml, strlen(yaml), NULL), HF_OK);
}

static void test_schema_own__reads_each_part(void **state)
{
    (void) state;
    static const struct {
        const char *yaml;
        const char *objects; /* behind the first, the table or the enum itself */
    } cases[] = {
        {"tables: {users: }", ""},
        {"tables: {users: {columns: {id: int}}}",
         ",{\"n\":1,\"kind\":\"property\",\"name\":\"id\",\"expected\":\"the column\",\"table\":\"users\","
         "\"shown\":\"column \\\"users.id\\\"\",\"aspect\":\"column\",\"want\":\"\"},"
         "{\"n\":2,\"kind\":\"property\",\"name\":\"id\",\"expected\":\"type int\",\"table\":\"users\","
         "\"shown\":\"column \\\"users.id\\\"\",\"aspect\":\"type\",\"want\":\"int\"}"},
        {"tables: {users: {columns: {id: {nullable: false}}}}",
         ",{\"n\":1,\"kind\":\"property\",\"name\":\"id\",\"expected\":\"the column\",\"table\":\"users\","
         "\"shown\":\"column \\\"users.id\\\"\",\"aspect\":\"column\",\"want\":\"\"},"
         "{\"n\":2,\"kind\":\"property\",\"name\":\"id\",\"expected\":\"not nullable\",\"table\":\"users\","
         "\"shown\":\"column \\\"users.id\\\"\",\"aspect\":\"nullable\",\"want\":\"not nullable\"}"},
        {"tables: {users: {indexes: [i], constraints: [c]}}",
         ",{\"n\":1,\"kind\":\"index\",\"name\":\"i\",\"expected\":\"a valid index\",\"table\":\"users\"},"
         "{\"n\":2,\"kind\":\"constraint\",\"name\":\"c\",\"expected\":\"a validated constraint\","
         "\"table\":\"users\"}"},
        {"tables: {users: {grants: {app: {at_least: [SELECT]}}}}",
         ",{\"n\":1,\"kind\":\"property\",\"name\":\"users\",\"expected\":\"at least SELECT\","
         "\"table\":\"users\",\"shown\":\"grants to \\\"app\\\" on \\\"users\\\"\","
         "\"aspect\":\"grants_at_least\",\"want\":[\"SELECT\"],\"role\":\"app\"}"},
        {"{\"tables\": {\"users\": {\"row_security\": \"off\"}}}",
         ",{\"n\":1,\"kind\":\"property\",\"name\":\"users\",\"expected\":\"off\",\"table\":\"users\","
         "\"shown\":\"row-level security of \\\"users\\\"\",\"aspect\":\"row_security\",\"want\":\"off\"}"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char wanted[2048];
        json_t *objects = NULL;
        hf_error error = {0};

        (void) snprintf(wanted, sizeof(wanted),
                        "[{\"n\":0,\"kind\":\"table\",\"name\":\"users\",\"expected\":\"a table\"}%s]",
                        cases[i].objects);
        json_t *expected = json_loads(wanted, 0, NULL);
        write_file(cases[i].yaml);
        /* by the name of the file */
        if (hf_schema_file_read(path, NULL, "site", &objects, &error) != HF_OK)
            fail_msg("case %zu: %s", i, error.message);
        assert_non_null(expected);
        if (!json_equal(objects, expected))
            fail_msg("case %zu: %s", i, json_dumps(objects, JSON_COMPACT));
        assert_int_equal(hf_schema_file_validate(path, NULL, &error), HF_OK);
        assert_int_equal(hf_schema_file_validate(path, "site", &error), HF_E_USAGE);
        json_decref(objects);
        json_decref(expected);
    }
}

static void test_schema_own__reads_an_enum_of_a_schema(void **state)
{
    (void) state;
    json_t *objects = NULL;
    json_t *expected =
        json_loads("[{\"n\":0,\"kind\":\"enum\",\"name\":\"Role\",\"schema\":\"s\",\"expected\":\"an enum\"},"
                   "{\"n\":1,\"kind\":\"property\",\"name\":\"Role\",\"schema\":\"s\",\"expected\":\"B, A\","
                   "\"table\":\"Role\",\"shown\":\"labels of enum \\\"s.Role\\\"\",\"aspect\":\"labels\","
                   "\"want\":[\"B\",\"A\"]}]",
                   0, NULL);

    write_file("enums: {s.Role: [B, A]}");
    assert_int_equal(hf_schema_own_read(path, &objects, NULL), HF_OK);
    assert_true(json_equal(objects, expected));
    json_decref(objects);
    json_decref(expected);
}

static void test_schema_own__names_the_place_of_a_mistake(void **state)
{
    (void) state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"tables: [", ":2:1: not valid YAML"},
        {"[]", ":1:1: \"a schema file\" must be a mapping"},
        {"{}", "names nothing to check"},
        {"tables: {}", "names nothing to check"},
        {"tables: {a: }\ntabels: {}", ":2:1: \"tabels\" is not known"},
        {"tables:\n  a.b.c: {}", ":2:3: \"a.b.c\" must be a name"},
        {"tables:\n  .a: {}", ":2:3: \".a\" must be a name"},
        {"tables:\n  a: {colums: {}}", ":2:7: \"colums\" is not known"},
        {"tables:\n  a: {columns: [id]}", ":2:17: \"columns\" must be a mapping"},
        {"tables:\n  a: {columns: {id: [int]}}", ":2:22: \"id\" must be a mapping"},
        {"tables:\n  a: {columns: {id: {typ: int}}}", ":2:22: \"typ\" is not known"},
        {"tables:\n  a: {columns: {id: {nullable: no}}}", ":2:32: \"nullable\" must be true or false"},
        {"tables:\n  a: {columns: {id: {type: }}}", "\"type\" must be a text"},
        {"tables:\n  a: {indexes: i}", ":2:16: \"index\" must be a list"},
        {"tables:\n  a: {constraints: [[c]]}", ":2:22: \"constraint\" must be a text"},
        {"tables:\n  a: {row_security: on}", ":2:21: \"row_security\" must be off, enabled or forced"},
        {"tables:\n  a: {grants: [app]}", ":2:16: \"grants\" must be a mapping"},
        {"tables:\n  a: {grants: {app: [select]}}", ":2:22: \"select\" is no privilege"},
        {"enums:\n  R: {values: [A]}", ":2:7: \"R\" must be a list, or"},
        {"enums:\n  R: {at_least: A}", ":2:17: \"R\" must be a list"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *objects = NULL;
        hf_error error = {0};

        write_file(cases[i].yaml);
        if (hf_schema_own_read(path, &objects, &error) != HF_E_USAGE ||
            strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        assert_null(objects);
    }
    assert_int_equal(hf_schema_file_validate("/nonexistent/x.yml", NULL, NULL), HF_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_own__reads_each_part),
        cmocka_unit_test(test_schema_own__reads_an_enum_of_a_schema),
        cmocka_unit_test(test_schema_own__names_the_place_of_a_mistake),
    };

    return cmocka_run_group_tests_name("checks/schema_own", tests, make_file, remove_file);
}
