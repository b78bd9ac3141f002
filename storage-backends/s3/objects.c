#include "storage-backends/s3/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "storage-backends/s3/signature.h"

#define PAGE_MAX (16u << 20)
#define BATCH_MAX 1000 /* as S3 has it */
#define QUERY_MAX (12u << 10)
#define ENTRIES_MAX 5000000

hf_status hf_s3_put(hf_s3_client *client, const char *key, const void *data, size_t len, hf_error *error)
{
    return hf_s3_client_call(
        client, &(hf_s3_call){.method = "PUT", .key = key, .body = data, .body_len = len, .doing = "write"},
        NULL, error);
}

hf_status hf_s3_stat(hf_s3_client *client, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    hf_s3_told told = {0};
    const hf_s3_call head = {.method = "HEAD", .key = key, .doing = "look at"};
    hf_status status = hf_s3_client_call(client, &head, &told, error);

    /* HEAD gives no reasons; GET refuses for the same one, and tells it. */
    if (status != HF_OK && status != HF_E_NOT_FOUND && !hf_status_is_transient(status) &&
        status != HF_E_CANCELLED) {
        HF_AUTO_BUF byte = HF_BUF_MAX(64u << 10);
        const hf_storage_range first = {.len = 1};
        hf_error reason = {0};
        hf_status again = hf_s3_client_call(
            client,
            &(hf_s3_call){.method = "GET", .key = key, .range = &first, .content = &byte, .doing = "look at"},
            NULL, &reason);

        if (again != HF_OK && again != HF_E_LIMIT) {
            *error = reason;
            return again;
        }
        status = hf_s3_client_call(client, &head, &told, error); /* it may have told the region */
    }
    HF_TRY(status);
    if (told.length < 0)
        return hf_fail(error, HF_E_STORAGE, "the service does not tell the size of \"%s\"", key);
    *ret_bytes = (uint64_t) told.length;
    return HF_OK;
}

hf_status hf_s3_remove(hf_s3_client *client, const char *key, hf_error *error)
{
    hf_status status = hf_s3_client_call(
        client, &(hf_s3_call){.method = "DELETE", .key = key, .doing = "remove"}, NULL, error);

    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

static void put_escaped(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '&' || *c == '<' || *c == '>')
            hf_buf_printf(out, "&#%d;", *c);
        else
            hf_buf_putc(out, *c);
    }
}

/* One request for up to BATCH_MAX keys from the first on; kept gets those that it says were not removed. */
static hf_status remove_batch(hf_s3_client *client, const hf_strings *keys, size_t first, hf_strings *kept,
                              hf_error *error)
{
    HF_AUTO_BUF body = HF_BUF_MAX(PAGE_MAX), answer = HF_BUF_MAX(PAGE_MAX);

    hf_buf_puts(&body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = first; i < keys->count && i < first + BATCH_MAX; i++) {
        hf_buf_puts(&body, "<Object><Key>");
        put_escaped(&body, client->prefix);
        put_escaped(&body, keys->items[i]);
        hf_buf_puts(&body, "</Key></Object>");
    }
    hf_buf_puts(&body, "</Delete>");
    HF_TRY(hf_s3_client_call(client,
                             &(hf_s3_call){.method = "POST",
                                           .query = "delete=",
                                           .body = body.data,
                                           .body_len = body.len,
                                           .with_md5 = true,
                                           .content = &answer,
                                           .doing = "remove objects in"},
                             NULL, error));
    if (!hf_s3_batch_read(&answer, kept))
        return hf_fail(error, HF_E_UNSUPPORTED, "the answer to a batch of removals is not one of S3");
    return HF_OK;
}

/* Refused as a whole or for single keys, it is left to single requests to do it, or to tell why not. */
hf_status hf_s3_remove_many(hf_s3_client *client, const hf_strings *keys, hf_error *error)
{
    size_t removed = 0;

    while (!atomic_load(&client->no_batches) && removed < keys->count) {
        HF_AUTO(hf_strings_done) hf_strings kept = {0};
        hf_status status = remove_batch(client, keys, removed, &kept, error);

        if (hf_status_is_transient(status) || status == HF_E_CANCELLED)
            return status;
        if (status != HF_OK) {
            atomic_store(&client->no_batches, true);
            break;
        }
        for (size_t i = 0; i < kept.count; i++)
            if (hf_starts_with(kept.items[i], client->prefix))
                HF_TRY(hf_s3_remove(client, kept.items[i] + strlen(client->prefix), error));
        removed += BATCH_MAX;
    }
    for (; removed < keys->count; removed++)
        HF_TRY(hf_s3_remove(client, keys->items[removed], error));
    return HF_OK;
}

static void put_query(hf_buf *query, const char *name, const char *value)
{
    hf_buf_printf(query, "%s%s=", query->len > 0 ? "&" : "", name);
    hf_s3_encode(query, value, false);
}

/* The client's prefix is cut off; what the service adds of its own accord is dropped. */
static void take_entries(const hf_s3_client *client, const char *prefix, hf_s3_entries *page,
                         hf_s3_entries *entries)
{
    const size_t len = strlen(client->prefix);

    for (size_t i = 0; i < page->count; i++) {
        hf_s3_entry *entry = &page->items[i];

        if (!hf_starts_with(entry->key, client->prefix) || !hf_starts_with(entry->key + len, prefix) ||
            entry->key[len] == '\0')
            continue;
        memmove(entry->key, entry->key + len, strlen(entry->key + len) + 1);
        HF_PUSH(entries, *entry);
        entry->key = NULL;
    }
}

hf_status hf_s3_list(hf_s3_client *client, const char *prefix, hf_s3_entries *entries, hf_s3_told *ret_told,
                     hf_error *error)
{
    HF_AUTO_STR full = hf_format("%s%s", client->prefix, prefix);
    HF_AUTO_STR token = NULL;

    for (;;) {
        HF_AUTO_BUF query = HF_BUF_MAX(QUERY_MAX);
        HF_AUTO_BUF body = HF_BUF_MAX(PAGE_MAX);
        HF_AUTO(hf_s3_entries_done) hf_s3_entries page = {0};
        char *next = NULL;

        if (token != NULL)
            put_query(&query, "continuation-token", token);
        put_query(&query, "encoding-type", "url");
        put_query(&query, "list-type", "2");
        if (full[0] != '\0')
            put_query(&query, "prefix", full);
        HF_TRY(hf_buf_check(&query, "the query of a listing", error));
        HF_TRY(hf_s3_client_call(
            client,
            &(hf_s3_call){.method = "GET", .query = hf_buf_text(&query), .content = &body, .doing = "list"},
            ret_told, error));
        hf_status status = hf_s3_page_read(&body, &page, &next, error);

        if (status != HF_OK) {
            (void) hf_prefix(error, "cannot list \"s3://%s/%s\"", client->bucket, full);
            (void) hf_hint(error, "repository.s3.endpoint must be the address of an S3 service");
            return status;
        }
        take_entries(client, prefix, &page, entries);
        if (next == NULL)
            return HF_OK;

        const bool stuck = hf_streq(next, token);

        free(token);
        token = next;
        if (stuck || entries->count > ENTRIES_MAX)
            return hf_fail(error, HF_E_LIMIT, "the listing of \"s3://%s/%s\" does not end", client->bucket,
                           full);
    }
}
