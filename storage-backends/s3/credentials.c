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

hf_status hf_s3_credentials_accept(hf_s3_credentials *found, const char *where,
                                   hf_s3_credentials *ret_credentials, hf_error *error)
{
    if (found->session_token != NULL && found->session_token[0] == '\0')
        cleanse(&found->session_token);

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
    *found = (hf_s3_credentials){0};
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

static char *default_file(void)
{
    const char *named = variable("AWS_SHARED_CREDENTIALS_FILE"), *home = variable("HOME");

    return named != NULL ? hf_strdup(named) : hf_format("%s/.aws/credentials", home != NULL ? home : "");
}

hf_status hf_s3_credentials_of_file(const char *profile, hf_s3_credentials *ret_credentials, hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX(FILE_MAX_BYTES);
    hf_s3_credentials found = {0};
    HF_AUTO_STR path = default_file();
    HF_AUTO_STR where = hf_format("profile \"%s\" of \"%s\"", profile, path);

    if (!hf_file_exists(path))
        return hf_fail(error, HF_E_NOT_FOUND, "there is no \"%s\" to hold profile \"%s\"", path, profile);
    HF_TRY(hf_file_read(path, &content, error));
    HF_AUTO_STR text = hf_buf_take(&content);
    const size_t len = text == NULL ? 0 : strlen(text);
    bool seen = len > 0 && read_profile(text, profile, &found);
    if (len > 0)
        OPENSSL_cleanse(text, len);

    if (found.access_key != NULL && found.secret_key != NULL)
        return hf_s3_credentials_accept(&found, where, ret_credentials, error);
    hf_s3_credentials_done(&found);
    (void) hf_fail(error, HF_E_STORAGE_DENIED, seen ? "%s has no keys" : "there is no %s", where);
    return hf_hint(error, "it needs aws_access_key_id and aws_secret_access_key");
}

hf_status hf_s3_credentials_of_environment(hf_s3_credentials *ret_credentials, hf_error *error)
{
    hf_s3_credentials found = {.access_key = hf_strdup(variable("AWS_ACCESS_KEY_ID")),
                               .secret_key = hf_strdup(variable("AWS_SECRET_ACCESS_KEY")),
                               .session_token = hf_strdup(variable("AWS_SESSION_TOKEN"))};

    if (found.access_key != NULL && found.secret_key != NULL)
        return hf_s3_credentials_accept(&found, "the environment", ret_credentials, error);
    hf_s3_credentials_done(&found);
    return hf_fail(error, HF_E_NOT_FOUND, "the environment holds no keys for S3");
}
