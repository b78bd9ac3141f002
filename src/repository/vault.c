#include "repository/vault.h"

#include <stdlib.h>

#include "base/memory.h"

struct hf_vault {
    hf_key root, names, objects, documents;
};

hf_status hf_vault_new(const hf_key *repository_key, hf_vault **ret_vault, hf_error *error)
{
    HF_AUTO(hf_vault_freep) hf_vault *vault = hf_alloc(sizeof(*vault));

    vault->root = *repository_key;
    HF_TRY(hf_key_derive(repository_key, "holdfast names", &vault->names, error));
    HF_TRY(hf_key_derive(repository_key, "holdfast objects", &vault->objects, error));
    HF_TRY(hf_key_derive(repository_key, "holdfast documents", &vault->documents, error));
    *ret_vault = HF_TAKE(vault);
    return HF_OK;
}

void hf_vault_free(hf_vault *vault)
{
    if (vault == NULL)
        return;

    hf_key_cleanse(&vault->root);
    hf_key_cleanse(&vault->names);
    hf_key_cleanse(&vault->objects);
    hf_key_cleanse(&vault->documents);
    free(vault);
}

void hf_vault_freep(hf_vault **vault)
{
    hf_vault_free(*vault);
    *vault = NULL;
}

const hf_key *hf_vault_key(const hf_vault *vault)
{
    return &vault->root;
}

hf_status hf_vault_name(const hf_vault *vault, const void *data, size_t len, char out[HF_SHA256_HEX],
                        hf_error *error)
{
    if (vault != NULL)
        return hf_hmac_sha256_hex(&vault->names, data, len, out, error);
    hf_sha256_hex(data, len, out);
    return HF_OK;
}

typedef hf_status (*cipher)(const hf_key *key, const char *what, hf_buf *value, hf_error *error);

static hf_status apply(cipher apply_to, const hf_key *key, const char *kind, const char *name, hf_buf *value,
                       hf_error *error)
{
    HF_AUTO_STR what = hf_format("%s:%s", kind, name);

    return apply_to(key, what, value, error);
}

hf_status hf_vault_seal_object(const hf_vault *vault, const char *name, hf_buf *value, hf_error *error)
{
    return vault == NULL ? HF_OK : apply(hf_seal, &vault->objects, "object", name, value, error);
}

hf_status hf_vault_open_object(const hf_vault *vault, const char *name, hf_buf *value, hf_error *error)
{
    return vault == NULL ? HF_OK : apply(hf_unseal, &vault->objects, "object", name, value, error);
}

hf_status hf_vault_seal_document(const hf_vault *vault, const char *key, hf_buf *value, hf_error *error)
{
    return vault == NULL ? HF_OK : apply(hf_seal, &vault->documents, "document", key, value, error);
}

hf_status hf_vault_open_document(const hf_vault *vault, const char *key, hf_buf *value, hf_error *error)
{
    return vault == NULL ? HF_OK : apply(hf_unseal, &vault->documents, "document", key, value, error);
}
