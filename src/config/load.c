/*
 * Reading a configuration: YAML -> tree (yaml.c) -> values, by the table of options (options.c).
 *
 * The walk goes through the tree, not through the table, so that every mistake is found at the place where it stands.  A
 * message never shows a value that could be a secret in the wrong place.
 */
#include "config/config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "config/check_options.h"
#include "config/load.h"
#include "config/notify_options.h"
#include "config/gate_options.h"
#include "config/options.h"
#include "config/suggest.h"

#define DEFAULT_PATH "holdfast.yaml"

enum { KEYS_MAX = 32 };

hf_status hf_config_refuse(const hf_config_reader *in, hf_where where, const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    return hf_fail(in->error, HF_E_USAGE, "%s:%u:%u: %s", in->name, where.line, where.column, message);
}

static const char *last_key(const hf_option *option)
{
    const char *dot = strrchr(option->path, '.');

    return dot == NULL ? option->path : dot + 1;
}

/* The option's own key if it stands directly in the mapping that `prefix` ("" or "targets.*.") names, else NULL. */
static const char *key_in(const hf_option *option, const char *prefix)
{
    if (!hf_starts_with(option->path, prefix))
        return NULL;
    const char *key = option->path + strlen(prefix);
    return key[0] == '\0' || key[strcspn(key, ".[")] != '\0' ? NULL : key;
}

static bool has_children(const hf_option *option)
{
    HF_AUTO_STR prefix = hf_format("%s.", option->path);

    for (size_t i = 0; i < hf_options_count; i++)
        if (key_in(&hf_options[i], prefix) != NULL)
            return true;
    return false;
}

/* What was written, for a message; nothing that may hold a secret. */
static const char *shown(const hf_yaml *value)
{
    if (value->kind != HF_YAML_SCALAR)
        return value->kind == HF_YAML_NULL      ? "nothing"
               : value->kind == HF_YAML_MAPPING ? "a mapping"
                                                : "a list";
    if (strlen(value->text) > 60 || strstr(value->text, "://") != NULL || strchr(value->text, '@') != NULL)
        return "this text";
    return value->text;
}

static hf_status wrong_type(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                            const char *wanted)
{
    const char *quote = value->kind == HF_YAML_SCALAR && !hf_streq(shown(value), "this text") ? "\"" : "";

    if (value->kind == HF_YAML_NULL)
        return hf_config_refuse(in, value->where, "\"%s\" has no value; it must be %s", last_key(option),
                                wanted);
    return hf_config_refuse(in, value->where, "\"%s\" must be %s, not %s%s%s", last_key(option), wanted,
                            quote, shown(value), quote);
}

static void store_int(const hf_option *option, void *base, int64_t value)
{
    char *place = (char *) base + option->offset;

    switch (option->size) {
    case 1:
        *(bool *) place = value != 0;
        break;
    case 4: {
        int32_t narrow = (int32_t) value;

        memcpy(place, &narrow, sizeof(narrow));
        break;
    }
    default:
        memcpy(place, &value, sizeof(value));
    }
}

static void store_text(const hf_option *option, void *base, char *text)
{
    char **place = (char **) ((char *) base + option->offset);

    free(*place);
    *place = text;
}

char *hf_config_absolute_url(const char *folder, const char *text)
{
    const char *path = text;

    if (hf_starts_with(text, "file://"))
        path = text + strlen("file://");
    else if (strstr(text, "://") != NULL)
        return hf_strdup(text);
    while (hf_starts_with(path, "./"))
        path += 2;
    HF_AUTO_STR absolute = hf_path_join(folder, path);
    return hf_format("file://%s", absolute);
}

static hf_status set_number(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                            void *base)
{
    char wanted[128];
    int64_t number = 0;
    uint64_t bytes = 0;
    bool good = value->kind == HF_YAML_SCALAR;

    if (option->type == HF_OPTION_INT) {
        snprintf(wanted, sizeof(wanted), "a whole number from %lld to %lld", (long long) option->min,
                 (long long) option->max);
        good = good && hf_parse_int(value->text, option->min, option->max, &number, NULL) == HF_OK;
    } else if (option->type == HF_OPTION_SIZE) {
        char least[32], most[32];

        snprintf(wanted, sizeof(wanted), "a size from %s to %s", hf_show_size((uint64_t) option->min, least),
                 hf_show_size((uint64_t) option->max, most));
        good = good && hf_parse_size(value->text, &bytes, NULL) == HF_OK && bytes >= (uint64_t) option->min &&
               bytes <= (uint64_t) option->max;
        number = (int64_t) bytes;
    } else {
        char most[32];

        snprintf(wanted, sizeof(wanted), "a duration like \"30s\", \"5m\" or \"7d\" (at most %s)",
                 hf_show_duration(option->max, most));
        good = good && hf_parse_duration(value->text, &number, NULL) == HF_OK && number >= option->min &&
               number <= option->max;
    }
    if (!good)
        return wrong_type(in, option, value, wanted);
    store_int(option, base, number);
    return HF_OK;
}

static hf_status set_bool(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                          void *base)
{
    bool yes = value->kind == HF_YAML_SCALAR && value->plain && hf_streq(value->text, "true");

    if (!yes && !(value->kind == HF_YAML_SCALAR && value->plain && hf_streq(value->text, "false")))
        return wrong_type(in, option, value, "true or false");
    store_int(option, base, yes);
    return HF_OK;
}

static hf_status set_choice(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                            void *base)
{
    const char *names[KEYS_MAX];
    size_t count = 0;
    HF_AUTO_BUF wanted = HF_BUF_MAX(256);

    for (const hf_choice *choice = option->choices; choice->name != NULL; choice++) {
        if (value->kind == HF_YAML_SCALAR && hf_streq(choice->name, value->text)) {
            store_int(option, base, choice->value);
            return HF_OK;
        }
        hf_buf_printf(&wanted, "%s%s",
                      count == 0               ? ""
                      : choice[1].name == NULL ? " or "
                                               : ", ",
                      choice->name);
        names[count++] = choice->name;
    }
    wrong_type(in, option, value, hf_buf_text(&wanted));
    const char *near = value->kind == HF_YAML_SCALAR ? hf_suggest(value->text, names, count) : NULL;
    return near == NULL ? HF_E_USAGE : hf_hint(in->error, "did you mean \"%s\"?", near);
}

hf_status hf_config_set_texts(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base)
{
    hf_strings *list = (hf_strings *) ((char *) base + option->offset);
    bool program = option->type == HF_OPTION_ARGV;

    if (program && value->kind == HF_YAML_SCALAR && value->text[0] != '\0') {
        hf_strings_add(list, value->text);
        return HF_OK;
    }
    if (value->kind != HF_YAML_SEQUENCE || value->items.count == 0)
        return wrong_type(in, option, value,
                          program ? "a list: [program, argument, ...]" : "a list of texts");
    for (size_t i = 0; i < value->items.count; i++) {
        const hf_yaml *item = value->items.items[i];

        if (item->kind != HF_YAML_SCALAR || (program && i == 0 && item->text[0] == '\0'))
            return wrong_type(in, option, item, "a list of texts");
        hf_strings_add(list, item->text);
    }
    return HF_OK;
}

hf_status hf_config_set_secret(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base)
{
    hf_secret_source *source = (hf_secret_source *) ((char *) base + option->offset);
    const char *key = last_key(option);
    const char *variable = hf_streq(key, "passphrase")              ? "HOLDFAST_PASSPHRASE"
                           : hf_starts_with(option->path, "target") ? "DATABASE_URL"
                                                                    : "NAME";

    if (value->kind == HF_YAML_SCALAR) {
        hf_config_refuse(in, value->where, "\"%s\" is a secret and may not stand in the configuration itself",
                         key);
        return hf_hint(in->error,
                       "put it in an environment variable and write %s: {env: %s}; {file: path} "
                       "and {command: [program, argument]} are possible too",
                       key, variable);
    }
    if (value->kind != HF_YAML_MAPPING || value->pairs.count != 1) {
        hf_config_refuse(in, value->where,
                         "\"%s\" must be one of {env: NAME}, {file: path} and {command: [program]}", key);
        return hf_hint(in->error, "for example %s: {env: %s}", key, variable);
    }

    const hf_yaml_pair *pair = &value->pairs.items[0];
    const bool text = pair->value->kind == HF_YAML_SCALAR && pair->value->text[0] != '\0';
    if (hf_streq(pair->key, "env") && text && strchr(pair->value->text, '=') == NULL &&
        strstr(pair->value->text, "://") == NULL) {
        source->kind = HF_SECRET_ENV;
        source->name = hf_strdup(pair->value->text);
        if (option->type != HF_OPTION_SOURCE)
            hf_child_hide_env(source->name); /* whether or not this command comes to read it */
        return HF_OK;
    }
    if (hf_streq(pair->key, "file") && text) {
        source->kind = HF_SECRET_FILE;
        source->name = hf_path_join(in->folder, pair->value->text);
        return HF_OK;
    }
    if (hf_streq(pair->key, "command")) {
        static const hf_option command = {.path = "command",
                                          .type = HF_OPTION_ARGV,
                                          .offset = offsetof(hf_secret_source, argv),
                                          .size = sizeof(source->argv)};

        source->kind = HF_SECRET_COMMAND;
        return hf_config_set_texts(in, &command, pair->value, source);
    }
    static const char *const kinds[] = {"env", "file", "command"};
    bool known = hf_streq(pair->key, "env") || hf_streq(pair->key, "file");
    const char *near = hf_suggest(pair->key, kinds, 3);
    if (known)
        hf_config_refuse(in, pair->value->where, "\"%s\" must be %s", pair->key,
                         pair->key[0] == 'e' ? "the name of an environment variable" : "the path of a file");
    else
        hf_config_refuse(in, pair->where, "unknown source \"%s\" of a secret", pair->key);
    return hf_hint(in->error, "%s%s%sknown here: env, file, command",
                   near == NULL || known ? "" : "did you mean \"", near == NULL || known ? "" : near,
                   near == NULL || known ? "" : "\"? ");
}

static hf_status set_leaf(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                          void *base)
{
    switch (option->type) {
    case HF_OPTION_BOOL:
        return set_bool(in, option, value, base);
    case HF_OPTION_INT:
    case HF_OPTION_SIZE:
    case HF_OPTION_DURATION:
        return set_number(in, option, value, base);
    case HF_OPTION_ENUM:
        return set_choice(in, option, value, base);
    case HF_OPTION_TEXTS:
    case HF_OPTION_ARGV:
        return hf_config_set_texts(in, option, value, base);
    case HF_OPTION_SOURCE:
        if (value->kind != HF_YAML_MAPPING)
            return wrong_type(in, option, value, "{env: NAME}, {file: path} or {command: [program]}");
        return hf_config_set_secret(in, option, value, base);
    case HF_OPTION_SECRET:
        return hf_config_set_secret(in, option, value, base);
    case HF_OPTION_CUSTOM:
        return option->set(in, option, value, base);
    case HF_OPTION_TEXT:
    case HF_OPTION_PATH:
    case HF_OPTION_URL:
    case HF_OPTION_GROUP:
    case HF_OPTION_MAP:
    case HF_OPTION_LIST:
        break;
    }
    if (value->kind != HF_YAML_SCALAR || value->text[0] == '\0')
        return wrong_type(in, option, value, option->type == HF_OPTION_TEXT ? "a text" : "a path");
    store_text(option, base,
               option->type == HF_OPTION_PATH  ? hf_path_join(in->folder, value->text)
               : option->type == HF_OPTION_URL ? hf_config_absolute_url(in->folder, value->text)
                                               : hf_strdup(value->text));
    return HF_OK;
}

/* Everything below `prefix` that belongs to the same item and has a default. */
static hf_status set_defaults(const hf_config_reader *in, const char *prefix, void *base)
{
    for (size_t i = 0; i < hf_options_count; i++) {
        const hf_option *option = &hf_options[i];

        if (option->fallback == NULL || !hf_starts_with(option->path, prefix) ||
            strpbrk(option->path + strlen(prefix), "*[") != NULL)
            continue;
        char text[64];
        snprintf(text, sizeof(text), "%s", option->fallback);
        const hf_yaml value = {.kind = HF_YAML_SCALAR, .text = text, .plain = true};
        HF_TRY(set_leaf(in, option, &value, base));
    }
    return HF_OK;
}

static hf_status unknown_key(const hf_config_reader *in, const char *prefix, const hf_yaml_pair *pair)
{
    const char *known[KEYS_MAX] = {0};
    size_t count = 0;
    const char *elsewhere = NULL;
    HF_AUTO_BUF list = HF_BUF_MAX(400);

    for (size_t i = 0; i < hf_options_count; i++) {
        const char *key = key_in(&hf_options[i], prefix);

        if (key != NULL && count < KEYS_MAX) {
            hf_buf_printf(&list, "%s%s", count == 0 ? "" : ", ", key);
            known[count++] = key;
        } else if (hf_streq(last_key(&hf_options[i]), pair->key)) {
            elsewhere = hf_options[i].path;
        }
    }
    const char *near = hf_suggest(pair->key, known, count);
    hf_config_refuse(in, pair->where, "unknown key \"%.80s\"", pair->key);
    if (near != NULL)
        return hf_hint(in->error, "did you mean \"%s\"? known here: %s", near, hf_buf_text(&list));
    if (elsewhere != NULL)
        return hf_hint(in->error, "its place is %s; known here: %s", elsewhere, hf_buf_text(&list));
    return hf_hint(in->error, "known here: %s", hf_buf_text(&list));
}

static hf_status read_value(const hf_config_reader *in, const hf_option *option, const hf_yaml_pair *pair,
                            void *base);

static hf_status read_mapping(const hf_config_reader *in, const char *prefix, const hf_yaml *mapping,
                              void *base)
{
    for (size_t i = 0; i < mapping->pairs.count; i++) {
        const hf_yaml_pair *pair = &mapping->pairs.items[i];
        const hf_option *found = NULL;

        for (size_t j = 0; j < hf_options_count && found == NULL; j++)
            if (hf_streq(key_in(&hf_options[j], prefix), pair->key))
                found = &hf_options[j];
        if (found == NULL)
            return unknown_key(in, prefix, pair);
        HF_TRY(read_value(in, found, pair, base));
    }
    for (size_t j = 0; j < hf_options_count; j++) {
        const char *key = key_in(&hf_options[j], prefix);
        bool given = key == NULL || !hf_options[j].required;

        for (size_t i = 0; i < mapping->pairs.count && !given; i++)
            given = hf_streq(mapping->pairs.items[i].key, key);
        if (!given) {
            hf_config_refuse(in, mapping->where, "\"%s\" is missing here", key);
            return hf_hint(in->error, "\"holdfast help configuration\" shows every key");
        }
    }
    return HF_OK;
}

static hf_status read_item(const hf_config_reader *in, const hf_option *option, const char *prefix,
                           const hf_yaml *value, void *item)
{
    if (value->kind != HF_YAML_MAPPING)
        return wrong_type(in, option, value,
                          option->type == HF_OPTION_LIST ? "a list of mappings"
                                                         : "a mapping of names and mappings");
    HF_TRY(set_defaults(in, prefix, item));
    HF_TRY(read_mapping(in, prefix, value, item));
    return option->finish == NULL ? HF_OK : option->finish(in, item);
}

static hf_status read_value(const hf_config_reader *in, const hf_option *option, const hf_yaml_pair *pair,
                            void *base)
{
    static const hf_yaml nothing = {.kind = HF_YAML_MAPPING};
    const hf_yaml *value = pair->value;

    if (option->type == HF_OPTION_GROUP || (value->kind == HF_YAML_MAPPING && has_children(option))) {
        HF_AUTO_STR prefix = hf_format("%s.", option->path);
        hf_yaml empty = nothing;

        empty.where = pair->where;
        if (value->kind != HF_YAML_MAPPING && value->kind != HF_YAML_NULL)
            return wrong_type(in, option, value, "a mapping");
        return read_mapping(in, prefix, value->kind == HF_YAML_NULL ? &empty : value, base);
    }
    if (option->type == HF_OPTION_MAP) {
        HF_AUTO_STR prefix = hf_format("%s.*.", option->path);

        if (value->kind == HF_YAML_NULL || (value->kind == HF_YAML_MAPPING && value->pairs.count == 0)) {
            hf_config_refuse(in, value->where, "\"%s\" is empty: at least one is needed", last_key(option));
            return hf_hint(in->error, "\"holdfast help configuration\" shows every key");
        }
        if (value->kind != HF_YAML_MAPPING)
            return wrong_type(in, option, value, "a mapping of names and mappings");
        for (size_t i = 0; i < value->pairs.count; i++) {
            const hf_yaml_pair *entry = &value->pairs.items[i];

            HF_TRY(
                read_item(in, option, prefix, entry->value, option->append(base, entry->key, entry->where)));
        }
        return HF_OK;
    }
    if (option->type == HF_OPTION_LIST) {
        HF_AUTO_STR prefix = hf_format("%s[].", option->path);

        if (value->kind == HF_YAML_NULL)
            return HF_OK;
        if (value->kind != HF_YAML_SEQUENCE)
            return wrong_type(in, option, value, "a list of mappings");
        for (size_t i = 0; i < value->items.count; i++) {
            const hf_yaml *entry = value->items.items[i];

            HF_TRY(read_item(in, option, prefix, entry, option->append(base, NULL, entry->where)));
        }
        return HF_OK;
    }
    return set_leaf(in, option, value, base);
}

/* Each has a name and a place of its own. */
static hf_status check_copies(const hf_config_reader *in, const hf_config *config)
{
    for (size_t i = 0; i < config->copy_to.count; i++) {
        const hf_repository_config *copy = &config->copy_to.items[i];

        if (hf_streq(copy->url, config->repository.url) &&
            hf_streq(copy->s3.endpoint, config->repository.s3.endpoint))
            return hf_config_refuse(in, copy->where, "copy \"%s\" is the repository itself", copy->name);
        for (size_t other = 0; other < i; other++)
            if (hf_streq(copy->name, config->copy_to.items[other].name)) {
                hf_config_refuse(in, copy->where, "two copies have the name \"%s\"", copy->name);
                return hf_hint(in->error, "give each a \"name\" of its own");
            }
    }
    return HF_OK;
}

/* Each names targets that exist, none twice. */
static hf_status check_groups(const hf_config_reader *in, const hf_config *config)
{
    for (size_t i = 0; i < config->groups.count; i++) {
        const hf_group_config *group = &config->groups.items[i];

        for (size_t k = 0; k < group->targets.count; k++) {
            const hf_target_config *target;
            hf_error ignored;

            if (hf_config_target(config, group->targets.items[k], &target, &ignored) != HF_OK)
                return hf_config_refuse(in, group->where, "group \"%s\": there is no target \"%.80s\"",
                                        group->name, group->targets.items[k]);
            for (size_t other = 0; other < k; other++)
                if (hf_streq(group->targets.items[k], group->targets.items[other]))
                    return hf_config_refuse(in, group->where, "group \"%s\" names target \"%.80s\" twice",
                                            group->name, group->targets.items[k]);
        }
        for (size_t other = 0; other < i; other++)
            if (hf_streq(group->name, config->groups.items[other].name))
                return hf_config_refuse(in, group->where, "two groups have the name \"%.80s\"", group->name);
    }
    return HF_OK;
}

hf_status hf_config_parse(const char *name, const char *folder, const char *text, size_t len,
                          hf_config **ret_config, hf_error *error)
{
    const hf_config_reader in = {.name = name, .folder = folder, .error = error};
    HF_AUTO(hf_yaml_freep) hf_yaml *root = NULL;
    HF_AUTO(hf_config_freep) hf_config *config = hf_alloc(sizeof(*config));

    HF_TRY(hf_yaml_parse(name, text, len, &root, error));
    if (root->kind != HF_YAML_MAPPING) {
        hf_config_refuse(&in, root->where, "a configuration is a mapping");
        return hf_hint(error, "it begins with repository: and targets:");
    }
    HF_TRY(read_mapping(&in, "", root, config));
    config->repository.name = hf_strdup("main");
    config->path = hf_strdup(name);
    config->folder = hf_strdup(folder);
    HF_TRY(check_copies(&in, config));
    HF_TRY(check_groups(&in, config));
    HF_TRY(hf_notify_name_all(&in, config));
    *ret_config = HF_TAKE(config);
    return HF_OK;
}

hf_status hf_config_load(const char *path, hf_config **ret_config, hf_error *error)
{
    const char *name = path == NULL ? DEFAULT_PATH : path;
    HF_AUTO_BUF text = HF_BUF_MAX(HF_YAML_MAX_BYTES + 1);

    hf_status status = hf_file_read(name, &text, error);
    if (status == HF_E_NOT_FOUND) {
        hf_fail(error, HF_E_USAGE, "there is no configuration \"%s\"", name);
        return path == NULL
                   ? hf_hint(error, "\"holdfast init\" writes one here; or name one with --config FILE")
                   : hf_hint(error, "\"holdfast init --config %s\" writes one", name);
    }
    if (status == HF_E_LIMIT)
        return hf_fail(error, HF_E_USAGE, "%s: larger than 1 MiB", name);
    HF_TRY(status);

    HF_AUTO_STR folder = hf_path_dirname(name);
    HF_AUTO_STR absolute = realpath(folder, NULL);
    if (absolute == NULL)
        return hf_fail_errno(error, "cannot find the folder of \"%s\"", name);
    return hf_config_parse(name, absolute, hf_buf_text(&text), text.len, ret_config, error);
}

hf_status hf_config_repository(const hf_config *config, const char *name,
                               const hf_repository_config **ret_repository, hf_error *error)
{
    HF_AUTO_BUF list = HF_BUF_MAX(400);

    *ret_repository = &config->repository;
    if (name == NULL || hf_streq(name, config->repository.name))
        return HF_OK;
    for (size_t i = 0; i < config->copy_to.count; i++) {
        *ret_repository = &config->copy_to.items[i];
        if (hf_streq(name, (*ret_repository)->name) || hf_streq(name, (*ret_repository)->url))
            return HF_OK;
        hf_buf_printf(&list, ", %s", (*ret_repository)->name);
    }
    hf_fail(error, HF_E_USAGE, "%s has no repository \"%.200s\"", config->path, name);
    return hf_hint(error, "it has: main%s", hf_buf_text(&list));
}

hf_status hf_config_group(const hf_config *config, const char *name, const hf_group_config **ret_group,
                          hf_error *error)
{
    HF_AUTO_BUF list = HF_BUF_MAX(400);

    for (size_t i = 0; i < config->groups.count; i++) {
        *ret_group = &config->groups.items[i];
        if (hf_streq((*ret_group)->name, name))
            return HF_OK;
        hf_buf_printf(&list, "%s%s", i == 0 ? "it has: " : ", ", (*ret_group)->name);
    }
    hf_fail(error, HF_E_USAGE, "%s has no group \"%.200s\"", config->path, name);
    return hf_hint(error, "%s",
                   list.len > 0
                       ? hf_buf_text(&list)
                       : "name the targets instead: --target site --target jobs; or add groups: to it");
}

hf_status hf_config_target(const hf_config *config, const char *name, const hf_target_config **ret_target,
                           hf_error *error)
{
    HF_AUTO_BUF list = HF_BUF_MAX(400);
    const char *names[KEYS_MAX];
    size_t count = 0;

    if (name == NULL && config->targets.count == 1) {
        *ret_target = &config->targets.items[0];
        return HF_OK;
    }
    for (size_t i = 0; i < config->targets.count; i++) {
        const hf_target_config *target = &config->targets.items[i];

        if (name != NULL && hf_streq(target->name, name)) {
            *ret_target = target;
            return HF_OK;
        }
        hf_buf_printf(&list, "%s%s", i == 0 ? "" : ", ", target->name);
        if (count < KEYS_MAX)
            names[count++] = target->name;
    }
    if (name == NULL) {
        hf_fail(error, HF_E_USAGE, "there are %zu targets, and none is named", config->targets.count);
        return hf_hint(error, "add --target NAME; %s has: %s", config->path, hf_buf_text(&list));
    }
    const char *near = hf_suggest(name, names, count);
    hf_fail(error, HF_E_USAGE, "%s has no target \"%s\"", config->path, name);
    return near == NULL ? hf_hint(error, "it has: %s", hf_buf_text(&list))
                        : hf_hint(error, "did you mean \"%s\"? it has: %s", near, hf_buf_text(&list));
}

static void target_done(hf_target_config *target)
{
    free(target->name);
    hf_secret_source_done(&target->database_url);
    hf_secret_source_done(&target->shadow_url);
    free(target->maintenance_database);
    hf_strings_done(&target->snapshot.pg_dump);
    hf_strings_done(&target->snapshot.include);
    hf_strings_done(&target->snapshot.exclude);
    hf_strings_done(&target->snapshot.exclude_data);
    free(target->migrations.directory);
    hf_strings_done(&target->migrations.command);
    free(target->migrations.url_variable);
    free(target->migrations.folder);
    hf_strings_done(&target->deploy.fence.before);
    hf_strings_done(&target->deploy.fence.after);
    hf_strings_done(&target->deploy.fence.roles);
    free(target->deploy.reports);
    hf_gates_config_done(&target->deploy.gates);
    for (size_t i = 0; i < target->checks.count; i++)
        hf_check_config_done(&target->checks.items[i]);
    free(target->checks.items);
    hf_strings_done(&target->retention.keep_labels);
    for (size_t i = 0; i < target->deploy.approvers.keys.count; i++) {
        free(target->deploy.approvers.keys.items[i].name);
        free(target->deploy.approvers.keys.items[i].public_key);
    }
    free(target->deploy.approvers.keys.items);
    for (size_t i = 0; i < HF_HOOKS; i++) {
        hf_strings_done(&target->deploy.hooks[i].command);
        free(target->deploy.hooks[i].folder);
    }
    hf_secret_source_done(&target->deploy.app_revision);
}

static void repository_done(hf_repository_config *repository)
{
    free(repository->name);
    free(repository->url);
    hf_secret_source_done(&repository->passphrase);
    free(repository->s3.endpoint);
    free(repository->s3.region);
    free(repository->s3.ca_file);
    free(repository->s3.profile);
}

void hf_config_free(hf_config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->targets.count; i++)
        target_done(&config->targets.items[i]);
    free(config->targets.items);
    for (size_t i = 0; i < config->groups.count; i++) {
        free(config->groups.items[i].name);
        hf_strings_done(&config->groups.items[i].targets);
    }
    free(config->groups.items);
    free(config->path);
    free(config->folder);
    repository_done(&config->repository);
    for (size_t i = 0; i < config->copy_to.count; i++)
        repository_done(&config->copy_to.items[i]);
    free(config->copy_to.items);
    hf_strings_done(&config->retention.keep_labels);
    for (size_t i = 0; i < config->notify.count; i++)
        hf_notify_config_done(&config->notify.items[i]);
    free(config->notify.items);
    for (size_t i = 0; i < HF_NOTIFY_EVENTS; i++)
        hf_strings_done(&config->contacts[i]);
    free(config);
}

void hf_config_freep(hf_config **config)
{
    hf_config_free(*config);
}
