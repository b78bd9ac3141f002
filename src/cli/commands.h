/* The commands, each in the file of its name. */
#ifndef HF_CLI_COMMANDS_H
#define HF_CLI_COMMANDS_H

#include "cli/cli.h"

extern const hf_command hf_command_approve;
extern const hf_command hf_command_backup;
extern const hf_command hf_command_check;
extern const hf_command hf_command_config;
extern const hf_command hf_command_copy;
extern const hf_command hf_command_deploy;
extern const hf_command hf_command_rehearse;
extern const hf_command hf_command_diff;
extern const hf_command hf_command_doctor;
extern const hf_command hf_command_drift;
extern const hf_command hf_command_export;
extern const hf_command hf_command_gc;
extern const hf_command hf_command_help;
extern const hf_command hf_command_history;
extern const hf_command hf_command_import;
extern const hf_command hf_command_init;
extern const hf_command hf_command_metrics;
extern const hf_command hf_command_migrations;
extern const hf_command hf_command_pin;
extern const hf_command hf_command_key;
extern const hf_command hf_command_notify;
extern const hf_command hf_command_plan;
extern const hf_command hf_command_prove;
extern const hf_command hf_command_prune;
extern const hf_command hf_command_report;
extern const hf_command hf_command_restore;
extern const hf_command hf_command_resume;
extern const hf_command hf_command_salvage;
extern const hf_command hf_command_swap_back;
extern const hf_command hf_command_show;
extern const hf_command hf_command_snapshots;
extern const hf_command hf_command_unpin;
extern const hf_command hf_command_verify;
extern const hf_command hf_command_version;

#endif
