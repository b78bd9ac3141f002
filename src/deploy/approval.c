#include "deploy/approval.h"

#include "base/text.h"
#include "migrations/plan.h"

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

static hf_status judge(const hf_deploy_options *options, const hf_plan *plan, hf_error *error)
{
    if (plan->unknown)
        return refuse_unknown(error);
    if (options->approve != NULL && hf_streq(options->approve, plan->digest))
        return HF_OK;
    if (options->approve != NULL) {
        (void) hf_fail(error, HF_E_REFUSED, "the plan is not the one that was approved: its digest is %s",
                       plan->digest);
        return hf_hint(error,
                       "migrations, target or schema have changed; `holdfast plan` shows what would run now");
    }
    if (!is_needed(options, plan))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the plan needs an approval%s (deploy.approval: %s)",
                   options->target->deploy.approval == HF_APPROVAL_DESTRUCTIVE ? ", because it is destructive"
                                                                               : "",
                   policy_name(options));
    return hf_hint(error, "look at `holdfast plan`; then: holdfast deploy --approve %s", plan->digest);
}

hf_status hf_approval_look(const hf_deploy_options *options, json_t **ret_fact, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};

    *ret_fact = NULL;
    if (options->target->deploy.approval == HF_APPROVAL_NEVER && options->approve == NULL)
        return HF_OK;
    HF_TRY(hf_plan_make(options->target, options->url, &plan, error));
    hf_status status = judge(options, &plan, error);
    *ret_fact =
        json_pack("{s:s, s:s?, s:b}", "policy", policy_name(options), "digest",
                  plan.unknown ? NULL : plan.digest, "approved", status == HF_OK && options->approve != NULL);
    return status;
}

hf_status hf_approval_look_again(const hf_deploy_options *options, const json_t *fact, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};
    const char *digest = json_string_value(json_object_get(fact, "digest"));

    if (digest == NULL)
        return HF_OK;
    HF_TRY(hf_plan_make(options->target, options->url, &plan, error));
    if (hf_streq(plan.digest, digest))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "migrations or schema changed while the snapshot was taken");
    return hf_hint(error, "look at `holdfast plan`, and deploy again");
}
