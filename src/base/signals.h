/*
 * Stop requests.  SIGINT and SIGTERM set a flag that long work polls; SIGPIPE is ignored.  A deploy treats a request
 * as an event and may clear it, to finish the way back undisturbed.
 */
#ifndef HF_BASE_SIGNALS_H
#define HF_BASE_SIGNALS_H

#include <stdint.h>

#include "base/error.h"

void hf_signals_install(void);
bool hf_stop_requested(void);
int hf_stop_signal(void); /* the signal's number, or 0 */
void hf_stop_clear(void);

/* While held, hf_stop_requested() answers false; the request is remembered. Nests; whole process. */
void hf_stop_hold(void);
void hf_stop_release(void);

/*
 * A time limit as a stop request: when so much time has passed, SIGALRM is one.  hf_stop_limit_end() ends the limit, takes its request
 * back and tells whether it came; a signal's is left.  One at a time; 0: none.
 */
void hf_stop_limit(int64_t limit_ms);
bool hf_stop_limit_end(void);

/* A descriptor that becomes readable at a stop request, for poll(). */
int hf_stop_fd(void);

/* HF_E_CANCELLED if a stop was requested, else HF_OK. */
HF_MUST_CHECK hf_status hf_stop_check(hf_error *error);

#endif
