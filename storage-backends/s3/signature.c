#include "storage-backends/s3/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "stream/digest.h"

#define MAC_BYTES 32
#define DATE_LEN 8 /* of amz_date */
#define TEXT_MAX (64u << 10)

void hf_s3_encode(hf_buf *out, const char *text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";

    for (const unsigned char *c = (const unsigned char *) text; *c != '\0'; c++) {
        bool plain = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
                     *c == '-' || *c == '.' || *c == '_' || *c == '~' || (*c == '/' && keep_slash);

        if (plain) {
            hf_buf_putc(out, (char) *c);
        } else {
            hf_buf_putc(out, '%');
            hf_buf_putc(out, digits[*c >> 4]);
            hf_buf_putc(out, digits[*c & 15]);
        }
    }
}

/* A value without white space at its ends, and with one space for several inside. */
static void put_trimmed(hf_buf *out, const char *value)
{
    bool began = false, gap = false;

    for (const char *c = value; *c != '\0'; c++) {
        if (*c == ' ' || *c == '\t') {
            gap = began;
            continue;
        }
        if (gap)
            hf_buf_putc(out, ' ');
        gap = false;
        began = true;
        hf_buf_putc(out, *c);
    }
}

static void put_signed_names(const hf_s3_signing *signing, hf_buf *out)
{
    for (size_t i = 0; i < signing->header_count; i++)
        hf_buf_printf(out, "%s%s", i == 0 ? "" : ";", signing->headers[i].name);
}

void hf_s3_canonical_request(const hf_s3_signing *signing, hf_buf *out)
{
    hf_buf_printf(out, "%s\n%s\n%s\n", signing->method, signing->path, signing->query);
    for (size_t i = 0; i < signing->header_count; i++) {
        hf_buf_printf(out, "%s:", signing->headers[i].name);
        put_trimmed(out, signing->headers[i].value);
        hf_buf_putc(out, '\n');
    }
    hf_buf_putc(out, '\n');
    put_signed_names(signing, out);
    hf_buf_printf(out, "\n%s", signing->payload_sha256);
}

static void put_scope(const hf_s3_signing *signing, hf_buf *out)
{
    hf_buf_printf(out, "%.*s/%s/%s/aws4_request", DATE_LEN, signing->amz_date, signing->region,
                  signing->service);
}

void hf_s3_string_to_sign(const hf_s3_signing *signing, hf_buf *out)
{
    HF_AUTO_BUF request = HF_BUF_MAX(TEXT_MAX);
    char digest[HF_SHA256_HEX];

    hf_s3_canonical_request(signing, &request);
    hf_sha256_hex(hf_buf_text(&request), request.len, digest);
    hf_buf_printf(out, "AWS4-HMAC-SHA256\n%s\n", signing->amz_date);
    put_scope(signing, out);
    hf_buf_printf(out, "\n%s", digest);
}

/* key may be out.  HMAC-SHA-256 of OpenSSL fails only without memory. */
static void mac(const void *key, size_t key_len, const char *text, size_t len, unsigned char out[MAC_BYTES])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (HMAC(EVP_sha256(), key, (int) key_len, (const unsigned char *) text, len, sum, &size) == NULL)
        hf_out_of_memory();
    memcpy(out, sum, MAC_BYTES);
    OPENSSL_cleanse(sum, sizeof(sum));
}

void hf_s3_authorization(const hf_s3_signing *signing, hf_buf *out)
{
    HF_AUTO_STR secret = hf_format("AWS4%s", signing->secret_key);
    HF_AUTO_BUF text = HF_BUF_MAX(TEXT_MAX);
    unsigned char key[MAC_BYTES];
    char hex[2 * MAC_BYTES + 1];

    hf_s3_string_to_sign(signing, &text);
    mac(secret, strlen(secret), signing->amz_date, DATE_LEN, key);
    mac(key, MAC_BYTES, signing->region, strlen(signing->region), key);
    mac(key, MAC_BYTES, signing->service, strlen(signing->service), key);
    mac(key, MAC_BYTES, "aws4_request", strlen("aws4_request"), key);
    mac(key, MAC_BYTES, hf_buf_text(&text), text.len, key);
    hf_hex(key, MAC_BYTES, hex);

    hf_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/", signing->access_key);
    put_scope(signing, out);
    hf_buf_puts(out, ", SignedHeaders=");
    put_signed_names(signing, out);
    hf_buf_printf(out, ", Signature=%s", hex);
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(secret, strlen(secret));
}
