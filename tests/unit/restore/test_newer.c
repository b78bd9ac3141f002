#include "unit.h"

#include "restore/newer.h"

static const struct {
    const char *kind, *definition;
    int since; /* 0: any server knows it */
} cases[] = {
    {"TABLE", "CREATE TABLE s.t (\n    a integer,\n    b integer GENERATED ALWAYS AS ((a * 2))\n);\n", 18},
    {"TABLE", "CREATE TABLE s.t (\n    a integer,\n    b integer GENERATED ALWAYS AS ((a * 2)) STORED\n);\n",
     0},
    {"TABLE",
     "CREATE TABLE s.t (\n    b text GENERATED ALWAYS AS (f(')', a)) STORED,\n    c text GENERATED ALWAYS AS "
     "(b)\n);\n",
     18},
    {"TABLE", "CREATE TABLE s.t (\n    b text DEFAULT ' GENERATED ALWAYS AS (x)'\n);\n", 0},
    {"TABLE", "CREATE TABLE s.t (\n    a integer CONSTRAINT named NOT NULL,\n    b integer NOT NULL\n);\n",
     0},
    {"TABLE", "CREATE TABLE s.t (\n    CONSTRAINT \"na med\" NOT NULL a\n)\nINHERITS (s.u);\n", 18},
    {"TABLE", "CREATE TABLE s.t (\n    NOT NULL a\n)\nINHERITS (s.u);\n", 18},
    {"TABLE", "CREATE TABLE s.t (\n    a integer NOT NULL NO INHERIT\n);\n", 18},
    {"TABLE", "CREATE TABLE s.t (\n    enforced boolean,\n    CONSTRAINT c CHECK ((NOT enforced))\n);\n", 0},
    {"TABLE", "CREATE TABLE s.t (\n    a integer,\n    CONSTRAINT c CHECK ((a > 0)) NOT ENFORCED\n);\n", 18},
    {"CONSTRAINT", "ALTER TABLE s.t\n    ADD CONSTRAINT c NOT NULL a NOT VALID;\n", 18},
    {"CONSTRAINT",
     "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c EXCLUDE USING gist (a WITH =) WHERE ((a IS NOT NULL));\n",
     0},
    {"CONSTRAINT", "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c PRIMARY KEY (id, valid WITHOUT OVERLAPS);\n",
     18},
    {"CONSTRAINT", "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (a);\n", 15},
    {"FK CONSTRAINT",
     "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c FOREIGN KEY (a, PERIOD b) REFERENCES s.u(a, PERIOD b);\n",
     18},
    {"FK CONSTRAINT", "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c FOREIGN KEY (period) REFERENCES s.u(a);\n",
     0},
    {"ACL", "GRANT SELECT,MAINTAIN ON TABLE s.t TO x;\n", 17},
    {"ACL", "GRANT SELECT ON TABLE s.t TO maintain;\nGRANT SELECT ON TABLE s.t TO \"MAINTAIN\";\n", 0},
    {"COLLATION", "CREATE COLLATION s.c (provider = builtin, locale = 'C.UTF-8');\n", 17},
    {"COLLATION", "CREATE COLLATION s.c (provider = icu, locale = 'en', rules = '&a < b');\n", 16},
    {"COLLATION", "CREATE COLLATION s.c (provider = icu, locale = 'rules = x');\n", 0},
    {"EVENT TRIGGER", "CREATE EVENT TRIGGER login ON sql_drop\n   EXECUTE FUNCTION s.f();\n", 0},
    {"EVENT TRIGGER", "CREATE EVENT TRIGGER e ON login\n   EXECUTE FUNCTION s.f();\n", 17},
    {"PUBLICATION TABLE", "ALTER PUBLICATION p ADD TABLE ONLY s.t;\n", 0},
    {"PUBLICATION TABLE", "ALTER PUBLICATION p ADD TABLE ONLY s.t WHERE ((a > 1));\n", 15},
    {"PUBLICATION TABLES IN SCHEMA", "ALTER PUBLICATION p ADD TABLES IN SCHEMA s;\n", 15},
    {"FUNCTION", "CREATE FUNCTION s.f() RETURNS text LANGUAGE sql AS $$ NOT ENFORCED $$;\n", 0},
};

static void test_newer__what_older_servers_do_not_know(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_entry entry = {.kind = (char *) cases[i].kind, .definition = (char *) cases[i].definition};
        int since = 0;

        if (hf_entry_is_newer(&entry, 140000, &since) == NULL)
            since = 0;
        if (since != cases[i].since)
            fail_msg("%s: since %d, not %d", cases[i].definition, since, cases[i].since);
        if (since > 0)
            assert_null(hf_entry_is_newer(&entry, since * 10000, &since));
    }
}

static void test_newer__an_access_method_of_a_partitioned_table(void **state)
{
    (void) state;
    const hf_entry entry = {.kind = (char *) "TABLE",
                            .definition = (char *) "CREATE TABLE s.t (\n) PARTITION BY LIST (a);\n",
                            .relkind = 'p',
                            .access_method = (char *) "heap"};
    int since;

    assert_non_null(hf_entry_is_newer(&entry, 160004, &since));
    assert_int_equal(since, 17);
    assert_null(hf_entry_is_newer(&entry, 170000, &since));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newer__what_older_servers_do_not_know),
        cmocka_unit_test(test_newer__an_access_method_of_a_partitioned_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
