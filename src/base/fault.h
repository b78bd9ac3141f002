/*
 * Fault points for tests.  HF_FAULT("snapshot.before_manifest") does nothing in a release build.  In a build with
 * HF_FAULT_POINTS, the environment variable HOLDFAST_FAULT=name:action[:n] acts at the n-th passage (default 1) of the
 * named point ("*" is every point): fail (the call returns an error), kill (SIGKILL to itself), term (SIGTERM to
 * itself), stop (SIGSTOP).  HOLDFAST_FAULT_LOG=file appends the name of each point passed.
 */
#ifndef HF_BASE_FAULT_H
#define HF_BASE_FAULT_H

#include "base/error.h"

HF_MUST_CHECK hf_status hf_fault_point(const char *name, hf_error *error);

#ifdef HF_FAULT_POINTS
#define HF_FAULT(name, error) HF_TRY(hf_fault_point((name), (error)))
#else
#define HF_FAULT(name, error) ((void) 0)
#endif

#endif
