#include "repository/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

bool hf_is_repository_name(const char *text)
{
    size_t len = strnlen(text, HF_LAYOUT_NAME_MAX + 1);

    if (len == 0 || len > HF_LAYOUT_NAME_MAX || text[0] == '.')
        return false;

    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

hf_status hf_check_repository_name(const char *what, const char *text, hf_error *error)
{
    if (text != NULL && hf_is_repository_name(text))
        return HF_OK;

    (void) hf_fail(error, HF_E_USAGE, "\"%.200s\" is not a valid %s", text != NULL ? text : "", what);
    (void) hf_hint(error, "use 1 to %d letters, digits and ._- and no dot at the beginning",
                   HF_LAYOUT_NAME_MAX);
    return HF_E_USAGE;
}

void hf_object_key(const char *name, char out[HF_OBJECT_KEY_SIZE])
{
    (void) snprintf(out, HF_OBJECT_KEY_SIZE, "objects/%.2s/%.64s", name, name);
}

const char *hf_object_of_key(const char *key)
{
    const char *name = strrchr(key, '/');
    char proper[HF_OBJECT_KEY_SIZE];

    if (name == NULL || !hf_is_sha256_hex(name + 1))
        return NULL;
    hf_object_key(name + 1, proper);
    return hf_streq(key, proper) ? name + 1 : NULL;
}

char *hf_snapshot_key(const char *target, const char *id)
{
    return hf_format("snapshots/%s/%s.json", target, id);
}

char *hf_cycle_key(const char *target, const char *cycle)
{
    return hf_format("cycles/%s/%s.json", target, cycle);
}

bool hf_split_document_key(const char *folder, const char *key, char **ret_target, char **ret_id)
{
    static const char suffix[] = ".json";
    size_t folder_len = strlen(folder);

    if (strncmp(key, folder, folder_len) != 0 || key[folder_len] != '/' || !hf_ends_with(key, suffix))
        return false;

    const char *target_begin = key + folder_len + 1;
    const char *slash = strchr(target_begin, '/');

    if (slash == NULL || strlen(slash + 1) < strlen(suffix))
        return false;

    HF_AUTO_STR target = hf_strndup(target_begin, (size_t) (slash - target_begin));
    HF_AUTO_STR id = hf_strndup(slash + 1, strlen(slash + 1) - strlen(suffix));

    if (!hf_is_repository_name(target) || !hf_is_repository_name(id))
        return false;

    *ret_target = HF_TAKE(target);
    *ret_id = HF_TAKE(id);
    return true;
}
