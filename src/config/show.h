/* The effective configuration: what was written, with defaults filled in, paths made absolute and secrets redacted. */
#ifndef HF_CONFIG_SHOW_H
#define HF_CONFIG_SHOW_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"

/* As hf_config_load(), whose errors it has; *ret_effective is in the order of the file, defaults last (caller owns). */
HF_MUST_CHECK hf_status hf_config_effective(const char *path, json_t **ret_effective, hf_error *error);

/* As YAML that means the same, appended. */
void hf_config_write_yaml(const json_t *value, hf_buf *out);

#endif
