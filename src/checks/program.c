#include "checks/program.h"

#include "base/child.h"

hf_status hf_check_find_program(const hf_strings *command, const char *folder, hf_error *error)
{
    if (hf_child_can_run(command->items[0], folder))
        return HF_OK;
    (void) hf_fail(error, HF_E_NOT_FOUND, "there is no program \"%s\"", command->items[0]);
    return hf_hint(error, "install it, or name it with its path");
}
