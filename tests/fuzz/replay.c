/* Calls a fuzz target with every file it is given, and with every file of a folder: what a fuzzer found stays found. */
#include <dirent.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fuzz.h"

static size_t count;

static void replay_file(const char *path)
{
    HF_AUTO_BUF content = HF_BUF_MAX(64u << 20);
    hf_error error = {0};

    if (hf_file_read(path, &content, &error) != HF_OK) {
        (void) fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    (void) LLVMFuzzerTestOneInput((const uint8_t *) hf_buf_text(&content), content.len);
    count++;
}

static void replay(const char *path)
{
    struct stat about;
    struct dirent **names;
    int found;

    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        replay_file(path);
        return;
    }
    found = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        HF_AUTO_STR inside = hf_path_join(path, names[i]->d_name);

        if (names[i]->d_name[0] != '.')
            replay(inside);
        free(names[i]);
    }
    if (found >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    (void) printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
