/* Filling a restore's report, for the other files of restore/. */
#ifndef HF_RESTORE_REPORT_H
#define HF_RESTORE_REPORT_H

#include "pg/archive.h"
#include "restore/restore.h"

/* `why` may be NULL; everything is copied. */
hf_restored *hf_report_add(hf_restore_report *report, const char *kind, const char *schema, const char *name,
                           hf_outcome outcome, const char *why);
void hf_report_entry(hf_restore_report *report, const hf_entry *entry, hf_outcome outcome, const char *why);

/* Begin a phase (NULL: end the last one) and note how long the one before took. */
void hf_report_phase(hf_restore_report *report, const hf_restore_options *options, const char *name,
                     int64_t *started_ms);

#endif
