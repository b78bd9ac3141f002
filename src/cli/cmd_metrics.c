#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/metrics.h"
#include "notify/push.h"

static const hf_cli_option options[] = {
    {"file", "FILE", "write them there, all at once, for node_exporter's textfile collector (FILE.prom)"},
    {"push", "URL", "give them to a Pushgateway: http://host:9091"},
    {NULL, NULL, NULL},
};

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *file = hf_cli_value(cli, "file"), *url = hf_cli_value(cli, "push");
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(HF_METRICS_MAX_BYTES);

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_metrics_write(session.config, session.repository, &text, error));
    if (file != NULL)
        HF_TRY(hf_file_write_atomic(file, text.data, text.len, error));
    if (url != NULL)
        HF_TRY(hf_push(url, &text, error));
    hf_cli_result(cli, json_pack("{s:s?, s:b}", "file", file, "pushed", url != NULL));
    if (!cli->json && file == NULL && url == NULL)
        hf_out("%s", hf_buf_text(&text));
    return HF_OK;
}

const hf_command hf_command_metrics = {
    .name = "metrics",
    .summary = "tell Prometheus of snapshots, deploys and checks: stdout, a file, or pushed",
    .options = options,
    .run = run,
};
