/*
 * Processes that outlive the one that started them: after kill -9 of holdfast a migrator goes on, and one that made itself a
 * daemon is in no process group of ours.  They are known by a variable in their environment, which every child inherits.
 */
#ifndef HF_BASE_ORPHANS_H
#define HF_BASE_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * End every process on this machine, but this one, whose environment holds `variable` ("NAME=value"): SIGTERM, then SIGKILL after
 * 5 s.  *ret_ended counts them.  HF_E_TIMEOUT if one is still there after 20 s.  Processes of other users cannot be seen (unless we
 * are root), nor those that were started with a cleared environment.
 */
HF_MUST_CHECK hf_status hf_orphans_end(const char *variable, size_t *ret_ended, hf_error *error);

#endif
