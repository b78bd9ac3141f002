#include "stream/cipher.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SCRYPT_MEMORY_MAX (UINT64_C(1) << 30)
#define SCRYPT_R_MAX 64
#define SCRYPT_P_MAX 16

void hf_key_cleanse(hf_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

static hf_status refused(const char *what, hf_error *error)
{
    return hf_fail(error, HF_E_SYSTEM, "OpenSSL provides no %s", what);
}

hf_status hf_key_random(hf_key *ret_key, hf_error *error)
{
    return RAND_priv_bytes(ret_key->bytes, HF_KEY_BYTES) == 1 ? HF_OK : refused("random bytes", error);
}

static hf_status check_cost(const hf_scrypt *cost, hf_error *error)
{
    if (cost->n < 2 || (cost->n & (cost->n - 1)) != 0 || cost->r < 1 || cost->p < 1)
        return hf_fail(error, HF_E_LIMIT, "scrypt knows no cost of n %llu, r %llu, p %llu",
                       (unsigned long long) cost->n, (unsigned long long) cost->r,
                       (unsigned long long) cost->p);
    if (cost->r > SCRYPT_R_MAX || cost->p > SCRYPT_P_MAX || cost->n > SCRYPT_MEMORY_MAX / 128 / cost->r)
        return hf_fail(error, HF_E_LIMIT, "a cost of n %llu, r %llu, p %llu is more than is allowed",
                       (unsigned long long) cost->n, (unsigned long long) cost->r,
                       (unsigned long long) cost->p);
    return HF_OK;
}

hf_status hf_key_from_passphrase(const char *passphrase, const hf_scrypt *cost, hf_key *ret_key,
                                 hf_error *error)
{
    HF_TRY(check_cost(cost, error));
    /* Beside the large table scrypt needs a little. */
    if (EVP_PBE_scrypt(passphrase, strlen(passphrase), cost->salt, sizeof(cost->salt), cost->n, cost->r,
                       cost->p, SCRYPT_MEMORY_MAX + (1u << 20), ret_key->bytes, HF_KEY_BYTES) != 1)
        return refused("scrypt, or the memory for it is missing", error);
    return HF_OK;
}

hf_status hf_key_derive(const hf_key *from, const char *purpose, hf_key *ret_key, hf_error *error)
{
    hf_key key = *from;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.bytes, HF_KEY_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *) purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    const bool done = context != NULL && EVP_KDF_derive(context, ret_key->bytes, HF_KEY_BYTES, params) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    hf_key_cleanse(&key);
    return done ? HF_OK : refused("HKDF", error);
}

hf_status hf_hmac_sha256_hex(const hf_key *key, const void *data, size_t len, char out[HF_SHA256_HEX],
                             hf_error *error)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (HMAC(EVP_sha256(), key->bytes, HF_KEY_BYTES, len > 0 ? data : "", len, sum, &size) == NULL)
        return refused("HMAC-SHA-256", error);
    hf_hex(sum, size, out);
    return HF_OK;
}

/* Encrypt or decrypt in place; the tag is written or checked.  False if it does not fit. */
static bool transform(const hf_key *key, const char *what, const unsigned char *nonce, unsigned char *text,
                      size_t len, unsigned char *tag, bool encrypt)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int size = 0;

    if (context == NULL)
        hf_out_of_memory();

    bool good =
        EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) == 1 &&
        EVP_CipherUpdate(context, NULL, &size, (const unsigned char *) what, (int) strlen(what)) == 1 &&
        (len == 0 || EVP_CipherUpdate(context, text, &size, text, (int) len) == 1) &&
        (encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1) &&
        EVP_CipherFinal_ex(context, text + len, &size) == 1 &&
        (!encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1);

    EVP_CIPHER_CTX_free(context);
    return good;
}

hf_status hf_seal(const hf_key *key, const char *what, hf_buf *value, hf_error *error)
{
    const size_t len = value->len;

    if (len > INT_MAX || len + HF_SEAL_BYTES > value->max || hf_buf_reserve(value, HF_SEAL_BYTES) == NULL)
        return hf_fail(error, HF_E_LIMIT, "%zu bytes are too many to be encrypted here", len);

    unsigned char *nonce = (unsigned char *) value->data;
    unsigned char *text = nonce + NONCE_BYTES;

    memmove(text, nonce, len);
    if (RAND_bytes(nonce, NONCE_BYTES) != 1 || !transform(key, what, nonce, text, len, text + len, true)) {
        hf_buf_clear(value);
        return refused("AES-256-GCM", error);
    }
    value->len = len + HF_SEAL_BYTES;
    value->data[value->len] = '\0';
    return HF_OK;
}

hf_status hf_unseal(const hf_key *key, const char *what, hf_buf *value, hf_error *error)
{
    const size_t len = value->len < HF_SEAL_BYTES ? 0 : value->len - HF_SEAL_BYTES;

    if (value->len >= HF_SEAL_BYTES && len <= INT_MAX) {
        unsigned char *nonce = (unsigned char *) value->data;
        unsigned char *text = nonce + NONCE_BYTES;

        if (transform(key, what, nonce, text, len, text + len, false)) {
            memmove(nonce, text, len);
            value->len = len;
            value->data[len] = '\0';
            return HF_OK;
        }
    }
    hf_buf_clear(value);
    return hf_fail(error, HF_E_CORRUPT, "it was changed, or is not what was stored there");
}
