#include "base/log.h"
#include "base/retry.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "restore/clone.h"

#define PATIENCE_MS 120000 /* for a server that was lost */

/* Does the clone stand as it was made, with nobody let in since? */
static hf_status look(const hf_cycle *cycle, bool *ret_untouched, hf_error *error)
{
    const json_t *clone = hf_journal_fact(cycle->journal, "clone");
    const char *mark = json_string_value(json_object_get(clone, "mark"));
    hf_retry retry = {
        .max_tries = 20, .max_total_ms = PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    hf_status status;

    *ret_untouched = false;
    if (mark == NULL)
        return HF_OK;
    do {
        status = hf_clone_check(cycle->options->url, hf_cycle_clone(cycle->journal),
                                (uint32_t) json_integer_value(json_object_get(clone, "oid")), mark,
                                ret_untouched, error);
    } while (status == HF_E_CONNECTION && hf_retry_again(&retry, status, 0));
    return status;
}

hf_cycle_event hf_way_take_clone(hf_cycle *cycle)
{
    const char *name = hf_cycle_clone(cycle->journal);
    bool is_untouched = false;
    hf_status status = hf_cycle_end_orphans(cycle, &cycle->error);

    if (status == HF_OK)
        status = look(cycle, &is_untouched, &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);
    if (!is_untouched) {
        hf_log(HF_LOG_WARNING,
               "the clone \"%s\" is not as it was made; restoring the snapshot beside instead",
               name != NULL ? name : "");
        hf_cycle_fact(cycle, "replacement", json_string(hf_cycle_text(cycle, "beside")));
        return hf_way_restore_beside(cycle);
    }
    hf_log(HF_LOG_INFO, "the clone \"%s\" stands as it was made", name);
    hf_cycle_fact(cycle, "replacement", json_string(name));
    return HF_EVENT_DONE;
}
