#include "repository/journal_copy.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "repository/layout.h"
#include "repository/vault.h"

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
    HF_AUTO_BUF value = HF_BUF_MAX(strlen(text) + HF_SEAL_BYTES);

    HF_TRY(open_storage(repository, &storage, error));
    hf_buf_puts(&value, text);
    HF_TRY(hf_vault_seal_document(hf_repository_vault(repository), key, &value, error));
    HF_TRY(hf_storage_put(storage, key, value.data, value.len, error));
    *ret_where = hf_format("%s/%s", hf_storage_url(storage) + strlen("file://"), key);
    return HF_OK;
}

hf_status hf_journal_copy_get(hf_repository *repository, const char *target, const char *cycle,
                              hf_buf *ret_text, hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO_STR key = hf_cycle_key(target, cycle);

    HF_TRY(open_storage(repository, &storage, error));
    HF_TRY(hf_storage_get(storage, key, ret_text, error));
    return hf_vault_open_document(hf_repository_vault(repository), key, ret_text, error);
}

hf_status hf_journal_copy_remove(hf_repository *repository, const char *target, const char *cycle,
                                 hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    HF_AUTO_STR key = hf_cycle_key(target, cycle);

    HF_TRY(open_storage(repository, &storage, error));
    return hf_storage_remove(storage, key, error);
}
