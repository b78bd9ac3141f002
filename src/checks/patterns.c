#include "checks/patterns.h"

#include "base/memory.h"
#include "pg/pattern.h"

void hf_check_patterns_validate(const char *config_path, const hf_check_config *check,
                                const hf_strings *patterns, hf_config_problems *problems)
{
    for (size_t i = 0; i < patterns->count; i++) {
        HF_AUTO(hf_pattern_done) hf_pattern pattern = {0};
        hf_error error = {0};

        if (hf_pattern_parse(patterns->items[i], &pattern))
            continue;
        (void) hf_fail(&error, HF_E_USAGE, "check \"%s\": \"%s\" is no pattern for tables", check->name,
                       patterns->items[i]);
        (void) hf_hint(&error, "for example \"*\", public.orders or audit.*");
        hf_config_problems_add(problems, config_path, check->where, &error);
    }
}

bool hf_check_patterns_fit(const hf_strings *patterns, const char *schema, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        HF_AUTO(hf_pattern_done) hf_pattern pattern = {0};

        if (hf_pattern_parse(patterns->items[i], &pattern) && hf_pattern_fits(&pattern, schema, name))
            return true;
    }
    return false;
}
