/*
 * The report of a cycle, for people: one model, made from the JSON of hf_deploy_report(), and three ways to write it down.
 *
 *     HF_TRY(hf_deploy_report(repository, target, cycle, &json, error));
 *     hf_report_complete(repository, json);
 *     hf_report_make(json, &report);
 *     hf_report_html(&report, &out);
 *
 * The verdict stands first, then what to do, then how it came to that.  A section whose facts the journal does not have is left
 * out.  Everything in the model is text as it came from outside, with secrets redacted; each renderer escapes for itself.
 */
#ifndef HF_DEPLOY_REPORT_H
#define HF_DEPLOY_REPORT_H

#include <jansson.h>

#include "base/buffer.h"
#include "config/config.h"
#include "repository/repository.h"

#define HF_REPORT_MAX_BYTES (8u << 20) /* of one, in any form */

typedef enum hf_tone { HF_TONE_PLAIN, HF_TONE_GOOD, HF_TONE_WARNING, HF_TONE_BAD, HF_TONE_QUIET } hf_tone;

typedef struct hf_report_fact {
    char *name;
    char *text;
    bool code; /* an id, a name, a command: in a fixed pitch */
} hf_report_fact;
typedef HF_VECTOR(hf_report_fact) hf_report_facts;

/* Something with an outcome: a check, a migration, a hook. */
typedef struct hf_report_item {
    hf_tone tone;
    char *title;
    char *aside; /* how long it took; "" */
    hf_report_facts facts;
    char *output; /* lines as a program wrote them; "" */
} hf_report_item;

typedef struct hf_report_cell {
    char *text;
    hf_tone tone;
} hf_report_cell;

#define HF_REPORT_COLUMNS_MAX 6

/* Cells row by row; the first column names the row, the others are numbers. */
typedef struct hf_report_table {
    size_t columns;
    const char *titles[HF_REPORT_COLUMNS_MAX];
    HF_VECTOR(hf_report_cell) cells;
    HF_VECTOR(double) shares; /* a row each: how large the thing is beside the largest, 0 to 1; or empty */
} hf_report_table;

/* A stretch of the timeline. */
typedef struct hf_report_span {
    char *name, *clock, *took; /* "Snapshot", "02:14:09", "1m 05s" */
    double start, length;      /* parts of the whole line, 0 to 1 */
    hf_tone tone;
    bool inner;  /* a part of the span before it that is not inner */
    bool broken; /* nobody was at work for an unknown part of it: drawn shorter than it was */
} hf_report_span;

typedef struct hf_report_tick {
    char *label;
    double at;
} hf_report_tick;

typedef struct hf_report_step {
    char *text;
    char *command; /* "" */
} hf_report_step;

typedef struct hf_report_section {
    const char *id; /* of its heading, for links */
    const char *title;
    char *note; /* a sentence or two; "" */
    hf_report_facts facts;
    HF_VECTOR(hf_report_span) spans;
    HF_VECTOR(hf_report_tick) ticks;
    hf_report_table table;
    HF_VECTOR(hf_report_item) items;
    HF_VECTOR(hf_report_step) steps;
} hf_report_section;

typedef struct hf_report {
    hf_tone tone;
    char *title;                   /* "Deploy of shop, 2026-11-21 07:30 UTC" */
    const char *verdict, *meaning; /* "Rolled back", "the database is as the snapshot has it, row for row" */
    char *reason;                  /* what went wrong; "" */
    char *cause;                   /* of a way back that failed: what made it necessary; "" */
    char *hint;                    /* "" */
    char *summary;                 /* one line: what was done and how long it took */
    hf_report_facts facts;
    HF_VECTOR(hf_report_section) sections;
    char *version;
} hf_report;
void hf_report_done(hf_report *report);

/*
 * Add to the JSON what the journal alone does not tell: "tables" [{schema, name, bytes, rows_before, rows_after, exact}], from the
 * snapshot's manifest and the fact `after` (rows_before or rows_after null: not there, or not known).  Without a manifest that can be read it is
 * left out.
 */
void hf_report_complete(hf_repository *repository, json_t *cycle);

/* The other targets of the cycle's group ("jobs, mail"), or NULL; the caller owns it. */
char *hf_report_companions(const json_t *cycle);

/* A member's text, or "". */
const char *hf_json_member(const json_t *object, const char *name);

void hf_report_make(const json_t *cycle, hf_report *ret_report);

void hf_report_text(const hf_report *report, hf_buf *out);     /* for a terminal */
void hf_report_markdown(const hf_report *report, hf_buf *out); /* GitHub's */
void hf_report_html(const hf_report *report,
                    hf_buf *out); /* one file, without script or anything from elsewhere */

/*
 * After a cycle that was begun or resumed here has ended: append the Markdown to the file that GITHUB_STEP_SUMMARY names, if it is set,
 * and write it to deploy.reports if the cycle was rolled back or is stuck.  What cannot be written is logged as a warning: the
 * report can be had again at any time.
 */
void hf_report_deliver(const hf_target_config *target, const json_t *cycle);

#endif
