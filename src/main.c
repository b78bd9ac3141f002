#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cli/cli.h"

/* Connection strings and rows are in this process's memory: no core file, no other user's debugger. */
static void keep_memory_private(void)
{
    const struct rlimit none = {0};

    (void) setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak sanitizer looks into the process as a debugger does */
    (void) prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
#endif
}

int main(int argc, char **argv)
{
    umask(077);
    keep_memory_private();
    return hf_cli_main(argc, argv);
}
