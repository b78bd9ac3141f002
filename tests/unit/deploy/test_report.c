#include "unit.h"

#include <jansson.h>

#include "base/log.h"
#include "deploy/report_build.h"

#define HOSTILE "<script>alert(1)</script> \\\" onload='x' & `code` | ![a](b) \\u202e\\u0007"

/* A cycle whose every text comes from somebody who means ill. */
static json_t *hostile_cycle(const char *state)
{
    HF_AUTO_STR text = hf_format(
        "{\"id\": \"20261121T073002Z-1f3a9c\", \"target\": \"shop\", \"state\": \"%s\", \"started_at\": "
        "\"2026-11-21T07:30:02.000Z\", \"took_ms\": 61000, \"holdfast\": \"0.1\", \"url\": "
        "\"postgresql://u@db/shop\","
        "\"operator\": {\"user\": \"" HOSTILE "\", \"host\": \"h\"}, \"revision\": \"" HOSTILE "\","
        "\"snapshot\": \"20261121T073003Z-000000\", \"snapshot_rows\": 1234567, \"snapshot_stored_bytes\": "
        "1048576,"
        "\"failed_database\": \"" HOSTILE "\", \"failed_in\": \"migrating\","
        "\"pending\": [{\"name\": \"1_good\"}, {\"name\": \"" HOSTILE "\"}, {\"name\": \"3_later\"}],"
        "\"applied\": [{\"name\": \"1_good\", \"took_ms\": 1500}],"
        "\"plan\": {\"migrations\": [{\"name\": \"1_good\", \"findings\": [{\"rule\": \"drop-table\", "
        "\"class\": "
        "\"destructive\", \"about\": \"" HOSTILE "\", \"explanation\": \"deletes\", \"allowed\": \"" HOSTILE
        "\"}]}]},"
        "\"error\": {\"message\": \"" HOSTILE "\", \"hint\": \"" HOSTILE "\"},"
        "\"checks\": {\"results\": [{\"name\": \"fine\", \"severity\": \"fail\", \"passed\": true, "
        "\"expected\": "
        "\"1\", \"seen\": \"1\", \"took_ms\": 5}, {\"name\": \"" HOSTILE
        "\", \"severity\": \"fail\", \"passed\": "
        "false, \"expected\": \"" HOSTILE "\", \"seen\": \"" HOSTILE "\", \"took_ms\": 12}]},"
        "\"hooks\": [{\"hook\": \"before_migrate\", \"took_ms\": 7, \"status\": 3, \"tail\": \"" HOSTILE
        "\"}],"
        "\"notifications\": [{\"to\": \"" HOSTILE
        "\", \"event\": \"rolled_back\", \"ok\": false, \"error\": \"" HOSTILE
        "\"}], \"overrides\": [{\"gate\": \"window\", \"reason\": \"" HOSTILE "\", \"by\": \"" HOSTILE "\"}],"
        "\"preflight\": [{\"what\": \"disk\", \"level\": \"warning\", \"seen\": \"" HOSTILE
        "\", \"remedy\": null}],"
        "\"written\": {\"total\": 12, \"tables\": [{\"schema\": \"" HOSTILE
        "\", \"name\": \"t\", \"rows\": null, "
        "\"why\": \"" HOSTILE "\"}]}, \"tables\": [{\"schema\": \"public\", \"name\": \"" HOSTILE
        "\", \"bytes\": 8192, \"rows_before\": 10, \"rows_after\": 7, \"exact\": true}], \"after\": {},"
        "\"next\": [{\"text\": \"" HOSTILE "\", \"command\": \"" HOSTILE "\"}],"
        "\"phases\": [{\"state\": \"opened\", \"event\": \"opened\", \"at\": \"2026-11-21T07:30:02.000Z\", "
        "\"took_ms\": 2}, {\"state\": \"snapshot\", \"event\": \"done\", \"at\": "
        "\"2026-11-21T07:30:02.100Z\", "
        "\"took_ms\": 30000}, {\"state\": \"migrating\", \"event\": \"done\", \"at\": "
        "\"2026-11-21T07:30:32.000Z\", "
        "\"took_ms\": 1000}, {\"state\": \"" HOSTILE
        "\", \"event\": \"failed\", \"at\": \"2026-11-21T07:30:33.000Z\"}]}",
        state);
    json_error_t error;
    json_t *cycle = json_loads(text, 0, &error);

    if (cycle == NULL)
        fail_msg("%s", error.text);
    return cycle;
}

typedef void renderer(const hf_report *report, hf_buf *out);

static char *rendered(const json_t *cycle, renderer *render)
{
    HF_AUTO(hf_report_done) hf_report report = {0};
    hf_buf out = HF_BUF_MAX(HF_REPORT_MAX_BYTES);

    hf_report_make(cycle, &report);
    render(&report, &out);
    assert_ok(hf_buf_check(&out, "report", NULL));
    return hf_buf_take(&out);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void test_report__html_escapes_all_that_is_from_outside(void **state)
{
    json_t *cycle = hostile_cycle("rolled_back");
    HF_AUTO_STR html = rendered(cycle, hf_report_html);

    (void) state;
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "onload='x'"));
    assert_true(count_of(html, "&lt;script&gt;alert(1)&lt;/script&gt;") >= 20);
    assert_true(count_of(html, "onload=&#39;x&#39; &amp; ") >= 20);
    assert_null(strstr(html, "\xe2\x80\xae")); /* right-to-left override */
    assert_null(strchr(html, '\a'));
    assert_null(strstr(html, "http://"));
    assert_null(strstr(html, "https://"));
    assert_int_equal(count_of(html, "<ul"), count_of(html, "</ul>"));
    assert_int_equal(count_of(html, "<span"), count_of(html, "</span>"));
    assert_int_equal(count_of(html, "<dl"), count_of(html, "</dl>"));
    json_decref(cycle);
}

static void test_report__markdown_escapes_too(void **state)
{
    json_t *cycle = hostile_cycle("rolled_back");
    HF_AUTO_STR text = rendered(cycle, hf_report_markdown);

    (void) state;
    for (const char *at = text; (at = strstr(at, "<script")) != NULL; at++) {
        const char *line = at;

        while (line > text && line[-1] != '\n')
            line--;
        /* escaped, or in code that more backticks fence than it has */
        assert_true(at[-1] == '\\' || memmem(line, (size_t) (at - line), "``", 2) != NULL ||
                    strncmp(line, "<script>alert(1)</script>", 10) == 0);
    }
    assert_non_null(strstr(text, "\\<script\\>alert(1)\\</script\\>"));
    assert_null(strstr(text, " ![a](b)\n|"));
    json_decref(cycle);
}

static void test_report__the_verdict_comes_first(void **state)
{
    static const struct {
        const char *state, *text, *html, *markdown;
    } cases[] = {
        {"deployed", "deployed: migrated and verified\n", "<body class=\"good\">", "# ✅ Deployed: "},
        {"rolled_back", "ROLLED BACK: the database is", "<body class=\"warning\">", "# ⚠️ Rolled back: "},
        {"refused", "refused: nothing was touched\n", "<body class=\"quiet\">", "# ⏸️ Refused: "},
        {"stuck", "STUCK: the way back failed", "<body class=\"bad\">", "# ❌ Stuck: "},
        {"migrating", "NOT ENDED: holdfast resume", "<body class=\"warning\">", "# ⚠️ Not ended: "},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *cycle = hostile_cycle(cases[i].state);
        HF_AUTO_STR text = rendered(cycle, hf_report_text);
        HF_AUTO_STR html = rendered(cycle, hf_report_html);
        HF_AUTO_STR markdown = rendered(cycle, hf_report_markdown);

        assert_memory_equal(text, cases[i].text, strlen(cases[i].text));
        assert_non_null(strstr(html, cases[i].html));
        assert_memory_equal(markdown, cases[i].markdown, strlen(cases[i].markdown));
        json_decref(cycle);
    }
}

/* In a good deploy what to do next is nothing, and comes last. */
static void test_report__what_to_do_comes_before_how_it_came_to_that(void **state)
{
    json_t *bad = hostile_cycle("stuck"), *good = hostile_cycle("deployed");
    HF_AUTO_STR first = rendered(bad, hf_report_text);
    HF_AUTO_STR last = rendered(good, hf_report_text);

    (void) state;
    assert_true(strstr(first, "What to do next") < strstr(first, "Timeline"));
    assert_true(strstr(last, "What to do next") > strstr(last, "Timeline"));
    json_decref(bad);
    json_decref(good);
}

static void test_report__tells_which_migration_failed_and_which_were_not_reached(void **state)
{
    json_t *cycle = hostile_cycle("rolled_back");
    HF_AUTO_STR text = rendered(cycle, hf_report_text);

    (void) state;
    assert_non_null(strstr(text, "ok    1_good  1.5s"));
    assert_non_null(strstr(text, "FAIL  <script>"));
    assert_non_null(strstr(text, "skip  3_later  not reached"));
    json_decref(cycle);
}

static void test_report__without_facts_there_are_no_sections(void **state)
{
    json_t *cycle = json_pack("{s:s, s:s, s:s}", "id", "x", "target", "t", "state", "refused");
    HF_AUTO(hf_report_done) hf_report report = {0};

    (void) state;
    hf_report_make(cycle, &report);
    assert_int_equal(report.sections.count, 0);
    json_decref(cycle);
}

static void test_report__hides_secrets(void **state)
{
    json_t *cycle = hostile_cycle("stuck");

    (void) state;
    hf_log_redact("hunter2<&>");
    json_object_set_new(cycle, "error", json_pack("{s:s}", "message", "it is hunter2<&> and no other"));
    HF_AUTO_STR html = rendered(cycle, hf_report_html);
    assert_non_null(strstr(html, "it is *** and no other"));
    assert_null(strstr(html, "hunter2"));
    json_decref(cycle);
}

static const hf_report_section *section_of(const hf_report *report, const char *id)
{
    for (size_t i = 0; i < report->sections.count; i++)
        if (strcmp(report->sections.items[i].id, id) == 0)
            return &report->sections.items[i];
    return NULL;
}

/* A phase in which holdfast lay dead for a day would make all others invisible. */
static void test_report__an_interruption_does_not_flatten_the_timeline(void **state)
{
    json_t *cycle = json_pack(
        "{s:s, s:s, s:[{s:s, s:s, s:s, s:i}, {s:s, s:s, s:s, s:i}, {s:s, s:s, s:s, s:i}, {s:s, s:s, s:s}]}",
        "state", "rolled_back", "target", "t", "phases", "state", "snapshot", "event", "done", "at",
        "2026-11-21T07:30:02.100Z", "took_ms", 6000, "state", "migrating", "event", "done", "at",
        "2026-11-21T07:30:08.100Z", "took_ms", 86400000, "state", "restoring", "event", "interrupted", "at",
        "2026-11-22T07:30:08.100Z", "took_ms", 6000, "state", "rolled_back", "event", "done", "at",
        "2026-11-22T07:30:14.100Z");
    HF_AUTO(hf_report_done) hf_report report = {0};

    (void) state;
    hf_report_make(cycle, &report);
    const hf_report_section *section = section_of(&report, "timeline");
    assert_non_null(section);
    assert_int_equal(section->spans.count, 3);
    assert_int_equal(section->ticks.count, 0);
    assert_true(section->spans.items[1].broken);
    assert_string_equal(section->spans.items[1].took, "1d 00h");
    assert_true(section->spans.items[0].length > 0.4 && section->spans.items[2].length > 0.4);
    assert_true(section->spans.items[1].length > 0.1 && section->spans.items[1].length < 0.2);
    json_decref(cycle);
}

static void test_report__the_timeline_is_to_scale(void **state)
{
    json_t *cycle = hostile_cycle("rolled_back");
    HF_AUTO(hf_report_done) hf_report report = {0};

    (void) state;
    hf_report_make(cycle, &report);
    const hf_report_section *section = section_of(&report, "timeline");
    assert_int_equal(section->spans.count, 3); /* snapshot, migrating and the migration in it */
    assert_true(section->spans.items[0].length > 0.967 && section->spans.items[0].length < 0.968);
    assert_true(section->spans.items[2].inner);
    assert_true(section->spans.items[2].start + section->spans.items[2].length <= 1.0001);
    assert_int_equal(section->ticks.count, 4); /* 0, 10s, 20s, 30s */
    assert_string_equal(section->ticks.items[1].label, "10s");
    json_decref(cycle);
}

/* What the report says after each way back, and what it must not say then. */
static void test_report__tells_where_the_failed_state_is(void **state)
{
    static const struct {
        const char *facts;
        const char *said[6], *unsaid[4];
    } cases[] = {
        {"{\"state\": \"rolled_back\", \"failed_database\": \"shop_failed\", \"failed_snapshot\": null}",
         {"the database is as the snapshot has it", "only in \"shop_failed\"", "kept          shop_failed",
          "in the failed database, \"shop_failed\"", "it can still be read in the failed one"},
         {"--into failed", "snapshot of the failed state"}},
        {"{\"state\": \"rolled_back\", \"failed_database\": null, \"failed_snapshot\": \"20261121T08\"}",
         {"the database is as the snapshot has it", "only in snapshot 20261121T08:",
          "kept          snapshot 20261121T08", "restore 20261121T08 --target shop --into failed",
          "it is in the snapshot of the failed state", "The live database is as before."},
         {"\"\"", "the failed database", "in the failed one", "keep_failed"}},
        {"{\"state\": \"rolled_back\", \"failed_database\": null, \"failed_snapshot\": null, "
         "\"swapped_back\": "
         "{\"kept\": \"shop_replaced\"}}",
         {"the failed database is the live one again", "kept          shop_replaced",
          "The failed database was put back and is the live one; what stood there is kept as "
          "\"shop_replaced\".",
          "with what was written after the snapshot"},
         {"The application can go on", "is as before", "only in", "is as the snapshot has it"}},
        {"{\"state\": \"waiting\", \"failed_database\": null, \"way\": {\"way\": \"in-place\"}}",
         {"The rows stay in the snapshot that is taken"},
         {"salvage"}},
        {"{\"state\": \"waiting\", \"failed_database\": null, \"way\": {\"way\": \"swap\"}}",
         {"`holdfast salvage` exports them"},
         {"The rows stay in the snapshot"}},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *cycle = hostile_cycle("rolled_back"), *facts = json_loads(cases[i].facts, 0, NULL);

        assert_non_null(facts);
        json_object_update(cycle, facts);
        json_object_set_new(cycle, "next", hf_report_next(cycle));
        HF_AUTO_STR text = rendered(cycle, hf_report_text);
        for (size_t j = 0; j < COUNT(cases[i].said) && cases[i].said[j] != NULL; j++)
            if (strstr(text, cases[i].said[j]) == NULL)
                fail_msg("case %zu: \"%s\" is not in %s", i, cases[i].said[j], text);
        for (size_t j = 0; j < COUNT(cases[i].unsaid) && cases[i].unsaid[j] != NULL; j++)
            if (strstr(text, cases[i].unsaid[j]) != NULL)
                fail_msg("case %zu: \"%s\" is in %s", i, cases[i].unsaid[j], text);
        json_decref(facts);
        json_decref(cycle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report__html_escapes_all_that_is_from_outside),
        cmocka_unit_test(test_report__markdown_escapes_too),
        cmocka_unit_test(test_report__the_verdict_comes_first),
        cmocka_unit_test(test_report__what_to_do_comes_before_how_it_came_to_that),
        cmocka_unit_test(test_report__tells_which_migration_failed_and_which_were_not_reached),
        cmocka_unit_test(test_report__without_facts_there_are_no_sections),
        cmocka_unit_test(test_report__hides_secrets),
        cmocka_unit_test(test_report__an_interruption_does_not_flatten_the_timeline),
        cmocka_unit_test(test_report__the_timeline_is_to_scale),
        cmocka_unit_test(test_report__tells_where_the_failed_state_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
