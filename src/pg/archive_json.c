/*
 * A schema archive as JSON: the form in which it is stored as an object of a snapshot.
 *
 * Reading is strict: every member must be there with its type, and none that is not known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/archive.h"

#define MAX_VERSION_PART 255

static const char *const SECTIONS[] = {"none", "pre-data", "data", "post-data"};

static void set_optional(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, text != NULL ? json_string(text) : json_null());
}

static json_t *entry_to_json(const hf_entry *entry)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", json_integer(entry->id));
    json_object_set_new(object, "catalog_oid", json_integer(entry->catalog_oid));
    json_object_set_new(object, "oid", json_integer(entry->oid));
    json_object_set_new(object, "kind", json_string(entry->kind));
    set_optional(object, "schema", entry->schema);
    json_object_set_new(object, "tag", json_string(entry->tag));
    json_object_set_new(object, "owner", json_string(entry->owner));
    set_optional(object, "tablespace", entry->tablespace);
    set_optional(object, "access_method", entry->access_method);
    char relkind[2] = {entry->relkind, '\0'};
    json_object_set_new(object, "relkind", json_string(relkind));
    json_object_set_new(object, "section", json_string(SECTIONS[entry->section]));
    json_object_set_new(object, "definition", json_string(entry->definition));
    json_object_set_new(object, "drop", json_string(entry->drop));
    json_t *dependencies = json_array();
    for (size_t i = 0; i < entry->dependencies.count; i++)
        json_array_append_new(dependencies, json_integer(entry->dependencies.items[i]));
    json_object_set_new(object, "dependencies", dependencies);
    return object;
}

json_t *hf_archive_to_json(const hf_archive *archive)
{
    json_t *object = json_object();
    json_object_set_new(object, "archive_version",
                        json_sprintf("%d.%d.%d", archive->version >> 16, (archive->version >> 8) & 255,
                                     archive->version & 255));
    json_object_set_new(object, "server_version", json_string(archive->server_version));
    json_object_set_new(object, "pg_dump_version", json_string(archive->pg_dump_version));
    json_t *entries = json_array();
    for (size_t i = 0; i < archive->entries.count; i++)
        json_array_append_new(entries, entry_to_json(&archive->entries.items[i]));
    json_object_set_new(object, "entries", entries);
    return object;
}

static hf_status misfit(hf_error *error, const char *name)
{
    return hf_fail(error, HF_E_CORRUPT, "schema archive: member \"%s\" is missing or malformed", name);
}

/* A text without a zero byte; the caller owns it. */
static hf_status get_text(const json_t *object, const char *name, char **ret_text, hf_error *error)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return misfit(error, name);
    *ret_text = hf_strdup(json_string_value(value));
    return HF_OK;
}

static hf_status get_optional(const json_t *object, const char *name, char **ret_text, hf_error *error)
{
    if (json_is_null(json_object_get(object, name)))
        return HF_OK;
    return get_text(object, name, ret_text, error);
}

static hf_status get_int(const json_t *value, const char *name, int64_t min, int64_t max, int64_t *ret_value,
                         hf_error *error)
{
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        return misfit(error, name);
    *ret_value = json_integer_value(value);
    return HF_OK;
}

static hf_status get_relkind(const json_t *object, char *ret_relkind, hf_error *error)
{
    HF_AUTO_STR text = NULL;
    HF_TRY(get_text(object, "relkind", &text, error));
    if (strlen(text) > 1)
        return misfit(error, "relkind");
    *ret_relkind = text[0];
    return HF_OK;
}

static hf_status get_section(const json_t *object, hf_section *ret_section, hf_error *error)
{
    HF_AUTO_STR text = NULL;
    HF_TRY(get_text(object, "section", &text, error));
    for (size_t i = 0; i < sizeof(SECTIONS) / sizeof(*SECTIONS); i++)
        if (strcmp(text, SECTIONS[i]) == 0) {
            *ret_section = (hf_section) i;
            return HF_OK;
        }
    return misfit(error, "section");
}

static hf_status entry_from_json(const json_t *object, hf_entry *entry, hf_error *error)
{
    if (!json_is_object(object) || json_object_size(object) != 14)
        return misfit(error, "entries");
    int64_t id = 0, catalog_oid = 0, oid = 0;
    HF_TRY(get_int(json_object_get(object, "id"), "id", 1, INT32_MAX, &id, error));
    HF_TRY(
        get_int(json_object_get(object, "catalog_oid"), "catalog_oid", 0, UINT32_MAX, &catalog_oid, error));
    HF_TRY(get_int(json_object_get(object, "oid"), "oid", 0, UINT32_MAX, &oid, error));
    entry->id = (int32_t) id;
    entry->catalog_oid = (uint32_t) catalog_oid;
    entry->oid = (uint32_t) oid;
    HF_TRY(get_text(object, "kind", &entry->kind, error));
    HF_TRY(get_optional(object, "schema", &entry->schema, error));
    HF_TRY(get_text(object, "tag", &entry->tag, error));
    HF_TRY(get_text(object, "owner", &entry->owner, error));
    HF_TRY(get_optional(object, "tablespace", &entry->tablespace, error));
    HF_TRY(get_optional(object, "access_method", &entry->access_method, error));
    HF_TRY(get_relkind(object, &entry->relkind, error));
    HF_TRY(get_section(object, &entry->section, error));
    HF_TRY(get_text(object, "definition", &entry->definition, error));
    HF_TRY(get_text(object, "drop", &entry->drop, error));
    const json_t *dependencies = json_object_get(object, "dependencies");
    if (!json_is_array(dependencies))
        return misfit(error, "dependencies");
    for (size_t i = 0; i < json_array_size(dependencies); i++) {
        int64_t value = 0;
        HF_TRY(get_int(json_array_get(dependencies, i), "dependencies", 0, INT32_MAX, &value, error));
        HF_PUSH(&entry->dependencies, (int32_t) value);
    }
    return HF_OK;
}

static hf_status get_version(const json_t *object, int *ret_version, hf_error *error)
{
    HF_AUTO_STR text = NULL;
    HF_TRY(get_text(object, "archive_version", &text, error));
    int version = 0, part = 0, parts = 1, digits = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '.' && digits > 0 && parts < 3) {
            version = version << 8 | part;
            part = digits = 0;
            parts++;
        } else if (*c >= '0' && *c <= '9' && ++digits <= 3) {
            part = part * 10 + (*c - '0');
        } else {
            return misfit(error, "archive_version");
        }
        if (part > MAX_VERSION_PART)
            return misfit(error, "archive_version");
    }
    if (parts != 3 || digits == 0)
        return misfit(error, "archive_version");
    *ret_version = version << 8 | part;
    return HF_OK;
}

hf_status hf_archive_from_json(const json_t *json, hf_archive **ret_archive, hf_error *error)
{
    if (!json_is_object(json) || json_object_size(json) != 4)
        return hf_fail(error, HF_E_CORRUPT, "schema archive: not an object of four members");
    HF_AUTO(hf_archive_freep) hf_archive *archive = hf_alloc(sizeof(*archive));
    HF_TRY(get_version(json, &archive->version, error));
    HF_TRY(get_text(json, "server_version", &archive->server_version, error));
    HF_TRY(get_text(json, "pg_dump_version", &archive->pg_dump_version, error));
    const json_t *entries = json_object_get(json, "entries");
    if (!json_is_array(entries))
        return misfit(error, "entries");
    for (size_t i = 0; i < json_array_size(entries); i++)
        HF_TRY(entry_from_json(json_array_get(entries, i), HF_APPEND_NEW(&archive->entries), error));
    HF_TRY(hf_archive_index(archive, error));
    *ret_archive = HF_TAKE(archive);
    return HF_OK;
}
