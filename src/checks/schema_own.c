#include "checks/schema_own.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config/yaml.h"

#define NAME_MAX_BYTES 1024

static void json_done(json_t **value)
{
    json_decref(*value);
}
#define AUTO_JSON HF_AUTO(json_done) json_t *

typedef struct reader {
    const char *path;
    json_t *objects;
    hf_error *error;
} reader;

/* The table (or enum) that is read: "schema" may be NULL. */
typedef struct relation {
    char *schema, *name;
    const char *shown; /* as the file has it */
} relation;

static void relation_done(relation *value)
{
    free(value->schema);
    free(value->name);
}

bool hf_schema_own_is(const char *path)
{
    return hf_ends_with(path, ".yaml") || hf_ends_with(path, ".yml");
}

static hf_status refuse(const reader *in, hf_where where, const char *name, const char *what)
{
    return hf_fail(in->error, HF_E_USAGE, "%s:%u:%u: \"%.200s\" %s", in->path, where.line, where.column, name,
                   what);
}

static hf_status want_kind(const reader *in, const hf_yaml *value, hf_yaml_kind kind, const char *name)
{
    static const char *const must[] = {
        [HF_YAML_SCALAR] = "must be a text",
        [HF_YAML_SEQUENCE] = "must be a list",
        [HF_YAML_MAPPING] = "must be a mapping",
    };

    return value->kind == kind ? HF_OK : refuse(in, value->where, name, must[kind]);
}

static hf_status parse_relation(const reader *in, const hf_yaml_pair *pair, relation *ret_relation)
{
    const char *dot = strchr(pair->key, '.');
    const char *name = dot != NULL ? dot + 1 : pair->key;

    if (name[0] == '\0' || dot == pair->key || strchr(name, '.') != NULL ||
        strlen(pair->key) > NAME_MAX_BYTES)
        return refuse(in, pair->where, pair->key, "must be a name, or schema.name");
    if (dot != NULL)
        ret_relation->schema = hf_format("%.*s", (int) (dot - pair->key), pair->key);
    ret_relation->name = hf_strdup(name);
    ret_relation->shown = pair->key;
    return HF_OK;
}

/* One more expected thing; borrowed until the next. */
static json_t *add(const reader *in, const relation *of, const char *kind, const char *name,
                   const char *expected)
{
    json_t *object = json_object();

    json_object_set_new(object, "n", json_integer((json_int_t) json_array_size(in->objects)));
    json_object_set_new(object, "kind", json_string(kind));
    json_object_set_new(object, "name", json_string(name));
    json_object_set_new(object, "expected", json_string(expected));
    if (of->schema != NULL)
        json_object_set_new(object, "schema", json_string(of->schema));
    json_array_append_new(in->objects, object);
    return object;
}

/* A property of a table, a column or an enum; `want` is taken. */
static json_t *add_property(const reader *in, const relation *of, const char *aspect, const char *shown,
                            const char *expected, json_t *want)
{
    json_t *object = add(in, of, "property", of->name, expected);

    json_object_set_new(object, "table", json_string(of->name));
    json_object_set_new(object, "shown", json_string(shown));
    json_object_set_new(object, "aspect", json_string(aspect));
    json_object_set_new(object, "want", want);
    return object;
}

/* ---- lists: exactly these, or {at_least: these} ---- */

static hf_status read_texts(const reader *in, const hf_yaml *value, const char *name, json_t *texts,
                            hf_buf *shown)
{
    HF_TRY(want_kind(in, value, HF_YAML_SEQUENCE, name));
    for (size_t i = 0; i < value->items.count; i++) {
        const hf_yaml *item = value->items.items[i];

        HF_TRY(want_kind(in, item, HF_YAML_SCALAR, name));
        json_array_append_new(texts, json_string(item->text));
        hf_buf_printf(shown, "%s%s", i > 0 ? ", " : "", item->text);
    }
    if (value->items.count == 0)
        hf_buf_puts(shown, "none");
    return HF_OK;
}

static hf_status read_list(const reader *in, const hf_yaml *value, const char *name, bool *ret_at_least,
                           json_t *texts, hf_buf *shown)
{
    *ret_at_least = value->kind == HF_YAML_MAPPING;
    if (!*ret_at_least)
        return read_texts(in, value, name, texts, shown);
    if (value->pairs.count != 1 || !hf_streq(value->pairs.items[0].key, "at_least"))
        return refuse(in, value->where, name, "must be a list, or {at_least: [a list]}");
    hf_buf_puts(shown, "at least ");
    return read_texts(in, value->pairs.items[0].value, name, texts, shown);
}

static hf_status read_grants(const reader *in, const relation *of, const hf_yaml *value)
{
    static const char *const privileges[] = {"SELECT",   "INSERT",     "UPDATE",  "DELETE",
                                             "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"};

    HF_TRY(want_kind(in, value, HF_YAML_MAPPING, "grants"));
    for (size_t i = 0; i < value->pairs.count; i++) {
        const hf_yaml_pair *role = &value->pairs.items[i];
        HF_AUTO_BUF expected = HF_BUF_MAX(4096);
        AUTO_JSON want = json_array();
        json_t *item;
        size_t at;
        bool at_least;

        HF_TRY(read_list(in, role->value, role->key, &at_least, want, &expected));
        json_array_foreach(want, at, item)
        {
            bool known = false;

            for (size_t k = 0; k < sizeof(privileges) / sizeof(privileges[0]); k++)
                known = known || hf_streq(privileges[k], json_string_value(item));
            if (!known)
                return refuse(in, role->value->where, json_string_value(item), "is no privilege of a table");
        }
        HF_AUTO_STR shown = hf_format("grants to \"%s\" on \"%s\"", role->key, of->shown);
        json_t *object = add_property(in, of, at_least ? "grants_at_least" : "grants", shown,
                                      hf_buf_text(&expected), json_incref(want));
        json_object_set_new(object, "role", json_string(role->key));
    }
    return HF_OK;
}

/* ---- columns ---- */

static void add_column(const reader *in, const relation *of, const char *column, const char *aspect,
                       const char *expected, const char *want)
{
    HF_AUTO_STR shown = hf_format("column \"%s.%s\"", of->shown, column);
    json_t *object = add_property(in, of, aspect, shown, expected, json_string(want));

    json_object_set_new(object, "name", json_string(column));
}

static hf_status read_property(const reader *in, const relation *of, const char *column,
                               const hf_yaml_pair *pair)
{
    const char *text = pair->value->text;

    if (!hf_streq(pair->key, "type") && !hf_streq(pair->key, "nullable") && !hf_streq(pair->key, "default"))
        return refuse(in, pair->where, pair->key, "is not known: a column has type, nullable and default");
    HF_TRY(want_kind(in, pair->value, HF_YAML_SCALAR, pair->key));
    if (hf_streq(pair->key, "nullable")) {
        if (!hf_streq(text, "true") && !hf_streq(text, "false"))
            return refuse(in, pair->value->where, "nullable", "must be true or false");
        text = hf_streq(text, "true") ? "nullable" : "not nullable";
        add_column(in, of, column, "nullable", text, text);
        return HF_OK;
    }
    HF_AUTO_STR expected = hf_format("%s %s", pair->key, text);
    add_column(in, of, column, pair->key, expected, text);
    return HF_OK;
}

static hf_status read_columns(const reader *in, const relation *of, const hf_yaml *value)
{
    HF_TRY(want_kind(in, value, HF_YAML_MAPPING, "columns"));
    for (size_t i = 0; i < value->pairs.count; i++) {
        const hf_yaml_pair *column = &value->pairs.items[i];

        add_column(in, of, column->key, "column", "the column", "");
        if (column->value->kind == HF_YAML_NULL)
            continue;
        if (column->value->kind == HF_YAML_SCALAR) {
            HF_AUTO_STR expected = hf_format("type %s", column->value->text);
            add_column(in, of, column->key, "type", expected, column->value->text);
            continue;
        }
        HF_TRY(want_kind(in, column->value, HF_YAML_MAPPING, column->key));
        for (size_t k = 0; k < column->value->pairs.count; k++)
            HF_TRY(read_property(in, of, column->key, &column->value->pairs.items[k]));
    }
    return HF_OK;
}

/* ---- tables and enums ---- */

/* Indexes and constraints: names, of things of this table. */
static hf_status read_names(const reader *in, const relation *of, const hf_yaml *value, const char *kind,
                            const char *expected)
{
    HF_TRY(want_kind(in, value, HF_YAML_SEQUENCE, kind));
    for (size_t i = 0; i < value->items.count; i++) {
        HF_TRY(want_kind(in, value->items.items[i], HF_YAML_SCALAR, kind));
        json_t *object = add(in, of, kind, value->items.items[i]->text, expected);
        json_object_set_new(object, "table", json_string(of->name));
    }
    return HF_OK;
}

static hf_status read_row_security(const reader *in, const relation *of, const hf_yaml *value)
{
    HF_AUTO_STR shown = hf_format("row-level security of \"%s\"", of->shown);

    HF_TRY(want_kind(in, value, HF_YAML_SCALAR, "row_security"));
    if (!hf_streq(value->text, "off") && !hf_streq(value->text, "enabled") &&
        !hf_streq(value->text, "forced"))
        return refuse(in, value->where, "row_security", "must be off, enabled or forced");
    add_property(in, of, "row_security", shown, value->text, json_string(value->text));
    return HF_OK;
}

static hf_status read_table(const reader *in, const hf_yaml_pair *table)
{
    HF_AUTO(relation_done) relation of = {0};

    HF_TRY(parse_relation(in, table, &of));
    add(in, &of, "table", of.name, "a table");
    if (table->value->kind == HF_YAML_NULL)
        return HF_OK;
    HF_TRY(want_kind(in, table->value, HF_YAML_MAPPING, table->key));
    for (size_t i = 0; i < table->value->pairs.count; i++) {
        const hf_yaml_pair *pair = &table->value->pairs.items[i];

        if (hf_streq(pair->key, "columns"))
            HF_TRY(read_columns(in, &of, pair->value));
        else if (hf_streq(pair->key, "indexes"))
            HF_TRY(read_names(in, &of, pair->value, "index", "a valid index"));
        else if (hf_streq(pair->key, "constraints"))
            HF_TRY(read_names(in, &of, pair->value, "constraint", "a validated constraint"));
        else if (hf_streq(pair->key, "row_security"))
            HF_TRY(read_row_security(in, &of, pair->value));
        else if (hf_streq(pair->key, "grants"))
            HF_TRY(read_grants(in, &of, pair->value));
        else
            return refuse(in, pair->where, pair->key,
                          "is not known: a table has columns, indexes, constraints, row_security and grants");
    }
    return HF_OK;
}

static hf_status read_enum(const reader *in, const hf_yaml_pair *pair)
{
    HF_AUTO(relation_done) relation of = {0};
    HF_AUTO_BUF expected = HF_BUF_MAX(64u << 10);
    AUTO_JSON want = json_array();
    bool at_least;

    HF_TRY(parse_relation(in, pair, &of));
    HF_AUTO_STR shown = hf_format("labels of enum \"%s\"", pair->key);
    add(in, &of, "enum", of.name, "an enum");
    if (pair->value->kind == HF_YAML_NULL)
        return HF_OK;
    HF_TRY(read_list(in, pair->value, pair->key, &at_least, want, &expected));
    add_property(in, &of, at_least ? "labels_at_least" : "labels", shown, hf_buf_text(&expected),
                 json_incref(want));
    return HF_OK;
}

static hf_status read_root(const reader *in, const hf_yaml *root)
{
    HF_TRY(want_kind(in, root, HF_YAML_MAPPING, "a schema file"));
    for (size_t i = 0; i < root->pairs.count; i++) {
        const hf_yaml_pair *pair = &root->pairs.items[i];
        const bool tables = hf_streq(pair->key, "tables");

        if (!tables && !hf_streq(pair->key, "enums"))
            return refuse(in, pair->where, pair->key, "is not known: there are tables and enums");
        HF_TRY(want_kind(in, pair->value, HF_YAML_MAPPING, pair->key));
        for (size_t k = 0; k < pair->value->pairs.count; k++)
            HF_TRY((tables ? read_table : read_enum)(in, &pair->value->pairs.items[k]));
    }
    if (json_array_size(in->objects) > 0)
        return HF_OK;
    return refuse(in, root->where, in->path, "names nothing to check");
}

hf_status hf_schema_own_read(const char *path, json_t **ret_objects, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(HF_YAML_MAX_BYTES);
    HF_AUTO(hf_yaml_freep) hf_yaml *root = NULL;
    AUTO_JSON objects = json_array();

    hf_status status = hf_file_read(path, &text, error);
    if (status == HF_E_NOT_FOUND)
        return hf_fail(error, HF_E_USAGE, "the schema file \"%s\" does not exist", path);
    HF_TRY(status);
    HF_TRY(hf_yaml_parse(path, hf_buf_text(&text), text.len, &root, error));
    HF_TRY(read_root(&(reader){.path = path, .objects = objects, .error = error}, root));
    *ret_objects = HF_TAKE(objects);
    return HF_OK;
}
