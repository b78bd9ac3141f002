/* What the table of options needs for deploy.windows and deploy.freezes. */
#ifndef HF_CONFIG_GATE_OPTIONS_H
#define HF_CONFIG_GATE_OPTIONS_H

#include "config/options.h"

void *hf_window_append(void *parent, const char *key, hf_where where);
hf_status hf_window_finish(const hf_config_reader *in, void *item);
hf_status hf_window_set_days(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base);
hf_status hf_window_set_dates(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base);
hf_status hf_window_set_time(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base);
hf_status hf_window_set_zone(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base);

void *hf_freeze_append(void *parent, const char *key, hf_where where);
hf_status hf_freeze_finish(const hf_config_reader *in, void *item);
hf_status hf_freeze_set_moment(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base);
hf_status hf_freeze_set_zone(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base);

void hf_gates_config_done(hf_gates_config *gates);

#endif
