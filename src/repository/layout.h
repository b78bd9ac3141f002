/*
 * Names in a repository: what a target, a snapshot or a cycle may be called, and the keys of their documents.
 */
#ifndef HF_REPOSITORY_LAYOUT_H
#define HF_REPOSITORY_LAYOUT_H

#include <stddef.h>

#include "base/error.h"
#include "stream/digest.h"

#define HF_REPOSITORY_FILE "holdfast.json"
#define HF_LAYOUT_NAME_MAX 100
#define HF_OBJECT_KEY_SIZE (sizeof("objects/00/") + HF_SHA256_HEX)

/* True for 1 to 100 of [A-Za-z0-9._-] that do not begin with a dot. */
bool hf_is_repository_name(const char *text);

/* HF_E_USAGE unless text is such a name; `what` ("target", "snapshot id") is for the message. */
HF_MUST_CHECK hf_status hf_check_repository_name(const char *what, const char *text, hf_error *error);

/* "objects/<2 digits>/<64 digits>" */
void hf_object_key(const char *name, char out[HF_OBJECT_KEY_SIZE]);

/* The name of the object with this key, within it; NULL if it is no object's. */
const char *hf_object_of_key(const char *key);

/* Keys; the caller owns them. */
char *hf_snapshot_key(const char *target, const char *id);
char *hf_cycle_key(const char *target, const char *cycle);

/*
 * Take "<folder>/<target>/<id>.json" apart; the caller owns both.  False, and nothing given, for any other key (a
 * foreign file): listings pass over it.
 */
bool hf_split_document_key(const char *folder, const char *key, char **ret_target, char **ret_id);

#endif
