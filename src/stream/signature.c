#include "stream/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define KEY_BYTES 32
#define SIGNATURE_BYTES 64

void hf_private_key_cleanse(hf_private_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

static hf_status refused(const char *what, hf_error *error)
{
    return hf_fail(error, HF_E_SYSTEM, "OpenSSL provides no %s", what);
}

hf_status hf_private_key_random(hf_private_key *ret_key, hf_error *error)
{
    return RAND_priv_bytes(ret_key->seed, KEY_BYTES) == 1 ? HF_OK : refused("random bytes", error);
}

/* The 32 bytes behind a prefix, and nothing else. */
static bool parse(const char *text, const char *prefix, unsigned char out[KEY_BYTES])
{
    return hf_starts_with(text, prefix) && hf_unhex(text + strlen(prefix), out, KEY_BYTES);
}

hf_status hf_private_key_parse(const char *text, hf_private_key *ret_key, hf_error *error)
{
    HF_AUTO_PRIVATE_KEY key;

    if (parse(text, HF_PRIVATE_KEY_PREFIX, key.seed)) {
        *ret_key = key;
        return HF_OK;
    }
    if (hf_starts_with(text, HF_PUBLIC_KEY_PREFIX)) {
        (void) hf_fail(error, HF_E_USAGE, "this is a public key, and the private one is needed");
        return hf_hint(error,
                       "the public one stands in the configuration, the private one only with its owner");
    }
    (void) hf_fail(error, HF_E_USAGE, "this is no private key");
    return hf_hint(error, "it is one line: " HF_PRIVATE_KEY_PREFIX
                          " and 64 digits; `holdfast approve --new-key FILE` makes one");
}

void hf_private_key_show(const hf_private_key *key, char out[HF_PRIVATE_KEY_TEXT])
{
    memcpy(out, HF_PRIVATE_KEY_PREFIX, sizeof(HF_PRIVATE_KEY_PREFIX));
    hf_hex(key->seed, KEY_BYTES, out + strlen(HF_PRIVATE_KEY_PREFIX));
}

static EVP_PKEY *open_private(const hf_private_key *key)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, KEY_BYTES);
}

hf_status hf_private_key_public(const hf_private_key *key, char out[HF_PUBLIC_KEY_TEXT], hf_error *error)
{
    EVP_PKEY *opened = open_private(key);
    unsigned char bytes[KEY_BYTES];
    size_t size = sizeof(bytes);
    const bool good = opened != NULL && EVP_PKEY_get_raw_public_key(opened, bytes, &size) == 1;

    EVP_PKEY_free(opened);
    if (!good)
        return refused("Ed25519", error);
    memcpy(out, HF_PUBLIC_KEY_PREFIX, sizeof(HF_PUBLIC_KEY_PREFIX));
    hf_hex(bytes, KEY_BYTES, out + strlen(HF_PUBLIC_KEY_PREFIX));
    return HF_OK;
}

bool hf_is_public_key(const char *text)
{
    unsigned char bytes[KEY_BYTES];

    return parse(text, HF_PUBLIC_KEY_PREFIX, bytes);
}

hf_status hf_sign(const hf_private_key *key, const void *data, size_t len, char out[HF_SIGNATURE_HEX],
                  hf_error *error)
{
    EVP_PKEY *opened = open_private(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[SIGNATURE_BYTES];
    size_t size = sizeof(bytes);
    const bool good = opened != NULL && context != NULL &&
                      EVP_DigestSignInit(context, NULL, NULL, NULL, opened) == 1 &&
                      EVP_DigestSign(context, bytes, &size, data, len) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(opened);
    if (!good)
        return refused("Ed25519", error);
    hf_hex(bytes, SIGNATURE_BYTES, out);
    return HF_OK;
}

bool hf_is_signed(const char *public_key, const void *data, size_t len, const char *signature)
{
    unsigned char key[KEY_BYTES], bytes[SIGNATURE_BYTES];

    if (!parse(public_key, HF_PUBLIC_KEY_PREFIX, key) || !hf_unhex(signature, bytes, SIGNATURE_BYTES))
        return false;

    EVP_PKEY *opened = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool good = opened != NULL && context != NULL &&
                      EVP_DigestVerifyInit(context, NULL, NULL, NULL, opened) == 1 &&
                      EVP_DigestVerify(context, bytes, sizeof(bytes), data, len) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(opened);
    return good;
}
