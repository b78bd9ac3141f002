#include "repository/retention.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define HOUR_MS INT64_C(3600000)

bool hf_retention_is_empty(const hf_retention *rules)
{
    return rules->last <= 0 && rules->hourly <= 0 && rules->daily <= 0 && rules->weekly <= 0 &&
           rules->monthly <= 0 && rules->yearly <= 0 && rules->within_ms <= 0 &&
           (rules->labels == NULL || rules->labels->count == 0);
}

void hf_retention_plan_done(hf_retention_plan *plan)
{
    for (size_t i = 0; i < plan->verdicts.count; i++)
        hf_strings_done(&plan->verdicts.items[i].reasons);
    free(plan->verdicts.items);
    free(plan->doubt);
    free(plan->doubted);
    *plan = (hf_retention_plan){0};
}

/* ---- periods: two times are in the same one if they have the same number ---- */

static struct tm utc(int64_t time_ms)
{
    const time_t seconds = (time_t) (time_ms / 1000);
    struct tm tm = {0};

    (void) gmtime_r(&seconds, &tm);
    return tm;
}

static int64_t hour_of(int64_t time_ms)
{
    return time_ms / HOUR_MS;
}

static int64_t day_of(int64_t time_ms)
{
    return time_ms / (24 * HOUR_MS);
}

/* The first of January 1970 was a Thursday. */
static int64_t week_of(int64_t time_ms)
{
    return (day_of(time_ms) + 3) / 7;
}

static int64_t month_of(int64_t time_ms)
{
    const struct tm tm = utc(time_ms);

    return (int64_t) tm.tm_year * 12 + tm.tm_mon;
}

static int64_t year_of(int64_t time_ms)
{
    return utc(time_ms).tm_year;
}

/* Each snapshot is a period of its own. */
static int64_t itself(int64_t time_ms)
{
    (void) time_ms;
    return -1;
}

/* ---- the rules, for one sort of snapshots ---- */

typedef struct deciding {
    const hf_snapshot_list *list;
    hf_retention_plan *plan;
    bool filtered, degraded; /* the sort */
} deciding;

/* What a restore in place replaced is of none: it must take no good one's place. */
static bool is_of_sort(const deciding *d, size_t index)
{
    const hf_snapshot_info *info = &d->list->items[index];

    return info->broken == NULL && !hf_snapshot_is_replaced(info) && info->filtered == d->filtered &&
           info->degraded == d->degraded;
}

static void keep(const deciding *d, size_t index, const char *reason)
{
    hf_strings_add(&d->plan->verdicts.items[index].reasons, reason);
}

static bool is_kept(const deciding *d, size_t index)
{
    return d->plan->verdicts.items[index].reasons.count > 0;
}

static void keep_by_period(const deciding *d, const char *name, int left, int64_t (*period_of)(int64_t))
{
    int64_t last = -1;
    size_t oldest = SIZE_MAX;
    bool oldest_kept = false;

    for (size_t i = d->list->count; i-- > 0 && left > 0;) {
        if (!is_of_sort(d, i))
            continue;
        const int64_t period = period_of(d->list->items[i].created_ms);

        oldest = i;
        oldest_kept = period == -1 || period != last;
        if (!oldest_kept)
            continue;
        keep(d, i, name);
        last = period;
        left--;
    }
    if (left > 0 && oldest != SIZE_MAX && !oldest_kept) {
        HF_AUTO_STR reason = hf_format("oldest %s", name);

        keep(d, oldest, reason);
    }
}

static void keep_by_property(const deciding *d, const hf_retention *rules)
{
    int64_t newest_ms = -1;

    for (size_t i = d->list->count; i-- > 0;) {
        const hf_snapshot_info *info = &d->list->items[i];

        if (!is_of_sort(d, i))
            continue;
        if (newest_ms < 0) {
            newest_ms = info->created_ms;
            keep(d, i, "newest");
        }
        if (rules->within_ms > 0 && newest_ms - info->created_ms <= rules->within_ms)
            keep(d, i, "within");
    }
}

static void keep_by_label(const deciding *d, const hf_strings *labels)
{
    for (size_t i = 0; i < d->list->count; i++) {
        const char *label = d->list->items[i].label;
        bool is_meant = false;

        for (size_t k = 0; label != NULL && labels != NULL && k < labels->count; k++)
            is_meant |= hf_glob_match(labels->items[k], label);
        if (is_meant)
            keep(d, i, "label");
    }
}

static void keep_newest_proven(const deciding *d, const hf_proofs *proofs)
{
    for (size_t i = d->list->count; i-- > 0;) {
        const hf_snapshot_info *info = &d->list->items[i];
        const hf_proof *proof = is_of_sort(d, i) ? hf_proofs_find(proofs, info->target, info->id) : NULL;

        if (proof != NULL && proof->equal) {
            keep(d, i, "newest proven");
            return;
        }
    }
}

static void decide_sort(const deciding *d, const hf_retention *rules, const hf_proofs *proofs)
{
    keep_by_property(d, rules);
    keep_by_period(d, "last", rules->last, itself);
    keep_by_period(d, "hourly", rules->hourly, hour_of);
    keep_by_period(d, "daily", rules->daily, day_of);
    keep_by_period(d, "weekly", rules->weekly, week_of);
    keep_by_period(d, "monthly", rules->monthly, month_of);
    keep_by_period(d, "yearly", rules->yearly, year_of);
    keep_newest_proven(d, proofs);
}

static void keep_whatever_the_rules(const deciding *d, const hf_strings *unfinished)
{
    for (size_t i = 0; i < d->list->count; i++) {
        const hf_snapshot_info *info = &d->list->items[i];

        if (info->broken != NULL)
            keep(d, i, "broken");
        if (info->pinned)
            keep(d, i, "pinned");
        if (info->cycle != NULL && hf_strings_has(unfinished, info->cycle))
            keep(d, i, "unfinished cycle");
    }
}

/*
 * A snapshot with less than half of what the one before had may be that of a database that lost its data.  Nothing is removed
 * when that is the newest one; nor, later, when the last large one would go.
 */
static void doubt_losses(const deciding *d)
{
    size_t before = SIZE_MAX, newest = SIZE_MAX;
    char has[32], had[32];

    for (size_t i = 0; i < d->list->count; i++)
        newest = is_of_sort(d, i) ? i : newest;
    for (size_t i = 0; i < d->list->count && d->plan->doubt == NULL; i++) {
        const hf_snapshot_info *info = &d->list->items[i];
        const hf_snapshot_info *large = before != SIZE_MAX ? &d->list->items[before] : NULL;

        if (!is_of_sort(d, i))
            continue;
        if (large != NULL && !large->pinned && info->raw_bytes < large->raw_bytes / 2 &&
            (i == newest || !is_kept(d, before))) {
            d->plan->doubt =
                hf_format("snapshot %s has %s, and %s, the one before it, has %s", info->id,
                          hf_show_size(info->raw_bytes, has), large->id, hf_show_size(large->raw_bytes, had));
            d->plan->doubted = hf_strdup(large->id);
        }
        before = i;
    }
}

hf_retention_plan hf_retention_decide(const hf_retention *rules, const hf_snapshot_list *list,
                                      const hf_proofs *proofs, const hf_strings *unfinished)
{
    hf_retention_plan plan = {0};
    deciding d = {.list = list, .plan = &plan};

    for (size_t i = 0; i < list->count; i++)
        (void) HF_APPEND_NEW(&plan.verdicts);
    keep_whatever_the_rules(&d, unfinished);
    for (int sort = 0; sort < 4; sort++) {
        d.filtered = (sort & 1) != 0;
        d.degraded = (sort & 2) != 0;
        decide_sort(&d, rules, proofs);
    }
    keep_by_label(&d, rules->labels);
    d.filtered = d.degraded = false;
    doubt_losses(&d);
    return plan;
}
