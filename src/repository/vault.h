/*
 * What an encrypted repository's values are named and sealed with: three keys derived from the repository key.
 *
 * A NULL vault is that of a repository that is not encrypted: objects are named by SHA-256, and nothing is sealed.  So
 * whoever stores or reads a value calls these functions, and need not know.
 */
#ifndef HF_REPOSITORY_VAULT_H
#define HF_REPOSITORY_VAULT_H

#include "repository/repository.h"
#include "stream/cipher.h"

typedef struct hf_vault hf_vault;

HF_MUST_CHECK hf_status hf_vault_new(const hf_key *repository_key, hf_vault **ret_vault, hf_error *error);
void hf_vault_free(hf_vault *vault); /* erases the keys */
void hf_vault_freep(hf_vault **vault);
const hf_key *hf_vault_key(const hf_vault *vault); /* the repository key; borrowed */

const hf_vault *hf_repository_vault(const hf_repository *repository); /* borrowed; NULL: not encrypted */

/* The name of the object with this content. */
HF_MUST_CHECK hf_status hf_vault_name(const hf_vault *vault, const void *data, size_t len,
                                      char out[HF_SHA256_HEX], hf_error *error);

/* In place, as hf_seal() and hf_unseal(): an object of this name, a document under this key. */
HF_MUST_CHECK hf_status hf_vault_seal_object(const hf_vault *vault, const char *name, hf_buf *value,
                                             hf_error *error);
HF_MUST_CHECK hf_status hf_vault_open_object(const hf_vault *vault, const char *name, hf_buf *value,
                                             hf_error *error);
HF_MUST_CHECK hf_status hf_vault_seal_document(const hf_vault *vault, const char *key, hf_buf *value,
                                               hf_error *error);
HF_MUST_CHECK hf_status hf_vault_open_document(const hf_vault *vault, const char *key, hf_buf *value,
                                               hf_error *error);

#endif
