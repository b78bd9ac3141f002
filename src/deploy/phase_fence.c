#include "base/signals.h"
#include "deploy/fence.h"
#include "deploy/phase.h"

hf_cycle_event hf_phase_fence(hf_cycle *cycle)
{
    hf_status status = hf_fence_raise(cycle, &cycle->error);

    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    const hf_cycle_event event = hf_cycle_outcome(status);

    return event == HF_EVENT_DONE && hf_cycle_text(cycle, "snapshot") == NULL ? HF_EVENT_NO_SNAPSHOT : event;
}

hf_cycle_event hf_phase_before_fence(const hf_cycle *cycle, hf_cycle_event event)
{
    const hf_fence_config *fence = &cycle->options->target->deploy.fence;
    bool is_due = cycle->state == HF_CYCLE_SNAPSHOT || fence->before_snapshot;

    return event == HF_EVENT_DONE && fence->kind != HF_FENCE_NONE && is_due && !hf_fence_is_up(cycle->journal)
               ? HF_EVENT_FENCE
               : event;
}
