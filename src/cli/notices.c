#include "cli/notices.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/tell.h"

#define FLUSH_MS 10000

/* To the end of the process: a thread may still look at it. */
static hf_config *config;
static int64_t began_ms;

static bool is_told_of(const char *command)
{
    static const char *const commands[] = {"backup", "prove",  "verify", "prune", "gc",
                                           "copy",   "deploy", "resume", "drift"};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (hf_streq(commands[i], command))
            return true;
    return false;
}

/* The one that the command line means; NULL: all of them, or none that is known. */
static const char *target_of(const hf_cli *cli)
{
    if (cli->target != NULL)
        return cli->target;
    return config->targets.count == 1 ? config->targets.items[0].name : NULL;
}

void hf_notices_begin(hf_cli *cli)
{
    hf_error ignored = {0};

    began_ms = hf_monotonic_ms();
    if (!is_told_of(cli->command->name) || hf_config_load(cli->config_path, &config, &ignored) != HF_OK)
        return;
    cli->notifier = hf_notifier_new(config);
    hf_notifier_ping(cli->notifier, cli->command->name, target_of(cli), HF_PING_START, NULL);
}

static void tell(const hf_cli *cli, hf_status status, const hf_error *error)
{
    const bool backup = hf_streq(cli->command->name, "backup") && status != HF_OK;
    const bool drift = hf_streq(cli->command->name, "drift") && status == HF_E_DIFFERENT;
    const char *target = target_of(cli);
    HF_AUTO_STR why = hf_format("%s%s%s%s", error->message, error->hint[0] != '\0' ? " (" : "", error->hint,
                                error->hint[0] != '\0' ? ")" : "");
    HF_AUTO_STR next = hf_format("holdfast %s%s%s", backup ? "doctor" : "drift",
                                 target != NULL ? " --target " : "", target != NULL ? target : "");

    if (!backup && !drift)
        return;
    hf_notifier_tell(cli->notifier,
                     &(hf_notice){.event = backup ? HF_NOTIFY_BACKUP_FAILED : HF_NOTIFY_DRIFT,
                                  .target = target != NULL ? target : "all targets",
                                  .why = why,
                                  .next = next,
                                  .took_ms = hf_monotonic_ms() - began_ms},
                     NULL);
}

void hf_notices_end(hf_cli *cli, hf_status status, const hf_error *error)
{
    HF_AUTO_BUF log = HF_BUF_MAX(16u << 10);

    if (cli->notifier == NULL)
        return;
    if (status != HF_OK)
        hf_log_error(error); /* the last line of the log that a ping takes along */
    hf_log_tail(&log);
    tell(cli, status, error);
    hf_notifier_ping(cli->notifier, cli->command->name, target_of(cli),
                     status == HF_OK ? HF_PING_SUCCESS : HF_PING_FAIL, hf_buf_text(&log));
    json_t *results = hf_notifier_flush(cli->notifier, FLUSH_MS);
    hf_notify_warn(results);
    json_decref(results);
    hf_notifier_freep(&cli->notifier);
    cli->notifier = NULL;
}
