#include "checks/program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

hf_status hf_check_find_program(const hf_strings *command, const char *folder, hf_error *error)
{
    const char *name = command->items[0];
    const char *path = getenv("PATH");

    if (strchr(name, '/') != NULL) {
        HF_AUTO_STR file = hf_path_join(folder, name);

        if (access(file, X_OK) == 0)
            return HF_OK;
        path = "";
    }
    for (const char *at = path != NULL ? path : "/bin:/usr/bin"; *at != '\0';) {
        size_t len = strcspn(at, ":");
        HF_AUTO_STR file = hf_format("%.*s/%s", (int) len, at, name);

        if (access(file, X_OK) == 0)
            return HF_OK;
        at += len + (at[len] == ':');
    }
    (void) hf_fail(error, HF_E_NOT_FOUND, "there is no program \"%s\"", name);
    return hf_hint(error, "install it, or name it with its path");
}
