#include "cli/cycles.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/output.h"
#include "deploy/report.h"

void hf_print_cycle(const json_t *cycle)
{
    HF_AUTO(hf_report_done) hf_report report = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(HF_REPORT_MAX_BYTES);

    hf_report_make(cycle, &report);
    hf_report_text(&report, &text);
    hf_out("%s", hf_buf_text(&text));
}

json_t *hf_ended_cycle(const hf_session *session, const char *cycle)
{
    json_t *report = NULL;
    hf_error error = {0};

    if (hf_deploy_report(session->repository, session->target->name, cycle, &report, &error) != HF_OK) {
        hf_log_error(&error);
        return NULL;
    }
    hf_report_complete(session->repository, report);
    hf_report_deliver(session->target, report);
    return report;
}

hf_status hf_show_ended_cycle(hf_cli *cli, const hf_session *session, const char *cycle, hf_status status)
{
    if (cycle == NULL) {
        if (status == HF_OK) /* resume let clients in again after a swap outside of a cycle */
            hf_cli_result(cli, json_pack("{s:n}", "cycle"));
        return status;
    }
    json_t *report = hf_ended_cycle(session, cycle);
    if (report == NULL) {
        hf_cli_result(cli, json_pack("{s:{s:s}}", "cycle", "id", cycle));
        return status;
    }
    hf_cli_result(cli, json_pack("{s:o}", "cycle", report));
    if (!cli->json)
        hf_print_cycle(report);
    return status;
}
