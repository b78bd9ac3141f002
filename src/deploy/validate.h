/*
 * Everything about a target's configuration that can be known before anything is connected to: the one place that `config
 * check`, `doctor`, `check` and a deploy use.  (What the loading finds is found before.)
 */
#ifndef HF_DEPLOY_VALIDATE_H
#define HF_DEPLOY_VALIDATE_H

#include "config/config.h"

void hf_target_validate(const char *config_path, const hf_target_config *target,
                        hf_config_problems *problems);

/* The same, and only the first problem: HF_E_USAGE. */
HF_MUST_CHECK hf_status hf_target_check(const char *config_path, const hf_target_config *target,
                                        hf_error *error);

#endif
