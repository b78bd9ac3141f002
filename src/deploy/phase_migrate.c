#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "migrations/migrations.h"

static void migration_began(void *context, const char *name)
{
    (void) context;
    hf_log(HF_LOG_INFO, "applying %s", name);
}

static void migration_ended(void *context, const char *name, int64_t took_ms)
{
    hf_cycle *cycle = context;
    json_t *applied = json_object_get(cycle->facts, "applied");
    char took[32];

    if (applied == NULL) {
        hf_cycle_fact(cycle, "applied", json_array());
        applied = json_object_get(cycle->facts, "applied");
    }
    json_array_append_new(applied, json_pack("{s:s, s:I}", "name", name, "took_ms", (json_int_t) took_ms));
    hf_log(HF_LOG_INFO, "applied %s in %s", name, hf_show_duration(took_ms, took));
}

static void migration_output(void *context, const char *text)
{
    (void) context;
    hf_log(HF_LOG_INFO, "%s", text);
}

/* The fact has the latest tree of each migration that waited. */
static void migration_blocked(void *context, const char *name, const json_t *tree)
{
    hf_cycle *cycle = context;
    json_t *blocked = json_object_get(cycle->facts, "blocked");
    HF_AUTO_STR shown = hf_migrations_blockers_shown(tree);

    if (blocked == NULL) {
        hf_cycle_fact(cycle, "blocked", json_object());
        blocked = json_object_get(cycle->facts, "blocked");
    }
    json_object_set(blocked, name, (json_t *) tree);
    hf_log(HF_LOG_WARNING, "%s waits for a lock:\n%s", name, shown);
}

hf_cycle_event hf_phase_migrate(hf_cycle *cycle)
{
    const hf_migrations_events events = {.context = cycle,
                                         .begin = migration_began,
                                         .end = migration_ended,
                                         .output = migration_output,
                                         .blocked = migration_blocked};
    size_t applied = 0;
    hf_status status = HF_FAULT_STATUS("deploy.before_migrations", &cycle->error);

    if (status == HF_OK)
        status = hf_cycle_guard(cycle, &cycle->error);
    if (status == HF_OK)
        status = hf_migrations_apply(&cycle->options->target->migrations, cycle->options->url, &events,
                                     &applied, &cycle->error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("deploy.after_migrations", &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    return hf_cycle_outcome(status);
}
