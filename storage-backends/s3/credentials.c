#include "storage-backends/s3/credentials.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#define FILE_MAX_BYTES (1u << 20)

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static void cleanse(char **text)
{
    if (*text != NULL)
        OPENSSL_cleanse(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void hf_s3_credentials_done(hf_s3_credentials *credentials)
{
    cleanse(&credentials->access_key);
    cleanse(&credentials->secret_key);
    cleanse(&credentials->session_token);
}

/* Keys become part of a header: nothing but visible characters. */
static hf_status accept_credentials(hf_s3_credentials *found, const char *where,
                                    hf_s3_credentials *ret_credentials, hf_error *error)
{
    const char *const values[] = {found->access_key, found->secret_key, found->session_token};

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        for (const char *c = values[i]; c != NULL && *c != '\0'; c++) {
            if (*c <= ' ' || *c > '~') {
                hf_s3_credentials_done(found);
                (void) hf_fail(error, HF_E_USAGE, "the S3 keys in %s hold a character that no key has",
                               where);
                return hf_hint(error, "look for a space or a line break in them");
            }
        }
    }
    hf_log_redact(found->secret_key);
    hf_log_redact(found->session_token);
    *ret_credentials = *found;
    return HF_OK;
}

/* The text without white space at its ends, in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t len = strlen(text); len > 0 && strchr(" \t\r", text[len - 1]) != NULL; len--)
        text[len - 1] = '\0';
    return text;
}

static void read_setting(char *line, hf_s3_credentials *found)
{
    char *equals = strchr(line, '=');

    if (equals == NULL)
        return;
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    char **place = hf_streq(name, "aws_access_key_id")       ? &found->access_key
                   : hf_streq(name, "aws_secret_access_key") ? &found->secret_key
                   : hf_streq(name, "aws_session_token")     ? &found->session_token
                                                             : NULL;
    if (place == NULL || value[0] == '\0')
        return;
    cleanse(place);
    *place = hf_strdup(value);
}

/* Read the section [profile]; false if there is none. */
static bool read_profile(char *text, const char *profile, hf_s3_credentials *found)
{
    bool inside = false, seen = false;
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        line = trim(line);
        if (line[0] == '#' || line[0] == ';' || line[0] == '\0')
            continue;
        if (line[0] == '[') {
            line[strcspn(line, "]")] = '\0';
            inside = hf_streq(trim(line + 1), profile);
            seen = seen || inside;
        } else if (inside) {
            read_setting(line, found);
        }
    }
    return seen;
}

static hf_status from_file(const char *path, const char *profile, hf_s3_credentials *ret_credentials,
                           hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX(FILE_MAX_BYTES);
    hf_s3_credentials found = {0};
    HF_AUTO_STR where = hf_format("profile \"%s\" of \"%s\"", profile, path);

    HF_TRY(hf_file_read(path, &content, error));
    HF_AUTO_STR text = hf_buf_take(&content);
    const size_t len = text == NULL ? 0 : strlen(text);
    bool seen = len > 0 && read_profile(text, profile, &found);
    if (len > 0)
        OPENSSL_cleanse(text, len);

    if (found.access_key != NULL && found.secret_key != NULL)
        return accept_credentials(&found, where, ret_credentials, error);
    hf_s3_credentials_done(&found);
    (void) hf_fail(error, HF_E_STORAGE_DENIED, seen ? "%s has no keys" : "there is no %s", where);
    return hf_hint(error, "it needs aws_access_key_id and aws_secret_access_key");
}

static char *default_file(void)
{
    const char *named = variable("AWS_SHARED_CREDENTIALS_FILE"), *home = variable("HOME");

    return named != NULL ? hf_strdup(named) : hf_format("%s/.aws/credentials", home != NULL ? home : "");
}

hf_status hf_s3_credentials_find(const char *profile, hf_s3_credentials *ret_credentials, hf_error *error)
{
    const char *access_key = variable("AWS_ACCESS_KEY_ID"), *secret_key = variable("AWS_SECRET_ACCESS_KEY");
    const char *named = profile != NULL ? profile : variable("AWS_PROFILE");
    HF_AUTO_STR path = default_file();

    if (profile == NULL && access_key != NULL && secret_key != NULL) {
        hf_s3_credentials found = {.access_key = hf_strdup(access_key),
                                   .secret_key = hf_strdup(secret_key),
                                   .session_token = hf_strdup(variable("AWS_SESSION_TOKEN"))};

        return accept_credentials(&found, "the environment", ret_credentials, error);
    }
    if (named == NULL && !hf_file_exists(path)) {
        (void) hf_fail(error, HF_E_STORAGE_DENIED, "there are no keys for S3");
        return hf_hint(error, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into \"%s\"",
                       path);
    }
    return from_file(path, named != NULL ? named : "default", ret_credentials, error);
}
