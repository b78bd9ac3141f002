#include "unit.h"

#include "restore/build.h"

static void test_build__derives_the_owner(void **state)
{
    (void) state;
    static const struct {
        hf_entry entry;
        const char *sql;
    } cases[] = {
        {{.kind = "TABLE",
          .schema = "s",
          .tag = "a\"b",
          .owner = "app",
          .drop = "DROP TABLE s.x;\n",
          .definition = "D;"},
         "D;\nALTER TABLE \"s\".\"a\"\"b\" OWNER TO \"app\";"},
        {{.kind = "VIEW",
          .schema = "s",
          .tag = "v",
          .owner = "app",
          .drop = "DROP VIEW s.v;\n",
          .definition = "D;"},
         "D;\nALTER VIEW \"s\".\"v\" OWNER TO \"app\";"},
        {{.kind = "SCHEMA", .tag = "s", .owner = "app", .drop = "DROP SCHEMA s;\n", .definition = "D;"},
         "D;\nALTER SCHEMA \"s\" OWNER TO \"app\";"},
        {{.kind = "FUNCTION",
          .schema = "s",
          .tag = "f(integer)",
          .owner = "app",
          .drop = "DROP FUNCTION s.f(a integer);\n",
          .definition = "D;"},
         "D;\nALTER FUNCTION s.f(a integer) OWNER TO \"app\";"},
        {{.kind = "OPERATOR CLASS",
          .schema = "s",
          .tag = "c",
          .owner = "app",
          .drop = "DROP OPERATOR CLASS s.c USING btree;\n",
          .definition = "D;"},
         "D;\nALTER OPERATOR CLASS s.c USING btree OWNER TO \"app\";"},
        /* no object of its own, no owner of its own, and one that is ours already */
        {{.kind = "TABLE ATTACH", .schema = "s", .tag = "t", .owner = "app", .drop = "", .definition = "D;"},
         "D;"},
        {{.kind = "INDEX",
          .schema = "s",
          .tag = "i",
          .owner = "app",
          .drop = "DROP INDEX s.i;\n",
          .definition = "D;"},
         "D;"},
        {{.kind = "TABLE",
          .schema = "s",
          .tag = "t",
          .owner = "me",
          .drop = "DROP TABLE s.t;\n",
          .definition = "D;"},
         "D;"},
        /* a schema that initdb made */
        {{.kind = "SCHEMA",
          .tag = "public",
          .owner = "me",
          .drop = "DROP SCHEMA public;\n",
          .definition = "-- *not* creating schema, since initdb creates it\n\n"},
         "\nALTER SCHEMA \"public\" OWNER TO \"me\";"},
        /* a partitioned table takes no default */
        {{.kind = "TABLE",
          .schema = "s",
          .tag = "t",
          .owner = "me",
          .drop = "DROP TABLE s.t;\n",
          .definition = "D;",
          .relkind = 'p',
          .access_method = "heap2"},
         "D;\nALTER TABLE \"s\".\"t\" SET ACCESS METHOD \"heap2\";"},
    };
    const hf_restore_options options = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);
        hf_entry_statements(&cases[i].entry, &options, "me", &sql);
        assert_string_equal(hf_buf_text(&sql), cases[i].sql);
    }
    const hf_restore_options without = {.no_owner = true};
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    hf_entry_statements(&cases[0].entry, &without, "me", &sql);
    assert_string_equal(hf_buf_text(&sql), "D;");
}

static void test_build__puts_entries_in_passes(void **state)
{
    (void) state;
    static const struct {
        hf_entry entry;
        bool is_before_data;
        hf_pass pass;
    } cases[] = {
        {{.kind = "ENCODING", .tag = "ENCODING", .section = HF_SECTION_PRE_DATA}, true, HF_PASS_NEVER},
        {{.kind = "DATABASE", .tag = "x", .section = HF_SECTION_PRE_DATA}, true, HF_PASS_NEVER},
        {{.kind = "ACL", .tag = "DATABASE x"}, true, HF_PASS_NEVER},
        {{.kind = "COMMENT", .tag = "DATABASE x"}, true, HF_PASS_NEVER},
        {{.kind = "TABLE", .tag = "x", .section = HF_SECTION_PRE_DATA}, true, HF_PASS_SCHEMA},
        {{.kind = "COMMENT", .tag = "TABLE x"}, true, HF_PASS_SCHEMA},
        {{.kind = "COMMENT", .tag = "INDEX x"}, false, HF_PASS_PARALLEL},
        {{.kind = "INDEX", .tag = "x", .section = HF_SECTION_POST_DATA}, false, HF_PASS_PARALLEL},
        {{.kind = "ACL", .tag = "TABLE x"}, true, HF_PASS_ACL},
        {{.kind = "DEFAULT ACL", .tag = "x", .section = HF_SECTION_POST_DATA}, false, HF_PASS_ACL},
        {{.kind = "EVENT TRIGGER", .tag = "x", .section = HF_SECTION_POST_DATA}, false, HF_PASS_LAST},
        {{.kind = "COMMENT", .tag = "EVENT TRIGGER x"}, false, HF_PASS_LAST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        hf_entry entry = cases[i].entry;
        entry.definition = "D;";
        entry.drop = "";
        assert_int_equal(hf_entry_pass(&entry, cases[i].is_before_data), cases[i].pass);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build__derives_the_owner),
        cmocka_unit_test(test_build__puts_entries_in_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
