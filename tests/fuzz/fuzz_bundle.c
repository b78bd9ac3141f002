/* A bundle from elsewhere: what is taken in is a snapshot that loads; anything else leaves none, and says why. */
#include <ftw.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "repository/bundle.h"
#include "storage-backends/storage.h"

static char folder[] = "/tmp/hf-fuzz-bundle-XXXXXX";

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void) info;
    (void) type;
    (void) place;
    return remove(path);
}

static void remove_folder(void)
{
    (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* An empty repository, anew for each input: what one input stored must not help the next. */
static hf_repository *make_repository(void)
{
    hf_storage *storage = NULL;
    hf_repository *repository = NULL;
    hf_error error = {0};
    bool created = false;

    if (folder[sizeof(folder) - 2] == 'X') {
        MUST(mkdtemp(folder) != NULL);
        (void) atexit(remove_folder);
    }
    remove_folder();

    HF_AUTO_STR url = hf_format("file://%s", folder);

    MUST(hf_storage_open(url, &storage, &error) == HF_OK);
    MUST(hf_repository_create(storage, NULL, &created, &error) == HF_OK);
    MUST(hf_repository_open(storage, NULL, &repository, &error) == HF_OK);
    return repository;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    hf_repository *repository = make_repository();
    HF_AUTO(hf_transfer_done) hf_transfer transfer = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_snapshot_list list = {0};
    hf_error error = {0};
    const int fd = memfd_create("bundle", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, data, len) == (ssize_t) len && lseek(fd, 0, SEEK_SET) == 0);

    const hf_bundle_stream stream = {.fd = fd, .name = "bundle.tar"};
    hf_status status = hf_bundle_read(repository, &stream, NULL, NULL, &transfer, &error);

    MUST_TELL(status, error);
    if (status == HF_OK)
        MUST(hf_repository_load(repository, transfer.target, transfer.id, &manifest, &error) == HF_OK);
    MUST(hf_repository_list(repository, NULL, &list, &error) == HF_OK);
    MUST(list.count == (status == HF_OK ? 1 : 0));

    hf_snapshot_list_done(&list);
    hf_repository_free(repository);
    (void) close(fd);
    return 0;
}
