/* The newest snapshot, or the newest that was proven, is young enough: for monitoring. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "checks/kind.h"

static void snapshot_expect(const hf_check_config *check, hf_buf *expected)
{
    char limit[32];

    hf_buf_printf(expected, "a %ssnapshot younger than %s", check->snapshot.proven ? "proven " : "",
                  hf_show_duration(check->snapshot.younger_than_ms, limit));
}

static bool is_fresh(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    const char *why = json_string_value(json_object_get(context->scene->newest, "error"));
    const json_t *newest =
        json_object_get(context->scene->newest, check->snapshot.proven ? "proven" : "newest");
    char age[32];

    if (why != NULL) { /* nobody can restore from a repository that cannot be read */
        hf_buf_puts(seen, why);
        return false;
    }
    if (!json_is_object(newest)) {
        hf_buf_printf(seen, "no %ssnapshot", check->snapshot.proven ? "proven " : "");
        return false;
    }
    int64_t age_ms = hf_now_ms() - json_integer_value(json_object_get(newest, "created_ms"));

    *ret_value = (double) age_ms / 1000;
    hf_buf_printf(seen, "snapshot %s, %s old", json_string_value(json_object_get(newest, "id")),
                  hf_show_duration(age_ms > 0 ? age_ms : 0, age));
    return age_ms < check->snapshot.younger_than_ms;
}

/* After the migrations it would be too late: that a proof is old is no reason to take a deploy back. */
static hf_status snapshot_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    HF_AUTO_BUF seen = HF_BUF_MAX(HF_CHECK_SEEN_MAX);
    HF_AUTO_BUF expected = HF_BUF_MAX(1024);
    double age;

    snapshot_expect(context->check, &expected);
    if (!is_fresh(context, &seen, &age)) {
        (void) hf_fail(error, HF_E_CHECKS_FAILED, "expected %s, saw %s", hf_buf_text(&expected),
                       hf_buf_text(&seen));
        return hf_hint(error, "take one with `holdfast %s`",
                       context->check->snapshot.proven ? "prove" : "backup");
    }
    *ret_before = json_pack("{s:s}", "seen", hf_buf_text(&seen));
    return HF_OK;
}

static hf_check_outcome snapshot_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const char *was_seen = json_string_value(json_object_get(context->before, "seen"));

    if (was_seen != NULL) {
        hf_buf_printf(seen, "before the deploy: %s", was_seen);
        return HF_CHECK_PASSED;
    }
    return is_fresh(context, seen, ret_value) ? HF_CHECK_PASSED : HF_CHECK_FAILED;
}

const hf_check_ops hf_check_snapshot = {
    .name = "snapshot",
    .needs = HF_CHECKS_NEED_NEWEST,
    .expect = snapshot_expect,
    .before = snapshot_before,
    .look = snapshot_look,
};
