#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/template.h"

static void test_template__fills_in_by_format(void **state)
{
    static const struct {
        const char *text;
        hf_notify_format format;
        const char *filled;
    } cases[] = {
        {"", HF_NOTIFY_TEXT, ""},
        {"no field } }} {", HF_NOTIFY_TEXT, "no field } }} {"},
        {"{{title}}", HF_NOTIFY_TEXT, "a \"b\"\n\\ü&\x01"},
        {"<{{ title }}{{title}}>", HF_NOTIFY_FORM,
         "<a%20%22b%22%0A%5C%C3%BC%26%01a%20%22b%22%0A%5C%C3%BC%26%01>"},
        {"{\"x\": \"{{title}}\"}", HF_NOTIFY_JSON, "{\"x\": \"a \\\"b\\\"\\n\\\\ü&\\u0001\"}"},
        {"[{{cycle}}]", HF_NOTIFY_TEXT, "[]"}, /* it does not apply */
    };
    const char *values[HF_FIELDS] = {[HF_FIELD_TITLE] = "a \"b\"\n\\ü&\x01"};

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_BUF out = HF_BUF_MAX(1000);

        hf_template_fill(cases[i].text, cases[i].format, values, &out);
        assert_string_equal(hf_buf_text(&out), cases[i].filled);
    }
}

static void test_template__refuses_mistakes(void **state)
{
    static const struct {
        const char *text;
        hf_notify_format format;
        const char *message, *hint; /* NULL: it is good; the hint holds this */
    } cases[] = {
        {"{\"t\": \"{{title}}\", \"w\": \"{{why}} {{contacts}}\"}", HF_NOTIFY_JSON, NULL, NULL},
        {"text={{text}}", HF_NOTIFY_FORM, NULL, NULL},
        {"{{titel}}", HF_NOTIFY_TEXT, "the template has an unknown field \"titel\"",
         "did you mean \"title\"?"},
        {"{{}}", HF_NOTIFY_TEXT, "the template has an unknown field \"\"", "known here: event, title"},
        {"a {{title b", HF_NOTIFY_TEXT, "a field of the template is not closed: \"{{title b\"", "{{title}}"},
        {"a {{title} }}", HF_NOTIFY_TEXT, "a field of the template is not closed: \"{{title} }}\"", ""},
        {"{\"details\": {{text}}}", HF_NOTIFY_JSON, "the template does not make JSON: ", "inside strings"},
        {"{\"t\": {{title}} x}", HF_NOTIFY_JSON, "the template does not make JSON: ", "inside strings"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_error error = {0};
        hf_status status = hf_template_check(cases[i].text, cases[i].format, &error);

        if (cases[i].message == NULL) {
            assert_int_equal(status, HF_OK);
            continue;
        }
        assert_int_equal(status, HF_E_USAGE);
        assert_memory_equal(error.message, cases[i].message, strlen(cases[i].message));
        assert_non_null(strstr(error.hint, cases[i].hint));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template__fills_in_by_format),
        cmocka_unit_test(test_template__refuses_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
