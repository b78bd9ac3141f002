/*
 * Connection strings.  Prisma puts parameters of its own into the URL that libpq refuses; they are cut out here, so
 * that one DATABASE_URL serves both.
 */
#include "pg/connection.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <string.h>

#include "base/text.h"
#include "pg/url.h"

static const char *const prisma_parameters[] = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "pgbouncer",
    "statement_cache_size",
    "socket_timeout",
    "sslaccept",
    "sslidentity",
    "single_use_connections",
    "max_idle_connection_lifetime",
    "max_connection_lifetime",
    NULL,
};

static bool is_url(const char *url)
{
    return hf_starts_with(url, "postgresql://") || hf_starts_with(url, "postgres://");
}

static bool is_prisma_parameter(const char *name, size_t len)
{
    for (size_t i = 0; prisma_parameters[i] != NULL; i++)
        if (strlen(prisma_parameters[i]) == len && strncmp(prisma_parameters[i], name, len) == 0)
            return true;
    return false;
}

static int hex_value(char c)
{
    return isdigit((unsigned char) c) ? c - '0' : tolower((unsigned char) c) - 'a' + 10;
}

static char *percent_decode(const char *text, size_t len)
{
    char *out = hf_alloc(len + 1);
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && isxdigit((unsigned char) text[i + 1]) &&
            isxdigit((unsigned char) text[i + 2])) {
            out[used++] = (char) (hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }
    return out;
}

char *hf_pg_url_for_libpq(const char *url)
{
    const char *query = is_url(url) ? strchr(url, '?') : NULL;

    if (query == NULL)
        return hf_strdup(url);

    HF_AUTO_BUF out = HF_BUF_MAX(HF_PG_URL_MAX);
    char separator = '?';

    hf_buf_append(&out, url, (size_t) (query - url));
    for (const char *at = query + 1; *at != '\0';) {
        size_t len = strcspn(at, "&");
        size_t name_len = strcspn(at, "=&");

        if (len > 0 && !is_prisma_parameter(at, name_len)) {
            hf_buf_putc(&out, separator);
            hf_buf_append(&out, at, len);
            separator = '&';
        }
        at += len + (at[len] == '&' ? 1 : 0);
    }
    return hf_buf_take(&out);
}

char *hf_pg_url_parameter(const char *url, const char *name)
{
    const char *query = is_url(url) ? strchr(url, '?') : NULL;

    for (const char *at = query != NULL ? query + 1 : ""; *at != '\0';) {
        size_t len = strcspn(at, "&");
        size_t name_len = strcspn(at, "=&");

        if (strlen(name) == name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=')
            return percent_decode(at + name_len + 1, len - name_len - 1);
        at += len + (at[len] == '&' ? 1 : 0);
    }
    return NULL;
}

hf_status hf_pg_url_parse(const char *url, PQconninfoOption **ret_options, hf_error *error)
{
    HF_AUTO_STR clean = hf_pg_url_for_libpq(url);
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(clean, &why);

    PQfreemem(why); /* libpq quotes the URL in it, password and all */
    if (options == NULL) {
        (void) hf_fail(error, HF_E_USAGE, "the database URL is malformed");
        return hf_hint(error,
                       "expected postgresql://user:password@host:port/database, special characters in the "
                       "password percent-encoded");
    }
    *ret_options = options;
    return HF_OK;
}

static void append_encoded(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char) *c;

        if (isalnum(byte) || strchr("-._~", byte) != NULL)
            hf_buf_putc(out, *c);
        else
            hf_buf_printf(out, "%%%02X", byte);
    }
}

/* A URL from the keyword form: everything but the database as a parameter. */
static char *url_from_options(const PQconninfoOption *options, const char *database)
{
    HF_AUTO_BUF out = HF_BUF_MAX(HF_PG_URL_MAX);
    char separator = '?';

    hf_buf_puts(&out, "postgresql:///");
    append_encoded(&out, database);
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val == NULL || option->val[0] == '\0' || hf_streq(option->keyword, "dbname"))
            continue;
        hf_buf_printf(&out, "%c%s=", separator, option->keyword);
        append_encoded(&out, option->val);
        separator = '&';
    }
    return hf_buf_take(&out);
}

/* The URL with only its path exchanged, so that parameters of other programs stay. */
static char *url_with_path(const char *url, const char *database)
{
    HF_AUTO_BUF out = HF_BUF_MAX(HF_PG_URL_MAX);
    const char *authority = strstr(url, "://") + 3;
    size_t authority_len = strcspn(authority, "/?");
    const char *query = strchr(authority + authority_len, '?');

    hf_buf_append(&out, url, (size_t) (authority + authority_len - url));
    hf_buf_putc(&out, '/');
    append_encoded(&out, database);
    if (query != NULL)
        hf_buf_puts(&out, query);
    return hf_buf_take(&out);
}

hf_status hf_pg_url_with_database(const char *url, const char *database, char **ret_url, hf_error *error)
{
    PQconninfoOption *options = NULL;

    HF_TRY(hf_pg_url_parse(url, &options, error));
    *ret_url = is_url(url) ? url_with_path(url, database) : url_from_options(options, database);
    PQconninfoFree(options);
    return HF_OK;
}

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (hf_streq(options->keyword, keyword))
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    return NULL;
}

char *hf_pg_url_database(const char *url)
{
    PQconninfoOption *options = NULL;
    char *database = NULL;

    if (hf_pg_url_parse(url, &options, NULL) != HF_OK)
        return hf_strdup("");
    if (option_value(options, "dbname") != NULL)
        database = hf_strdup(option_value(options, "dbname"));
    else if (option_value(options, "user") != NULL)
        database = hf_strdup(option_value(options, "user"));
    PQconninfoFree(options);
    return database != NULL ? database : hf_strdup("");
}

hf_status hf_pg_url_environment(const char *url, const char *database, hf_strings *ret_env, hf_error *error)
{
    PQconninfoOption *options = NULL;

    HF_TRY(hf_pg_url_parse(url, &options, error));
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        const char *value = hf_streq(option->keyword, "dbname") && database != NULL ? database : option->val;

        if (option->envvar == NULL || value == NULL || value[0] == '\0')
            continue;
        HF_AUTO_STR variable = hf_format("%s=%s", option->envvar, value);
        hf_strings_add(ret_env, variable);
    }
    PQconninfoFree(options);
    return HF_OK;
}

char *hf_pg_url_shown(const char *url)
{
    PQconninfoOption *options = NULL;

    if (hf_pg_url_parse(url, &options, NULL) != HF_OK)
        return hf_strdup("(malformed URL)");

    const char *user = option_value(options, "user");
    const char *host = option_value(options, "host");
    const char *port = option_value(options, "port");
    const char *dbname = option_value(options, "dbname");
    char *shown = hf_format("postgresql://%s%s%s%s%s/%s", user != NULL ? user : "", user != NULL ? "@" : "",
                            host != NULL ? host : "", port != NULL ? ":" : "", port != NULL ? port : "",
                            dbname != NULL ? dbname : "");

    PQconninfoFree(options);
    return shown;
}
