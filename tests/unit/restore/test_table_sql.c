#include "unit.h"

#include "restore/table_sql.h"

static const hf_relation live = {.schema = "public", .name = "we ird"};
static const hf_relation copy = {.schema = "rescue", .name = "copy"};

static hf_entry entry_of(const char *definition)
{
    return (hf_entry){.kind = (char *) "TABLE",
                      .schema = (char *) "public",
                      .tag = (char *) "we ird",
                      .definition = (char *) definition};
}

static void test_table_sql__creates_under_another_name(void **state)
{
    (void) state;
    static const struct {
        const char *definition, *made; /* statements joined by "|"; NULL: refused */
    } cases[] = {
        {"CREATE TABLE public.\"we ird\" (\n    a integer\n);\n",
         "CREATE TABLE \"rescue\".\"copy\" (\n    a integer\n)"},
        {"CREATE UNLOGGED TABLE public.\"we ird\" (\n);\n", "CREATE TABLE \"rescue\".\"copy\" (\n)"},
        {"CREATE TABLE \"public\".\"we ird\" (\n    a text DEFAULT 'x;public.\"we ird\"'::text\n)\nWITH "
         "(fillfactor='70');\n\n"
         "ALTER TABLE ONLY public.\"we ird\" ALTER COLUMN a SET STORAGE EXTERNAL;\n"
         "ALTER TABLE ONLY public.\"we ird\" REPLICA IDENTITY FULL;\n"
         "ALTER TABLE ONLY public.\"we ird\" FORCE ROW LEVEL SECURITY;\n",
         "CREATE TABLE \"rescue\".\"copy\" (\n    a text DEFAULT 'x;public.\"we ird\"'::text\n)\nWITH "
         "(fillfactor='70')|"
         "ALTER TABLE ONLY \"rescue\".\"copy\" ALTER COLUMN a SET STORAGE EXTERNAL"},
        {"CREATE TABLE public.\"we irder\" (\n    a integer\n);\n", NULL},
        {"CREATE TABLE public.we (\n    a integer\n);\n", NULL},
        {"CREATE TABLE other.\"we ird\" (\n    a integer\n);\n", NULL},
        {"CREATE TABLE public.\"we ird\" (\n    a integer\n);\nDROP TABLE public.\"we ird\";\n", NULL},
        {"CREATE TABLE public.\"we ird\" (\n);\nALTER TABLE ONLY public.other ALTER COLUMN a DROP DEFAULT;\n",
         NULL},
        {"CREATE TEMP TABLE public.\"we ird\" (\n);\n", NULL},
        {"DROP TABLE public.\"we ird\";\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_entry entry = entry_of(cases[i].definition);
        HF_AUTO(hf_strings_done) hf_strings made = {0};
        HF_AUTO_BUF text = HF_BUF_MAX(4096);
        hf_error error = {0};
        hf_status status = hf_table_sql_create(&entry, copy, NULL, &made, &error);

        for (size_t j = 0; j < made.count; j++)
            hf_buf_printf(&text, "%s%s", j == 0 ? "" : "|", made.items[j]);
        if (status != (cases[i].made == NULL ? HF_E_UNSUPPORTED : HF_OK) ||
            (cases[i].made != NULL && strcmp(hf_buf_text(&text), cases[i].made) != 0))
            fail_msg("case %zu gives %d: %s", i, (int) status, hf_buf_text(&text));
    }
}

static void test_table_sql__gives_other_parents(void **state)
{
    (void) state;
    static const hf_relation parents[] = {{"rescue", "p1"}, {"rescue", "p2"}};
    const hf_entry entry =
        entry_of("CREATE TABLE public.\"we ird\" (\n    a text DEFAULT '\n)\nINHERITS (x.y)'\n)\n"
                 "INHERITS (public.par, \"o.d\".\"p)\"\"q\")\nWITH (fillfactor='70');\n");
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO(hf_strings_done) hf_strings made = {0};
    hf_error error = {0};

    assert_ok(hf_table_sql_parents(&entry, &names, &error));
    assert_int_equal(names.count, 4);
    assert_string_equal(names.items[1], "par");
    assert_string_equal(names.items[2], "o.d");
    assert_string_equal(names.items[3], "p)\"q");
    assert_ok(hf_table_sql_create(&entry, copy, parents, &made, &error));
    assert_string_equal(made.items[0],
                        "CREATE TABLE \"rescue\".\"copy\" (\n    a text DEFAULT '\n)\nINHERITS (x.y)'\n)\n"
                        "INHERITS (\"rescue\".\"p1\", \"rescue\".\"p2\")\nWITH (fillfactor='70')");

    const hf_entry odd = entry_of("CREATE TABLE public.\"we ird\" (\n)\nINHERITS (par);\n");
    assert_int_equal(hf_table_sql_parents(&odd, &names, &error), HF_E_UNSUPPORTED);
}

static void test_table_sql__leaves_sequences_out_of_defaults(void **state)
{
    (void) state;
    static const struct {
        const char *definition, *made;
    } cases[] = {
        {"ALTER TABLE ONLY public.\"we ird\" ALTER COLUMN \"i d\" SET DEFAULT "
         "nextval('public.s'::regclass);\n",
         NULL},
        {"ALTER TABLE ONLY public.\"we ird\" ALTER COLUMN \"i d\" SET DEFAULT 'nextval('::text;\n",
         "ALTER TABLE ONLY \"rescue\".\"copy\" ALTER COLUMN \"i d\" SET DEFAULT 'nextval('::text"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_entry entry = entry_of(cases[i].definition);
        HF_AUTO_STR made = NULL;
        HF_AUTO_STR column = NULL;
        hf_error error = {0};

        assert_ok(hf_table_sql_default(&entry, live, copy, &made, &column, &error));
        assert_string_equal(column, "i d");
        if (cases[i].made == NULL)
            assert_null(made);
        else
            assert_string_equal(made, cases[i].made);
    }

    const hf_entry other = entry_of("ALTER TABLE ONLY public.other ALTER COLUMN id SET DEFAULT 1;\n");
    HF_AUTO_STR made = NULL;
    HF_AUTO_STR column = NULL;
    hf_error error = {0};
    assert_int_equal(hf_table_sql_default(&other, live, copy, &made, &column, &error), HF_E_UNSUPPORTED);

    const hf_entry identity =
        entry_of("ALTER TABLE public.\"we ird\" ALTER COLUMN z ADD GENERATED ALWAYS AS IDENTITY (\n"
                 "    SEQUENCE NAME public.z\n);\n");
    HF_AUTO_STR z = hf_table_sql_identity(&identity, live);
    assert_string_equal(z, "z");
    assert_null(hf_table_sql_identity(&other, live));
}

static void test_table_sql__makes_keys(void **state)
{
    (void) state;
    static const struct {
        const char *definition, *name, *made;
    } cases[] = {
        {"ALTER TABLE ONLY public.\"we ird\"\n    ADD CONSTRAINT \"p k\" PRIMARY KEY (a);\n\nALTER TABLE "
         "public.\"we ird\" CLUSTER ON \"p k\";\n",
         "p k", "ALTER TABLE ONLY \"rescue\".\"copy\"\n    ADD CONSTRAINT \"new\" PRIMARY KEY (a)"},
        {"ALTER TABLE ONLY public.\"we ird\"\n    ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a);\n", "u",
         "ALTER TABLE ONLY \"rescue\".\"copy\"\n    ADD CONSTRAINT \"new\" UNIQUE NULLS NOT DISTINCT (a)"},
        {"CREATE UNIQUE INDEX \"u;1\" ON public.\"we ird\" USING btree (lower((';'::text || a)));\n", "u;1",
         "CREATE UNIQUE INDEX \"new\" ON \"rescue\".\"copy\" USING btree (lower((';'::text || a)))"},
        {"CREATE INDEX i ON public.\"we ird\" USING btree (a);\n", NULL, NULL},
        {"CREATE UNIQUE INDEX i ON public.other USING btree (a);\n", NULL, NULL},
        {"ALTER TABLE ONLY public.\"we ird\"\n    ADD CONSTRAINT e EXCLUDE USING gist (a WITH &&);\n", NULL,
         NULL},
        {"ALTER TABLE ONLY public.other\n    ADD CONSTRAINT p PRIMARY KEY (a);\n", NULL, NULL},
        {"", NULL, NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_entry entry = entry_of(cases[i].definition);
        HF_AUTO_STR name = hf_table_sql_key(&entry, live);
        HF_AUTO_STR made = hf_table_sql_make_key(&entry, live, copy, "new");

        if (cases[i].name == NULL) {
            assert_null(name);
            assert_null(made);
            continue;
        }
        assert_non_null(name);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(made, cases[i].made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_sql__creates_under_another_name),
        cmocka_unit_test(test_table_sql__gives_other_parents),
        cmocka_unit_test(test_table_sql__leaves_sequences_out_of_defaults),
        cmocka_unit_test(test_table_sql__makes_keys),
    };

    return cmocka_run_group_tests_name("restore/table_sql", tests, NULL, NULL);
}
