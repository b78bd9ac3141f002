#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "checks/checks.h"
#include "deploy/fence.h"
#include "deploy/phase.h"
#include "deploy/table_counts.h"

static void check_ended(void *context, const hf_check_result *result)
{
    (void) context;
    if (result->passed)
        hf_log(HF_LOG_INFO, "check \"%s\" passed: %s", result->check->name, result->seen);
    else
        hf_log(result->check->warn_only ? HF_LOG_WARNING : HF_LOG_ERROR,
               "check \"%s\" failed: expected %s, saw %s", result->check->name, result->expected,
               result->seen);
}

bool hf_cycle_is_unchanged(const hf_cycle *cycle)
{
    return cycle->options->target->migrations.kind != HF_MIGRATIONS_COMMAND &&
           json_array_size(hf_journal_fact(cycle->journal, "pending")) == 0 &&
           !json_is_true(hf_journal_fact(cycle->journal, "pending_unknown"));
}

hf_cycle_event hf_phase_verify(hf_cycle *cycle)
{
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    hf_status status = HF_FAULT_STATUS("deploy.before_checks", &cycle->error);

    if (status == HF_OK && cycle->options->target->deploy.fence.until_migrated)
        status = hf_fence_lower(cycle, &cycle->error);
    if (status == HF_OK)
        hf_cycle_fact(cycle, "after", hf_table_counts(cycle->options->url));
    if (status == HF_OK)
        status = hf_checks_run(&cycle->options->target->checks, cycle->options->target->name,
                               cycle->options->url, check_ended, NULL, &results, &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    hf_cycle_fact(cycle, "checks", hf_check_results_json(&results));
    for (size_t i = 0; status == HF_OK && i < results.results.count; i++) {
        const hf_check_result *result = &results.results.items[i];

        if (!result->passed && !result->check->warn_only)
            status = hf_fail(&cycle->error, HF_E_CHECKS_FAILED, "check \"%s\" failed: expected %s, saw %s",
                             result->check->name, result->expected, result->seen);
    }

    hf_cycle_event event = hf_cycle_outcome(status);
    return event != HF_EVENT_DONE && hf_cycle_is_unchanged(cycle) ? HF_EVENT_UNCHANGED : event;
}
