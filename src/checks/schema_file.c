#include "checks/schema_file.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "checks/schema_own.h"

#define FILE_MAX (4u << 20)
#define NAME_MAX_BYTES 1024

static void json_done(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
#define AUTO_JSON HF_AUTO(json_done) json_t *

static const struct {
    const char *key;
    const char *kind;
} lists[] = {
    {"criticalTables", "table"},
    {"criticalIndexes", "index"},
    {"criticalConstraints", "constraint"},
    {"criticalEnums", "enum"},
};

static bool has_lists(const json_t *object)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (json_object_get(object, lists[i].key) != NULL)
            return true;
    return false;
}

/* Many teams' files have no level "databases": each database is a member beside "$schema" and "description". */
static void gather_databases(json_t *root)
{
    json_t *databases = json_object();
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value) if (has_lists(value)) json_object_set(databases, key, value);
    if (json_object_get(root, "databases") == NULL && json_object_size(databases) > 0)
        json_object_set(root, "databases", databases);
    json_decref(databases);
}

static hf_status load(const char *path, json_t **ret_root, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(FILE_MAX);
    json_error_t where;

    hf_status status = hf_file_read(path, &text, error);
    if (status == HF_E_NOT_FOUND)
        return hf_fail(error, HF_E_USAGE, "the schema file \"%s\" does not exist", path);
    HF_TRY(status);

    AUTO_JSON root = json_loadb(hf_buf_text(&text), text.len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return hf_fail(error, HF_E_USAGE, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    if (!json_is_object(root))
        return hf_fail(error, HF_E_USAGE, "%s: not a JSON object", path);
    gather_databases(root);
    *ret_root = HF_TAKE(root);
    return HF_OK;
}

/* Split "schema.name"; quotes of SQL are taken off. */
static void set_name(json_t *object, const char *text, size_t len)
{
    HF_AUTO_STR name = hf_alloc(len + 1);
    size_t used = 0;
    bool quoted = false, has_schema = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == '.' && !quoted && !has_schema && used > 0) {
            json_object_set_new(object, "schema", json_stringn(name, used));
            has_schema = true;
            used = 0;
        } else {
            name[used++] = text[i];
        }
    }
    json_object_set_new(object, "name", json_stringn(name, used));
}

typedef struct entry_place {
    const char *path;
    const char *key;
    const char *kind;
    json_t *objects;
} entry_place;

static hf_status bad_entry(const entry_place *place, const char *what, hf_error *error)
{
    return hf_fail(error, HF_E_USAGE, "%s: %s: %s", place->path, place->key, what);
}

static hf_status check_values(const entry_place *place, const json_t *values, hf_error *error)
{
    size_t index;
    json_t *value;

    if (!json_is_array(values))
        return bad_entry(place, "values are not a list", error);
    json_array_foreach(values, index, value) if (!json_is_string(value)) return bad_entry(
        place, "a value is not a text", error);
    return HF_OK;
}

/* `table` may be NULL, `values` too (borrowed). */
static hf_status add_object(const entry_place *place, const char *name, const char *table, json_t *values,
                            hf_error *error)
{
    size_t len = name != NULL ? strlen(name) : 0;

    if (len == 0 || len > NAME_MAX_BYTES)
        return bad_entry(place, "an entry without a name", error);

    json_t *object = json_object();
    json_object_set_new(object, "n", json_integer((json_int_t) json_array_size(place->objects)));
    json_object_set_new(object, "kind", json_string(place->kind));
    set_name(object, name, len);
    if (table != NULL) {
        const char *dot = strrchr(table, '.');

        json_object_set_new(object, "table", json_string(dot != NULL ? dot + 1 : table));
        if (dot != NULL && json_object_get(object, "schema") == NULL)
            json_object_set_new(object, "schema", json_stringn(table, (size_t) (dot - table)));
    }
    json_array_append_new(place->objects, object);
    if (values == NULL)
        return HF_OK;
    HF_TRY(check_values(place, values, error));
    json_object_set(object, "values", values);
    return HF_OK;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static hf_status add_entry(const entry_place *place, const char *table, json_t *entry, hf_error *error)
{
    bool is_table = hf_streq(place->kind, "table");
    HF_AUTO_STR qualified = NULL;

    if (json_is_string(entry))
        return add_object(place, json_string_value(entry), table, NULL, error);
    if (!json_is_object(entry))
        return bad_entry(place, "an entry is neither a text nor an object", error);

    const char *name = text_at(entry, "name");
    const char *schema = text_at(entry, "schema");

    if (text_at(entry, "table") != NULL && is_table && name == NULL)
        name = text_at(entry, "table");
    else if (text_at(entry, "table") != NULL && !is_table)
        table = text_at(entry, "table");
    if (schema != NULL && name != NULL) {
        qualified = hf_format("\"%s\".\"%s\"", schema, name);
        name = qualified;
    }
    return add_object(place, name, table,
                      hf_streq(place->kind, "enum") ? json_object_get(entry, "values") : NULL, error);
}

/* {"users": ["a", "b"]}: names by table; for enums: values by name; for tables: only the names count. */
static hf_status add_map(const entry_place *place, json_t *map, hf_error *error)
{
    const char *key;
    json_t *value, *entry;
    size_t index;

    json_object_foreach(map, key, value)
    {
        if (hf_streq(place->kind, "enum")) {
            HF_TRY(add_object(place, key, NULL, json_is_array(value) ? value : NULL, error));
        } else if (hf_streq(place->kind, "table")) {
            HF_TRY(add_object(place, key, NULL, NULL, error));
        } else {
            if (!json_is_array(value))
                return bad_entry(place, "the names of a table are not a list", error);
            json_array_foreach(value, index, entry) HF_TRY(add_entry(place, key, entry, error));
        }
    }
    return HF_OK;
}

static hf_status add_lists(const char *path, const json_t *from, json_t *objects, hf_error *error)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const entry_place place = {
            .path = path, .key = lists[i].key, .kind = lists[i].kind, .objects = objects};
        json_t *list = json_object_get(from, lists[i].key);
        json_t *entry;
        size_t index;

        if (json_is_array(list)) {
            json_array_foreach(list, index, entry) HF_TRY(add_entry(&place, NULL, entry, error));
        } else if (json_is_object(list)) {
            HF_TRY(add_map(&place, list, error));
        } else if (list != NULL && !json_is_null(list)) {
            return bad_entry(&place, "not a list", error);
        }
    }
    return HF_OK;
}

static hf_status refuse_database(const char *path, const json_t *databases, const char *wanted,
                                 hf_error *error)
{
    HF_AUTO_BUF names = HF_BUF_MAX(400);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *) databases, key, value)
        hf_buf_printf(&names, "%s\"%s\"", names.len > 0 ? ", " : "", key);
    (void) hf_fail(error, HF_E_USAGE, "%s: no database \"%s\" in it", path, wanted);
    return hf_hint(error, "name one with `database`: it has %s",
                   names.len > 0 ? hf_buf_text(&names) : "none");
}

/* *ret_database is borrowed; NULL when only the top level counts. */
static hf_status pick_database(const char *path, const json_t *root, const char *database, const char *target,
                               const json_t **ret_database, hf_error *error)
{
    const json_t *databases = json_object_get(root, "databases");
    const char *wanted = database != NULL ? database : target;
    const json_t *found;

    *ret_database = NULL;
    if (databases == NULL && database == NULL)
        return HF_OK;
    if (!json_is_object(databases))
        return hf_fail(error, HF_E_USAGE, "%s: \"databases\" is not an object", path);
    if (database == NULL && json_object_size(databases) == 1)
        found = json_object_iter_value(json_object_iter((json_t *) databases));
    else
        found = json_object_get(databases, wanted);
    if (found == NULL)
        return refuse_database(path, databases, wanted, error);
    if (!json_is_object(found))
        return hf_fail(error, HF_E_USAGE, "%s: the database \"%s\" is not an object", path, wanted);
    *ret_database = found;
    return HF_OK;
}

hf_status hf_schema_file_read(const char *path, const char *database, const char *target,
                              json_t **ret_objects, hf_error *error)
{
    AUTO_JSON root = NULL;
    AUTO_JSON objects = json_array();
    const json_t *chosen;

    if (hf_schema_own_is(path) && database != NULL)
        return hf_fail(error, HF_E_USAGE, "%s: only a .json file has several databases: leave `database` out",
                       path);
    if (hf_schema_own_is(path))
        return hf_schema_own_read(path, ret_objects, error);
    HF_TRY(load(path, &root, error));
    HF_TRY(pick_database(path, root, database, target, &chosen, error));
    HF_TRY(add_lists(path, root, objects, error));
    if (chosen != NULL)
        HF_TRY(add_lists(path, chosen, objects, error));
    if (json_array_size(objects) == 0) {
        (void) hf_fail(error, HF_E_USAGE, "%s: names nothing to check", path);
        return hf_hint(
            error,
            "expected lists called criticalTables, criticalIndexes, criticalConstraints, criticalEnums");
    }
    *ret_objects = HF_TAKE(objects);
    return HF_OK;
}

hf_status hf_schema_file_validate(const char *path, const char *database, hf_error *error)
{
    AUTO_JSON root = NULL;
    AUTO_JSON objects = json_array();
    const char *key;
    json_t *value;

    if (database != NULL || hf_schema_own_is(path)) {
        AUTO_JSON chosen = NULL;
        return hf_schema_file_read(path, database, database, &chosen, error);
    }
    HF_TRY(load(path, &root, error));
    HF_TRY(add_lists(path, root, objects, error));
    json_t *databases = json_object_get(root, "databases");
    if (databases != NULL && !json_is_object(databases))
        return hf_fail(error, HF_E_USAGE, "%s: \"databases\" is not an object", path);
    json_object_foreach(databases, key, value)
    {
        if (!json_is_object(value))
            return hf_fail(error, HF_E_USAGE, "%s: the database \"%s\" is not an object", path, key);
        HF_TRY(add_lists(path, value, objects, error));
    }
    if (json_array_size(objects) == 0)
        return hf_fail(error, HF_E_USAGE, "%s: names nothing to check", path);
    return HF_OK;
}
