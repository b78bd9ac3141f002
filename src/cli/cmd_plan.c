#include "cli/commands.h"
#include "cli/output.h"
#include "cli/plan_output.h"
#include "cli/session.h"
#include "deploy/base_plan.h"

enum { MARKDOWN_MAX = 1 << 28 };

static const hf_cli_option options[] = {
    {"markdown", NULL, "as Markdown, for a pull request"},
    {"base", "REVISION",
     "of a git revision: on an empty scratch database its migrations, then those that are here beside them"},
    {"check", NULL, "exit status 6 if anything is found that no holdfast:allow comment allows"},
    {NULL, NULL, NULL},
};

static void print_markdown(const hf_plan *plan)
{
    HF_AUTO_BUF text = HF_BUF_MAX(MARKDOWN_MAX);

    hf_plan_markdown(plan, &text);
    hf_out("%s", hf_buf_text(&text));
}

/* With a shadow the target is not asked at all: a pull request's job need not reach it. */
static hf_status make(const hf_cli *cli, hf_session *session, hf_plan *plan, hf_error *error)
{
    const char *base = hf_cli_value(cli, "base");

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET, session, error));
    if (base == NULL || session->target->shadow_url.kind == HF_SECRET_NONE)
        HF_TRY(hf_session_url(session->target, &session->url, error));
    return base == NULL ? hf_plan_make(session->target, session->url, plan, error)
                        : hf_base_plan_make(session->target, session->url, base, plan, error);
}

static hf_status check(const hf_plan *plan, hf_error *error)
{
    const size_t count = hf_plan_findings(plan);

    if (plan->unknown)
        return hf_fail(error, HF_E_CHECKS_FAILED, "what is pending is not known, so nothing can be checked");
    if (count == 0)
        return HF_OK;
    return hf_fail(error, HF_E_CHECKS_FAILED, "the plan has %zu finding%s", count, count == 1 ? "" : "s");
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_plan_done) hf_plan plan = {0};

    HF_TRY(hf_cli_not_both(cli, "markdown", "output", error));
    hf_status status = make(cli, &session, &plan, error);
    if (plan.target == NULL)
        return status;
    hf_cli_result(cli, json_pack("{s:o}", "plan", hf_plan_json(&plan)));
    if (hf_cli_has(cli, "markdown"))
        print_markdown(&plan);
    else if (!cli->json)
        hf_plan_print(&plan);
    HF_TRY(status);
    return hf_cli_has(cli, "check") ? check(&plan, error) : HF_OK;
}

const hf_command hf_command_plan = {
    .name = "plan",
    .summary = "show what a deploy would run, with what is dangerous in it, and its digest",
    .details = "Nothing is changed.  Rows and sizes are the server's estimates.  `-- holdfast:allow RULE "
               "reason` above a\n"
               "statement, or behind it, allows what the rule finds there.  `holdfast deploy --approve "
               "DIGEST` deploys\n"
               "exactly this plan.",
    .options = options,
    .run = run,
};
