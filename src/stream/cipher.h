/*
 * Keys and sealing, by OpenSSL: AES-256-GCM, scrypt (RFC 7914), HKDF-SHA-256 (RFC 5869), HMAC-SHA-256.
 *
 * A sealed value is nonce (12 random bytes) | ciphertext | tag (16 bytes).  What it stands for is a text that goes in as
 * associated data: a value that is put in the place of another does not open.  One key may seal 2^32 values before two
 * random nonces are likely to meet (with a probability of 2^-32).
 */
#ifndef HF_STREAM_CIPHER_H
#define HF_STREAM_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "stream/digest.h"

#define HF_KEY_BYTES 32
#define HF_SEAL_BYTES (12 + 16) /* a sealed value is so much longer */
#define HF_SCRYPT_SALT_BYTES 16

/* A key is never printed, and erased where it goes out of scope. */
typedef struct hf_key {
    unsigned char bytes[HF_KEY_BYTES];
} hf_key;
void hf_key_cleanse(hf_key *key);
#define HF_AUTO_KEY HF_AUTO(hf_key_cleanse) hf_key

/* What deriving a key from a passphrase costs: 128 * n * r bytes of memory, and time for n * r * p. */
typedef struct hf_scrypt {
    uint64_t n; /* a power of two */
    uint64_t r, p;
    unsigned char salt[HF_SCRYPT_SALT_BYTES];
} hf_scrypt;

HF_MUST_CHECK hf_status hf_key_random(hf_key *ret_key, hf_error *error);

/* HF_E_LIMIT for a cost that scrypt does not know, of more than 1 GiB of memory, or of r over 64 or p over 16. */
HF_MUST_CHECK hf_status hf_key_from_passphrase(const char *passphrase, const hf_scrypt *cost, hf_key *ret_key,
                                               hf_error *error);

/* A key for one purpose: HKDF without salt, the purpose as info. */
HF_MUST_CHECK hf_status hf_key_derive(const hf_key *from, const char *purpose, hf_key *ret_key,
                                      hf_error *error);

/* HF_E_SYSTEM where OpenSSL is set up to forbid it. */
HF_MUST_CHECK hf_status hf_hmac_sha256_hex(const hf_key *key, const void *data, size_t len,
                                           char out[HF_SHA256_HEX], hf_error *error);

/* Seal a value in place; HF_E_LIMIT if value->max leaves no room for HF_SEAL_BYTES. */
HF_MUST_CHECK hf_status hf_seal(const hf_key *key, const char *what, hf_buf *value, hf_error *error);

/* Open a sealed value in place.  HF_E_CORRUPT, and the value is empty, unless it was sealed as this with this key. */
HF_MUST_CHECK hf_status hf_unseal(const hf_key *key, const char *what, hf_buf *value, hf_error *error);

#endif
