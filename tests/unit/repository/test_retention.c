#include "fixture.h"

#include "base/clock.h"
#include "repository/retention.h"

/* A snapshot of a made-up list: "<time> [pin] [label=X] [cycle=X] [filtered] [broken] [proven] [size=N]". */
typedef struct scene {
    hf_snapshot_list list;
    hf_proofs proofs;
    hf_strings unfinished;
} scene;

static void scene_done(scene *s)
{
    hf_snapshot_list_done(&s->list);
    hf_proofs_done(&s->proofs);
    hf_strings_done(&s->unfinished);
}

static void add(scene *s, const char *text)
{
    hf_snapshot_info *info = HF_APPEND_NEW(&s->list);
    HF_AUTO_STR copy = hf_strdup(text);
    char *rest = NULL;
    const char *time = strtok_r(copy, " ", &rest);
    HF_AUTO_STR full = hf_format("%s:00Z", time);

    info->id = hf_strdup(time);
    info->target = hf_strdup(TARGET);
    info->raw_bytes = 1000;
    assert_int_equal(hf_time_parse(full, &info->created_ms, NULL), HF_OK);
    for (const char *word = strtok_r(NULL, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        info->pinned |= hf_streq(word, "pin");
        info->filtered |= hf_streq(word, "filtered");
        if (hf_streq(word, "broken"))
            info->broken = hf_strdup("it is");
        if (hf_starts_with(word, "label="))
            info->label = hf_strdup(word + 6);
        if (hf_starts_with(word, "cycle="))
            info->cycle = hf_strdup(word + 6);
        if (hf_starts_with(word, "size="))
            info->raw_bytes = strtoull(word + 5, NULL, 10);
        if (hf_streq(word, "proven"))
            HF_PUSH(&s->proofs,
                    ((hf_proof){.target = hf_strdup(TARGET), .snapshot = hf_strdup(time), .equal = true}));
    }
}

/* What is kept, as "<time>=reason+reason <time>=...", without the year. */
static void expect(const hf_retention *rules, const char *const *snapshots, const char *expected)
{
    HF_AUTO(scene_done) scene s = {0};
    HF_AUTO_BUF kept = HF_BUF_MAX(4096);

    for (; *snapshots != NULL; snapshots++)
        add(&s, *snapshots);
    hf_strings_add(&s.unfinished, "open");
    HF_AUTO(hf_retention_plan_done)
    hf_retention_plan plan = hf_retention_decide(rules, &s.list, &s.proofs, &s.unfinished);
    for (size_t i = 0; i < plan.verdicts.count; i++) {
        const hf_strings *reasons = &plan.verdicts.items[i].reasons;

        if (reasons->count > 0)
            hf_buf_printf(&kept, "%s%s", kept.len > 0 ? " " : "", s.list.items[i].id + strlen("2026-"));
        for (size_t k = 0; k < reasons->count; k++)
            hf_buf_printf(&kept, "%s%s", k == 0 ? "=" : "+", reasons->items[k]);
    }
    assert_string_equal(hf_buf_text(&kept), expected);
}

#define LIST(...)                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static void test_retention__last(void **state)
{
    (void) state;
    expect(&(hf_retention){.last = 2}, LIST("2026-01-01T00:00", "2026-01-02T00:00", "2026-01-03T00:00"),
           "01-02T00:00=last 01-03T00:00=newest+last");
    expect(&(hf_retention){.last = 9}, LIST("2026-01-01T00:00", "2026-01-02T00:00"),
           "01-01T00:00=last 01-02T00:00=newest+last");
}

static void test_retention__what_was_replaced_takes_no_place(void **state)
{
    (void) state;
    expect(&(hf_retention){.last = 1, .within_ms = 1},
           LIST("2026-01-01T00:00", "2026-01-02T00:00 proven", "2026-01-03T00:00 label=replaced-a proven",
                "2026-01-04T00:00 pin label=replaced-b size=1"),
           "01-02T00:00=newest+within+last+newest proven 01-04T00:00=pinned");
}

static void test_retention__keeps_the_last_of_each_period(void **state)
{
    (void) state;
    /* hours and days without a snapshot do not count; the oldest stays while there are fewer than wanted */
    expect(&(hf_retention){.hourly = 2},
           LIST("2026-01-01T00:10", "2026-01-01T05:10", "2026-01-01T05:50", "2026-01-01T09:00"),
           "01-01T05:50=hourly 01-01T09:00=newest+hourly");
    expect(&(hf_retention){.daily = 3},
           LIST("2026-01-01T00:00", "2026-01-01T23:59", "2026-01-02T00:00", "2026-01-09T10:00"),
           "01-01T23:59=daily 01-02T00:00=daily 01-09T10:00=newest+daily");
    expect(&(hf_retention){.daily = 9}, LIST("2026-01-01T00:00", "2026-01-01T09:00", "2026-01-02T00:00"),
           "01-01T00:00=oldest daily 01-01T09:00=daily 01-02T00:00=newest+daily");
    /* 4 January 2026 is a Sunday; the week goes over the end of the year */
    expect(&(hf_retention){.weekly = 2},
           LIST("2025-12-28T23:00", "2025-12-29T01:00", "2026-01-04T23:00", "2026-01-05T00:00"),
           "01-04T23:00=weekly 01-05T00:00=newest+weekly");
    expect(&(hf_retention){.monthly = 2},
           LIST("2025-11-30T23:59", "2025-12-01T00:00", "2025-12-31T23:59", "2026-01-01T00:00"),
           "12-31T23:59=monthly 01-01T00:00=newest+monthly");
    expect(&(hf_retention){.yearly = 2},
           LIST("2024-05-01T00:00", "2025-01-01T00:00", "2025-12-31T23:59", "2026-01-01T00:00"),
           "12-31T23:59=yearly 01-01T00:00=newest+yearly");
}

static void test_retention__rules_add_up(void **state)
{
    (void) state;
    expect(&(hf_retention){.last = 1, .daily = 2, .monthly = 2},
           LIST("2025-12-30T00:00", "2025-12-31T00:00", "2026-01-01T00:00", "2026-01-01T09:00",
                "2026-01-02T00:00"),
           "12-31T00:00=monthly 01-01T09:00=daily 01-02T00:00=newest+last+daily+monthly");
}

static void test_retention__within_and_labels(void **state)
{
    hf_strings labels = {0};

    (void) state;
    hf_strings_add(&labels, "release-*");
    expect(&(hf_retention){.within_ms = 24 * 3600000},
           LIST("2026-01-01T00:00", "2026-01-02T00:00", "2026-01-02T12:00", "2026-01-03T00:00"),
           "01-02T00:00=within 01-02T12:00=within 01-03T00:00=newest+within");
    expect(&(hf_retention){.labels = &labels},
           LIST("2026-01-01T00:00 label=release-1", "2026-01-02T00:00 label=other", "2026-01-03T00:00"),
           "01-01T00:00=label 01-03T00:00=newest");
    hf_strings_add(&labels, "replaced-a");
    expect(&(hf_retention){.labels = &labels}, LIST("2026-01-01T00:00 label=replaced-a", "2026-01-02T00:00"),
           "01-01T00:00=label 01-02T00:00=newest");
    hf_strings_done(&labels);
}

static void test_retention__some_stay_whatever_the_rules_say(void **state)
{
    (void) state;
    expect(&(hf_retention){.last = 1},
           LIST("2026-01-01T00:00 proven", "2026-01-02T00:00 pin", "2026-01-03T00:00 proven",
                "2026-01-04T00:00 cycle=open", "2026-01-05T00:00 cycle=ended", "2026-01-06T00:00 broken",
                "2026-01-07T00:00"),
           "01-02T00:00=pinned 01-03T00:00=newest proven 01-04T00:00=unfinished cycle 01-06T00:00=broken "
           "01-07T00:00=newest+last");
}

static void test_retention__a_filtered_one_takes_no_place_of_a_whole_one(void **state)
{
    (void) state;
    expect(&(hf_retention){.daily = 1},
           LIST("2026-01-01T00:00", "2026-01-01T01:00", "2026-01-01T02:00 filtered",
                "2026-01-01T03:00 filtered"),
           "01-01T01:00=newest+daily 01-01T03:00=newest+daily");
}

static void test_retention__a_broken_one_is_not_the_last_of_its_day(void **state)
{
    (void) state;
    expect(&(hf_retention){.daily = 1},
           LIST("2026-01-01T00:00", "2026-01-01T01:00", "2026-01-01T02:00 broken"),
           "01-01T01:00=newest+daily 01-01T02:00=broken");
}

static void expect_doubt(int last, const char *const *snapshots, const char *doubted)
{
    HF_AUTO(scene_done) scene s = {0};

    for (; *snapshots != NULL; snapshots++)
        add(&s, *snapshots);
    HF_AUTO(hf_retention_plan_done)
    hf_retention_plan plan =
        hf_retention_decide(&(hf_retention){.last = last}, &s.list, &s.proofs, &s.unfinished);
    assert_int_equal(plan.doubt != NULL, doubted != NULL);
    if (doubted != NULL)
        assert_string_equal(plan.doubted, doubted);
}

static void test_retention__a_loss_is_doubted(void **state)
{
    (void) state;
    expect_doubt(5, LIST("2026-01-01T00:00", "2026-01-02T00:00 size=500"), NULL);
    expect_doubt(5, LIST("2026-01-01T00:00", "2026-01-02T00:00 size=499"), "2026-01-01T00:00");
    expect_doubt(5, LIST("2026-01-01T00:00 pin", "2026-01-02T00:00 size=9"), NULL);
    expect_doubt(5, LIST("2026-01-01T00:00", "2026-01-02T00:00 size=9 filtered"), NULL);
    /* not the newest any more: doubted only when the large one would go */
    expect_doubt(3, LIST("2026-01-01T00:00", "2026-01-02T00:00 size=9", "2026-01-03T00:00 size=9"), NULL);
    expect_doubt(2, LIST("2026-01-01T00:00", "2026-01-02T00:00 size=9", "2026-01-03T00:00 size=9"),
                 "2026-01-01T00:00");
    expect_doubt(1,
                 LIST("2025-01-01T00:00", "2026-01-01T00:00 pin", "2026-01-02T00:00 size=9",
                      "2026-01-03T00:00 size=9"),
                 NULL);
}

static void test_retention__no_rule_is_no_retention(void **state)
{
    const hf_strings none = {0};

    (void) state;
    assert_true(hf_retention_is_empty(&(hf_retention){.labels = &none}));
    assert_false(hf_retention_is_empty(&(hf_retention){.yearly = 1}));
    assert_false(hf_retention_is_empty(&(hf_retention){.within_ms = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retention__last),
        cmocka_unit_test(test_retention__keeps_the_last_of_each_period),
        cmocka_unit_test(test_retention__rules_add_up),
        cmocka_unit_test(test_retention__within_and_labels),
        cmocka_unit_test(test_retention__what_was_replaced_takes_no_place),
        cmocka_unit_test(test_retention__some_stay_whatever_the_rules_say),
        cmocka_unit_test(test_retention__a_filtered_one_takes_no_place_of_a_whole_one),
        cmocka_unit_test(test_retention__a_broken_one_is_not_the_last_of_its_day),
        cmocka_unit_test(test_retention__a_loss_is_doubted),
        cmocka_unit_test(test_retention__no_rule_is_no_retention),
    };

    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
