#include "unit.h"

#include "base/text.h"
#include "deploy/approvers.h"

#define MINUTE INT64_C(60000)
#define NOW INT64_C(1795246202123)
#define PLAN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char name_anna[] = "anna", name_ben[] = "ben", name_eve[] = "eve",
            broken[] = "the signature is forged";
static char key_anna[] = "ed25519:aa", key_ben[] = "ed25519:bb";
static hf_approver_config keys[] = {{name_anna, key_anna}, {name_ben, key_ben}};

static hf_target_config target_of(int required)
{
    hf_target_config target = {0};

    target.deploy.approvers.keys.items = keys;
    target.deploy.approvers.keys.count = COUNT(keys);
    target.deploy.approvers.required = required;
    target.deploy.approvers.expiry_ms = 60 * MINUTE;
    return target;
}

static hf_signed_approval of(char *by, const char *public_key, int64_t age_ms)
{
    hf_signed_approval approval = {.by = by, .digest = PLAN, .at_ms = NOW - age_ms};

    (void) snprintf(approval.public_key, sizeof(approval.public_key), "%s", public_key);
    return approval;
}

/* Judge `count` approvals; NULL: they are enough; else the message, which the caller owns. */
static char *judge(const hf_target_config *target, hf_signed_approval *items, size_t count,
                   const char *author)
{
    const hf_signed_approvals approvals = {.items = items, .count = count};
    HF_AUTO(hf_approval_count_done) hf_approval_count counted = {0};
    hf_error error = {0};

    hf_approvals_judge(target, &approvals, author, NOW, &counted);
    if (hf_approvals_check(target, PLAN, &counted, NOW, &error) == HF_OK)
        return NULL;
    assert_int_equal(error.code, HF_E_REFUSED);
    return hf_strdup(error.message);
}

static void expect(const hf_target_config *target, hf_signed_approval *items, size_t count,
                   const char *author, const char *word)
{
    HF_AUTO_STR message = judge(target, items, count, author);

    if (word == NULL && message != NULL)
        fail_msg("refused: %s", message);
    if (word != NULL && (message == NULL || strstr(message, word) == NULL))
        fail_msg("\"%s\", expected \"%s\"", message != NULL ? message : "accepted", word);
}

static void test_approvers__so_many_must_sign(void **state)
{
    hf_target_config two = target_of(2), one = target_of(1);
    hf_signed_approval both[] = {of(name_anna, key_anna, MINUTE), of(name_ben, key_ben, 2 * MINUTE)};

    (void) state;
    expect(&two, both, 2, "carl", NULL);
    expect(&two, both, 1, "carl", "needs 2 signed approvals and has 1");
    expect(&one, both, 1, "carl", NULL);
    expect(&one, both, 0, "carl", "needs 1 signed approval and has 0");
}

static void test_approvers__some_do_not_count(void **state)
{
    hf_target_config one = target_of(1);
    hf_signed_approval withdrawn = of(name_anna, key_anna, MINUTE), forged = of(name_anna, key_anna, MINUTE);
    struct {
        hf_signed_approval approval;
        const char *word;
    } cases[] = {
        {of(name_anna, key_anna, 60 * MINUTE), NULL},
        {of(name_anna, key_anna, 60 * MINUTE + 1), "has expired (after 1h"},
        {of(name_anna, key_anna, -4 * MINUTE), NULL}, /* a clock that is a little ahead */
        {of(name_anna, key_anna, -6 * MINUTE), "of the future"},
        {of(name_anna, key_ben, MINUTE), "another key"},
        {of(name_eve, key_anna, MINUTE), "no key of that name"},
        {withdrawn, "was withdrawn"},
        {forged, "forged"},
    };

    (void) state;
    cases[6].approval.withdrawn = true;
    cases[7].approval.broken = broken;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(&one, &cases[i].approval, 1, "carl", cases[i].word);
    one.deploy.approvers.expiry_ms = 0;
    cases[1].word = NULL;
    expect(&one, &cases[1].approval, 1, "carl", NULL);
}

static void test_approvers__nobody_approves_his_own_plan(void **state)
{
    hf_target_config one = target_of(1);
    hf_signed_approval both[] = {of(name_anna, key_anna, MINUTE), of(name_ben, key_ben, MINUTE)};

    (void) state;
    expect(&one, both, 1, "anna", NULL);
    one.deploy.approvers.four_eyes = true;
    expect(&one, both, 1, "anna", "his own plan");
    expect(&one, both, 1, "ben", NULL);
    expect(&one, both, 2, "anna", NULL);
    one.deploy.approvers.required = 2;
    expect(&one, both, 2, "anna", "needs 2 signed approvals and has 1");
}

/* The time counts from the first signature that counts. */
static void test_approvers__it_cools_off(void **state)
{
    hf_target_config two = target_of(2);
    hf_signed_approval both[] = {of(name_anna, key_anna, 10 * MINUTE), of(name_ben, key_ben, 0)};

    (void) state;
    two.deploy.approvers.cooling_off_ms = 10 * MINUTE;
    expect(&two, both, 2, "carl", NULL);
    two.deploy.approvers.cooling_off_ms = 11 * MINUTE;
    expect(&two, both, 2, "carl", "cools off until");
    both[0].withdrawn = true;
    two.deploy.approvers.required = 1;
    two.deploy.approvers.cooling_off_ms = 1 * MINUTE;
    expect(&two, both, 2, "carl", "cools off until");
}

static void test_approvers__are_named_in_the_journal(void **state)
{
    hf_target_config one = target_of(1);
    hf_signed_approval both[] = {of(name_anna, key_anna, MINUTE), of(name_eve, key_ben, MINUTE)};
    const hf_signed_approvals approvals = {.items = both, .count = 2};
    HF_AUTO(hf_approval_count_done) hf_approval_count counted = {0};

    (void) state;
    both[0].user = both[0].host = name_ben;
    hf_approvals_judge(&one, &approvals, "carl", NOW, &counted);
    json_t *json = hf_approvals_json(&counted);
    assert_int_equal(json_array_size(json), 1);
    const json_t *item = json_array_get(json, 0);
    assert_string_equal(json_string_value(json_object_get(item, "name")), "anna");
    assert_string_equal(json_string_value(json_object_get(item, "at")), "2026-11-21T07:29:02.123Z");
    assert_string_equal(json_string_value(json_object_get(item, "key")), key_anna);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_approvers__so_many_must_sign),
        cmocka_unit_test(test_approvers__some_do_not_count),
        cmocka_unit_test(test_approvers__nobody_approves_his_own_plan),
        cmocka_unit_test(test_approvers__it_cools_off),
        cmocka_unit_test(test_approvers__are_named_in_the_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
