#include "migrations/world.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "migrations/types.h"

const char *hf_world_text(const json_t *thing, const char *member)
{
    const char *text = json_string_value(json_object_get(thing, member));

    return text != NULL ? text : "";
}

bool hf_world_is_new(const json_t *thing)
{
    return json_is_true(json_object_get(thing, "new"));
}

static const char *name_at(const json_t *names, size_t from_end)
{
    size_t count = json_array_size(names);

    if (from_end > count)
        return NULL;
    return json_string_value(
        json_object_get(json_object_get(json_array_get(names, count - from_end), "String"), "sval"));
}

const char *hf_world_last_name(const json_t *names)
{
    const char *name = name_at(names, 1);

    return name != NULL ? name : "";
}

const char *hf_world_schema_name(const json_t *names)
{
    return name_at(names, 2);
}

/* The member `name` of the array `list` of relation, by "name". */
static json_t *member(const json_t *relation, const char *list, const char *name, size_t *ret_index)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(relation, list), i, item)
    {
        if (!hf_streq(hf_world_text(item, "name"), name))
            continue;
        if (ret_index != NULL)
            *ret_index = i;
        return item;
    }
    return NULL;
}

static json_t *array_of(json_t *thing, const char *name)
{
    json_t *array = json_object_get(thing, name);

    if (json_is_array(array))
        return array;
    array = json_array();
    json_object_set_new(thing, name, array);
    return array;
}

/* ---- relations ---- */

static json_t *find_in(json_t *world, const char *schema, const char *name)
{
    size_t i;
    json_t *relation;

    json_array_foreach(json_object_get(world, "relations"), i, relation)
    {
        if (!json_is_true(json_object_get(relation, "dropped")) &&
            hf_streq(hf_world_text(relation, "name"), name) &&
            (schema == NULL || hf_streq(hf_world_text(relation, "schema"), schema)))
            return relation;
    }
    return NULL;
}

static json_t *find(json_t *world, const char *schema, const char *name)
{
    size_t i;
    json_t *in_path;

    if (schema != NULL)
        return find_in(world, schema, name);
    json_array_foreach(json_object_get(world, "path"), i, in_path)
    {
        json_t *relation = find_in(world, json_string_value(in_path), name);

        if (relation != NULL)
            return relation;
    }
    return find_in(world, NULL, name); /* a search_path that the plan has changed */
}

json_t *hf_world_find(json_t *world, const json_t *range)
{
    return find(world, json_string_value(json_object_get(range, "schemaname")),
                hf_world_text(range, "relname"));
}

json_t *hf_world_find_names(json_t *world, const json_t *names)
{
    return find(world, hf_world_schema_name(names), hf_world_last_name(names));
}

json_t *hf_world_table_of_index(json_t *world, const json_t *names, bool *ret_unique)
{
    const char *schema = hf_world_schema_name(names);
    size_t i;
    json_t *relation;

    json_array_foreach(json_object_get(world, "relations"), i, relation)
    {
        const json_t *index = member(relation, "indexes", hf_world_last_name(names), NULL);

        if (index != NULL && !json_is_true(json_object_get(relation, "dropped")) &&
            (schema == NULL || hf_streq(schema, hf_world_text(index, "schema")))) {
            *ret_unique = json_is_true(json_object_get(index, "unique"));
            return relation;
        }
    }
    return NULL;
}

void hf_world_change_path(json_t *world)
{
    json_object_set_new(world, "path_changed", json_true());
}

bool hf_world_has_other_path(const json_t *world)
{
    return json_is_true(json_object_get(world, "path_changed"));
}

json_t *hf_world_add(json_t *world, const json_t *range, const char *kind)
{
    const char *schema = json_string_value(json_object_get(range, "schemaname"));
    json_t *relation;

    if (schema == NULL)
        schema = json_string_value(json_array_get(json_object_get(world, "path"), 0));
    /* where a name without a schema leads to is not known any more: better not to think it new */
    bool is_new = json_object_get(range, "schemaname") != NULL || !hf_world_has_other_path(world);
    relation = json_pack("{s:s, s:s, s:s, s:b}", "schema", schema != NULL ? schema : "public", "name",
                         hf_world_text(range, "relname"), "kind", kind, "new", is_new);
    json_array_append_new(array_of(world, "relations"), relation);
    return relation;
}

void hf_world_drop(json_t *relation)
{
    json_object_set_new(relation, "dropped", json_true());
}

/* ---- columns and constraints ---- */

json_t *hf_world_column(const json_t *relation, const char *name)
{
    return member(relation, "columns", name, NULL);
}

json_t *hf_world_constraint(const json_t *relation, const char *name)
{
    return member(relation, "constraints", name, NULL);
}

json_t *hf_world_add_column(json_t *relation, const json_t *definition)
{
    const hf_sql_type type = hf_sql_type_of_tree(json_object_get(definition, "typeName"));
    HF_AUTO_STR name = hf_format("%s%s", type.is_array ? "_" : "", type.name);
    json_t *column =
        json_pack("{s:s, s:s, s:b}", "name", hf_world_text(definition, "colname"), "type", name, "new", 1);

    json_array_append_new(array_of(relation, "columns"), column);
    return column;
}

void hf_world_remove_column(json_t *relation, const char *name)
{
    size_t i;

    if (member(relation, "columns", name, &i) != NULL)
        json_array_remove(json_object_get(relation, "columns"), i);
}

void hf_world_add_constraint(json_t *relation, const char *name, const char *kind, bool valid,
                             const char *definition)
{
    json_array_append_new(array_of(relation, "constraints"),
                          json_pack("{s:s, s:s, s:b, s:s, s:b}", "name", name, "kind", kind, "valid", valid,
                                    "definition", definition, "new", 1));
}

bool hf_world_is_checked_not_null(const json_t *relation, const char *column)
{
    size_t i;
    json_t *constraint;
    HF_AUTO_STR plain = hf_format("CHECK ((%s IS NOT NULL))", column);
    HF_AUTO_STR quoted = hf_format("CHECK ((\"%s\" IS NOT NULL))", column);

    json_array_foreach(json_object_get(relation, "constraints"), i, constraint)
    {
        const char *definition = hf_world_text(constraint, "definition");

        if (json_is_true(json_object_get(constraint, "valid")) &&
            (hf_streq(definition, plain) || hf_streq(definition, quoted)))
            return true;
    }
    return false;
}
