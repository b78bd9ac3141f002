/*
 * The passphrases of an encrypted repository: keys/<id>.json, one for each.  A passphrase gives a key by scrypt, and that
 * wraps the one random repository key; so passphrases come and go, and nothing else is written anew.
 *
 * A kill before the put of a key leaves what was; after it, the new passphrase opens the repository.  A kill before a
 * removal leaves the old passphrase good; after it, it opens nothing.
 */
#ifndef HF_REPOSITORY_KEYS_H
#define HF_REPOSITORY_KEYS_H

#include "repository/repository.h"
#include "stream/cipher.h"

typedef struct hf_key_info {
    char *id;
    int64_t created_ms;
    char *user, *host; /* who made it, and where */
    char *label;       /* NULL: none */
    char *broken;      /* NULL, or why it cannot be used; then only the id is known */
    bool is_current;   /* the one that opened the repository */
} hf_key_info;

typedef HF_VECTOR(hf_key_info) hf_key_list;
void hf_key_list_done(hf_key_list *list);

/* The keys of an encrypted repository, in the order of their ids.  HF_E_USAGE for these if it is not encrypted. */
HF_MUST_CHECK hf_status hf_keys_list(hf_repository *repository, hf_key_list *ret_list, hf_error *error);

/* Make a passphrase open the repository too; it is tried once stored.  *ret_id is the caller's. */
HF_MUST_CHECK hf_status hf_keys_add(hf_repository *repository, const hf_new_key *key, char **ret_id,
                                    hf_error *error);

/*
 * Remove a key by its id or the unique beginning of one; *ret_id (the caller's) is the whole one.  HF_E_REFUSED unless the
 * passphrase opens another key than this, so that there is always one left, and somebody who knows its passphrase.
 */
HF_MUST_CHECK hf_status hf_keys_remove(hf_repository *repository, const char *passphrase, const char *id,
                                       char **ret_id, hf_error *error);

/* For repository.c.  Wrap the key of a repository and store it; the caller owns *ret_id. */
HF_MUST_CHECK hf_status hf_keys_wrap(hf_storage *storage, const char *repository_id,
                                     const hf_key *repository_key, const hf_new_key *key, char **ret_id,
                                     hf_error *error);

/* Find the key that the passphrase opens, `without` (NULL: none) left out.  HF_E_PASSPHRASE: it opens none. */
HF_MUST_CHECK hf_status hf_keys_unwrap(hf_storage *storage, const char *repository_id, const char *passphrase,
                                       const char *without, hf_key *ret_repository_key, char **ret_id,
                                       hf_error *error);

char *hf_key_key(const char *id); /* "keys/<id>.json"; the caller owns it */

#endif
