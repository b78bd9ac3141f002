#include "config/approvers.h"

#include <string.h>

#include "base/text.h"

#define PREFIX "ed25519:"
#define NAME_MAX_BYTES 32

/* In the form of stream/signature.h, which the configuration may not use; NULL for what is no public key. */
static char *public_key(const hf_yaml *value)
{
    unsigned char bytes[32];
    char hex[2 * sizeof(bytes) + 1];

    if (value->kind != HF_YAML_SCALAR || !hf_starts_with(value->text, PREFIX) ||
        !hf_unhex(value->text + strlen(PREFIX), bytes, sizeof(bytes)))
        return NULL;
    hf_hex(bytes, sizeof(bytes), hex);
    return hf_format(PREFIX "%s", hex);
}

static bool is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len > 0 && len <= NAME_MAX_BYTES && text[len] == '\0';
}

static hf_status add_approver(const hf_config_reader *in, const hf_yaml_pair *pair, hf_target_config *target)
{
    HF_AUTO_STR key = public_key(pair->value);

    if (!is_name(pair->key)) {
        hf_config_refuse(in, pair->where, "\"%.80s\" cannot be the name of an approver", pair->key);
        return hf_hint(in->error, "up to %d letters, digits, \"_\" and \"-\"", NAME_MAX_BYTES);
    }
    if (key == NULL) {
        hf_config_refuse(in, pair->value->where, "this is not the public key of an approver");
        return hf_hint(in->error,
                       "\"" PREFIX
                       "\" and 64 hexadecimal digits; `holdfast approve --new-key FILE` prints it");
    }
    for (size_t i = 0; i < target->deploy.approvers.keys.count; i++) {
        const hf_approver_config *other = &target->deploy.approvers.keys.items[i];

        if (hf_streq(other->public_key, key)) /* one person would then be two */
            return hf_config_refuse(in, pair->value->where, "\"%s\" and \"%s\" have the same key",
                                    other->name, pair->key);
    }
    hf_approver_config *approver = HF_APPEND_NEW(&target->deploy.approvers.keys);
    approver->name = hf_strdup(pair->key);
    approver->public_key = HF_TAKE(key);
    return HF_OK;
}

hf_status hf_approvers_set(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                           void *base)
{
    hf_target_config *target = base;

    (void) option;
    if (value->kind != HF_YAML_MAPPING || value->pairs.count == 0) {
        hf_config_refuse(in, value->where, "\"keys\" must be a mapping of names and public keys");
        return hf_hint(
            in->error,
            "for example keys: {anna: \"ed25519:<64 digits>\"}; `holdfast approve --new-key FILE` makes one");
    }
    for (size_t i = 0; i < value->pairs.count; i++)
        HF_TRY(add_approver(in, &value->pairs.items[i], target));
    return HF_OK;
}

hf_status hf_approvers_check(const hf_config_reader *in, const hf_target_config *target)
{
    const size_t keys = target->deploy.approvers.keys.count,
                 required = (size_t) target->deploy.approvers.required;

    if (keys == 0 || required <= keys)
        return HF_OK;
    hf_config_refuse(in, target->where,
                     "target \"%s\": deploy.approvers needs %zu signatures and has %zu key%s", target->name,
                     required, keys, keys == 1 ? "" : "s");
    return hf_hint(in->error, "add keys, or lower \"required\"");
}
