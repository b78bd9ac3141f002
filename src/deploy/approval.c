#include "deploy/approval.h"

#include "base/clock.h"
#include "base/text.h"
#include "deploy/approvers.h"
#include "migrations/plan.h"

/* What is known of the approval under way. */
typedef struct looking {
    const hf_deploy_options *options;
    const char *author;
    int64_t now_ms;
    const char *how; /* NULL: not approved */
    json_t *by;      /* of signatures; owned */
} looking;

static void looking_done(looking *at)
{
    json_decref(at->by);
}

static const char *policy_name(const hf_deploy_options *options)
{
    static const char *const names[] = {
        [HF_APPROVAL_NEVER] = "never",
        [HF_APPROVAL_DESTRUCTIVE] = "destructive",
        [HF_APPROVAL_ALWAYS] = "always",
    };

    return names[options->target->deploy.approval];
}

static bool is_needed(const hf_deploy_options *options, const hf_plan *plan)
{
    switch (options->target->deploy.approval) {
    case HF_APPROVAL_ALWAYS:
        return plan->migrations.count > 0;
    case HF_APPROVAL_DESTRUCTIVE:
        return plan->destructive;
    case HF_APPROVAL_NEVER:
        break;
    }
    return false;
}

static hf_status refuse_unknown(hf_error *error)
{
    (void) hf_fail(
        error, HF_E_REFUSED,
        "what is pending is not known, because the migrator is a command, so no plan can be approved");
    return hf_hint(error,
                   "set deploy.approval: never and leave --approve out, or let holdfast apply the migrations "
                   "(kind: prisma or sql)");
}

static hf_status ask_signatures(looking *at, const char *digest, hf_error *error)
{
    const hf_target_config *target = at->options->target;
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals approvals = {0};
    HF_AUTO(hf_approval_count_done) hf_approval_count count = {0};

    HF_TRY(hf_approval_list(at->options->repository, target->name, digest, &approvals, error));
    hf_approvals_judge(target, &approvals, at->author, at->now_ms, &count);
    HF_TRY(hf_approvals_check(target, digest, &count, at->now_ms, error));
    at->by = hf_approvals_json(&count);
    at->how = "signatures";
    return HF_OK;
}

static hf_status refuse(const looking *at, const hf_plan *plan, hf_error *error)
{
    (void) hf_fail(
        error, HF_E_REFUSED, "the plan needs an approval%s (deploy.approval: %s)",
        at->options->target->deploy.approval == HF_APPROVAL_DESTRUCTIVE ? ", because it is destructive" : "",
        policy_name(at->options));
    return hf_hint(error, "look at `holdfast plan`; then: holdfast deploy --approve %s", plan->digest);
}

static hf_status judge(looking *at, const hf_plan *plan, hf_error *error)
{
    const hf_deploy_options *options = at->options;
    const bool is_signed = options->target->deploy.approvers.keys.count > 0;
    const bool may_be_unsigned = !is_signed || options->target->deploy.approvers.unsigned_too;
    hf_status status = HF_OK;

    if (plan->unknown)
        return refuse_unknown(error);
    if (options->approve != NULL && !hf_streq(options->approve, plan->digest)) {
        (void) hf_fail(error, HF_E_REFUSED, "the plan is not the one that was approved: its digest is %s",
                       plan->digest);
        return hf_hint(error,
                       "migrations, target or schema have changed; `holdfast plan` shows what would run now");
    }
    if (options->approve != NULL && may_be_unsigned)
        at->how = "digest";
    if (at->how != NULL || !is_needed(options, plan))
        return HF_OK;
    if (is_signed)
        status = ask_signatures(at, plan->digest, error);
    if (is_signed && (status != HF_E_REFUSED || !may_be_unsigned))
        return status;
    if (options->ask == NULL)
        return is_signed ? status : refuse(at, plan, error);
    HF_TRY(options->ask(options->context, plan, error));
    at->how = "terminal";
    return HF_OK;
}

static const char *author_of(const hf_deploy_options *options, const json_t *operator)
{
    return options->by != NULL ? options->by : json_string_value(json_object_get(operator, "user"));
}

hf_status hf_approval_look(const hf_deploy_options *options, json_t **ret_fact, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};
    char time[32];

    *ret_fact = NULL;
    if (options->target->deploy.approval == HF_APPROVAL_NEVER && options->approve == NULL)
        return HF_OK;
    HF_TRY(hf_plan_make(options->target, options->url, &plan, error));
    json_t *operator= hf_operator_json();
    HF_AUTO(looking_done)
    looking at = {.options = options, .author = author_of(options, operator), .now_ms = hf_now_ms()};
    hf_status status = judge(&at, &plan, error);
    *ret_fact = json_pack("{s:s, s:s?, s:b, s:s?, s:s, s:s, s:o}", "policy", policy_name(options), "digest",
                          plan.unknown ? NULL : plan.digest, "approved", at.how != NULL, "how", at.how,
                          "author", at.author, "at", hf_time_format(at.now_ms, time), "by",
                          at.by != NULL ? json_incref(at.by) : json_array());
    json_decref(operator);
    return status;
}

/* As of the first look: what expires while the snapshot is taken was good when the cycle began. */
static hf_status look_at_signatures_again(const hf_deploy_options *options, const json_t *fact,
                                          const char *digest, hf_error *error)
{
    HF_AUTO(looking_done)
    looking at = {.options = options, .author = json_string_value(json_object_get(fact, "author"))};

    HF_TRY(hf_time_parse(json_string_value(json_object_get(fact, "at")), &at.now_ms, error));
    return ask_signatures(&at, digest, error);
}

hf_status hf_approval_look_again(const hf_deploy_options *options, const json_t *fact, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};
    const char *digest = json_string_value(json_object_get(fact, "digest"));

    if (digest == NULL)
        return HF_OK;
    HF_TRY(hf_plan_make(options->target, options->url, &plan, error));
    if (hf_streq(plan.digest, digest))
        return hf_streq(json_string_value(json_object_get(fact, "how")), "signatures")
                   ? look_at_signatures_again(options, fact, digest, error)
                   : HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "migrations or schema changed while the snapshot was taken");
    return hf_hint(error, "look at `holdfast plan`, and deploy again");
}
