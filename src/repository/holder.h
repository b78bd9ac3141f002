/*
 * Who holds a lock: a process, told apart from every other one by host, boot, process id and start time; and whether
 * it is still there, which only its own machine can tell.
 */
#ifndef HF_REPOSITORY_HOLDER_H
#define HF_REPOSITORY_HOLDER_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct hf_holder {
    char *id; /* random; of this one taking */
    char *target;
    char *purpose;
    char *host;
    int64_t pid;
    char *boot_id;        /* the kernel's, "" if unknown */
    char *pid_namespace;  /* that pid is a number of, "" if unknown */
    uint64_t start_ticks; /* of the process, since the boot; 0 if unknown */
    char *since;
    char *presence; /* id of the process's presence (presence.h), "" if it has none */
} hf_holder;

void hf_holder_done(hf_holder *holder);

char *hf_this_host(void); /* its name, "" if unknown; the caller owns it */

/* This process, taking now. */
hf_holder hf_holder_self(const char *target, const char *purpose);

/* The stored text; the caller owns it. */
char *hf_holder_write(const hf_holder *holder);

/* HF_E_CORRUPT or HF_E_FORMAT for anything else; ret_holder is an empty struct. */
HF_MUST_CHECK hf_status hf_holder_read(const hf_buf *text, hf_holder *ret_holder, hf_error *error);

/* Whether the process is still there; known only of those that run, or ran, on this machine where we can see them. */
typedef enum hf_holder_state { HF_HOLDER_HERE, HF_HOLDER_GONE, HF_HOLDER_UNKNOWN } hf_holder_state;
hf_holder_state hf_holder_look(const hf_holder *holder);

#endif
