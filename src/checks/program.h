/* Whether a command could be run. */
#ifndef HF_CHECKS_PROGRAM_H
#define HF_CHECKS_PROGRAM_H

#include "base/error.h"
#include "base/memory.h"

/* HF_E_NOT_FOUND if the program is neither in PATH nor, where its name has a "/", a file that may be run from `folder`. */
HF_MUST_CHECK hf_status hf_check_find_program(const hf_strings *command, const char *folder, hf_error *error);

#endif
