/* Inside the folder: how the model of a report is put together. */
#ifndef HF_DEPLOY_REPORT_BUILD_H
#define HF_DEPLOY_REPORT_BUILD_H

#include "deploy/report.h"

/* A copy without secrets, without control characters but line feed and tab, and without those that turn the direction of writing. */
char *hf_report_clean(const char *text);

/* "1m 05s" of the member took_ms, "" if it has none; the caller owns it. */
char *hf_report_took(const json_t *object);

/* Add a fact, unless its text is empty. */
void hf_report_fact_add(hf_report_facts *facts, const char *name, bool code, const char *fmt, ...)
    HF_PRINTF(4, 5);

hf_report_section *hf_report_section_add(hf_report *report, const char *id, const char *title);
hf_report_item *hf_report_item_add(hf_report_section *section, hf_tone tone, const char *title);
void hf_report_cell_add(hf_report_table *table, hf_tone tone, const char *fmt, ...) HF_PRINTF(3, 4);

/* Was a migration of this name applied?  Its entry in "applied", or NULL. */
const json_t *hf_report_applied(const json_t *cycle, const char *name);

/* After `swap-back`: the failed database is the live one again. */
bool hf_report_is_swapped_back(const json_t *cycle);

/* What a way back, or a swap-back after it, has kept: a database's name or "snapshot ID"; NULL: nothing.  The caller owns it. */
char *hf_report_kept(const json_t *cycle);

/* A section each, or none. */
void hf_report_add_next(const json_t *cycle, hf_report *report);
void hf_report_add_timeline(const json_t *cycle, hf_report *report);
void hf_report_add_tables(const json_t *cycle, hf_report *report);
void hf_report_add_checks(const json_t *cycle, hf_report *report);
void hf_report_add_migrations(const json_t *cycle, hf_report *report);
void hf_report_add_lost(const json_t *cycle, hf_report *report);
void hf_report_add_others(const json_t *cycle,
                          hf_report *report); /* seed, hooks, notifications, overrides, preflight */

extern const char hf_report_style[]; /* CSS */

/* [{text, command}]: what to do next; the caller owns it. */
json_t *hf_report_next(const json_t *cycle);

#endif
