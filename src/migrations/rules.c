#include "migrations/rules.h"

#include <string.h>

const hf_rule hf_rules[HF_RULES] = {
#define HF_RULE(id, name, class_, explanation, recipe)                                                       \
    [HF_RULE_##id] = {name, HF_RULE_##class_, explanation, recipe},
#include "migrations/rules.def"
#undef HF_RULE
};

const char *hf_rule_class_name(hf_rule_class class_)
{
    static const char *const names[] = {"destructive", "breaking", "blocking", "failing", "session"};

    return names[class_];
}

const hf_rule *hf_rule_find(const char *name, size_t len)
{
    for (size_t i = 0; i < HF_RULES; i++)
        if (strlen(hf_rules[i].name) == len && memcmp(hf_rules[i].name, name, len) == 0)
            return &hf_rules[i];
    return NULL;
}
