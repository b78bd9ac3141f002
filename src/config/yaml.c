#include "config/yaml.h"

#include <libfyaml.h>
#include <string.h>

#include "base/text.h"

typedef struct reader {
    const char *name;
    hf_error *error;
} reader;

static hf_status refuse(const reader *in, hf_where where, const char *message, const char *hint)
{
    hf_fail(in->error, HF_E_USAGE, "%s:%u:%u: %s", in->name, where.line, where.column, message);
    return hf_hint(in->error, "%s", hint);
}

static void free_diag(struct fy_diag **diag)
{
    fy_diag_destroy(*diag);
}

static void free_document(struct fy_document **document)
{
    fy_document_destroy(*document);
}

/* libfyaml prints internal remarks even when it collects errors. */
static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void) diag;
    (void) user;
    (void) text;
    (void) len;
}

void hf_yaml_free(hf_yaml *node)
{
    if (node == NULL)
        return;
    free(node->text);
    for (size_t i = 0; i < node->items.count; i++)
        hf_yaml_free(node->items.items[i]);
    free(node->items.items);
    for (size_t i = 0; i < node->pairs.count; i++) {
        free(node->pairs.items[i].key);
        hf_yaml_free(node->pairs.items[i].value);
    }
    free(node->pairs.items);
    free(node);
}

void hf_yaml_freep(hf_yaml **node)
{
    hf_yaml_free(*node);
}

/* A collection has no place of its own in libfyaml: it stands where its first scalar does, else where its key does. */
static hf_where place_of(struct fy_node *node, hf_where otherwise, int depth)
{
    if (node == NULL || depth > HF_YAML_MAX_DEPTH)
        return otherwise;
    if (fy_node_is_scalar(node)) {
        const struct fy_mark *mark = fy_token_start_mark(fy_node_get_scalar_token(node));

        if (mark == NULL)
            return otherwise;
        enum fy_node_style style = fy_node_get_style(node);
        /* The token begins behind its quote or asterisk. */
        bool behind = style == FYNS_SINGLE_QUOTED || style == FYNS_DOUBLE_QUOTED || style == FYNS_ALIAS;
        return (hf_where){.line = (unsigned) mark->line + 1,
                          .column = (unsigned) mark->column + (behind && mark->column > 0 ? 0 : 1)};
    }
    void *position = NULL;
    if (fy_node_is_sequence(node))
        return place_of(fy_node_sequence_iterate(node, &position), otherwise, depth + 1);
    struct fy_node_pair *pair = fy_node_mapping_iterate(node, &position);
    return pair == NULL ? otherwise : place_of(fy_node_pair_key(pair), otherwise, depth + 1);
}

static hf_status copy_text(const reader *in, struct fy_node *node, hf_where where, char **ret_text)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(node, &len);

    if (fy_node_is_alias(node))
        return refuse(in, where, "anchors and aliases are not understood here",
                      "write the value out in each place");
    if (memchr(text, '\0', len) != NULL)
        return refuse(in, where, "a NUL character has no place in a text", "remove it");
    *ret_text = hf_strndup(text, len);
    return HF_OK;
}

static hf_status convert(const reader *in, struct fy_node *from, hf_where otherwise, int depth, hf_yaml *to);

static hf_status convert_pair(const reader *in, struct fy_node_pair *from, hf_where otherwise, int depth,
                              hf_yaml *to)
{
    struct fy_node *key = fy_node_pair_key(from);
    hf_where where = place_of(key, otherwise, 0);
    HF_AUTO_STR text = NULL;

    if (key == NULL || !fy_node_is_scalar(key) || fy_node_is_null(key))
        return refuse(in, where, "a key must be a text", "");
    HF_TRY(copy_text(in, key, where, &text));
    for (size_t i = 0; i < to->pairs.count; i++) {
        if (!hf_streq(to->pairs.items[i].key, text))
            continue;
        hf_fail(in->error, HF_E_USAGE, "%s:%u:%u: \"%s\" is given twice", in->name, where.line, where.column,
                text);
        return hf_hint(in->error, "it stands in line %u already", to->pairs.items[i].where.line);
    }

    hf_yaml_pair *pair = HF_APPEND_NEW(&to->pairs);
    pair->key = HF_TAKE(text);
    pair->where = where;
    pair->value = hf_alloc(sizeof(*pair->value));
    return convert(in, fy_node_pair_value(from), where, depth + 1, pair->value);
}

static hf_status convert(const reader *in, struct fy_node *from, hf_where otherwise, int depth, hf_yaml *to)
{
    to->where = place_of(from, otherwise, 0);
    if (depth > HF_YAML_MAX_DEPTH)
        return refuse(in, to->where, "nested too deeply", "");
    if (from == NULL || fy_node_is_null(from)) {
        to->kind = HF_YAML_NULL;
        return HF_OK;
    }
    if (fy_node_is_scalar(from)) {
        HF_TRY(copy_text(in, from, to->where, &to->text));
        to->kind = HF_YAML_SCALAR;
        to->plain = fy_node_get_style(from) == FYNS_PLAIN;
        if (to->plain && (to->text[0] == '\0' || hf_streq(to->text, "~") || hf_streq(to->text, "null")))
            to->kind = HF_YAML_NULL;
        return HF_OK;
    }

    void *position = NULL;
    if (fy_node_is_sequence(from)) {
        struct fy_node *item;

        to->kind = HF_YAML_SEQUENCE;
        while ((item = fy_node_sequence_iterate(from, &position)) != NULL) {
            hf_yaml *child = hf_alloc(sizeof(*child));

            HF_PUSH(&to->items, child);
            HF_TRY(convert(in, item, to->where, depth + 1, child));
        }
        return HF_OK;
    }
    struct fy_node_pair *pair;
    to->kind = HF_YAML_MAPPING;
    while ((pair = fy_node_mapping_iterate(from, &position)) != NULL)
        HF_TRY(convert_pair(in, pair, to->where, depth, to));
    return HF_OK;
}

/* libfyaml reads past bytes that are not UTF-8 and past a second document; both would change what the file means. */
static hf_status check_text(const reader *in, const char *text, size_t len)
{
    unsigned line = 1;
    bool content = false;

    if (len > HF_YAML_MAX_BYTES) {
        hf_fail(in->error, HF_E_USAGE, "%s: larger than 1 MiB", in->name);
        return hf_hint(in->error, "is it a configuration?");
    }
    for (size_t start = 0; start < len; line++) {
        const char *end = memchr(text + start, '\n', len - start);
        size_t line_len = end == NULL ? len - start : (size_t) (end - text) - start;
        const char *here = text + start;

        if (!hf_is_utf8(here, line_len))
            return refuse(in, (hf_where){line, 1}, "not UTF-8", "save the file as UTF-8");
        bool separator = line_len >= 3 && memcmp(here, "---", 3) == 0 &&
                         (line_len == 3 || here[3] == ' ' || here[3] == '\r' || here[3] == '\t');
        if (separator && content)
            return refuse(in, (hf_where){line, 1}, "a second document begins here",
                          "a configuration is one document");
        if (!separator && line_len > 0 && here[0] != '#' && here[0] != '\r')
            content = true;
        start += line_len + 1;
    }
    if (!content) {
        hf_fail(in->error, HF_E_USAGE, "%s: the file is empty", in->name);
        return hf_hint(in->error, "\"holdfast init\" writes a configuration to begin with");
    }
    return HF_OK;
}

static hf_status first_error(const reader *in, struct fy_diag *diag, bool parsed)
{
    void *position = NULL;
    struct fy_diag_error *found;

    while ((found = fy_diag_errors_iterate(diag, &position)) != NULL) {
        if (found->type != FYET_ERROR)
            continue;
        hf_fail(in->error, HF_E_USAGE, "%s:%d:%d: not valid YAML: %s", in->name, found->line, found->column,
                found->msg);
        return hf_hint(in->error, "indentation is by spaces, and texts with \": \", \" #\" or a leading "
                                  "special character need quotes");
    }
    if (!parsed)
        return hf_fail(in->error, HF_E_USAGE, "%s: not valid YAML", in->name);
    return HF_OK;
}

hf_status hf_yaml_parse(const char *name, const char *text, size_t len, hf_yaml **ret_root, hf_error *error)
{
    const reader in = {.name = name, .error = error};
    struct fy_diag_cfg diag_cfg;

    HF_TRY(check_text(&in, text, len));
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_output;
    HF_AUTO(free_diag) struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (diag == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory");
    fy_diag_set_collect_errors(diag, true);

    /* Duplicate keys are let through here, because convert_pair() can name both places. */
    const struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_JSON_NONE |
                 FYPCF_DEFAULT_VERSION_1_2,
        .diag = diag,
    };
    HF_AUTO(free_document) struct fy_document *document = fy_document_build_from_string(&cfg, text, len);
    HF_TRY(first_error(&in, diag, document != NULL));

    HF_AUTO(hf_yaml_freep) hf_yaml *root = hf_alloc(sizeof(*root));
    HF_TRY(convert(&in, fy_document_root(document), (hf_where){1, 1}, 0, root));
    *ret_root = HF_TAKE(root);
    return HF_OK;
}
