/*
 * Connection strings.  Prisma puts parameters of its own into the URL that libpq refuses; they are cut out here, so
 * that one DATABASE_URL serves both.
 */
#include "pg/connection.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
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

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (hf_streq(options->keyword, keyword))
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    return NULL;
}

/* One of libpq's comma-separated hosts: a path, an IPv6 address with or without zone, or a name. */
static bool is_host(const char *host, size_t len, bool may_be_abstract)
{
    HF_AUTO_STR text = hf_strndup(host, len);
    struct in6_addr ignored;

    if (text[0] == '/')
        return true;
    if (strpbrk(text + (may_be_abstract && text[0] == '@'), "@ \t\r\n\f\v") != NULL)
        return false;
    if (strchr(text, ':') == NULL)
        return true;
    text[strcspn(text, "%")] = '\0';
    return inet_pton(AF_INET6, text, &ignored) == 1;
}

/*
 * What an unencoded "@", "/" or ":" in a password leaves behind: libpq then takes a part of the password for the host, the
 * port or the database, and would show it.
 */
static bool is_split_wrongly(const char *url, const PQconninfoOption *options)
{
    const char *host = option_value(options, "host"), *port = option_value(options, "port");
    HF_AUTO_STR host_parameter = hf_pg_url_parameter(url, "host");
    const bool may_be_abstract = !is_url(url) || host_parameter != NULL;

    if (port != NULL && port[strspn(port, "0123456789,")] != '\0')
        return true;
    for (; host != NULL && *host != '\0'; host += strspn(host, ",")) {
        const size_t len = strcspn(host, ",");

        if (!is_host(host, len, may_be_abstract))
            return true;
        host += len;
    }
    if (!is_url(url))
        return false;

    const char *authority = strstr(url, "://") + 3, *path = authority + strcspn(authority, "/?");

    if (memchr(authority, '@', (size_t) (path - authority)) != NULL)
        return false;
    return *path == '?' ? path[strcspn(path, "/@")] == '@' : path[strcspn(path, "?@")] == '@';
}

hf_status hf_pg_url_parse(const char *url, PQconninfoOption **ret_options, hf_error *error)
{
    HF_AUTO_STR clean = hf_pg_url_for_libpq(url);
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(clean, &why);

    PQfreemem(why); /* libpq quotes the URL in it, password and all */
    if (options == NULL || is_split_wrongly(url, options)) {
        PQconninfoFree(options);
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

/* The URL with its `options` exchanged, and parameters of other programs kept. */
static char *url_with_options(const char *url, const char *options)
{
    HF_AUTO_BUF out = HF_BUF_MAX(HF_PG_URL_MAX);
    const char *query = strchr(url, '?');
    char separator = '?';

    hf_buf_append(&out, url, query != NULL ? (size_t) (query - url) : strlen(url));
    for (const char *at = query != NULL ? query + 1 : ""; *at != '\0';) {
        size_t len = strcspn(at, "&");

        if (len > 0 && !hf_starts_with(at, "options=")) {
            hf_buf_putc(&out, separator);
            hf_buf_append(&out, at, len);
            separator = '&';
        }
        at += len + (at[len] == '&' ? 1 : 0);
    }
    hf_buf_printf(&out, "%coptions=", separator);
    append_encoded(&out, options);
    return hf_buf_take(&out);
}

hf_status hf_pg_url_with_setting(const char *url, const char *setting, char **ret_url, hf_error *error)
{
    PQconninfoOption *parsed = NULL;

    HF_TRY(hf_pg_url_parse(url, &parsed, error));
    const char *before = option_value(parsed, "options");
    HF_AUTO_STR options =
        hf_format("%s%s-c %s", before != NULL ? before : "", before != NULL ? " " : "", setting);
    HF_AUTO_STR database = hf_pg_url_database(url);
    HF_AUTO_STR as_url = is_url(url) ? hf_strdup(url) : url_from_options(parsed, database);

    PQconninfoFree(parsed);
    *ret_url = url_with_options(as_url, options);
    return HF_OK;
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

/* A secret, and as other programs would encode it. */
static void redact_text(const char *text)
{
    HF_AUTO_BUF encoded = HF_BUF_MAX(HF_PG_URL_MAX);

    append_encoded(&encoded, text);
    hf_log_redact(text);
    hf_log_redact(hf_buf_text(&encoded));
}

/* A part of the URL as it stands and decoded. */
static void redact_part(const char *text, size_t len)
{
    HF_AUTO_STR raw = hf_strndup(text, len);
    HF_AUTO_STR decoded = percent_decode(text, len);

    redact_text(raw);
    redact_text(decoded);
}

/* Up to the first "@", as libpq reads it, and up to the last one, should it have been left unencoded. */
static void redact_user_info(const char *url)
{
    const char *authority = strstr(url, "://") + 3, *colon = strchr(authority, ':');
    const char *first = strchr(authority, '@'), *last = strrchr(authority, '@');

    if (colon == NULL || last == NULL || colon > last)
        return;
    if (colon < first)
        redact_part(colon + 1, (size_t) (first - colon - 1));
    redact_part(colon + 1, (size_t) (last - colon - 1));
}

/* "password = value" of the keyword form and "password=value" of a query, as they stand. */
static void redact_assignments(const char *url)
{
    static const char word[] = "password";

    for (const char *at = strstr(url, word); at != NULL; at = strstr(at, word)) {
        at += sizeof(word) - 1;
        at += strspn(at, " \t\r\n");
        if (*at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t\r\n");

        const bool quoted = *at == '\'';
        const char *end = at += quoted;

        while (*end != '\0' && (quoted ? *end != '\'' : strchr(" \t\r\n&", *end) == NULL))
            end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
        redact_part(at, (size_t) (end - at));
    }
}

void hf_pg_url_redact(const char *url)
{
    static const char *const keywords[] = {"password", "sslpassword"};
    HF_AUTO_STR clean = hf_pg_url_for_libpq(url);
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(clean, &why);

    PQfreemem(why);
    for (size_t i = 0; options != NULL && i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const char *value = option_value(options, keywords[i]);

        if (value != NULL)
            redact_text(value);
    }
    PQconninfoFree(options);
    hf_log_redact(url);
    hf_log_redact(clean);
    if (is_url(url))
        redact_user_info(url);
    redact_assignments(url);
    if (getenv("PGPASSWORD") != NULL)
        redact_text(getenv("PGPASSWORD"));
}
