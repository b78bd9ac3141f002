#include "unit.h"

#include "base/buffer.h"
#include "restore/table_names.h"

static hf_manifest *manifest_of(const char *const names[][2], size_t count)
{
    hf_manifest *manifest = hf_manifest_new();

    manifest->id = hf_strdup("20261121T073002Z-1f3a9c");
    for (size_t i = 0; i < count; i++) {
        hf_table *table = HF_APPEND_NEW(&manifest->tables);

        table->schema = hf_strdup(names[i][0]);
        table->name = hf_strdup(names[i][1]);
    }
    return manifest;
}

static const char *const names[][2] = {
    {"audit", "invoices"},    {"public", "Invoices"}, {"public", "invoices"}, {"public", "invoice_items"},
    {"public", "odd.na\"me"}, {"public", "a*b"},      {"public", "axb"},
};

/* "schema.name>schema.name, ..." of what was found. */
static char *shown(const hf_table_wishes *wishes)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4096);

    for (size_t i = 0; i < wishes->count; i++)
        hf_buf_printf(&text, "%s%s.%s>%s.%s", i == 0 ? "" : ", ", wishes->items[i].table->schema,
                      wishes->items[i].table->name, wishes->items[i].schema, wishes->items[i].name);
    return hf_strdup(hf_buf_text(&text));
}

static void test_table_names__finds(void **state)
{
    (void) state;
    static const struct {
        const char *pattern, *as, *found; /* found NULL: see status */
        hf_status status;
    } cases[] = {
        {"public.invoices", "rescue.invoices", "public.invoices>rescue.invoices", HF_OK},
        {"public.invoices", NULL, "public.invoices>public.invoices__restored", HF_OK},
        {"public.invoices", "copy", "public.invoices>public.copy", HF_OK},
        {"public.invoices", "rescue.*_old", "public.invoices>rescue.invoices_old", HF_OK},
        {"public.invoices", "\"re.scue\".\"*\"", "public.invoices>re.scue.*", HF_OK},
        {"invoices", "*_copy.*", "audit.invoices>audit_copy.invoices, public.invoices>public_copy.invoices",
         HF_OK},
        {"public.inv*", "rescue.*",
         "public.invoices>rescue.invoices, public.invoice_items>rescue.invoice_items", HF_OK},
        {"public.Invoices", "x.y", "public.Invoices>x.y", HF_OK},
        {"public.?nvoices", "x.*", "public.Invoices>x.Invoices, public.invoices>x.invoices", HF_OK},
        {"public.\"odd.na\"\"me\"", "x.y", "public.odd.na\"me>x.y", HF_OK},
        {"public.\"a*b\"", "x.y", "public.a*b>x.y", HF_OK},
        {"public.a*b", "x.*", "public.a*b>x.a*b, public.axb>x.axb", HF_OK},
        {"public.inv*", "rescue.one", NULL, HF_E_USAGE},
        {"invoices", "rescue.*", NULL, HF_E_USAGE},
        {"public.nothing", NULL, NULL, HF_E_NOT_FOUND},
        {"PUBLIC.invoices", NULL, NULL, HF_E_NOT_FOUND},
        {"a.b.c", NULL, NULL, HF_E_USAGE},
        {"public.", NULL, NULL, HF_E_USAGE},
        {".invoices", NULL, NULL, HF_E_USAGE},
        {"public.\"invoices", NULL, NULL, HF_E_USAGE},
        {"public.\"inv\"oices", NULL, NULL, HF_E_USAGE},
        {"public.invoices", "rescue.", NULL, HF_E_USAGE},
        {"public.invoices", "rescue.\xff", NULL, HF_E_USAGE},
        {"public.invoices", "r.123456789012345678901234567890123456789012345678901234567890abcd", NULL,
         HF_E_USAGE},
    };
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = manifest_of(names, COUNT(names));

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_table_wishes_done) hf_table_wishes wishes = {0};
        const hf_table_choice choice = {.pattern = cases[i].pattern, .as = cases[i].as};
        hf_error error = {0};
        hf_status status = hf_table_wishes_find(manifest, &choice, 1, &wishes, &error);
        HF_AUTO_STR found = shown(&wishes);

        if (status != cases[i].status || strcmp(found, cases[i].found == NULL ? "" : cases[i].found) != 0)
            fail_msg("%s as %s gives %d, %s (%s)", cases[i].pattern, cases[i].as, (int) status, found,
                     error.message);
    }
}

static void test_table_names__two_choices_may_not_collide(void **state)
{
    (void) state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = manifest_of(names, COUNT(names));
    HF_AUTO(hf_table_wishes_done) hf_table_wishes wishes = {0};
    const hf_table_choice apart[] = {{"public.invoices", "x.a"}, {"audit.invoices", "x.b"}};
    const hf_table_choice twice[] = {{"public.invoices", NULL}, {"public.inv*", NULL}};
    hf_error error = {0};

    assert_int_equal(hf_table_wishes_find(manifest, twice, 2, &wishes, &error), HF_E_USAGE);
    assert_ok(hf_table_wishes_find(manifest, apart, 2, &wishes, &error));
    assert_int_equal(wishes.count, 2);
}

static void test_table_names__refuses_what_has_no_rows(void **state)
{
    (void) state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = manifest_of(names, COUNT(names));
    HF_AUTO(hf_table_wishes_done) hf_table_wishes wishes = {0};
    const hf_table_choice choice = {.pattern = "audit.invoices"};
    hf_error error = {0};

    manifest->tables.items[0].data_excluded = true;
    assert_int_equal(hf_table_wishes_find(manifest, &choice, 1, &wishes, &error), HF_E_UNSUPPORTED);
    manifest->tables.items[0].data_excluded = false;
    manifest->tables.items[0].condition = hf_strdup("");
    assert_int_equal(hf_table_wishes_find(manifest, &choice, 1, &wishes, &error), HF_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_names__finds),
        cmocka_unit_test(test_table_names__two_choices_may_not_collide),
        cmocka_unit_test(test_table_names__refuses_what_has_no_rows),
    };

    return cmocka_run_group_tests_name("restore/table_names", tests, NULL, NULL);
}
