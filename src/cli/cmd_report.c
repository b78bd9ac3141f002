#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/cycles.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "deploy/report.h"

static const hf_cli_option options[] = {
    {"format", "FORMAT", "text (default), markdown or html, on stdout; JSON is --output json"},
    {"html", "FILE", "write the report as one HTML file that needs nothing else, and print only its name"},
    {NULL, NULL, NULL},
};

typedef void renderer(const hf_report *report, hf_buf *out);

static hf_status choose(const hf_cli *cli, renderer **ret_render, hf_error *error)
{
    static const struct {
        const char *name;
        renderer *render;
    } formats[] = {{"text", hf_report_text}, {"markdown", hf_report_markdown}, {"html", hf_report_html}};
    const char *format = hf_cli_value(cli, "format");

    HF_TRY(hf_cli_not_both(cli, "format", "html", error));
    if (cli->json && (format != NULL || hf_cli_has(cli, "html")))
        return hf_fail(error, HF_E_USAGE, "--output json is a form of its own");
    *ret_render = hf_cli_has(cli, "html") ? hf_report_html : hf_report_text;
    for (size_t i = 0; format != NULL && i < sizeof(formats) / sizeof(formats[0]); i++)
        if (hf_streq(formats[i].name, format)) {
            *ret_render = formats[i].render;
            return HF_OK;
        }
    if (format == NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "unknown format \"%.40s\"", format);
    return hf_hint(error, "text, markdown or html; JSON is --output json");
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *name = hf_cli_argument(cli, 0), *file = hf_cli_value(cli, "html");
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_report_done) hf_report report = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(HF_REPORT_MAX_BYTES);
    HF_AUTO_STR cycle = NULL;
    renderer *render = NULL;
    json_t *json = NULL;

    HF_TRY(choose(cli, &render, error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_deploy_find(session.repository, session.target->name, name == NULL ? "latest" : name, &cycle,
                          error));
    HF_TRY(hf_deploy_report(session.repository, session.target->name, cycle, &json, error));
    hf_report_complete(session.repository, json);
    hf_cli_result(cli, json_pack("{s:o}", "cycle", json));
    if (cli->json)
        return HF_OK;
    hf_report_make(json, &report);
    render(&report, &text);
    HF_TRY(hf_buf_check(&text, "report", error));
    if (file == NULL) {
        hf_out("%s", hf_buf_text(&text));
        return HF_OK;
    }
    HF_TRY(hf_file_write_atomic(file, text.data, text.len, error));
    hf_out("%s\n", file);
    return HF_OK;
}

const hf_command hf_command_report = {
    .name = "report",
    .arguments = "[CYCLE]",
    .summary = "tell one deploy in full; the last one unless named",
    .details = "The verdict first, then what to do, the timeline, what was lost or kept, checks, migrations "
               "and tables.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
