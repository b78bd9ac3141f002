#include "deploy/metrics.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "deploy/deploy.h"
#include "deploy/machine.h"
#include "deploy/report.h"
#include "repository/journal.h"
#include "repository/proof.h"

void hf_metrics_label(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            hf_buf_puts(out, "\\n");
        else {
            if (*c == '\\' || *c == '"')
                hf_buf_putc(out, '\\');
            hf_buf_putc(out, *c);
        }
}

/* What is known of one target. */
typedef struct target_state {
    const char *name;
    size_t snapshots;
    uint64_t rows, raw_bytes, stored_bytes; /* of the newest */
    int64_t newest_ms, proven_ms, last_success_ms;
    json_t *last;                    /* the report of the last cycle; NULL: none */
    size_t results[HF_CYCLE_STATES]; /* how many cycles ended so; those under way by their state */
    double new_share;                /* of the last cycle's chunks; -1: not known */
} target_state;
typedef HF_VECTOR(target_state) target_states;

static void states_done(target_states *states)
{
    for (size_t i = 0; i < states->count; i++)
        json_decref(states->items[i].last);
    free(states->items);
}

static int64_t time_of(const json_t *cycle, const char *name)
{
    int64_t at_ms = 0;

    return hf_time_parse(hf_json_member(cycle, name), &at_ms, NULL) == HF_OK ? at_ms : 0;
}

static hf_status look_at_snapshots(hf_repository *repository, target_state *t, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};

    HF_TRY(hf_repository_list(repository, t->name, &list, error));
    HF_TRY(hf_proof_list(repository, t->name, &proofs, error));
    for (size_t i = 0; i < list.count; i++) {
        const hf_snapshot_info *info = &list.items[i];
        const hf_proof *proof = hf_proofs_find(&proofs, t->name, info->id);

        if (info->broken != NULL)
            continue;
        t->snapshots++;
        if (proof != NULL && proof->equal && info->created_ms > t->proven_ms)
            t->proven_ms = info->created_ms;
        if (info->degraded || info->filtered || hf_snapshot_is_replaced(info) ||
            info->created_ms < t->newest_ms)
            continue;
        t->newest_ms = info->created_ms;
        t->rows = info->rows;
        t->raw_bytes = info->raw_bytes;
        t->stored_bytes = info->stored_bytes;
    }
    return HF_OK;
}

static double new_share_of(const hf_journal *journal)
{
    const json_t *made = hf_journal_fact(journal, "snapshot_chunks_new"),
                 *reused = hf_journal_fact(journal, "snapshot_chunks_reused");
    const double all = (double) (json_integer_value(made) + json_integer_value(reused));

    return all > 0 ? (double) json_integer_value(made) / all : -1;
}

/* A journal that cannot be read is left out: a metric is no place to fail. */
static hf_status look_at_cycles(hf_repository *repository, target_state *t, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings ids = {0};

    t->new_share = -1;
    HF_TRY(hf_journal_list(repository, t->name, &ids, error));
    for (size_t i = 0; i < ids.count; i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
        hf_cycle_state state;
        hf_error ignored;

        if (hf_journal_load(repository, t->name, ids.items[i], &journal, &ignored) != HF_OK ||
            !hf_cycle_state_parse(hf_journal_state(journal), &state))
            continue;
        t->results[state]++;
        if (new_share_of(journal) >= 0)
            t->new_share = new_share_of(journal);
        if (state != HF_CYCLE_DEPLOYED && i + 1 < ids.count)
            continue;
        json_decref(t->last);
        t->last = NULL;
        if (hf_deploy_report(repository, t->name, ids.items[i], &t->last, &ignored) != HF_OK)
            continue;
        if (state == HF_CYCLE_DEPLOYED)
            t->last_success_ms = time_of(t->last, "finished_at");
    }
    return HF_OK;
}

/* ---- writing ---- */

static void head(hf_buf *out, const char *name, const char *type, const char *help)
{
    hf_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void sample(hf_buf *out, const char *name, const target_state *t, const char *label, const char *value,
                   double number)
{
    hf_buf_printf(out, "%s{target=\"", name);
    hf_metrics_label(out, t->name);
    if (label != NULL) {
        hf_buf_printf(out, "\",%s=\"", label);
        hf_metrics_label(out, value);
    }
    hf_buf_printf(out, "\"} %.15g\n", number);
}

static double seconds(int64_t ms)
{
    return (double) ms / 1000;
}

static double count_snapshots(const target_state *t)
{
    return (double) t->snapshots;
}
static double newest(const target_state *t)
{
    return t->newest_ms == 0 ? -1 : seconds(t->newest_ms);
}
static double proven(const target_state *t)
{
    return t->proven_ms == 0 ? -1 : seconds(t->proven_ms);
}
static double rows(const target_state *t)
{
    return t->newest_ms == 0 ? -1 : (double) t->rows;
}
static double raw_bytes(const target_state *t)
{
    return t->newest_ms == 0 ? -1 : (double) t->raw_bytes;
}
static double stored_bytes(const target_state *t)
{
    return t->newest_ms == 0 ? -1 : (double) t->stored_bytes;
}
static double reused_share(const target_state *t)
{
    return t->new_share < 0 ? -1 : 1 - t->new_share;
}
static double last_success(const target_state *t)
{
    return t->last_success_ms == 0 ? -1 : seconds(t->last_success_ms);
}
static double last_began(const target_state *t)
{
    return t->last == NULL ? -1 : seconds(time_of(t->last, "started_at"));
}
static double last_took(const target_state *t)
{
    return t->last == NULL ? -1 : seconds(json_integer_value(json_object_get(t->last, "took_ms")));
}
static double unfinished(const target_state *t)
{
    double count = (double) t->results[HF_CYCLE_STUCK];

    for (int state = 0; state < HF_CYCLE_STATES; state++)
        count += hf_cycle_is_final((hf_cycle_state) state) ? 0 : (double) t->results[state];
    return count;
}

/* One sample a target; less than 0: there is none. */
static const struct {
    const char *name, *help;
    double (*value)(const target_state *t);
} simple[] = {
    {"holdfast_snapshots", "Snapshots that can be used.", count_snapshots},
    {"holdfast_snapshot_newest_timestamp_seconds", "When the newest whole, verified snapshot was taken.",
     newest},
    {"holdfast_snapshot_proven_timestamp_seconds",
     "When the newest snapshot was taken that a restore has proven to be equal.", proven},
    {"holdfast_snapshot_rows", "Rows in the newest snapshot.", rows},
    {"holdfast_snapshot_raw_bytes", "Bytes in the newest snapshot, before compression.", raw_bytes},
    {"holdfast_snapshot_stored_bytes", "Bytes that the newest snapshot needs in the repository.",
     stored_bytes},
    {"holdfast_snapshot_reused_ratio", "Part of the last deploy's snapshot that was stored already.",
     reused_share},
    {"holdfast_deploy_last_success_timestamp_seconds", "When the last deploy that succeeded had ended.",
     last_success},
    {"holdfast_deploy_last_timestamp_seconds", "When the last deploy began.", last_began},
    {"holdfast_deploy_last_duration_seconds", "How long the last deploy took.", last_took},
    {"holdfast_deploy_unfinished", "Deploys that are under way, interrupted or stuck.", unfinished},
};

static void write_results(const target_states *states, hf_buf *out)
{
    static const hf_cycle_state ends[] = {HF_CYCLE_DEPLOYED, HF_CYCLE_ROLLED_BACK, HF_CYCLE_REFUSED,
                                          HF_CYCLE_STUCK, HF_CYCLE_SETTLED};

    head(out, "holdfast_deploys", "gauge", "Deploys by how they ended.");
    for (size_t i = 0; i < states->count; i++)
        for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++)
            sample(out, "holdfast_deploys", &states->items[i], "result", hf_cycle_state_name(ends[k]),
                   (double) states->items[i].results[ends[k]]);
    head(out, "holdfast_deploy_last_result", "gauge", "1 for how the last deploy ended.");
    for (size_t i = 0; i < states->count; i++)
        for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]) && states->items[i].last != NULL; k++)
            sample(out, "holdfast_deploy_last_result", &states->items[i], "result",
                   hf_cycle_state_name(ends[k]),
                   hf_streq(hf_json_member(states->items[i].last, "state"), hf_cycle_state_name(ends[k])));
}

/* A phase that was entered again counts as a whole; two checks of one name would be one sample too many. */
static void write_phases(const target_states *states, hf_buf *out)
{
    head(out, "holdfast_deploy_last_phase_seconds", "gauge", "How long each phase of the last deploy took.");
    for (size_t i = 0; i < states->count; i++) {
        json_t *took = json_object();
        const json_t *phase, *number;
        const char *name;
        size_t k;

        json_array_foreach(json_object_get(states->items[i].last, "phases"), k, phase)
        {
            const char *state = hf_json_member(phase, "state");

            if (json_object_get(phase, "took_ms") != NULL)
                json_object_set_new(took, state,
                                    json_integer(json_integer_value(json_object_get(took, state)) +
                                                 json_integer_value(json_object_get(phase, "took_ms"))));
        }
        json_object_foreach(took, name, number)
            sample(out, "holdfast_deploy_last_phase_seconds", &states->items[i], "phase", name,
                   seconds(json_integer_value(number)));
        json_decref(took);
    }
}

static void write_checks(const target_states *states, hf_buf *out)
{
    head(out, "holdfast_check_passed", "gauge", "1 if the check passed in the last deploy.");
    for (size_t i = 0; i < states->count; i++) {
        json_t *passed = json_object();
        const json_t *result, *ok;
        const char *name;
        size_t k;

        json_array_foreach(json_object_get(json_object_get(states->items[i].last, "checks"), "results"), k,
                           result)
        {
            const char *check = hf_json_member(result, "name");
            const bool before =
                json_object_get(passed, check) == NULL || json_is_true(json_object_get(passed, check));

            json_object_set_new(passed, check,
                                json_boolean(before && json_is_true(json_object_get(result, "passed"))));
        }
        json_object_foreach(passed, name, ok)
            sample(out, "holdfast_check_passed", &states->items[i], "check", name, json_is_true(ok));
        json_decref(passed);
    }
}

hf_status hf_metrics_write(const hf_config *config, hf_repository *repository, hf_buf *out, hf_error *error)
{
    HF_AUTO(states_done) target_states states = {0};

    for (size_t i = 0; i < config->targets.count; i++) {
        target_state *t = HF_APPEND_NEW(&states);

        t->name = config->targets.items[i].name;
        HF_TRY(look_at_snapshots(repository, t, error));
        HF_TRY(look_at_cycles(repository, t, error));
    }
    for (size_t k = 0; k < sizeof(simple) / sizeof(simple[0]); k++) {
        head(out, simple[k].name, "gauge", simple[k].help);
        for (size_t i = 0; i < states.count; i++)
            if (simple[k].value(&states.items[i]) >= 0)
                sample(out, simple[k].name, &states.items[i], NULL, NULL, simple[k].value(&states.items[i]));
    }
    write_results(&states, out);
    write_phases(&states, out);
    write_checks(&states, out);
    return hf_buf_check(out, "metrics", error);
}
