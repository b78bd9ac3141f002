/* The targets of a deploy or resume: one, or several together. */
#ifndef HF_CLI_MEMBERS_H
#define HF_CLI_MEMBERS_H

#include "cli/copies.h"
#include "deploy/deploy.h"

/* One target, with its own view of the session and, for a deploy, its copies. */
typedef struct hf_deploy_member {
    hf_cli *cli;
    hf_session session; /* configuration and repository are borrowed from the command's; the URL is its own */
    char *snapshot;     /* NULL: none was taken */
    hf_copied_list copies;
} hf_deploy_member;

typedef struct hf_deploy_members {
    hf_deploy_member *items;
    hf_deploy_options *options; /* one for each, as deploy/ takes them */
    size_t count;
    hf_progress progress;
} hf_deploy_members;
void hf_deploy_members_done(hf_deploy_members *members);

/* Those that --target (any number) or --group name; the only target if neither does. */
HF_MUST_CHECK hf_status hf_members_named(const hf_cli *cli, const hf_session *session, hf_strings *ret_names,
                                         hf_error *error);

/* Read their URLs, and fill what all options have in common. */
HF_MUST_CHECK hf_status hf_members_open(hf_cli *cli, const hf_session *session, const hf_strings *names,
                                        hf_deploy_members *ret_members, hf_error *error);

/* Show the cycles (one a member, fewer if not all were begun), set the result, and pass `status` on. */
hf_status hf_members_show(hf_cli *cli, const hf_deploy_members *members, const hf_strings *cycles,
                          hf_status status);

#endif
