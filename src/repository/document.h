/*
 * JSON documents of a repository: storing, canonical bytes, digests, and strict reading.
 *
 * In an encrypted repository documents that tell of snapshots and deploys are sealed.  hf_document_get(), _put() and
 * _put_new() are the one way to and from the storage for pointers, journals and proofs.
 *
 * The canonical form is jansson's compact one with sorted keys; FORMAT.md spells it out.  Reading goes through
 * hf_reader, one for each JSON object.  A getter that finds its member missing, of another type or out of bounds fills
 * the error with the member's path, and gives a zero; the first failure sticks, so that a run of getters is checked once:
 *
 *     hf_reading reading = {.what = "manifest", .error = error};
 *     hf_reader root = hf_reader_root(&reading, json);
 *     uint64_t rows = hf_read_u64(&root, "rows", UINT32_MAX);
 *     return reading.status;
 *
 * Members that nobody asks for are ignored: later versions may add some within one format.
 */
#ifndef HF_REPOSITORY_DOCUMENT_H
#define HF_REPOSITORY_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "repository/repository.h"
#include "stream/digest.h"

#define HF_NUMBER_MAX ((uint64_t) INT64_MAX) /* no JSON number of ours is larger */

void hf_json_decrefp(json_t **json);
#define HF_AUTO_JSON HF_AUTO(hf_json_decrefp) json_t *

/* The canonical text; the caller owns it. */
char *hf_canonical_json(const json_t *json);

/* SHA-256 of the canonical text of an object, without one of its members (NULL: with all). */
void hf_canonical_digest(const json_t *object, const char *without, char out[HF_SHA256_HEX]);

/* Exactly one JSON object, no duplicate members; HF_E_CORRUPT otherwise, naming `what`. */
HF_MUST_CHECK hf_status hf_parse_document(const char *what, const hf_buf *text, json_t **ret_object,
                                          hf_error *error);

/* As hf_storage_get(); HF_E_CORRUPT for one that was not sealed for this key. */
HF_MUST_CHECK hf_status hf_document_get(hf_repository *repository, const char *key, hf_buf *ret_text,
                                        hf_error *error);

/* As hf_storage_put() and hf_storage_put_new(). */
HF_MUST_CHECK hf_status hf_document_put(hf_repository *repository, const char *key, const char *text,
                                        hf_error *error);
HF_MUST_CHECK hf_status hf_document_put_new(hf_repository *repository, const char *key, const char *text,
                                            hf_error *error);

/* The same on another storage than the repository's own. */
HF_MUST_CHECK hf_status hf_document_get_from(hf_repository *repository, hf_storage *storage, const char *key,
                                             hf_buf *ret_text, hf_error *error);
HF_MUST_CHECK hf_status hf_document_put_to(hf_repository *repository, hf_storage *storage, const char *key,
                                           const char *text, hf_error *error);

/* What the readers of one document share. */
typedef struct hf_reading {
    const char *what; /* begins each message */
    hf_error *error;
    hf_status status; /* the first failure */
} hf_reading;

typedef struct hf_reader {
    hf_reading *reading;
    const struct hf_reader *parent;
    const char *member; /* in the parent */
    size_t index;       /* in the parent's array member, or HF_NO_INDEX */
    const json_t *json;
} hf_reader;

#define HF_NO_INDEX SIZE_MAX

hf_reader hf_reader_root(hf_reading *reading, const json_t *json);

/* The object that is a member; the reader must not outlive its parent. */
hf_reader hf_read_object(const hf_reader *parent, const char *member);

/* The array that is a member, borrowed, with at most max elements; NULL (an array of no elements) on failure. */
const json_t *hf_read_array(const hf_reader *parent, const char *member, size_t max);

/* One element of it, whatever its type: getters will tell. */
hf_reader hf_reader_item(const hf_reader *parent, const char *member, const json_t *array, size_t index);

/* Record that a member is not what it should be. */
void hf_reader_fail(const hf_reader *reader, const char *member, const char *fmt, ...) HF_PRINTF(3, 4);

/*
 * The member "format" of a document: HF_OK for ours, HF_E_FORMAT for a newer one, HF_E_CORRUPT for what is none.  To be
 * asked for first, because a newer format may differ in everything else.
 */
HF_MUST_CHECK hf_status hf_read_format(const hf_reader *root);

uint64_t hf_read_u64(const hf_reader *reader, const char *member, uint64_t max);
int64_t hf_read_i64(const hf_reader *reader, const char *member, int64_t min, int64_t max);
bool hf_read_bool(const hf_reader *reader, const char *member);
const char *hf_read_text(const hf_reader *reader, const char *member);         /* borrowed; "" on failure */
const char *hf_read_text_or_null(const hf_reader *reader, const char *member); /* a JSON null gives NULL */
int64_t hf_read_time(const hf_reader *reader, const char *member);             /* milliseconds */

/* An element of a reader that stands for an array: its index takes the place of a name. */
uint64_t hf_read_u64_at(const hf_reader *reader, size_t index, const char *name, uint64_t max);
const char *hf_read_text_at(const hf_reader *reader, size_t index, const char *name);

#endif
