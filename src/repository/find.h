/* For the other files of repository/. */
#ifndef HF_REPOSITORY_FIND_H
#define HF_REPOSITORY_FIND_H

#include "base/error.h"

/* True for a failure that tells about the stored bytes, not about the way to them. */
bool hf_is_damage(hf_status status);

#endif
