#include "repository/manifest_additions.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LIST_MAX 1000000u

bool hf_lost_is_large_object(const hf_lost *lost)
{
    return strcmp(lost->name, "pg_largeobject") == 0 && strcmp(lost->schema, "pg_catalog") == 0;
}

bool hf_manifest_is_filtered(const hf_manifest *manifest)
{
    return manifest->filters.include.count + manifest->filters.exclude.count +
               manifest->filters.exclude_data.count >
           0;
}

static void role_plan_done(hf_manifest *manifest)
{
    for (size_t i = 0; i < manifest->role_plan.roles.count; i++) {
        free(manifest->role_plan.roles.items[i].name);
        free(manifest->role_plan.roles.items[i].valid_until);
        hf_strings_done(&manifest->role_plan.roles.items[i].settings);
    }
    free(manifest->role_plan.roles.items);
    for (size_t i = 0; i < manifest->role_plan.memberships.count; i++) {
        free(manifest->role_plan.memberships.items[i].role);
        free(manifest->role_plan.memberships.items[i].member);
    }
    free(manifest->role_plan.memberships.items);
}

void hf_manifest_additions_done(hf_manifest *manifest)
{
    role_plan_done(manifest);
    hf_strings_done(&manifest->filters.include);
    hf_strings_done(&manifest->filters.exclude);
    hf_strings_done(&manifest->filters.exclude_data);
    for (size_t i = 0; i < manifest->filters.left_out.count; i++) {
        free(manifest->filters.left_out.items[i].kind);
        free(manifest->filters.left_out.items[i].schema);
        free(manifest->filters.left_out.items[i].name);
        free(manifest->filters.left_out.items[i].why);
    }
    free(manifest->filters.left_out.items);
    for (size_t i = 0; i < manifest->labels.count; i++) {
        free(manifest->labels.items[i].provider);
        free(manifest->labels.items[i].label);
    }
    free(manifest->labels.items);
    for (size_t i = 0; i < manifest->degraded.count; i++) {
        free(manifest->degraded.items[i].schema);
        free(manifest->degraded.items[i].name);
        hf_strings_done(&manifest->degraded.items[i].ctids);
        free(manifest->degraded.items[i].reason);
    }
    free(manifest->degraded.items);
}

/* ---- to JSON: a value that cannot be made is NULL, and setting that fails ---- */

static json_t *texts(const hf_strings *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        if (json_array_append_new(array, json_string(list->items[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* Append, or give up the whole array. */
static bool append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return true;
    json_decref(*array);
    *array = NULL;
    return false;
}

static json_t *filters(const hf_manifest *manifest)
{
    json_t *left_out = json_array();

    if (!hf_manifest_is_filtered(manifest)) {
        json_decref(left_out);
        return json_null();
    }
    for (size_t i = 0; i < manifest->filters.left_out.count; i++) {
        const hf_left_out *item = &manifest->filters.left_out.items[i];

        if (!append(&left_out, json_pack("{s:s, s:s?, s:s, s:s?}", "kind", item->kind, "schema", item->schema,
                                         "name", item->name, "why", item->why)))
            return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "include", texts(&manifest->filters.include), "exclude",
                     texts(&manifest->filters.exclude), "exclude_data",
                     texts(&manifest->filters.exclude_data), "left_out", left_out);
}

static json_t *degraded(const hf_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; i < manifest->degraded.count; i++) {
        const hf_lost *item = &manifest->degraded.items[i];

        if (!append(&array, json_pack("{s:s, s:s, s:I, s:I, s:o, s:s}", "schema", item->schema, "name",
                                      item->name, "first_page", (json_int_t) item->first_page, "end_page",
                                      (json_int_t) item->end_page, "ctids", texts(&item->ctids), "reason",
                                      item->reason)))
            return NULL;
    }
    return array;
}

static json_t *labels(const hf_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; i < manifest->labels.count; i++) {
        const hf_label *item = &manifest->labels.items[i];

        if (!append(&array, json_pack("{s:I, s:s, s:s}", "oid", (json_int_t) item->oid, "provider",
                                      item->provider, "label", item->label)))
            return NULL;
    }
    return array;
}

static json_t *role(const hf_role *value)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:s?, s:o}", "name", value->name,
                     "superuser", (int) value->superuser, "inherit", (int) value->inherit, "create_role",
                     (int) value->create_role, "create_database", (int) value->create_database, "login",
                     (int) value->login, "replication", (int) value->replication, "bypass_rls",
                     (int) value->bypass_rls, "connection_limit", value->connection_limit, "valid_until",
                     value->valid_until, "settings", texts(&value->settings));
}

static json_t *role_plan(const hf_manifest *manifest)
{
    json_t *roles = json_array(), *memberships = json_array();

    for (size_t i = 0; roles != NULL && i < manifest->role_plan.roles.count; i++)
        (void) append(&roles, role(&manifest->role_plan.roles.items[i]));
    for (size_t i = 0; memberships != NULL && i < manifest->role_plan.memberships.count; i++) {
        const hf_membership *item = &manifest->role_plan.memberships.items[i];

        (void) append(&memberships, json_pack("{s:s, s:s, s:b, s:b, s:b}", "role", item->role, "member",
                                              item->member, "admin", (int) item->admin, "inherit",
                                              (int) item->inherit, "set", (int) item->set));
    }
    return json_pack("{s:o, s:o}", "roles", roles, "memberships", memberships);
}

bool hf_manifest_additions_write(const hf_manifest *manifest, json_t *root)
{
    bool filters_set = json_object_set_new(root, "filters", filters(manifest)) == 0;
    bool degraded_set = json_object_set_new(root, "degraded", degraded(manifest)) == 0;
    bool labels_set = json_object_set_new(root, "labels", labels(manifest)) == 0;

    return json_object_set_new(root, "role_plan", role_plan(manifest)) == 0 && filters_set && degraded_set &&
           labels_set;
}

/* ---- from JSON ---- */

static char *text(const hf_reader *reader, const char *member)
{
    return hf_strdup(hf_read_text(reader, member));
}

static char *text_or_null(const hf_reader *reader, const char *member)
{
    return hf_strdup(hf_read_text_or_null(reader, member));
}

static void read_texts(const hf_reader *parent, const char *member, hf_strings *strings)
{
    const json_t *array = hf_read_array(parent, member, LIST_MAX);

    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *item = json_string_value(json_array_get(array, i));

        if (item == NULL) {
            hf_reader_fail(parent, member, "has an element that is not a text");
            return;
        }
        hf_strings_add(strings, item);
    }
}

static void read_filters(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "filters");
    const json_t *left_out = hf_read_array(&reader, "left_out", LIST_MAX);

    read_texts(&reader, "include", &manifest->filters.include);
    read_texts(&reader, "exclude", &manifest->filters.exclude);
    read_texts(&reader, "exclude_data", &manifest->filters.exclude_data);
    for (size_t i = 0; i < json_array_size(left_out) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(&reader, "left_out", left_out, i);
        hf_left_out *object = HF_APPEND_NEW(&manifest->filters.left_out);

        object->kind = text(&item, "kind");
        object->schema = text_or_null(&item, "schema");
        object->name = text(&item, "name");
        object->why = text_or_null(&item, "why");
    }
    if (root->reading->status == HF_OK && !hf_manifest_is_filtered(manifest))
        hf_reader_fail(root, "filters", "has no pattern");
}

static void read_degraded(const hf_reader *root, hf_manifest *manifest)
{
    const json_t *array = hf_read_array(root, "degraded", LIST_MAX);

    for (size_t i = 0; i < json_array_size(array) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "degraded", array, i);
        hf_lost *lost = HF_APPEND_NEW(&manifest->degraded);

        lost->schema = text(&item, "schema");
        lost->name = text(&item, "name");
        lost->first_page = (uint32_t) hf_read_u64(&item, "first_page", UINT32_MAX);
        lost->end_page = (uint32_t) hf_read_u64(&item, "end_page", UINT32_MAX);
        read_texts(&item, "ctids", &lost->ctids);
        lost->reason = text(&item, "reason");
    }
}

static void read_labels(const hf_reader *root, hf_manifest *manifest)
{
    const json_t *array = hf_read_array(root, "labels", LIST_MAX);

    for (size_t i = 0; i < json_array_size(array) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "labels", array, i);
        hf_label *label = HF_APPEND_NEW(&manifest->labels);

        label->oid = (uint32_t) hf_read_u64(&item, "oid", UINT32_MAX);
        label->provider = text(&item, "provider");
        label->label = text(&item, "label");
    }
}

static void read_role(const hf_reader *reader, hf_role *ret_role)
{
    ret_role->name = text(reader, "name");
    ret_role->superuser = hf_read_bool(reader, "superuser");
    ret_role->inherit = hf_read_bool(reader, "inherit");
    ret_role->create_role = hf_read_bool(reader, "create_role");
    ret_role->create_database = hf_read_bool(reader, "create_database");
    ret_role->login = hf_read_bool(reader, "login");
    ret_role->replication = hf_read_bool(reader, "replication");
    ret_role->bypass_rls = hf_read_bool(reader, "bypass_rls");
    ret_role->connection_limit = (int) hf_read_i64(reader, "connection_limit", -1, INT32_MAX);
    ret_role->valid_until = text_or_null(reader, "valid_until");
    read_texts(reader, "settings", &ret_role->settings);
}

static void read_role_plan(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "role_plan");
    const json_t *roles = hf_read_array(&reader, "roles", LIST_MAX);
    const json_t *memberships = hf_read_array(&reader, "memberships", LIST_MAX);

    for (size_t i = 0; i < json_array_size(roles) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(&reader, "roles", roles, i);

        read_role(&item, HF_APPEND_NEW(&manifest->role_plan.roles));
    }
    for (size_t i = 0; i < json_array_size(memberships) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(&reader, "memberships", memberships, i);
        hf_membership *membership = HF_APPEND_NEW(&manifest->role_plan.memberships);

        membership->role = text(&item, "role");
        membership->member = text(&item, "member");
        membership->admin = hf_read_bool(&item, "admin");
        membership->inherit = hf_read_bool(&item, "inherit");
        membership->set = hf_read_bool(&item, "set");
    }
}

void hf_manifest_additions_read(const hf_reader *root, hf_manifest *manifest)
{
    const json_t *filtered = json_object_get(root->json, "filters");

    if (filtered != NULL && !json_is_null(filtered))
        read_filters(root, manifest);
    if (json_object_get(root->json, "degraded") != NULL)
        read_degraded(root, manifest);
    if (json_object_get(root->json, "labels") != NULL)
        read_labels(root, manifest);
    if (json_object_get(root->json, "role_plan") != NULL)
        read_role_plan(root, manifest);
}
