#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "config/show.h"
#include "deploy/validate.h"

static void tell(hf_cli *cli, json_t *problems, const hf_error *problem)
{
    json_array_append_new(problems, hf_out_error_json(problem));
    if (cli->json)
        return;
    hf_out_mark(HF_MARK_BAD, "%s", problem->message);
    if (problem->hint[0] != '\0')
        hf_out("        %s\n", problem->hint);
}

static hf_status check(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_config_problems_done) hf_config_problems found = {0};
    json_t *problems = json_array();

    hf_cli_result(cli, json_pack("{s:b, s:o}", "ok", 0, "problems", problems));
    HF_TRY(hf_session_open(cli, 0, &session, error)); /* the first mistake of its form ends the reading */
    for (size_t i = 0; i < session.config->targets.count; i++) {
        const hf_target_config *target = &session.config->targets.items[i];

        if (session.target == NULL || session.target == target)
            hf_target_validate(session.config->path, target, &found);
    }
    for (size_t i = 0; i < found.count; i++)
        tell(cli, problems, &found.items[i]);
    json_object_set_new(cli->result, "ok", json_boolean(found.count == 0));
    if (found.count == 0) {
        if (!cli->json)
            hf_out("%s: nothing wrong\n", session.config->path);
        return HF_OK;
    }
    return hf_fail(error, HF_E_USAGE, "%zu mistake%s in %s", found.count, found.count == 1 ? "" : "s",
                   session.config->path);
}

static hf_status show(hf_cli *cli, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4u << 20);
    json_t *effective = NULL;

    HF_TRY(hf_config_effective(cli->config_path, &effective, error));
    hf_cli_result(cli, json_pack("{s:o}", "config", effective));
    if (cli->json)
        return HF_OK;
    hf_config_write_yaml(effective, &text);
    HF_TRY(hf_buf_check(&text, "the configuration", error));
    hf_out("%s", hf_buf_text(&text));
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *action = hf_cli_argument(cli, 0);

    if (hf_streq(action, "check"))
        return check(cli, error);
    if (hf_streq(action, "show"))
        return show(cli, error);
    hf_fail(error, HF_E_USAGE, "there is no \"config %s\"", action);
    return hf_hint(error, "usage: holdfast config check | show");
}

const hf_command hf_command_config = {
    .name = "config",
    .arguments = "check|show",
    .summary = "check the configuration, or show it with its defaults",
    .details =
        "check    finds all that can be found without connecting to anything, with file, line and column;\n"
        "         exit status 2 if there is a mistake\n"
        "show     prints it as YAML, with defaults filled in, paths made absolute and secrets redacted",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
