/* Of the table of options: deploy.approvers. */
#ifndef HF_CONFIG_APPROVERS_H
#define HF_CONFIG_APPROVERS_H

#include "config/options.h"

/* The `set` of keys: a mapping of names and public keys. */
hf_status hf_approvers_set(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                           void *base);

/* More signatures than there are keys would refuse every deploy. */
hf_status hf_approvers_check(const hf_config_reader *in, const hf_target_config *target);

#endif
