/* What the table of options needs for `notify`. */
#ifndef HF_CONFIG_NOTIFY_OPTIONS_H
#define HF_CONFIG_NOTIFY_OPTIONS_H

#include "config/options.h"

extern const hf_choice hf_notify_formats[];

void *hf_notify_append(void *parent, const char *key, hf_where where);
hf_status hf_notify_finish(const hf_config_reader *in, void *item);
hf_status hf_notify_set_events(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base);
hf_status hf_notify_set_commands(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                 void *base);
hf_status hf_notify_set_template(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                 void *base);

/* Give a name to those without one; HF_E_USAGE if two have the same. */
hf_status hf_notify_name_all(const hf_config_reader *in, hf_config *config);

void hf_notify_config_done(hf_notify_config *notify);

#endif
