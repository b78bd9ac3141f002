#include "deploy/approvers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"

#define CLOCK_SKEW_MS INT64_C(300000) /* a signer's clock may be so much ahead of ours */

void hf_approval_count_done(hf_approval_count *count)
{
    for (size_t i = 0; i < count->words.count; i++)
        free(count->words.items[i].why_not);
    free(count->words.items);
    *count = (hf_approval_count){0};
}

static const char *configured_key(const hf_target_config *target, const char *name)
{
    for (size_t i = 0; i < target->deploy.approvers.keys.count; i++)
        if (hf_streq(target->deploy.approvers.keys.items[i].name, name))
            return target->deploy.approvers.keys.items[i].public_key;
    return NULL;
}

/* NULL: it counts.  The caller owns it. */
static char *why_not(const hf_target_config *target, const hf_signed_approval *approval, const char *author,
                     int64_t now_ms)
{
    const char *key = configured_key(target, approval->by);
    const int64_t expiry_ms = target->deploy.approvers.expiry_ms;
    char at[32], period[32];

    if (approval->broken != NULL)
        return hf_strdup(approval->broken);
    (void) hf_time_format(approval->at_ms, at);
    if (key == NULL)
        return hf_strdup("deploy.approvers has no key of that name");
    if (!hf_streq(key, approval->public_key))
        return hf_strdup("it is signed with another key than that of deploy.approvers");
    if (approval->withdrawn)
        return hf_format("it was withdrawn at %s", at);
    if (approval->at_ms > now_ms + CLOCK_SKEW_MS)
        return hf_format("it is of the future, %s: a clock is wrong", at);
    if (expiry_ms > 0 && now_ms - approval->at_ms > expiry_ms)
        return hf_format("it is of %s and has expired (after %s)", at, hf_show_duration(expiry_ms, period));
    if (target->deploy.approvers.four_eyes && hf_streq(author, approval->by))
        return hf_strdup("nobody approves his own plan (four_eyes)");
    return NULL;
}

void hf_approvals_judge(const hf_target_config *target, const hf_signed_approvals *approvals,
                        const char *author, int64_t now_ms, hf_approval_count *ret_count)
{
    for (size_t i = 0; i < approvals->count; i++) {
        const hf_signed_approval *approval = &approvals->items[i];
        hf_approval_word word = {approval, why_not(target, approval, author, now_ms)};

        HF_PUSH(&ret_count->words, word);
        if (word.why_not != NULL)
            continue;
        if (ret_count->counted++ == 0 || approval->at_ms < ret_count->first_ms)
            ret_count->first_ms = approval->at_ms;
    }
}

static hf_status refuse_few(const hf_target_config *target, const char *digest,
                            const hf_approval_count *count, hf_error *error)
{
    HF_AUTO_BUF words = HF_BUF_MAX(700);

    for (size_t i = 0; i < count->words.count; i++)
        if (count->words.items[i].why_not != NULL)
            hf_buf_printf(&words, "; that of \"%s\" does not count: %s", count->words.items[i].approval->by,
                          count->words.items[i].why_not);
    (void) hf_fail(error, HF_E_REFUSED, "the plan needs %d signed approval%s and has %zu%s",
                   target->deploy.approvers.required, target->deploy.approvers.required == 1 ? "" : "s",
                   count->counted, hf_buf_text(&words));
    return hf_hint(
        error,
        "look at `holdfast plan`; then who may approve it runs: holdfast approve %s --by NAME --key FILE",
        digest);
}

hf_status hf_approvals_check(const hf_target_config *target, const char *digest,
                             const hf_approval_count *count, int64_t now_ms, hf_error *error)
{
    const int64_t cooled_ms = count->first_ms + target->deploy.approvers.cooling_off_ms;
    char at[32], left[32], period[32];

    if (count->counted < (size_t) target->deploy.approvers.required)
        return refuse_few(target, digest, count, error);
    if (target->deploy.approvers.cooling_off_ms == 0 || now_ms >= cooled_ms)
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the plan is approved and cools off until %s, in %s",
                   hf_time_format(cooled_ms, at), hf_show_duration(cooled_ms - now_ms, left));
    return hf_hint(error,
                   "deploy.approvers.cooling_off is %s after the first signature; whoever signed can "
                   "withdraw until then",
                   hf_show_duration(target->deploy.approvers.cooling_off_ms, period));
}

json_t *hf_approvals_json(const hf_approval_count *count)
{
    json_t *array = json_array();
    char at[32];

    for (size_t i = 0; i < count->words.count; i++) {
        const hf_signed_approval *approval = count->words.items[i].approval;

        if (count->words.items[i].why_not == NULL)
            json_array_append_new(array,
                                  json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", approval->by, "at",
                                            hf_time_format(approval->at_ms, at), "key", approval->public_key,
                                            "user", approval->user, "host", approval->host));
    }
    return array;
}
