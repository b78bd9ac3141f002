#include <stdlib.h>
#include <string.h>

#include "config/config.h"

void hf_config_problems_done(hf_config_problems *problems)
{
    free(problems->items);
    *problems = (hf_config_problems){0};
}

void hf_config_problems_add(hf_config_problems *problems, const char *config_path, hf_where where,
                            const hf_error *error)
{
    hf_error *problem = HF_APPEND_NEW(problems);

    if (where.line > 0)
        (void) hf_fail(problem, HF_E_USAGE, "%s:%u:%u: %s", config_path, where.line, where.column,
                       error->message);
    else
        (void) hf_fail(problem, HF_E_USAGE, "%s: %s", config_path, error->message);
    (void) hf_hint(problem, "%s", error->hint);
}
