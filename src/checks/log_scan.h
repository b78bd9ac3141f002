/* Lines of a log against the patterns of a check: what is forbidden, required, counted. */
#ifndef HF_CHECKS_LOG_SCAN_H
#define HF_CHECKS_LOG_SCAN_H

#include "base/buffer.h"
#include "checks/regex.h"
#include "config/config.h"

#define HF_LOG_LINES_SHOWN 5

typedef struct hf_log_scan {
    HF_VECTOR(hf_regex *) forbid, require;
    hf_regex *rate; /* NULL: none */
    uint64_t lines;
    uint64_t forbidden;    /* lines that match any */
    hf_strings shown;      /* the first of them, for people */
    HF_VECTOR(bool) found; /* of require */
    uint64_t rated;
    uint64_t gave_up; /* lines for which a pattern took too long */
    hf_buf rest;      /* the line under way */
} hf_log_scan;

/* Compile a check's patterns; rate_only: the others are left out.  Errors as of hf_regex_compile(). */
HF_MUST_CHECK hf_status hf_log_scan_init(hf_log_scan *scan, const hf_check_config *check, bool rate_only,
                                         hf_error *error);
void hf_log_scan_done(hf_log_scan *scan);

/* Text in any pieces; a line longer than 64 KiB counts as several. */
void hf_log_scan_feed(hf_log_scan *scan, const char *data, size_t len);

/* A source has ended; its last line may lack the line feed. */
void hf_log_scan_end(hf_log_scan *scan);

#endif
