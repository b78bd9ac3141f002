#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/approvers.h"
#include "deploy/deploy.h"

static const hf_cli_option options[] = {
    {"by", "NAME", "the approver: a name under deploy.approvers.keys"},
    {"key", "FILE", "the approver's private key stands in this file"},
    {"key-env", "NAME", "or in this environment variable"},
    {"withdraw", NULL, "take the approval back"},
    {"new-key", "FILE",
     "make a private key, write it to FILE, which must not exist, and print the public one"},
    {NULL, NULL, NULL},
};

/* 0600, and never over a file that is there.  A kill leaves at most a file that is no key. */
static hf_status write_new(const char *path, const char *text, hf_error *error)
{
    HF_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0 && errno == EEXIST) {
        (void) hf_fail(error, HF_E_EXISTS, "there is a file \"%s\" already", path);
        return hf_hint(error, "a key that is overwritten is lost; name another file");
    }
    if (fd < 0)
        return hf_fail_errno(error, "cannot make \"%s\"", path);
    HF_TRY(hf_fd_write_all(fd, text, strlen(text), path, error));
    if (fsync(fd) != 0)
        return hf_fail_errno(error, "cannot write \"%s\"", path);
    HF_AUTO_STR folder = hf_path_dirname(path);
    return hf_sync_folder(folder, error);
}

static hf_status make_key(hf_cli *cli, const char *path, hf_error *error)
{
    HF_AUTO_PRIVATE_KEY key;
    char text[HF_PRIVATE_KEY_TEXT + 1], public_key[HF_PUBLIC_KEY_TEXT];
    const char *name = hf_cli_value(cli, "by");

    HF_TRY(hf_private_key_random(&key, error));
    HF_TRY(hf_private_key_public(&key, public_key, error));
    hf_private_key_show(&key, text);
    text[HF_PRIVATE_KEY_TEXT - 1] = '\n';
    text[HF_PRIVATE_KEY_TEXT] = '\0';
    hf_status status = write_new(path, text, error);
    explicit_bzero(text, sizeof(text));
    HF_TRY(status);
    hf_cli_result(cli, json_pack("{s:s, s:s}", "file", path, "public_key", public_key));
    if (!cli->json)
        hf_out("%s: \"%s\"\n\nThe private key is in %s: keep it to yourself. The line above goes under "
               "deploy.approvers.keys\nof the configuration, with your name.\n",
               name != NULL ? name : "NAME", public_key, path);
    return HF_OK;
}

static hf_status read_key(const hf_cli *cli, hf_private_key *ret_key, hf_error *error)
{
    const char *variable = hf_cli_value(cli, "key-env"), *path = hf_cli_value(cli, "key");
    HF_AUTO(hf_secret_source_done)
    hf_secret_source source = {.kind = variable != NULL ? HF_SECRET_ENV : HF_SECRET_FILE,
                               .name = hf_strdup(variable != NULL ? variable : path)};
    HF_AUTO_SECRET text = NULL;

    HF_TRY(hf_cli_not_both(cli, "key", "key-env", error));
    if (source.name == NULL) {
        (void) hf_fail(error, HF_E_USAGE, "where is the private key?");
        return hf_hint(error, "--key FILE or --key-env NAME; `holdfast approve --new-key FILE` makes one");
    }
    HF_TRY(hf_secret_read(&source, "the private key", &text, error));
    return hf_private_key_parse(text, ret_key, error);
}

/* What the deploy would not count is better refused here, where the approver sees it. */
static hf_status check_key(const hf_target_config *target, const char *name, const hf_private_key *key,
                           hf_error *error)
{
    char public_key[HF_PUBLIC_KEY_TEXT];

    HF_TRY(hf_private_key_public(key, public_key, error));
    for (size_t i = 0; i < target->deploy.approvers.keys.count; i++) {
        const hf_approver_config *approver = &target->deploy.approvers.keys.items[i];

        if (!hf_streq(approver->name, name))
            continue;
        if (hf_streq(approver->public_key, public_key))
            return HF_OK;
        (void) hf_fail(error, HF_E_REFUSED, "this is not the key of \"%s\" in the configuration", name);
        return hf_hint(error, "its public key is %s", public_key);
    }
    (void) hf_fail(error, HF_E_REFUSED, "target \"%s\" has no approver \"%s\"", target->name, name);
    return hf_hint(error, "deploy.approvers.keys would need the line %s: \"%s\"", name, public_key);
}

static hf_status approve(hf_cli *cli, const char *digest, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_PRIVATE_KEY key;
    const char *name = hf_cli_value(cli, "by");
    const bool withdraw = hf_cli_has(cli, "withdraw");

    if (!hf_is_sha256_hex(digest)) {
        (void) hf_fail(error, HF_E_USAGE, "\"%.80s\" is not the digest of a plan", digest);
        return hf_hint(error, "`holdfast plan` prints it: 64 digits and letters");
    }
    if (name == NULL || !hf_is_approver_name(name)) {
        (void) hf_fail(error, HF_E_USAGE,
                       name == NULL ? "who approves?" : "\"%.80s\" cannot be the name of an approver", name);
        return hf_hint(error, "--by NAME, as deploy.approvers.keys has it");
    }
    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_NEEDS_REPOSITORY | HF_FIRST_ALONE, &session, error));
    HF_TRY(read_key(cli, &key, error));
    HF_TRY(check_key(session.target, name, &key, error));

    json_t *operator= hf_operator_json();
    HF_AUTO(hf_signed_approval_done)
    hf_signed_approval approval = {
        .target = hf_strdup(session.target->name),
        .by = hf_strdup(name),
        .user = hf_strdup(json_string_value(json_object_get(operator, "user"))),
        .host = hf_strdup(json_string_value(json_object_get(operator, "host"))),
        .at_ms = hf_now_ms(),
        .withdrawn = withdraw,
    };
    json_decref(operator);
    memcpy(approval.digest, digest, HF_SHA256_HEX);
    HF_TRY(hf_approval_put(session.repository, &key, &approval, error));
    hf_cli_result(cli, json_pack("{s:s, s:s, s:s}", withdraw ? "withdrawn" : "approved", digest, "target",
                                 approval.target, "by", name));
    if (!cli->json)
        hf_out("%s  plan %s of %s, by %s\n", withdraw ? "withdrawn" : "approved", digest, approval.target,
               name);
    return HF_OK;
}

static void show(const hf_approval_count *count, json_t *list, hf_grid *grid)
{
    char age[48];

    for (size_t i = 0; i < count->words.count; i++) {
        const hf_approval_word *word = &count->words.items[i];
        const hf_signed_approval *approval = word->approval;

        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:b, s:o}", "plan", approval->digest, "by",
                                              approval->by, "at", hf_json_time(approval->at_ms), "counts",
                                              word->why_not == NULL, "why_not", hf_json_text(word->why_not)));
        hf_grid_cell(grid, "%s", approval->digest);
        hf_grid_cell(grid, "%s", approval->by);
        hf_grid_cell(grid, "%s", approval->broken != NULL ? "" : hf_show_age(approval->at_ms, age));
        hf_grid_cell(grid, "%s", word->why_not != NULL ? word->why_not : "counts");
    }
}

static hf_status list_approvals(hf_cli *cli, hf_error *error)
{
    static const char *const titles[] = {"plan", "by", "signed", ""};
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals approvals = {0};
    HF_AUTO(hf_approval_count_done) hf_approval_count count = {0};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "llll", .columns = 4};
    json_t *list = json_array();

    hf_cli_result(cli, json_pack("{s:o}", "approvals", list));
    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_approval_list(session.repository, session.target->name, NULL, &approvals, error));
    hf_approvals_judge(session.target, &approvals, "", hf_now_ms(), &count);
    show(&count, list, &grid);
    if (!cli->json)
        hf_grid_print(&grid, 0);
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *digest = hf_cli_argument(cli, 0), *new_key = hf_cli_value(cli, "new-key");

    if (new_key != NULL && digest == NULL)
        return make_key(cli, new_key, error);
    if (new_key != NULL)
        return hf_fail(error, HF_E_USAGE, "--new-key makes a key and approves nothing: leave the digest out");
    if (digest != NULL)
        return approve(cli, digest, error);
    if (cli->option_names.count == 0)
        return list_approvals(cli, error);
    (void) hf_fail(error, HF_E_USAGE, "which plan?");
    return hf_hint(error, "give its digest, as `holdfast plan` prints it");
}

const hf_command hf_command_approve = {
    .name = "approve",
    .arguments = "[DIGEST]",
    .summary = "sign that a plan may run; without DIGEST: list what is signed",
    .details =
        "Look at `holdfast plan` first: the digest at its end covers SQL, order, target and schema, and a "
        "change of any\n"
        "voids what was signed. Who may sign, and how many must, stands under deploy.approvers. The "
        "signature goes into\n"
        "the repository; no database is needed.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
