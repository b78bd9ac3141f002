#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/show.h"

static const char written[] =
    "repository:\n"
    "  url: ./repo\n"
    "  s3: {endpoint: \"https://s3.example\"}\n"
    "targets:\n"
    "  site:\n"
    "    database: {url: {env: DATABASE_URL}}\n"
    "    migrations: {kind: sql, directory: sql}\n"
    "    checks:\n"
    "      - name: 'a: b'\n"
    "        http:\n"
    "          url: \"https://user:hunter2@x.example/a?b=1&api_token=hunter2\"\n"
    "          headers: {Authorization: Bearer hunter2, Accept: text/plain, X-Key: {env: KEY}}\n"
    "          jq: '.status == \"ok\"'\n"
    "      - {name: rows, rows: {shrink_at_most: 5%}}\n"
    "      - {name: schema, schema: v.json}\n";

static void make(char path[64], const char *text)
{
    (void) snprintf(path, 64, "/tmp/hf-show-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    assert_int_equal(close(fd), 0);
}

static void show(const char *path, hf_buf *out)
{
    json_t *effective = NULL;
    hf_error error;

    if (hf_config_effective(path, &effective, &error) != HF_OK)
        fail_msg("%s", error.message);
    hf_config_write_yaml(effective, out);
    json_decref(effective);
}

static void test_show__has_defaults_and_no_secret(void **state)
{
    (void) state;
    static const char *const parts[] = {"\"file:///tmp/repo\"",
                                        "endpoint: \"https://s3.example\"",
                                        "region: auto",
                                        "jobs: 4",
                                        "directory: /tmp/sql",
                                        "url:\n        env: DATABASE_URL",
                                        "- name: \"a: b\"",
                                        "\"https://user:***@x.example/a?b=1&api_token=***\"",
                                        "Authorization: \"***\"",
                                        "Accept: text/plain",
                                        "env: KEY",
                                        "schema: /tmp/v.json",
                                        "method: GET",
                                        "count: exact",
                                        "severity: fail"};
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    char path[64];

    make(path, written);
    show(path, &text);
    (void) unlink(path);
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strstr(hf_buf_text(&text), parts[i]) == NULL)
            fail_msg("%s is not in:\n%s", parts[i], hf_buf_text(&text));
    assert_null(strstr(hf_buf_text(&text), "hunter2"));
}

/* What is shown is a configuration, and shown again it is the same. */
static void test_show__can_be_read_again(void **state)
{
    (void) state;
    HF_AUTO_BUF once = HF_BUF_MAX(1 << 20);
    HF_AUTO_BUF twice = HF_BUF_MAX(1 << 20);
    char path[64];

    make(path, written);
    show(path, &once);
    (void) unlink(path);
    make(path, hf_buf_text(&once));
    show(path, &twice);
    (void) unlink(path);
    assert_string_equal(hf_buf_text(&once), hf_buf_text(&twice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show__has_defaults_and_no_secret),
        cmocka_unit_test(test_show__can_be_read_again),
    };

    return cmocka_run_group_tests_name("config/show", tests, NULL, NULL);
}
