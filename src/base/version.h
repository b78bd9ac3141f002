/* The version of this program. */
#ifndef HF_BASE_VERSION_H
#define HF_BASE_VERSION_H

#define HF_VERSION "0.1.0"

#endif
