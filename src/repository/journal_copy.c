#include "repository/journal_copy.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "repository/document.h"
#include "repository/layout.h"

/* The folder of this user's state, as the XDG base directory specification has it; NULL: there is none. */
static char *state_folder(void)
{
    const char *folder = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const struct passwd *account = home == NULL || home[0] != '/' ? getpwuid(getuid()) : NULL;

    if (folder != NULL && folder[0] == '/')
        return hf_strdup(folder);
    if (account != NULL)
        home = account->pw_dir;
    return home != NULL && home[0] == '/' ? hf_format("%s/.local/state", home) : NULL;
}

static hf_status open_storage(hf_repository *repository, hf_storage **ret_storage, hf_error *error)
{
    HF_AUTO_STR folder = state_folder();

    if (folder == NULL)
        return hf_fail(error, HF_E_NOT_FOUND, "this user has no folder for a copy of the journal");
    HF_AUTO_STR url = hf_format("file://%s/holdfast/%s", folder, hf_repository_id(repository));
    return hf_storage_open(url, ret_storage, error);
}

hf_status hf_journal_copy_put(hf_repository *repository, const char *target, const char *cycle,
                              const char *text, char **ret_where, hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO_STR key = hf_cycle_key(target, cycle);

    HF_TRY(open_storage(repository, &storage, error));
    HF_TRY(hf_document_put_to(repository, storage, key, text, error));
    *ret_where = hf_format("%s/%s", hf_storage_url(storage) + strlen("file://"), key);
    return HF_OK;
}

hf_status hf_journal_copy_get(hf_repository *repository, const char *target, const char *cycle,
                              hf_buf *ret_text, hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO_STR key = hf_cycle_key(target, cycle);

    HF_TRY(open_storage(repository, &storage, error));
    return hf_document_get_from(repository, storage, key, ret_text, error);
}

hf_status hf_journal_copy_remove(hf_repository *repository, const char *target, const char *cycle,
                                 hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO_STR key = hf_cycle_key(target, cycle);

    HF_TRY(open_storage(repository, &storage, error));
    return hf_storage_remove(storage, key, error);
}
