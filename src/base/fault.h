/*
 * Fault points for tests.  HF_FAULT("snapshot.before_manifest") does nothing in a release build.  In a build with
 * HF_FAULT_POINTS, the environment variable HOLDFAST_FAULT=name:action[:n] acts at the n-th passage (default 1) of the
 * named point ("*" is every point): fail (the call returns an error), kill (SIGKILL to itself), term (SIGTERM to
 * itself), stop (SIGSTOP).  HOLDFAST_FAULT_LOG=file appends the name of each point passed.
 *
 * The names are literals and stand in a section of their own, so a binary tells its points (readelf -p hf_faults) and
 * tests/fault can ask for each.
 */
#ifndef HF_BASE_FAULT_H
#define HF_BASE_FAULT_H

#include "base/error.h"

HF_MUST_CHECK hf_status hf_fault_point(const char *name, hf_error *error);

/* HF_FAULT() returns from the function around it; HF_FAULT_STATUS() is for where something must be done first. */
#ifdef HF_FAULT_POINTS
#define HF_FAULT_STATUS(name, error)                                                                         \
    __extension__({                                                                                          \
        static const char point_[] __attribute__((section("hf_faults"), used)) = name;                       \
        hf_fault_point(point_, (error));                                                                     \
    })
#define HF_FAULT(name, error) HF_TRY(HF_FAULT_STATUS(name, error))
#else
#define HF_FAULT_STATUS(name, error) ((void) (error), HF_OK)
#define HF_FAULT(name, error) ((void) 0)
#endif

#endif
