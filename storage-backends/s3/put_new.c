#include "storage-backends/s3/put_new.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/text.h"
#include "storage-backends/s3/objects.h"
#include "stream/digest.h"

#define GIVE_UP_MS 10000
#define PUT_MS 10000
#define STALE_MS 30000
#define FIRST_WAIT_MS 20
#define WAIT_MAX_MS 1000
#define FAILURES_MAX 3 /* in a row */
#define REMOVE_TRIES 3
#define PATIENCE_MS 50000 /* longer than a claim can be of somebody killed */

typedef struct claim {
    hf_s3_client *client;
    const char *key;
    char *prefix; /* of all claims to the key */
    char *own;
    bool made;
    bool yielded;    /* to another's claim, once: we look before we claim again */
    bool hidden;     /* the listing did not show it, the last time */
    int64_t made_ms; /* monotonic */
} claim;

typedef enum sight { ALONE, FIRST_OF_MANY, NOT_FIRST, UNSEEN, NOBODY } sight;

static void claim_done(claim *c)
{
    hf_freep(&c->prefix);
    hf_freep(&c->own);
}

static claim claim_of(hf_s3_client *client, const hf_s3_taker *taker, const char *key, const void *data,
                      size_t len)
{
    const char *slash = strrchr(key, '/');
    const int folder_len = slash != NULL ? (int) (slash + 1 - key) : 0;
    char digest[HF_SHA256_HEX], token[HF_SHA256_HEX];

    hf_sha256_hex(data, len, digest);
    HF_AUTO_STR seed = hf_format("%s:%s", taker->id, digest);
    hf_sha256_hex(seed, strlen(seed), token);
    token[32] = '\0';

    claim c = {.client = client, .key = key};

    c.prefix = hf_format("%.*s" HF_TMP_PREFIX "new:%s:", folder_len, key, key + folder_len);
    c.own = hf_format("%s%s", c.prefix, token);
    return c;
}

static hf_status make_claim(claim *c, hf_error *error)
{
    c->made_ms = hf_monotonic_ms();
    HF_TRY(hf_s3_client_call(
        c->client, &(hf_s3_call){.method = "PUT", .key = c->own, .timeout_ms = PUT_MS, .doing = "write"},
        NULL, error));
    c->made = true;
    return HF_OK;
}

/* What stays behind after all holds others up until it is stale. */
static void remove_claim(const claim *c, const char *key)
{
    hf_error unused;
    hf_status status = HF_E_STORAGE;

    for (int tries = 0; tries < REMOVE_TRIES && hf_status_is_transient(status); tries++)
        status = hf_s3_remove(c->client, key, &unused);
}

static hf_status look_around(const claim *c, sight *ret_sight, hf_error *error)
{
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    hf_s3_told told = {0};
    bool seen = false, others = false, smaller = false;

    HF_TRY(hf_s3_list(c->client, c->prefix, &entries, &told, error));
    for (size_t i = 0; i < entries.count; i++) {
        const hf_s3_entry *entry = &entries.items[i];

        if (hf_streq(entry->key, c->own)) {
            seen = true;
        } else if (told.date_ms != 0 && entry->modified_ms != 0 &&
                   told.date_ms - entry->modified_ms > STALE_MS) {
            remove_claim(c, entry->key);
        } else {
            others = true;
            smaller = smaller || strcmp(entry->key, c->own) < 0;
        }
    }
    if (!seen)
        *ret_sight = others ? UNSEEN : NOBODY;
    else
        *ret_sight = !others ? ALONE : smaller ? NOT_FIRST : FIRST_OF_MANY;
    return HF_OK;
}

/* HF_OK if the key has no value. */
static hf_status require_absent(const claim *c, hf_error *error)
{
    uint64_t bytes = 0;
    hf_status status = hf_s3_stat(c->client, c->key, &bytes, error);

    if (status == HF_OK)
        return hf_fail(error, HF_E_EXISTS, "\"%s\" exists already in \"s3://%s/%s\"", c->key,
                       c->client->bucket, c->client->prefix);
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

/* A random share of the wait, so that takers do not stay in step. */
static hf_status pause_for(int64_t ms, hf_error *error)
{
    char hex[3];
    unsigned char random = 0;

    hf_random_hex(1, hex);
    (void) hf_unhex(hex, &random, 1);
    return hf_sleep_ms(ms + ms * random / 255, error);
}

/* One look, and what follows from it; ret_won: our claim is the only one, and the key has no value. */
static hf_status step(claim *c, bool *ret_won, hf_error *error)
{
    sight seen = UNSEEN;

    if (!c->made && !c->yielded)
        HF_TRY(make_claim(c, error));
    HF_TRY(look_around(c, &seen, error));
    if (!c->made && seen != UNSEEN && seen != NOT_FIRST) { /* nobody's claim, or ours of a lost reply */
        HF_TRY(make_claim(c, error));
        HF_TRY(look_around(c, &seen, error));
    }

    const bool fresh = hf_monotonic_ms() - c->made_ms < GIVE_UP_MS;

    c->hidden = c->made && (seen == UNSEEN || seen == NOBODY);
    if (seen == NOT_FIRST || c->hidden || (c->made && !fresh)) {
        remove_claim(c, c->own);
        c->made = false;
        c->yielded = true;
    }
    if (seen != FIRST_OF_MANY || !fresh)
        HF_TRY(require_absent(c, error));
    *ret_won = seen == ALONE && fresh && c->made;
    return HF_OK;
}

/*
 * Return when our claim is the only one and the key has no value.  Waiting for the claim of somebody killed takes many
 * requests, so a few that fail do not end it.
 */
static hf_status win_claim(claim *c, hf_error *error)
{
    const int64_t deadline = hf_monotonic_ms() + PATIENCE_MS;
    int64_t wait_ms = FIRST_WAIT_MS;
    int failures = 0;

    while (hf_monotonic_ms() < deadline) {
        bool won = false;
        hf_status status = step(c, &won, error);

        failures = status == HF_OK ? 0 : failures + 1;
        if (won || (status != HF_OK && (!hf_status_is_transient(status) || failures >= FAILURES_MAX)))
            return status;
        HF_TRY(pause_for(wait_ms, error));
        wait_ms = wait_ms * 3 / 2 < WAIT_MAX_MS ? wait_ms * 3 / 2 : WAIT_MAX_MS;
    }
    if (c->hidden) {
        (void) hf_fail(error, HF_E_STORAGE, "the service's listing does not show what was put before it");
        return hf_hint(error, "holdfast needs a service whose listings are never older than its last put");
    }
    return hf_fail(error, HF_E_STORAGE, "others are about to write \"%s\" all the time", c->key);
}

/* alone: nobody else is about to, so the condition may be left out. */
static hf_status put_value(const claim *c, hf_s3_taker *taker, bool alone, const void *data, size_t len,
                           hf_error *error)
{
    hf_s3_call call = {.method = "PUT",
                       .key = c->key,
                       .body = data,
                       .body_len = len,
                       .only_new = !alone || !atomic_load(&taker->unconditional),
                       .timeout_ms = PUT_MS,
                       .doing = "write"};
    hf_status status = hf_s3_client_call(c->client, &call, NULL, error);

    /* 501, or a 400 of some kind: without the condition it works, or fails for another reason. */
    if ((status == HF_E_UNSUPPORTED || status == HF_E_STORAGE_DENIED) && call.only_new && alone) {
        call.only_new = false;
        status = hf_s3_client_call(c->client, &call, NULL, error);
        if (status == HF_OK)
            atomic_store(&taker->unconditional, true);
    }
    return status;
}

/* libcurl sends again what went over a kept connection that turned out to be dead: then the value in the way is ours. */
static hf_status settle(const claim *c, const void *data, size_t len, hf_error *error)
{
    HF_AUTO_BUF stored = HF_BUF_MAX(len + 1);
    hf_error trouble = {0};
    hf_status status = hf_s3_client_call(
        c->client, &(hf_s3_call){.method = "GET", .key = c->key, .content = &stored, .doing = "read"}, NULL,
        &trouble);

    if (status == HF_OK && stored.len == len && (len == 0 || memcmp(stored.data, data, len) == 0))
        return HF_OK;
    if (!hf_status_is_transient(status))
        return HF_E_EXISTS;
    *error = trouble;
    return status;
}

hf_status hf_s3_put_new(hf_s3_client *client, hf_s3_taker *taker, const char *key, const void *data,
                        size_t len, hf_error *error)
{
    HF_AUTO(claim_done) claim c = claim_of(client, taker, key, data, len);

    HF_TRY(require_absent(&c, error));
    hf_status status = win_claim(&c, error);

    /* For a key that may not list, the condition alone has to do. */
    if (status == HF_OK || status == HF_E_STORAGE_DENIED) {
        HF_FAULT("storage.s3.before_put", error);
        status = put_value(&c, taker, status == HF_OK, data, len, error);
        if (status == HF_E_EXISTS)
            status = settle(&c, data, len, error);
    }
    remove_claim(&c, c.own);
    return status;
}
