#include "cli/members.h"

#include <stdlib.h>

#include "base/text.h"
#include "cli/cycles.h"
#include "cli/output.h"
#include "config/secret.h"

void hf_deploy_members_done(hf_deploy_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        hf_secret_freep(&members->items[i].session.url);
        free(members->items[i].snapshot);
        hf_copied_list_done(&members->items[i].copies);
    }
    free(members->items);
    free(members->options);
    *members = (hf_deploy_members){0};
}

hf_status hf_members_named(const hf_cli *cli, const hf_session *session, hf_strings *ret_names,
                           hf_error *error)
{
    const char *name = hf_cli_value(cli, "group");
    const hf_group_config *group;
    const hf_target_config *target;

    if (name != NULL && cli->targets.count > 0)
        return hf_fail(error, HF_E_USAGE, "\"--group\" and \"--target\" exclude each other");
    if (name != NULL) {
        HF_TRY(hf_config_group(session->config, name, &group, error));
        for (size_t i = 0; i < group->targets.count; i++)
            hf_strings_add(ret_names, group->targets.items[i]);
        return HF_OK;
    }
    for (size_t i = 0; i < cli->targets.count; i++)
        hf_strings_add(ret_names, cli->targets.items[i]);
    if (ret_names->count > 0)
        return HF_OK;
    HF_TRY(hf_config_target(session->config, NULL, &target, error));
    hf_strings_add(ret_names, target->name);
    return HF_OK;
}

hf_status hf_members_open(hf_cli *cli, const hf_session *session, const hf_strings *names,
                          hf_deploy_members *ret_members, hf_error *error)
{
    ret_members->items = hf_alloc(names->count * sizeof(*ret_members->items));
    ret_members->options = hf_alloc(names->count * sizeof(*ret_members->options));
    for (size_t i = 0; i < names->count; i++) {
        hf_deploy_member *member = &ret_members->items[i];

        ret_members->count++;
        member->cli = cli;
        member->session = *session;
        member->session.url = NULL;
        HF_TRY(hf_config_target(session->config, names->items[i], &member->session.target, error));
        HF_TRY(hf_session_url(member->session.target, &member->session.url, error));
        ret_members->options[i] = (hf_deploy_options){
            .repository = session->repository,
            .config_path = session->config->path,
            .target = member->session.target,
            .url = member->session.url,
            .progress = &ret_members->progress,
            .notifier = cli->notifier,
        };
    }
    return HF_OK;
}

hf_status hf_members_show(hf_cli *cli, const hf_deploy_members *members, const hf_strings *cycles,
                          hf_status status)
{
    json_t *reports = json_array();

    if (members->count == 1) {
        json_decref(reports);
        return hf_show_ended_cycle(cli, &members->items[0].session,
                                   cycles->count > 0 ? cycles->items[0] : NULL, status);
    }
    for (size_t i = 0; i < cycles->count; i++) {
        json_t *report = hf_ended_cycle(&members->items[i].session, cycles->items[i]);

        if (report == NULL)
            continue;
        if (!cli->json && i > 0)
            hf_out("\n");
        if (!cli->json)
            hf_print_cycle(report);
        json_array_append_new(reports, report);
    }
    hf_cli_result(cli, json_pack("{s:o}", "cycles", reports));
    return status;
}
