#include "cli/copies.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/output.h"
#include "repository/copy.h"

#define JOBS 4

void hf_copied_list_done(hf_copied_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].snapshot);
        hf_transfer_done(&list->items[i].transfer);
    }
    free(list->items);
    *list = (hf_copied_list){0};
}

static hf_status fail_all(const hf_repository_config *place, const hf_strings *ids, const hf_error *why,
                          hf_copied_list *ret_list)
{
    for (size_t i = 0; i < ids->count; i++)
        HF_PUSH(ret_list, ((hf_copied){.place = place, .snapshot = hf_strdup(ids->items[i]), .error = *why}));
    return why->code;
}

static bool is_listed(const hf_snapshot_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].broken == NULL && hf_streq(list->items[i].id, id))
            return true;
    return false;
}

static hf_status copy_all(const hf_session *session, hf_repository *to, const hf_repository_config *place,
                          const hf_strings *ids, bool check_existing, hf_copied_list *ret_list)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list there = {0};
    hf_progress progress = {0};
    hf_error why = {0};
    hf_status status = check_existing ? HF_OK : hf_repository_list(to, session->target->name, &there, &why);

    if (status != HF_OK)
        return fail_all(place, ids, &why, ret_list);
    hf_progress_begin("copying", &progress);
    for (size_t i = 0; i < ids->count && status != HF_E_CANCELLED; i++) {
        hf_copied *copied = HF_APPEND_NEW(ret_list);
        const hf_copy_options options = {.from = session->repository,
                                         .to = to,
                                         .target = session->target->name,
                                         .id = ids->items[i],
                                         .jobs = JOBS,
                                         .check_existing = check_existing,
                                         .progress = &progress};

        copied->place = place;
        copied->snapshot = hf_strdup(ids->items[i]);
        copied->transfer.existed = is_listed(&there, ids->items[i]);
        status = copied->transfer.existed ? HF_OK : hf_copy_snapshot(&options, &copied->transfer, &why);
        if (status != HF_OK)
            copied->error = why;
    }
    hf_progress_end();
    return status;
}

hf_status hf_copies_make(const hf_cli *cli, const hf_session *session, const hf_repository_config *place,
                         const hf_strings *ids, bool check_existing, hf_copied_list *ret_list,
                         hf_error *error)
{
    HF_AUTO(hf_repository_freep) hf_repository *to = NULL;
    hf_error why = {0};
    hf_status status = hf_session_repository(session, place, false, &to, &why);

    if (status == HF_OK)
        status = hf_repository_enter(to, cli->command->name, hf_session_tell_wait, &why);
    if (status == HF_OK)
        status = copy_all(session, to, place, ids, check_existing, ret_list);
    else
        status = fail_all(place, ids, &why, ret_list);
    return status == HF_E_CANCELLED ? hf_fail(error, HF_E_CANCELLED, "stopped by a signal while copying")
                                    : HF_OK;
}

json_t *hf_copies_json(const hf_copied_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const hf_copied *copied = &list->items[i];
        bool good = copied->error.code == HF_OK;

        json_array_append_new(array, json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:o}", "repository",
                                               copied->place->name, "snapshot", copied->snapshot, "copied",
                                               good, "existed", copied->transfer.existed, "objects_new",
                                               (json_int_t) copied->transfer.objects_new, "bytes_written",
                                               (json_int_t) copied->transfer.bytes_stored, "error",
                                               good ? json_null() : hf_out_error_json(&copied->error)));
    }
    return array;
}

hf_status hf_copies_failure(const hf_copied_list *list, bool waited_for, hf_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const hf_copied *copied = &list->items[i];

        if (copied->error.code == HF_OK || (waited_for && !copied->place->wait))
            continue;
        if (error != NULL)
            *error = copied->error;
        return hf_prefix(error, "snapshot %s is not copied to \"%s\"", copied->snapshot, copied->place->name);
    }
    return HF_OK;
}

hf_status hf_copies_after(const hf_cli *cli, const hf_session *session, const char *id, hf_copies_which which,
                          hf_copied_list *ret_list, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings ids = {0};

    hf_strings_add(&ids, id);
    for (size_t i = 0; i < session->config->copy_to.count; i++) {
        const hf_repository_config *place = &session->config->copy_to.items[i];
        bool is_meant = which == HF_COPIES_ALL || place->wait == (which == HF_COPIES_WAITED_FOR);

        if (!is_meant || place == session->place)
            continue;
        HF_TRY(hf_copies_make(cli, session, place, &ids, false, ret_list, error));
        const hf_copied *copied = &ret_list->items[ret_list->count - 1];
        if (copied->error.code == HF_OK)
            hf_log(HF_LOG_INFO, "snapshot %s is copied to \"%s\"", id, place->name);
        else if (!place->wait)
            hf_log(HF_LOG_WARNING, "snapshot %s is not copied to \"%s\": %s", id, place->name,
                   copied->error.message);
    }
    hf_status status = hf_copies_failure(ret_list, true, error);
    if (status != HF_OK && error->hint[0] == '\0')
        (void) hf_hint(error, "the snapshot itself is there; \"holdfast copy\" copies what is missing");
    return status;
}
