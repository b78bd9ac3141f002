/* What every unit test needs: cmocka with the headers it wants before it, and a folder of its own. */
#ifndef HF_TESTS_UNIT_H
#define HF_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <limits.h>

#include "base/error.h"
#include "base/memory.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define assert_ok(expr) assert_int_equal((expr), HF_OK)

static inline int unit_remove_one_(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void) info;
    (void) type;
    (void) ftw;
    return remove(path);
}

/* cmocka setup and teardown: *state is the path of a new folder. */
static inline int unit_folder_make(void **state)
{
    char *path = hf_strdup("/tmp/hf-unit-XXXXXX");

    *state = path;
    return mkdtemp(path) == NULL ? -1 : 0;
}

static inline int unit_folder_remove(void **state)
{
    (void) nftw(*state, unit_remove_one_, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

#define unit_test_in_folder(test) cmocka_unit_test_setup_teardown(test, unit_folder_make, unit_folder_remove)

/* How many names a folder has, hidden ones too. */
static inline int unit_count_files(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void) closedir(folder);
    return count;
}

#endif
