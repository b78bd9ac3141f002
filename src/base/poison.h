/*
 * Included before every source file by the build: calls that have a safer form here are compile errors.  The headers
 * that declare them come first, because a poisoned name may not appear even in a declaration.
 */
#ifndef HF_BASE_POISON_H
#define HF_BASE_POISON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#undef sprintf /* a macro where libc is fortified under clang */
#pragma GCC poison sprintf strcpy strncpy strcat strtok atoi system popen gets

#endif
