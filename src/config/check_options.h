/* What the table of options needs for `checks`, and setters of values that other lists have too. */
#ifndef HF_CONFIG_CHECK_OPTIONS_H
#define HF_CONFIG_CHECK_OPTIONS_H

#include "config/options.h"

void *hf_check_append(void *parent, const char *key, hf_where where);
hf_status hf_check_finish(const hf_config_reader *in, void *item);
hf_status hf_check_set_status(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base);
hf_status hf_check_set_comparison(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                  void *base);

/* hf_placed: a text with its place. */
hf_status hf_config_set_placed(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base);

/* hf_placed_list: a text, or a list of texts. */
hf_status hf_config_set_placed_list(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                    void *base);

/* hf_headers: {Accept: text, X-Api-Key: {env: NAME}}. */
hf_status hf_config_set_headers(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                void *base);

/* hf_limit: 0.5, or 10%. */
hf_status hf_config_set_limit(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base);

void hf_headers_done(hf_headers *headers);
void hf_check_config_done(hf_check_config *check);

#endif
