#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "notify/message.h"

static void test_message__cleans_foreign_text(void **state)
{
    static const struct {
        const char *text, *clean;
        size_t max;
    } cases[] = {
        {"plain", "plain", 100},
        {"two\r\nlines\tand \x1b[31m colour\x7f", "two  lines and  [31m colour ", 100},
        {"ümlaut", "ümlaut", 100},
        {"half \xc3 and \xff", "half \xef\xbf\xbd and \xef\xbf\xbd", 100},
        {"\xf0\x9f\x92\xa9 ok", "\xf0\x9f\x92\xa9 ok", 100},
        {"turned \xe2\x80\xae round", "turned   round", 100},           /* U+202E */
        {"isolated \xe2\x81\xa6 here", "isolated   here", 100},         /* U+2066 */
        {"a line \xe2\x80\xa8 of its own", "a line   of its own", 100}, /* U+2028 */
        {"next \xc2\x85 line", "next   line", 100},                     /* U+0085 */
        {"a long text that is cut", "a long ...", 10},
        {"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "\xc3\xbc\xc3\xbc\xc3\xbc...", 10},
        {"the secret is swordfish1234, keep it", "the secret is ***, keep it", 100},
        {"swordfish1234", "***", 8}, /* redacted before it is cut */
    };

    (void) state;
    hf_log_redact("swordfish1234");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_STR clean = hf_message_clean(cases[i].text, cases[i].max);

        assert_string_equal(clean, cases[i].clean);
    }
}

static void test_message__shows_the_facts_that_apply_in_order(void **state)
{
    hf_strings contacts = {0};
    hf_message message = {0};
    const char *name, *value;

    (void) state;
    hf_strings_add(&contacts, "Dana +49 30 1234");
    hf_strings_add(&contacts, "dba@shop.example");
    hf_message_make(&(hf_notice){.event = HF_NOTIFY_STUCK,
                                 .target = "shop",
                                 .cycle = "C1",
                                 .why = "a\nb",
                                 .kept = "",
                                 .next = "holdfast resume",
                                 .took_ms = -1},
                    &contacts, &message);
    assert_string_equal(message.values[HF_FIELD_TEXT],
                        "holdfast: shop: STUCK: the way back failed, somebody must look\nwhy: a b\nnext: "
                        "holdfast resume\ncall: Dana +49 30 1234, dba@shop.example\ncycle: C1");
    assert_null(message.values[HF_FIELD_KEPT]);
    assert_null(message.values[HF_FIELD_TOOK]);
    assert_true(hf_message_fact(&message, 3, &name, &value));
    assert_string_equal(name, "cycle");
    assert_false(hf_message_fact(&message, 4, &name, &value));
    assert_false(message.good);
    hf_message_done(&message);
    hf_strings_done(&contacts);
}

/* However long what came from outside is, a message stays within what services take. */
static void test_message__is_bounded(void **state)
{
    char *endless = hf_alloc(200001);
    hf_strings contacts = {0};
    hf_message message = {0};

    (void) state;
    memset(endless, '`', 200000);
    for (int i = 0; i < 1000; i++)
        hf_strings_add(&contacts, "somebody with a long name");
    hf_message_make(&(hf_notice){.event = HF_NOTIFY_ROLLBACK,
                                 .target = endless,
                                 .cycle = endless,
                                 .snapshot = endless,
                                 .revision = endless,
                                 .operator= endless,
                                 .why = endless,
                                 .kept = endless,
                                 .next = endless},
                    &contacts, &message);
    for (int i = 0; i < HF_FIELDS; i++)
        if (message.values[i] != NULL && i != HF_FIELD_TEXT)
            assert_true(strlen(message.values[i]) <= HF_MESSAGE_FACT_MAX);
    assert_true(strlen(message.values[HF_FIELD_TEXT]) < 16000);
    assert_non_null(strstr(message.values[HF_FIELD_TEXT], "\noperator: "));
    hf_message_done(&message);
    hf_strings_done(&contacts);
    free(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message__cleans_foreign_text),
        cmocka_unit_test(test_message__shows_the_facts_that_apply_in_order),
        cmocka_unit_test(test_message__is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
