#include "base/clock.h"
#include "base/text.h"
#include "cli/chosen.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "deploy/rehearse.h"

static const hf_cli_option options[] = {
    {"at", "TIME", "the newest snapshot taken at or before TIME, such as \"yesterday 14:00\""},
    {NULL, NULL, NULL},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static const char *took(const json_t *object, const char *name, char out[32])
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? hf_show_duration(json_integer_value(value), out) : "failed";
}

static void print_migration(const json_t *migration)
{
    const json_t *item;
    char text[32];
    size_t i;

    hf_out_mark(json_is_integer(json_object_get(migration, "took_ms")) ? HF_MARK_GOOD : HF_MARK_BAD, "%s  %s",
                text_of(migration, "name"), took(migration, "took_ms", text));
    json_array_foreach(json_object_get(migration, "rewrites"), i, item)
        hf_out("        rewrote %s, %s\n", text_of(item, "relation"),
               hf_show_size((uint64_t) json_integer_value(json_object_get(item, "bytes")), text));
    json_array_foreach(json_object_get(migration, "locks"), i, item)
        hf_out("        held %s on %s\n", text_of(item, "mode"), text_of(item, "relation"));
}

static void print(const json_t *rehearsal)
{
    const json_t *item, *results = json_object_get(json_object_get(rehearsal, "checks"), "results");
    char text[32];
    size_t i;

    hf_out("rehearsed on snapshot %s\n\n", text_of(rehearsal, "snapshot"));
    json_array_foreach(json_object_get(rehearsal, "migrations"), i, item) print_migration(item);
    json_array_foreach(results, i, item)
        hf_out_mark(json_is_true(json_object_get(item, "passed")) ? HF_MARK_GOOD : HF_MARK_BAD,
                    "check %s: %s", text_of(item, "name"), text_of(item, "seen"));
    json_array_foreach(json_object_get(rehearsal, "checks_not_run"), i, item)
        hf_out_mark(HF_MARK_SKIPPED, "check %s: not run, it does not look at the database alone",
                    json_string_value(item));
    hf_out("\n");
    if (json_object_get(rehearsal, "migrate_ms") != NULL)
        hf_out_fact("migrations", "%s, on this server without other load",
                    took(rehearsal, "migrate_ms", text));
    if (json_object_get(rehearsal, "restore_ms") != NULL)
        hf_out_fact("a way back", "about %s, as the restore took here", took(rehearsal, "restore_ms", text));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    json_t *json = NULL;

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_READS_OBJECTS, &session, error));
    HF_TRY(hf_chosen_manifest(cli, &session, false, &manifest, error));
    hf_status status = hf_rehearse(&(hf_rehearsal_options){.repository = session.repository,
                                                           .manifest = manifest,
                                                           .target = session.target,
                                                           .url = session.url},
                                   &json, error);
    hf_cli_result(cli, json_pack("{s:o}", "rehearsal", json));
    if (!cli->json)
        print(json);
    return status;
}

const hf_command hf_command_rehearse = {
    .name = "rehearse",
    .arguments = "[ID]",
    .summary = "run the pending migrations on a restored snapshot, and measure them",
    .details =
        "The snapshot (the latest unless named) is restored to a scratch database on the target's "
        "server, the migrations run\n"
        "there, and the checks of kind sql, schema and sequences. Told are the time of each, which tables it "
        "rewrote, the locks that\n"
        "were seen, and how long the restore took. The scratch database is dropped. Exit status 36: a "
        "migration failed;\n"
        "6: a check did.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
