/* Where an S3 repository is: "s3://bucket/prefix" and the options around it, checked before anything is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "storage-backends/s3/client.h"

#define STALL_DEFAULT_MS 30000
#define PREFIX_MAX 400

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static hf_status refuse_url(hf_error *error, const char *why)
{
    (void) hf_fail(error, HF_E_USAGE, "the repository's URL %s", why);
    (void) hf_hint(error, "write it as s3://bucket/prefix; keys and the endpoint do not belong into it");
    return HF_E_USAGE;
}

static bool is_bucket_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

/* The prefix's segments are like a key's, but may hold anything that is printable ASCII and has no meaning in a URL. */
static bool is_prefix(const char *prefix)
{
    if (strlen(prefix) > PREFIX_MAX)
        return false;
    for (const char *segment = prefix; *segment != '\0';) {
        const size_t len = strcspn(segment, "/");

        if (len == 0 || (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.'))))
            return false;
        for (size_t i = 0; i < len; i++) {
            if (segment[i] <= ' ' || segment[i] > '~' || strchr("?#%\\@\"", segment[i]) != NULL)
                return false;
        }
        segment += len + (segment[len] == '/');
    }
    return true;
}

static hf_status parse_url(const char *url, hf_s3_client *client, hf_error *error)
{
    const char *bucket = url + strlen("s3://");
    const size_t bucket_len = strcspn(bucket, "/");
    const char *prefix = bucket + bucket_len;

    while (*prefix == '/')
        prefix++;
    for (size_t i = 0; i < bucket_len; i++) {
        if (!is_bucket_char(bucket[i]))
            return refuse_url(error, "has a bucket with a character other than letters, digits and ._-");
    }
    if (bucket_len < 3 || bucket_len > 255 || bucket[0] == '.')
        return refuse_url(error, "does not name a bucket (3 characters or more)");

    HF_AUTO_STR trimmed = hf_strdup(prefix);

    for (size_t len = strlen(trimmed); len > 0 && trimmed[len - 1] == '/'; len--)
        trimmed[len - 1] = '\0';
    if (!is_prefix(trimmed))
        return refuse_url(error, "has a prefix that cannot begin a key");
    client->bucket = hf_strndup(bucket, bucket_len);
    client->prefix = trimmed[0] != '\0' ? hf_format("%s/", trimmed) : hf_strdup("");
    return HF_OK;
}

static hf_status refuse_endpoint(hf_error *error, const char *why)
{
    (void) hf_fail(error, HF_E_USAGE, "repository.s3.endpoint %s", why);
    (void) hf_hint(error, "write it as https://host or https://host:port");
    return HF_E_USAGE;
}

static hf_status parse_endpoint(const char *endpoint, hf_s3_client *client, hf_error *error)
{
    if (endpoint == NULL) {
        client->scheme = hf_strdup("https://");
        return HF_OK;
    }

    const bool tls = hf_starts_with(endpoint, "https://");

    if (!tls && !hf_starts_with(endpoint, "http://"))
        return refuse_endpoint(error, "begins with neither https:// nor http://");

    const char *authority = endpoint + strlen(tls ? "https://" : "http://");
    size_t len = strlen(authority);

    while (len > 0 && authority[len - 1] == '/')
        len--;
    for (size_t i = 0; i < len; i++) {
        if (authority[i] == '@')
            return refuse_endpoint(error, "must not hold a user or a password");
        if (!is_bucket_char(authority[i]) && strchr("[]:", authority[i]) == NULL)
            return refuse_endpoint(error, "holds more than a scheme, a host and a port");
    }
    if (len == 0 || len > 255)
        return refuse_endpoint(error, "names no host");

    /* The port that the scheme implies is not sent in the Host header. */
    HF_AUTO_STR host = hf_strndup(authority, len);
    const char *implied = tls ? ":443" : ":80";

    if (hf_ends_with(host, implied))
        host[strlen(host) - strlen(implied)] = '\0';
    client->scheme = hf_strdup(tls ? "https://" : "http://");
    client->authority = HF_TAKE(host);
    return HF_OK;
}

static hf_status choose_region(const char *region, hf_s3_client *client, hf_error *error)
{
    const char *fallback =
        variable("AWS_REGION") != NULL ? variable("AWS_REGION") : variable("AWS_DEFAULT_REGION");
    const bool given = region != NULL && !hf_streq(region, "auto");
    const char *chosen = given ? region : fallback != NULL ? fallback : "us-east-1";

    for (const char *c = chosen; *c != '\0'; c++) {
        if (!is_bucket_char(*c) || *c == '.')
            return hf_fail(error, HF_E_USAGE, "repository.s3.region is not the name of a region");
    }
    if (strlen(chosen) >= sizeof(client->region))
        return hf_fail(error, HF_E_USAGE, "repository.s3.region is too long");
    client->region_given = given;
    (void) snprintf(client->region, sizeof(client->region), "%s", chosen);
    return HF_OK;
}

static void client_freep(hf_s3_client **client)
{
    hf_s3_client_free(*client);
}

hf_status hf_s3_client_new(const hf_storage_options *options, hf_s3_client **ret_client, hf_error *error)
{
    HF_AUTO(client_freep) hf_s3_client *client = hf_alloc(sizeof(*client));

    (void) pthread_mutex_init(&client->mutex, NULL);
    HF_TRY(parse_url(options->url, client, error));
    HF_TRY(parse_endpoint(options->s3.endpoint, client, error));
    HF_TRY(choose_region(options->s3.region, client, error));

    /* A name below Amazon's is always there; others seldom have one for each bucket.  TLS covers no name with dots. */
    const bool amazon = client->authority == NULL || hf_ends_with(client->authority, ".amazonaws.com");
    const bool dotted = strchr(client->bucket, '.') != NULL || strchr(client->bucket, '_') != NULL;

    client->path_style = options->s3.addressing == HF_S3_ADDRESSING_AUTO
                             ? !amazon || dotted
                             : options->s3.addressing == HF_S3_ADDRESSING_PATH;
    HF_TRY(hf_s3_keys_new(options->s3.profile, &client->keys, error));
    client->http =
        hf_s3_http_new(options->s3.ca_file != NULL ? options->s3.ca_file : variable("AWS_CA_BUNDLE"),
                       options->s3.stall_ms > 0 ? options->s3.stall_ms : STALL_DEFAULT_MS);
    *ret_client = HF_TAKE(client);
    return HF_OK;
}

void hf_s3_client_free(hf_s3_client *client)
{
    if (client == NULL)
        return;
    hf_s3_http_free(client->http);
    hf_s3_keys_free(client->keys);
    (void) pthread_mutex_destroy(&client->mutex);
    free(client->bucket);
    free(client->prefix);
    free(client->scheme);
    free(client->authority);
    free(client);
}
