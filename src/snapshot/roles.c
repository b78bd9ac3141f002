#include "snapshot/roles.h"

#include <string.h>

#include "base/text.h"
#include "pg/sql.h"

static void decref(json_t **json)
{
    json_decref(*json);
}

static void add_name(json_t *names, const char *name)
{
    if (name != NULL)
        json_array_append_new(names, json_string(name));
}

static void read_settings(const char *text, hf_strings *settings)
{
    HF_AUTO(decref) json_t *json = text != NULL ? json_loads(text, 0, NULL) : NULL;
    json_t *item;
    size_t i;

    json_array_foreach(json, i, item) hf_strings_add(settings, json_string_value(item));
}

static hf_status read_roles(hf_pg *pg, const char *names, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_role_plan, 1, &names, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        hf_role *role = HF_APPEND_NEW(&manifest->role_plan.roles);

        role->name = hf_strdup(hf_rows_text(rows, i, "name"));
        role->superuser = hf_rows_bool(rows, i, "superuser");
        role->inherit = hf_rows_bool(rows, i, "inherit");
        role->create_role = hf_rows_bool(rows, i, "create_role");
        role->create_database = hf_rows_bool(rows, i, "create_database");
        role->login = hf_rows_bool(rows, i, "login");
        role->replication = hf_rows_bool(rows, i, "replication");
        role->bypass_rls = hf_rows_bool(rows, i, "bypass_rls");
        role->connection_limit = (int) hf_rows_int(rows, i, "connection_limit");
        role->valid_until = hf_strdup(hf_rows_text(rows, i, "valid_until"));
        read_settings(hf_rows_text(rows, i, "settings"), &role->settings);
    }
    return HF_OK;
}

hf_status hf_role_plan_read(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(decref) json_t *names = json_array();
    HF_AUTO_ROWS rows = NULL;

    for (size_t i = 0; i < manifest->roles.count; i++)
        add_name(names, manifest->roles.items[i]);
    for (size_t i = 0; i < manifest->database.settings.count; i++)
        add_name(names, manifest->database.settings.items[i].role);
    HF_AUTO_STR wanted = json_dumps(names, JSON_COMPACT);
    HF_TRY(read_roles(pg, wanted, manifest, error));

    for (size_t i = 0; i < manifest->role_plan.roles.count; i++)
        add_name(names, manifest->role_plan.roles.items[i].name);
    HF_AUTO_STR planned = json_dumps(names, JSON_COMPACT);
    HF_TRY(hf_pg_query(pg, hf_sql_role_memberships, 1, (const char *const[]){planned}, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        *HF_APPEND_NEW(&manifest->role_plan.memberships) =
            (hf_membership){.role = hf_strdup(hf_rows_text(rows, i, "role")),
                            .member = hf_strdup(hf_rows_text(rows, i, "member")),
                            .admin = hf_rows_bool(rows, i, "admin"),
                            .inherit = hf_rows_bool(rows, i, "inherit"),
                            .set = hf_rows_bool(rows, i, "set")};
    return HF_OK;
}
