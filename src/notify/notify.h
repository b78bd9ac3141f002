/*
 * Telling people and programs what became of a cycle or a backup, in the background.
 *
 *     HF_AUTO(hf_notifier_freep) hf_notifier *notifier = hf_notifier_new(config);
 *     hf_notifier_tell(notifier, &(hf_notice){.event = HF_NOTIFY_START, .target = "shop"}, NULL);
 *     ... the work ...
 *     json_t *results = hf_notifier_flush(notifier, 10000);
 *
 * Each destination has a thread and a queue of its own, so that one that hangs delays no other and nothing delays the caller.
 * What fails for a passing reason is tried again, with growing pauses or after as long as the other side asks, for at most a
 * minute.  A failure is a result, never an error.  Texts are cut, cleaned of control characters, and redacted; each kind of
 * destination escapes them for its own format.  All functions take a NULL notifier, which tells nobody.
 */
#ifndef HF_NOTIFY_H
#define HF_NOTIFY_H

#include <jansson.h>
#include <stdint.h>

#include "config/config.h"

typedef struct hf_notifier hf_notifier;

/* Texts are borrowed for the call; NULL or "": it does not apply. */
typedef struct hf_notice {
    hf_notify_event event;
    const char *target, *cycle, *snapshot, *revision, *operator;
    const char *why;  /* the cause of a failure */
    const char *kept; /* what is left to go back to */
    const char *next; /* what to do now */
    int64_t began_ms; /* of the cycle, since 1970; 0: there is none */
    int64_t took_ms;  /* -1: unknown */
} hf_notice;

typedef enum hf_ping { HF_PING_START, HF_PING_SUCCESS, HF_PING_FAIL } hf_ping;

/*
 * NULL if the configuration names nobody.  The configuration is used to the process's end.  Secrets in the environment are hidden from children at
 * once; one that cannot be read is a failure of each message to that destination.
 */
hf_notifier *hf_notifier_new(const hf_config *config);

/* Gives up what is not sent.  A thread that a secret's command holds up is left with its memory: this is for the process's end. */
void hf_notifier_free(hf_notifier *notifier);
void hf_notifier_freep(hf_notifier **notifier);

/* Queue a message to all who want this event.  Those whom `sent` (earlier results, or NULL) shows to have got it are left out. */
void hf_notifier_tell(hf_notifier *notifier, const hf_notice *notice, const json_t *sent);

/* Queue a ping to the dead-man's switches of this command; target NULL: of all targets.  body: the end of the log, or NULL. */
void hf_notifier_ping(hf_notifier *notifier, const char *command, const char *target, hf_ping what,
                      const char *body);

/* Queue a message that says that it is a test, to all or to the one of this name.  How many were queued. */
size_t hf_notifier_test(hf_notifier *notifier, const char *name);

/*
 * Wait until all is sent, at most so long; what is not is given up.  The outcome of each message since the last call, in the
 * order of the configuration: an array of {to, cycle (null: of none), event, ok, error, tries}; the caller owns it, NULL: there were none.
 */
json_t *hf_notifier_flush(hf_notifier *notifier, int64_t wait_ms);

#endif
