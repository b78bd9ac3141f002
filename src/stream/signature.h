/*
 * Signatures, by OpenSSL: Ed25519 (RFC 8032).
 *
 * As text a public key is "ed25519:" and 64 hexadecimal digits, a private key "ed25519-private:" and the 64 digits of its seed, a
 * signature 128 digits.
 */
#ifndef HF_STREAM_SIGNATURE_H
#define HF_STREAM_SIGNATURE_H

#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define HF_PUBLIC_KEY_PREFIX "ed25519:"
#define HF_PRIVATE_KEY_PREFIX "ed25519-private:"
#define HF_PUBLIC_KEY_TEXT (sizeof(HF_PUBLIC_KEY_PREFIX) + 64)
#define HF_PRIVATE_KEY_TEXT (sizeof(HF_PRIVATE_KEY_PREFIX) + 64)
#define HF_SIGNATURE_HEX 129

/* A private key is never printed, and erased where it goes out of scope. */
typedef struct hf_private_key {
    unsigned char seed[32];
} hf_private_key;
void hf_private_key_cleanse(hf_private_key *key);
#define HF_AUTO_PRIVATE_KEY HF_AUTO(hf_private_key_cleanse) hf_private_key

HF_MUST_CHECK hf_status hf_private_key_random(hf_private_key *ret_key, hf_error *error);

/* HF_E_USAGE for any other text; the message does not repeat it. */
HF_MUST_CHECK hf_status hf_private_key_parse(const char *text, hf_private_key *ret_key, hf_error *error);
void hf_private_key_show(const hf_private_key *key, char out[HF_PRIVATE_KEY_TEXT]); /* a secret */

HF_MUST_CHECK hf_status hf_private_key_public(const hf_private_key *key, char out[HF_PUBLIC_KEY_TEXT],
                                              hf_error *error);

/* True for the text of a public key; whether it is a point of the curve shows when it verifies nothing. */
bool hf_is_public_key(const char *text);

HF_MUST_CHECK hf_status hf_sign(const hf_private_key *key, const void *data, size_t len,
                                char out[HF_SIGNATURE_HEX], hf_error *error);

/* Did the holder of this key sign this?  False also for texts that are no key or no signature. */
bool hf_is_signed(const char *public_key, const void *data, size_t len, const char *signature);

#endif
