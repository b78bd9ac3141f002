/*
 * Secrets come from the environment, a file or a command, never from the configuration's own text.
 *
 * A source is where a secret is; reading it gives the text, which is registered for redaction at once (base/log.h) and
 * cleansed when freed.
 */
#ifndef HF_CONFIG_SECRET_H
#define HF_CONFIG_SECRET_H

#include "base/error.h"
#include "base/memory.h"

typedef enum hf_secret_kind {
    HF_SECRET_NONE,
    HF_SECRET_ENV,
    HF_SECRET_FILE,
    HF_SECRET_COMMAND
} hf_secret_kind;

typedef struct hf_secret_source {
    hf_secret_kind kind;
    char *name;      /* variable, or path (absolute) */
    hf_strings argv; /* command */
} hf_secret_source;

void hf_secret_source_done(hf_secret_source *source);

/*
 * Read it: one trailing newline is cut off.  Empty or absent is HF_E_USAGE with a hint that names the source.  The caller
 * owns the text and frees it with hf_secret_freep().  An environment variable that is read is hidden from children
 * (hf_child_hide_env).  `what` names the secret in messages: "the database URL of target \"site\"".
 */
HF_MUST_CHECK hf_status hf_secret_read(const hf_secret_source *source, const char *what, char **ret_text,
                                       hf_error *error);

/* As hf_secret_read(), of what is no secret: it is neither hidden nor redacted, and the caller frees it. */
HF_MUST_CHECK hf_status hf_source_read(const hf_secret_source *source, const char *what, char **ret_text,
                                       hf_error *error);

void hf_secret_freep(char **text); /* cleanses */
#define HF_AUTO_SECRET HF_AUTO(hf_secret_freep) char *

#endif
