#include "storage-backends/s3/reply.h"

#include <libxml/parser.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define KEY_MAX 4096

static pthread_once_t xml_once = PTHREAD_ONCE_INIT;

static void doc_done(xmlDoc **doc)
{
    xmlFreeDoc(*doc);
}

/* The document if its root is called so, else NULL. */
static xmlDoc *parse(const hf_buf *body, const char *root_name)
{
    if (body->len == 0 || body->len > INT_MAX || body->overflowed)
        return NULL;
    (void) pthread_once(&xml_once, xmlInitParser);

    HF_AUTO(doc_done)
    xmlDoc *doc =
        xmlReadMemory(body->data, (int) body->len, "reply.xml", NULL,
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    const xmlNode *root = doc == NULL ? NULL : xmlDocGetRootElement(doc);

    if (root == NULL || doc->intSubset != NULL || !hf_streq((const char *) root->name, root_name))
        return NULL;
    return HF_TAKE(doc);
}

static bool is_called(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && hf_streq((const char *) node->name, name);
}

static const xmlNode *child_of(const xmlNode *node, const char *name)
{
    const xmlNode *child = node != NULL ? node->children : NULL;

    while (child != NULL && !is_called(child, name))
        child = child->next;
    return child;
}

/* The text of a node's child, NULL if it has no such child; the caller owns it. */
static char *text_of(const xmlNode *node, const char *name)
{
    const xmlNode *child = child_of(node, name);
    xmlChar *content = child != NULL ? xmlNodeGetContent(child) : NULL;
    char *text = child != NULL ? hf_strdup(content != NULL ? (const char *) content : "") : NULL;

    xmlFree(content);
    return text;
}

/* What a server says gets into messages: printable ASCII only, and cut. */
static void copy_text(const xmlNode *node, const char *name, char *out, size_t size)
{
    HF_AUTO_STR text = text_of(node, name);
    size_t used = 0;

    for (const char *c = text; c != NULL && *c != '\0' && used + 1 < size; c++)
        out[used++] = *c >= ' ' && *c <= '~' ? *c : ' ';
    out[used] = '\0';
}

bool hf_s3_error_read(const hf_buf *body, hf_s3_error *ret_error)
{
    HF_AUTO(doc_done) xmlDoc *doc = parse(body, "Error");
    HF_AUTO(doc_done) xmlDoc *wrapped = doc == NULL ? parse(body, "ErrorResponse") : NULL;
    const xmlNode *root = doc != NULL       ? xmlDocGetRootElement(doc)
                          : wrapped != NULL ? child_of(xmlDocGetRootElement(wrapped), "Error")
                                            : NULL;
    hf_s3_error found = {0};

    if (root == NULL)
        return false;

    copy_text(root, "Code", found.code, sizeof(found.code));
    copy_text(root, "Message", found.message, sizeof(found.message));
    copy_text(root, "Region", found.region, sizeof(found.region));
    copy_text(root, "ServerTime", found.server_time, sizeof(found.server_time));
    if (found.code[0] == '\0')
        return false;
    *ret_error = found;
    return true;
}

void hf_s3_entries_done(hf_s3_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i].key);
    free(entries->items);
    *entries = (hf_s3_entries){0};
}

/* Undo encoding-type=url in place. */
static void decode(char *text)
{
    char *out = text;

    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = 0;

        if (*c == '%' && c[1] != '\0' && c[2] != '\0') {
            const char digits[3] = {(char) (c[1] | (c[1] >= 'A' ? 0x20 : 0)),
                                    (char) (c[2] | (c[2] >= 'A' ? 0x20 : 0)), '\0'};

            if (hf_unhex(digits, &byte, 1) && byte != 0) {
                *out++ = (char) byte;
                c += 2;
                continue;
            }
        }
        *out++ = *c == '+' ? ' ' : *c;
    }
    *out = '\0';
}

static bool read_entry(const xmlNode *node, bool encoded, hf_s3_entry *ret_entry)
{
    HF_AUTO_STR key = text_of(node, "Key");
    HF_AUTO_STR size = text_of(node, "Size");
    HF_AUTO_STR modified = text_of(node, "LastModified");
    int64_t bytes = 0;
    hf_s3_entry entry = {0};

    if (key == NULL || size == NULL || strlen(key) > KEY_MAX ||
        hf_parse_int(size, 0, INT64_MAX, &bytes, NULL) != HF_OK)
        return false;
    if (encoded)
        decode(key);
    if (modified == NULL || hf_time_parse(modified, &entry.modified_ms, NULL) != HF_OK)
        entry.modified_ms = 0;
    entry.key = HF_TAKE(key);
    entry.bytes = (uint64_t) bytes;
    *ret_entry = entry;
    return true;
}

hf_status hf_s3_page_read(const hf_buf *body, hf_s3_entries *entries, char **ret_next, hf_error *error)
{
    HF_AUTO(doc_done) xmlDoc *doc = parse(body, "ListBucketResult");

    if (doc == NULL)
        return hf_fail(error, HF_E_USAGE, "the answer to a listing is not one of S3");

    const xmlNode *root = xmlDocGetRootElement(doc);
    HF_AUTO_STR encoding = text_of(root, "EncodingType");
    HF_AUTO_STR truncated = text_of(root, "IsTruncated");
    HF_AUTO_STR next = text_of(root, "NextContinuationToken");

    for (const xmlNode *node = root->children; node != NULL; node = node->next) {
        hf_s3_entry entry;

        if (!is_called(node, "Contents"))
            continue;
        if (!read_entry(node, hf_streq(encoding, "url"), &entry))
            return hf_fail(error, HF_E_USAGE, "the answer to a listing holds an entry that cannot be read");
        HF_PUSH(entries, entry);
    }

    const bool more = hf_streq(truncated, "true");
    if (more && (next == NULL || next[0] == '\0'))
        return hf_fail(
            error, HF_E_UNSUPPORTED,
            "the service cut a listing off without saying how to go on (it does not know ListObjectsV2)");
    *ret_next = more ? HF_TAKE(next) : NULL;
    return HF_OK;
}

bool hf_s3_batch_read(const hf_buf *body, hf_strings *kept)
{
    HF_AUTO(doc_done) xmlDoc *doc = parse(body, "DeleteResult");

    if (doc == NULL)
        return false;
    for (const xmlNode *node = xmlDocGetRootElement(doc)->children; node != NULL; node = node->next) {
        HF_AUTO_STR key = is_called(node, "Error") ? text_of(node, "Key") : NULL;

        if (key != NULL)
            hf_strings_add(kept, key);
    }
    return true;
}

bool hf_s3_role_read(const hf_buf *body, hf_s3_credentials *ret_credentials, char **ret_expiration)
{
    HF_AUTO(doc_done) xmlDoc *doc = parse(body, "AssumeRoleWithWebIdentityResponse");
    const xmlNode *result =
        doc != NULL ? child_of(xmlDocGetRootElement(doc), "AssumeRoleWithWebIdentityResult") : NULL;
    const xmlNode *keys = child_of(result, "Credentials");

    if (keys == NULL || child_of(keys, "AccessKeyId") == NULL || child_of(keys, "SecretAccessKey") == NULL)
        return false;
    *ret_credentials = (hf_s3_credentials){.access_key = text_of(keys, "AccessKeyId"),
                                           .secret_key = text_of(keys, "SecretAccessKey"),
                                           .session_token = text_of(keys, "SessionToken")};
    *ret_expiration = text_of(keys, "Expiration");
    return true;
}
