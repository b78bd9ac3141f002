#include "config/show.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "config/load.h"
#include "config/options.h"

#define REDACTED "***"

static void json_done(json_t **value)
{
    json_decref(*value);
}

/* ---- secrets that somebody wrote into the file all the same ---- */

static bool has_secret_name(const char *name, size_t len)
{
    static const char *const words[] = {"token", "secret", "password", "passwd",
                                        "key",   "auth",   "sig",      "credential"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        for (size_t at = 0; at + strlen(words[i]) <= len; at++)
            if (strncasecmp(name + at, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

/* A URL without its password, and without the values of parameters that are called like secrets. */
static char *redact_url(const char *text)
{
    hf_buf out = HF_BUF_MAX(HF_YAML_MAX_BYTES);
    const char *host = strstr(text, "://") + strlen("://");
    const char *user_end = host + strcspn(host, "/?#@");
    const char *at = host;

    hf_buf_append(&out, text, (size_t) (host - text));
    if (*user_end == '@') {
        hf_buf_append(&out, host, strcspn(host, ":@"));
        hf_buf_puts(&out, memchr(host, ':', (size_t) (user_end - host)) != NULL ? ":" REDACTED : "");
        at = user_end;
    }
    while (*at != '\0') {
        size_t len = strcspn(at, "?&");
        const char *equals = memchr(at, '=', len);
        bool hides = equals != NULL && at > host && strchr("?&", at[-1]) != NULL &&
                     has_secret_name(at, (size_t) (equals - at));

        hf_buf_append(&out, at, hides ? (size_t) (equals + 1 - at) : len);
        hf_buf_puts(&out, hides ? REDACTED : "");
        if (at[len] != '\0')
            hf_buf_putc(&out, at[len++]);
        at += len;
    }
    return hf_buf_take(&out);
}

static json_t *text_json(const char *text)
{
    if (strstr(text, "://") == NULL)
        return json_string(text);
    HF_AUTO_STR shown = redact_url(text);
    return json_string(shown);
}

/* ---- the tree ---- */

typedef struct showing {
    const char *folder;
} showing;

static json_t *show_mapping(const showing *how, const char *prefix, const hf_yaml *mapping);

/* The row of a key in the mapping that `prefix` names. */
static const hf_option *find_option(const char *prefix, const char *key)
{
    for (size_t i = 0; i < hf_options_count; i++) {
        const char *path = hf_options[i].path;

        if (hf_starts_with(path, prefix) && hf_streq(path + strlen(prefix), key))
            return &hf_options[i];
    }
    return NULL;
}

static bool is_headers(const hf_option *option)
{
    return option != NULL && hf_ends_with(option->path, ".headers");
}

/* What the table does not know inside of: a list of texts, a secret's place, headers. */
static json_t *show_plain(const hf_option *option, const hf_yaml *value)
{
    json_t *out;

    switch (value->kind) {
    case HF_YAML_SEQUENCE:
        out = json_array();
        for (size_t i = 0; i < value->items.count; i++)
            json_array_append_new(out, show_plain(option, value->items.items[i]));
        return out;
    case HF_YAML_MAPPING:
        out = json_object();
        for (size_t i = 0; i < value->pairs.count; i++) {
            const hf_yaml_pair *pair = &value->pairs.items[i];
            bool hides = is_headers(option) && pair->value->kind == HF_YAML_SCALAR &&
                         strncasecmp(pair->key, "accept", 6) != 0 &&
                         strncasecmp(pair->key, "content-type", 12) != 0;

            json_object_set_new(out, pair->key,
                                hides ? json_string(REDACTED) : show_plain(NULL, pair->value));
        }
        return out;
    case HF_YAML_SCALAR:
        return text_json(value->text);
    default:
        return json_null();
    }
}

static json_t *show_scalar(const showing *how, const hf_option *option, const char *text)
{
    int64_t number;

    switch (option->type) {
    case HF_OPTION_BOOL:
        return json_boolean(hf_streq(text, "true"));
    case HF_OPTION_INT:
        return hf_parse_int(text, INT64_MIN, INT64_MAX, &number, NULL) == HF_OK ? json_integer(number)
                                                                                : json_string(text);
    case HF_OPTION_PATH: {
        HF_AUTO_STR path = hf_path_join(how->folder, text);
        return json_string(hf_streq(text, ".") ? how->folder : path);
    }
    case HF_OPTION_URL: {
        HF_AUTO_STR url = hf_config_absolute_url(how->folder, text);
        return text_json(url);
    }
    default:
        return text_json(text);
    }
}

static json_t *show_items(const showing *how, const hf_option *option, const hf_yaml *value)
{
    HF_AUTO_STR prefix = hf_format("%s%s", option->path, option->type == HF_OPTION_LIST ? "[]." : ".*.");
    json_t *out = option->type == HF_OPTION_LIST ? json_array() : json_object();

    for (size_t i = 0; i < value->items.count; i++)
        json_array_append_new(out, show_mapping(how, prefix, value->items.items[i]));
    for (size_t i = 0; i < value->pairs.count; i++)
        json_object_set_new(out, value->pairs.items[i].key,
                            show_mapping(how, prefix, value->pairs.items[i].value));
    return out;
}

static json_t *show_value(const showing *how, const hf_option *option, const hf_yaml *value)
{
    HF_AUTO_STR prefix = hf_format("%s.", option->path);

    if (option->type == HF_OPTION_MAP || option->type == HF_OPTION_LIST)
        return show_items(how, option, value);
    if (option->type == HF_OPTION_GROUP)
        return show_mapping(how, prefix, value);
    if (value->kind == HF_YAML_SCALAR)
        return show_scalar(how, option, value->text);
    if (option->type == HF_OPTION_PATH) /* with keys below it, in its longer form */
        return show_mapping(how, prefix, value);
    return show_plain(option, value);
}

/* Is a key of the group required, so that leaving the group out means that it is not wanted? */
static bool is_wanted(const char *prefix)
{
    for (size_t i = 0; i < hf_options_count; i++) {
        const hf_option *option = &hf_options[i];

        if (hf_starts_with(option->path, prefix) && option->required &&
            option->path[strlen(prefix) + strcspn(option->path + strlen(prefix), ".[*")] == '\0')
            return false;
    }
    return strstr(prefix, "[].") == NULL;
}

/* Defaults of keys that were not given, and of whole groups that were not. */
static void add_defaults(const showing *how, const char *prefix, json_t *out)
{
    static const hf_yaml nothing = {.kind = HF_YAML_MAPPING};

    for (size_t i = 0; i < hf_options_count; i++) {
        const hf_option *option = &hf_options[i];
        const char *key = hf_starts_with(option->path, prefix) ? option->path + strlen(prefix) : "";

        if (key[0] == '\0' || key[strcspn(key, ".[*")] != '\0' || json_object_get(out, key) != NULL)
            continue;
        if (option->fallback != NULL) {
            json_object_set_new(out, key, show_scalar(how, option, option->fallback));
        } else if (option->type == HF_OPTION_GROUP) {
            HF_AUTO_STR below = hf_format("%s.", option->path);
            json_t *group = is_wanted(below) ? show_mapping(how, below, &nothing) : NULL;

            if (json_object_size(group) > 0)
                json_object_set(out, key, group);
            json_decref(group);
        }
    }
}

static json_t *show_mapping(const showing *how, const char *prefix, const hf_yaml *mapping)
{
    json_t *out = json_object();

    for (size_t i = 0; i < mapping->pairs.count; i++) {
        const hf_yaml_pair *pair = &mapping->pairs.items[i];
        const hf_option *option = find_option(prefix, pair->key);

        if (option != NULL && pair->value->kind != HF_YAML_NULL)
            json_object_set_new(out, pair->key, show_value(how, option, pair->value));
    }
    add_defaults(how, prefix, out);
    return out;
}

hf_status hf_config_effective(const char *path, json_t **ret_effective, hf_error *error)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    HF_AUTO(hf_yaml_freep) hf_yaml *root = NULL;
    HF_AUTO_BUF text = HF_BUF_MAX(HF_YAML_MAX_BYTES + 1);

    HF_TRY(hf_config_load(path, &config, error));
    HF_TRY(hf_file_read(config->path, &text, error));
    HF_TRY(hf_yaml_parse(config->path, hf_buf_text(&text), text.len, &root, error));
    const showing how = {.folder = config->folder};
    *ret_effective = show_mapping(&how, "", root);
    return HF_OK;
}

/* ---- YAML ---- */

/* A text that YAML reads as this text without quotes. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "~", "yes", "no", "on", "off"};

    if (!isalpha((unsigned char) text[0]) && text[0] != '/')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")] == '\0';
}

static void write_scalar(const json_t *value, hf_buf *out)
{
    const char *text = json_string_value(value);

    if (text != NULL && is_plain(text)) {
        hf_buf_puts(out, text);
        return;
    }
    HF_AUTO_STR quoted = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)); /* JSON is YAML */
    hf_buf_puts(out, quoted != NULL ? quoted : "\"\"");
}

static bool is_flat(const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    json_array_foreach((json_t *) value, i,
                       item) if (json_is_object(item) || json_is_array(item)) return false;
    json_object_foreach((json_t *) value, key, item) return false;
    return true;
}

static void write_value(const json_t *value, int depth, hf_buf *out);

static void write_key(const char *key, hf_buf *out)
{
    HF_AUTO(json_done) json_t *text = json_string(key);

    write_scalar(text, out);
    hf_buf_putc(out, ':');
}

static void write_pairs(const json_t *object, int depth, bool first_in_line, hf_buf *out)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *) object, key, item)
    {
        if (!first_in_line)
            hf_buf_printf(out, "%*s", 2 * depth, "");
        first_in_line = false;
        write_key(key, out);
        write_value(item, depth + 1, out);
    }
}

/* Behind "key:", to the end of its lines. */
static void write_value(const json_t *value, int depth, hf_buf *out)
{
    json_t *item;
    size_t i;

    if (json_is_object(value) && json_object_size(value) > 0) {
        hf_buf_putc(out, '\n');
        write_pairs(value, depth, false, out);
    } else if (json_is_array(value) && !is_flat(value)) {
        hf_buf_putc(out, '\n');
        json_array_foreach((json_t *) value, i, item)
        {
            hf_buf_printf(out, "%*s- ", 2 * depth, "");
            if (json_is_object(item) && json_object_size(item) > 0) {
                write_pairs(item, depth + 1, true, out);
            } else {
                write_scalar(item, out);
                hf_buf_putc(out, '\n');
            }
        }
    } else if (json_is_array(value)) {
        hf_buf_puts(out, " [");
        json_array_foreach((json_t *) value, i, item)
        {
            hf_buf_puts(out, i > 0 ? ", " : "");
            write_scalar(item, out);
        }
        hf_buf_puts(out, "]\n");
    } else {
        hf_buf_putc(out, ' ');
        write_scalar(value, out);
        hf_buf_putc(out, '\n');
    }
}

void hf_config_write_yaml(const json_t *value, hf_buf *out)
{
    write_pairs(value, 0, false, out);
}
