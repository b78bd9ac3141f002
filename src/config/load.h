/* The parts of reading a configuration that need no file; for tests and fuzzing. */
#ifndef HF_CONFIG_LOAD_H
#define HF_CONFIG_LOAD_H

#include <stddef.h>

#include "config/config.h"

/*
 * Read a configuration from text.  `name` stands for the file in messages; relative paths are made absolute with `folder`,
 * which is absolute.
 */
HF_MUST_CHECK hf_status hf_config_parse(const char *name, const char *folder, const char *text, size_t len,
                                        hf_config **ret_config, hf_error *error);

/* "file://./x", "file://x" and plain paths become "file://<folder>/x"; other schemes stay.  The caller owns it. */
char *hf_config_absolute_url(const char *folder, const char *text);

#endif
