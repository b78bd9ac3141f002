#include "migrations/types.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define NUMERIC_MAX 1000000 /* digits; no modifier */

static bool is(const hf_sql_type *type, const char *name)
{
    return hf_streq(type->name, name);
}

/* ---- reading ---- */

hf_sql_type hf_sql_type_of_tree(const json_t *type_name)
{
    hf_sql_type type = {.name = ""};
    const json_t *names = json_object_get(type_name, "names");
    const json_t *last = json_array_get(names, json_array_size(names) - 1);
    const json_t *modifiers = json_object_get(type_name, "typmods");

    if (json_string_value(json_object_get(json_object_get(last, "String"), "sval")) != NULL)
        type.name = json_string_value(json_object_get(json_object_get(last, "String"), "sval"));
    type.is_array = json_array_size(json_object_get(type_name, "arrayBounds")) > 0;
    for (size_t i = 0; i < json_array_size(modifiers) && type.count < 2; i++) {
        const json_t *constant = json_object_get(json_array_get(modifiers, i), "A_Const");
        const json_t *number = json_object_get(json_object_get(constant, "ival"), "ival");

        type.modifiers[type.count++] = (int) json_integer_value(number); /* 0 is left out */
    }
    return type;
}

/* pg_attribute.atttypmod, as its type reads it. */
static void read_typmod(hf_sql_type *type, int typmod)
{
    if (is(type, "varchar") || is(type, "bpchar")) {
        type->modifiers[type->count++] = typmod - 4;
    } else if (is(type, "numeric")) {
        type->modifiers[type->count++] = ((typmod - 4) >> 16) & 0xffff;
        type->modifiers[type->count++] = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
    } else {
        type->modifiers[type->count++] = typmod;
    }
}

hf_sql_type hf_sql_type_of_column(const json_t *column)
{
    const char *name = json_string_value(json_object_get(column, "type"));
    const json_t *typmod = json_object_get(column, "typmod");
    hf_sql_type type = {.name = name != NULL ? name : ""};

    if (type.name[0] == '_') {
        type.is_array = true;
        type.name++;
    }
    if (json_is_integer(typmod) && json_integer_value(typmod) >= 0)
        read_typmod(&type, (int) json_integer_value(typmod));
    return type;
}

bool hf_sql_type_same(const hf_sql_type *a, const hf_sql_type *b)
{
    int a_scale = a->count > 1 ? a->modifiers[1] : 0, b_scale = b->count > 1 ? b->modifiers[1] : 0;

    return is(a, b->name) && a->is_array == b->is_array && (a->count == 0) == (b->count == 0) &&
           a->modifiers[0] == b->modifiers[0] && a_scale == b_scale;
}

/* ---- judging ---- */

static int integer_digits(const hf_sql_type *type)
{
    return is(type, "int2") ? 5 : is(type, "int4") ? 10 : is(type, "int8") ? 19 : 0;
}

/* Digits before and behind the point. */
static void numeric_room(const hf_sql_type *type, int *whole, int *fraction)
{
    if (type->count == 0) {
        *whole = *fraction = NUMERIC_MAX;
        return;
    }
    *fraction = type->count > 1 ? type->modifiers[1] : 0;
    *whole = type->modifiers[0] - *fraction;
}

static bool numeric_fits(const hf_sql_type *from, const hf_sql_type *to)
{
    int whole, fraction, to_whole, to_fraction;

    numeric_room(to, &to_whole, &to_fraction);
    if (!is(from, "numeric"))
        return integer_digits(from) <= to_whole;
    numeric_room(from, &whole, &fraction);
    return whole <= to_whole && fraction <= to_fraction;
}

/* A length or precision that does not shrink; none is the largest. */
static bool modifier_fits(const hf_sql_type *from, const hf_sql_type *to)
{
    return to->count == 0 || (from->count > 0 && from->modifiers[0] <= to->modifiers[0]);
}

bool hf_sql_type_widens(const hf_sql_type *from, const hf_sql_type *to)
{
    static const char *const pairs[][2] = {
        {"int2", "float4"},
        {"int2", "float8"},
        {"int4", "float8"},
        {"float4", "float8"},
        {"date", "timestamp"},
        {"date", "timestamptz"},
        {"timestamp", "timestamptz"},
        {"timestamptz", "timestamp"},
        {"time", "interval"},
        {"time", "timetz"},
        {"json", "jsonb"},
        {"jsonb", "json"},
        {"cidr", "inet"},
        {"macaddr", "macaddr8"},
        {"name", "varchar"},
    };

    if (from->is_array != to->is_array)
        return false;
    if (is(to, "text") || (is(to, "varchar") && to->count == 0))
        return true;
    if (integer_digits(from) > 0 && integer_digits(to) > 0)
        return integer_digits(from) <= integer_digits(to);
    if (is(to, "numeric") && (is(from, "numeric") || integer_digits(from) > 0))
        return numeric_fits(from, to);
    if (is(from, to->name))
        return modifier_fits(from, to);
    if (is(from, "bpchar") && is(to, "varchar"))
        return modifier_fits(from, to);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (is(from, pairs[i][0]) && is(to, pairs[i][1]))
            return modifier_fits(from, to);
    return false;
}

static bool is_one_of(const hf_sql_type *type, const char *const *names)
{
    for (; *names != NULL; names++)
        if (is(type, *names))
            return true;
    return false;
}

bool hf_sql_type_rewrites(const hf_sql_type *from, const hf_sql_type *to, bool utc)
{
    static const char *const texts[] = {"text", "varchar", NULL};
    static const char *const lengths[] = {"varbit", "time", "timetz", "timestamp", "timestamptz", NULL};
    int whole, fraction, to_whole, to_fraction;

    if (hf_sql_type_same(from, to))
        return false;
    if (from->is_array || to->is_array)
        return true;
    if (is_one_of(from, texts) && is_one_of(to, texts))
        return !modifier_fits(from, to);
    if (is(from, to->name) && is_one_of(to, lengths))
        return !modifier_fits(from, to);
    if (is(from, "numeric") && is(to, "numeric")) {
        numeric_room(from, &whole, &fraction);
        numeric_room(to, &to_whole, &to_fraction);
        return to->count > 0 && (from->count == 0 || fraction != to_fraction || whole > to_whole);
    }
    if (is(from, "cidr") && is(to, "inet"))
        return false;
    if ((is(from, "timestamp") && is(to, "timestamptz")) || (is(from, "timestamptz") && is(to, "timestamp")))
        return !(utc && modifier_fits(from, to));
    return true;
}
