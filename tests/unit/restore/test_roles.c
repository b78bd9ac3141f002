#include "unit.h"

#include "restore/roles.h"

static hf_role_rename RENAMES[] = {
    {"app", "neu"}, {"odd \"Role\"", "plain"}, {"reader", "odd, \"one\""}, {"a", "b"}, {"b", "a"}};
static const hf_role_map MAP = {.items = RENAMES, .count = 5};

static void test_roles__renames_in_definitions(void **state)
{
    (void) state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"GRANT SELECT ON TABLE public.app TO app;", "GRANT SELECT ON TABLE public.app TO \"neu\";"},
        {"GRANT ALL ON TABLE public.t TO app WITH GRANT OPTION;\nGRANT SELECT(app) ON TABLE public.t TO "
         "reader;",
         "GRANT ALL ON TABLE public.t TO \"neu\" WITH GRANT OPTION;\nGRANT SELECT(app) ON TABLE public.t TO "
         "\"odd, \"\"one\"\"\";"},
        {"REVOKE ALL ON SCHEMA app FROM PUBLIC;\nREVOKE ALL ON SCHEMA app FROM \"odd \"\"Role\"\"\";",
         "REVOKE ALL ON SCHEMA app FROM PUBLIC;\nREVOKE ALL ON SCHEMA app FROM \"plain\";"},
        {"SET SESSION AUTHORIZATION app;\nGRANT USAGE ON SCHEMA s TO a;\nRESET SESSION AUTHORIZATION;",
         "SET SESSION AUTHORIZATION \"neu\";\nGRANT USAGE ON SCHEMA s TO \"b\";\nRESET SESSION "
         "AUTHORIZATION;"},
        {"ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES  TO b;",
         "ALTER DEFAULT PRIVILEGES FOR ROLE \"neu\" IN SCHEMA app GRANT SELECT ON TABLES  TO \"a\";"},
        {"CREATE POLICY app ON public.\"TO app\" FOR SELECT TO app, other, a USING ((owner = 'TO "
         "app'::text));",
         "CREATE POLICY app ON public.\"TO app\" FOR SELECT TO \"neu\", other, \"b\" USING ((owner = 'TO "
         "app'::text));"},
        {"CREATE POLICY p ON t TO a USING ((EXTRACT(day FROM app) = 1)) WITH CHECK (app(a, b));",
         "CREATE POLICY p ON t TO \"b\" USING ((EXTRACT(day FROM app) = 1)) WITH CHECK (app(a, b));"},
        {"CREATE USER MAPPING FOR app SERVER app OPTIONS (\n    \"user\" 'app'\n);\n",
         "CREATE USER MAPPING FOR \"neu\" SERVER app OPTIONS (\n    \"user\" 'app'\n);\n"},
        {"GRANT ALL ON FUNCTION public.f(app integer) TO \"app\";",
         "GRANT ALL ON FUNCTION public.f(app integer) TO \"neu\";"},
        {"GRANT SELECT ON TABLE t TO \"App\", app2, \"a\";",
         "GRANT SELECT ON TABLE t TO \"App\", app2, \"b\";"},
        {"", ""},
        {"GRANT SELECT ON TABLE \"unfinished", "GRANT SELECT ON TABLE \"unfinished"},
        {"GRANT SELECT ON TABLE t TO", "GRANT SELECT ON TABLE t TO"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_STR seen = hf_role_map_sql(&MAP, cases[i].before);
        assert_string_equal(seen, cases[i].after);
    }
}

static void test_roles__renames_in_grants_of_the_catalogs(void **state)
{
    (void) state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{=Tc/app,app=CTc/app}", "{\"=Tc/neu\",\"neu=CTc/neu\"}"},
        {"{\"\\\"odd \\\"\\\"Role\\\"\\\"\\\"=r*/app\"}", "{\"plain=r*/neu\"}"},
        {"{reader=r/a}", "{\"\\\"odd, \\\"\\\"one\\\"\\\"\\\"=r/b\"}"},
        {"{}", "{}"},
        {"{\"unfinished", "{\"unfinished\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_STR seen = hf_role_map_acl(&MAP, cases[i].before);
        assert_string_equal(seen, cases[i].after);
    }
    assert_null(hf_role_map_acl(&MAP, NULL));
}

static void test_roles__writes_statements(void **state)
{
    (void) state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = hf_manifest_new();
    HF_AUTO(hf_strings_done) hf_strings all = {0};
    HF_AUTO(hf_strings_done) hf_strings some = {0};
    HF_AUTO(hf_strings_done) hf_strings only = {0};

    manifest->server.version_num = 150004;
    HF_PUSH(&manifest->role_plan.roles, ((hf_role){.name = hf_strdup("a\"b"),
                                                   .login = true,
                                                   .inherit = true,
                                                   .connection_limit = 3,
                                                   .valid_until = hf_strdup("infinity")}));
    hf_strings_add(&manifest->role_plan.roles.items[0].settings, "search_path=x, \"Y\"");
    HF_PUSH(&manifest->role_plan.memberships,
            ((hf_membership){.role = hf_strdup("g"), .member = hf_strdup("a\"b"), .admin = true}));
    HF_PUSH(&manifest->role_plan.memberships,
            ((hf_membership){.role = hf_strdup("a\"b"), .member = hf_strdup("someone")}));
    hf_role_plan_statements(manifest, NULL, &all);
    assert_int_equal(all.count, 4);
    assert_string_equal(all.items[0],
                        "CREATE ROLE \"a\"\"b\" NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT LOGIN "
                        "NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3 VALID UNTIL 'infinity';");
    assert_string_equal(all.items[1], "ALTER ROLE \"a\"\"b\" SET \"search_path\" TO 'x', 'Y';");
    assert_string_equal(all.items[2], "GRANT \"g\" TO \"a\"\"b\" WITH ADMIN OPTION;");
    assert_string_equal(all.items[3], "-- GRANT \"a\"\"b\" TO \"someone\";");
    hf_strings_add(&only, "g");
    hf_role_plan_statements(manifest, &only, &some);
    assert_int_equal(some.count, 2);
    assert_true(hf_strings_has(&some, all.items[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles__renames_in_definitions),
        cmocka_unit_test(test_roles__renames_in_grants_of_the_catalogs),
        cmocka_unit_test(test_roles__writes_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
