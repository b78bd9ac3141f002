#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "restore/roles.h"

static json_t *texts_json(const hf_strings *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, hf_json_text(list->items[i]));
    return array;
}

static json_t *snapshot_json(const hf_manifest *manifest)
{
    json_t *json = hf_describe_manifest(manifest);
    json_t *sequences = json_array();
    json_t *extensions = json_array();

    for (size_t i = 0; i < manifest->sequences.count; i++) {
        const hf_sequence *sequence = &manifest->sequences.items[i];

        json_array_append_new(
            sequences, json_pack("{s:o, s:o, s:I, s:b}", "schema", hf_json_text(sequence->schema), "name",
                                 hf_json_text(sequence->name), "last_value",
                                 (json_int_t) sequence->last_value, "is_called", (int) sequence->is_called));
    }
    for (size_t i = 0; i < manifest->extensions.count; i++) {
        const hf_extension *extension = &manifest->extensions.items[i];

        json_array_append_new(extensions, json_pack("{s:o, s:o}", "name", hf_json_text(extension->name),
                                                    "version", hf_json_text(extension->version)));
    }
    json_object_set_new(json, "finished_at", hf_json_time(manifest->finished_ms));
    json_object_set_new(json, "holdfast_version", hf_json_text(manifest->holdfast_version));
    json_object_set_new(json, "pg_dump_version", hf_json_text(manifest->pg_dump_version));
    json_object_set_new(json, "server",
                        json_pack("{s:i, s:o, s:o}", "version_num", manifest->server.version_num, "version",
                                  hf_json_text(manifest->server.version), "system_identifier",
                                  hf_json_text(manifest->server.system_identifier)));
    json_object_set_new(json, "database",
                        json_pack("{s:o, s:o, s:o, s:I}", "name", hf_json_text(manifest->database.name),
                                  "owner", hf_json_text(manifest->database.owner), "encoding",
                                  hf_json_text(manifest->database.encoding), "bytes",
                                  (json_int_t) manifest->database.bytes));
    json_object_set_new(json, "lsn", hf_json_text(manifest->visibility.lsn));
    json_object_set_new(json, "schema",
                        json_pack("{s:I, s:o, s:s}", "entries", (json_int_t) manifest->schema_entries,
                                  "digest", hf_json_text(manifest->schema_digest), "object",
                                  manifest->schema.name));
    json_object_set_new(json, "tables", hf_describe_tables(manifest));
    json_object_set_new(json, "large_objects",
                        json_pack("{s:I, s:I}", "count",
                                  (json_int_t) manifest->large_objects.objects.total.rows, "bytes",
                                  (json_int_t) manifest->large_objects.pieces.raw_bytes));
    json_object_set_new(json, "sequences", sequences);
    json_object_set_new(json, "extensions", extensions);
    json_object_set_new(json, "roles", texts_json(&manifest->roles));
    json_object_set_new(json, "warnings", texts_json(&manifest->warnings));
    return json;
}

static void print(const hf_manifest *manifest, const hf_proof *proof)
{
    static const char *const titles[] = {"table", "rows", "size", "stored", "chunks"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lrrrr", .columns = 5};
    char text[32], count[32];

    hf_print_manifest(manifest);
    hf_print_proof(proof);
    hf_out_fact("database", "%s, owned by %s, %s", manifest->database.name, manifest->database.owner,
                manifest->database.encoding);
    hf_out_fact("server", "%s", manifest->server.version);
    for (size_t i = 0; i < manifest->extensions.count; i++)
        hf_out_fact(i == 0 ? "extensions" : "", "%s %s", manifest->extensions.items[i].name,
                    manifest->extensions.items[i].version);
    if (manifest->large_objects.objects.total.rows > 0)
        hf_out_fact("large objects", "%s, %s of text",
                    hf_show_count(manifest->large_objects.objects.total.rows, count),
                    hf_show_size(manifest->large_objects.pieces.raw_bytes, text));
    for (size_t i = 0; i < manifest->warnings.count; i++)
        hf_out_fact("warning", "%s", manifest->warnings.items[i]);
    for (size_t i = 0; i < manifest->filters.left_out.count; i++) {
        const hf_left_out *item = &manifest->filters.left_out.items[i];

        hf_out_fact(i == 0 ? "left out" : "", "%s %s%s%s%s%s", item->kind,
                    item->schema != NULL ? item->schema : "", item->schema != NULL ? "." : "", item->name,
                    item->why != NULL ? ": " : "", item->why != NULL ? item->why : "");
    }
    hf_out("\n");
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        hf_grid_cell(&grid, "%s.%s", table->schema, table->name);
        hf_grid_cell(&grid, "%s", table->data_excluded ? "excluded" : hf_show_count(table->total.rows, text));
        hf_grid_cell(&grid, "%s", hf_show_size(table->raw_bytes, text));
        hf_grid_cell(&grid, "%s", hf_show_size(table->stored_bytes, text));
        hf_grid_cell(&grid, "%zu", table->chunks.count);
    }
    hf_grid_print(&grid, 2);
}

static const hf_cli_option options[] = {
    {"roles", NULL, "only the statements that make the roles: CREATE ROLE, GRANT; without passwords"},
    {NULL, NULL, NULL},
};

static json_t *role_plan_json(const hf_manifest *manifest)
{
    json_t *roles = json_array(), *memberships = json_array();
    HF_AUTO(hf_strings_done) hf_strings statements = {0};

    for (size_t i = 0; i < manifest->role_plan.roles.count; i++) {
        const hf_role *role = &manifest->role_plan.roles.items[i];

        json_array_append_new(
            roles, json_pack("{s:o, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:o, s:o}", "name",
                             hf_json_text(role->name), "superuser", (int) role->superuser, "inherit",
                             (int) role->inherit, "create_role", (int) role->create_role, "create_database",
                             (int) role->create_database, "login", (int) role->login, "replication",
                             (int) role->replication, "bypass_rls", (int) role->bypass_rls,
                             "connection_limit", role->connection_limit, "valid_until",
                             hf_json_text(role->valid_until), "settings", texts_json(&role->settings)));
    }
    for (size_t i = 0; i < manifest->role_plan.memberships.count; i++) {
        const hf_membership *item = &manifest->role_plan.memberships.items[i];

        json_array_append_new(memberships,
                              json_pack("{s:o, s:o, s:b, s:b, s:b}", "role", hf_json_text(item->role),
                                        "member", hf_json_text(item->member), "admin", (int) item->admin,
                                        "inherit", (int) item->inherit, "set", (int) item->set));
    }
    hf_role_plan_statements(manifest, NULL, &statements);
    return json_pack("{s:o, s:o, s:o}", "roles", roles, "memberships", memberships, "statements",
                     texts_json(&statements));
}

static void print_roles(const hf_manifest *manifest)
{
    HF_AUTO(hf_strings_done) hf_strings statements = {0};

    hf_role_plan_statements(manifest, NULL, &statements);
    hf_out("-- the roles of snapshot %s; passwords are not stored\n", manifest->id);
    for (size_t i = 0; i < statements.count; i++)
        hf_out("%s\n", statements.items[i]);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_proof_done) hf_proof proof = {0};
    hf_error why = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_session_manifest(&session, hf_cli_argument(cli, 0), &manifest, error));

    hf_status status = hf_proof_get(session.repository, session.target->name, manifest->id, &proof, &why);
    if (status != HF_OK && status != HF_E_NOT_FOUND)
        hf_log(HF_LOG_WARNING, "whether it was proven is not known: %s", why.message);
    json_t *document = snapshot_json(manifest);
    hf_describe_proof(document, status == HF_OK ? &proof : NULL);
    json_object_set_new(document, "role_plan", role_plan_json(manifest));
    hf_cli_result(cli, json_pack("{s:o}", "snapshot", document));
    if (!cli->json && hf_cli_has(cli, "roles"))
        print_roles(manifest);
    else if (!cli->json)
        print(manifest, status == HF_OK ? &proof : NULL);
    return HF_OK;
}

const hf_command hf_command_show = {
    .name = "show",
    .arguments = "ID",
    .summary = "describe a snapshot",
    .details =
        "ID is an id, the beginning of one, \"latest\", or a label (\"label:NAME\" where it could be an id).",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options,
    .run = run,
};
