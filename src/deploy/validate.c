#include "deploy/validate.h"

#include "checks/checks.h"
#include "pg/archive_filter.h"

void hf_target_validate(const char *config_path, const hf_target_config *target, hf_config_problems *problems)
{
    const hf_filter filter = {&target->snapshot.include, &target->snapshot.exclude,
                              &target->snapshot.exclude_data};
    hf_error error = {0};

    if (hf_filter_check(&filter, &error) != HF_OK)
        hf_config_problems_add(problems, config_path, target->where, &error);
    if (target->deploy.timeouts.verify_ms > 0 &&
        target->deploy.observe.for_ms >= target->deploy.timeouts.verify_ms) {
        (void) hf_fail(&error, HF_E_USAGE,
                       "target \"%s\": deploy.observe.for is longer than verifying may take", target->name);
        (void) hf_hint(&error, "make deploy.timeouts.verify longer than it, with time for the checks");
        hf_config_problems_add(problems, config_path, target->where, &error);
    }
    hf_checks_validate(config_path, &target->checks, problems);
}

hf_status hf_target_check(const char *config_path, const hf_target_config *target, hf_error *error)
{
    HF_AUTO(hf_config_problems_done) hf_config_problems problems = {0};

    hf_target_validate(config_path, target, &problems);
    if (problems.count == 0)
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "%s", problems.items[0].message);
    return hf_hint(error, "%s", problems.items[0].hint);
}
