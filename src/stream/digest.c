#include "stream/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

struct hf_sha256 {
    EVP_MD_CTX *context;
};

/* SHA-256 of bytes in memory fails only without memory, or where OpenSSL is set up to forbid it. */
static void require(int ok)
{
    if (ok != 1) {
        (void) fputs("holdfast: OpenSSL provides no SHA-256\n", stderr);
        exit(hf_status_exit(HF_E_SYSTEM));
    }
}

void hf_sha256_hex(const void *data, size_t len, char out[HF_SHA256_HEX])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    require(EVP_Digest(data, len, sum, &size, EVP_sha256(), NULL));
    hf_hex(sum, size, out);
}

hf_sha256 *hf_sha256_new(void)
{
    hf_sha256 *digest = hf_alloc(sizeof(*digest));

    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL)
        hf_out_of_memory();
    require(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
    return digest;
}

void hf_sha256_update(hf_sha256 *digest, const void *data, size_t len)
{
    require(EVP_DigestUpdate(digest->context, data, len));
}

void hf_sha256_final_hex(hf_sha256 *digest, char out[HF_SHA256_HEX])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    require(EVP_DigestFinal_ex(digest->context, sum, &size));
    hf_hex(sum, size, out);
}

void hf_sha256_free(hf_sha256 *digest)
{
    if (digest != NULL)
        EVP_MD_CTX_free(digest->context);
    free(digest);
}

bool hf_is_sha256_hex(const char *text)
{
    return strlen(text) == HF_SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == HF_SHA256_HEX - 1;
}
