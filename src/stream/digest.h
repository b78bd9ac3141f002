/*
 * Digests: SHA-256 (FIPS 180-4, by OpenSSL) names objects and checksums files.
 */
#ifndef HF_STREAM_DIGEST_H
#define HF_STREAM_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HF_SHA256_HEX 65 /* 64 lower-case hexadecimal digits and a NUL */

/* SHA-256 of data as hexadecimal text. */
void hf_sha256_hex(const void *data, size_t len, char out[HF_SHA256_HEX]);

/* In pieces. */
typedef struct hf_sha256 hf_sha256;
hf_sha256 *hf_sha256_new(void);
void hf_sha256_update(hf_sha256 *digest, const void *data, size_t len);
void hf_sha256_final_hex(hf_sha256 *digest, char out[HF_SHA256_HEX]); /* then only free */
void hf_sha256_free(hf_sha256 *digest);

/* True for exactly 64 lower-case hexadecimal digits. */
bool hf_is_sha256_hex(const char *text);

#endif
