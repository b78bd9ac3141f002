#include "migrations/prisma_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unicode/ucol.h>

#include "base/file.h"
#include "base/text.h"
#include "migrations/script.h"
#include "migrations/utf8.h"

#define LOCK_FILE "migration_lock.toml"
#define LOCK_FILE_MAX (64u << 10)
#define NAMES_MAX 100000u

/* ---- order ---- */

/* The one collator, made when first needed and never freed; NULL: ICU has no data here. */
static UCollator *root_collator(void)
{
    static UCollator *collator;
    UErrorCode status = U_ZERO_ERROR;

    if (collator == NULL)
        collator = ucol_open("root", &status);
    return U_SUCCESS(status) ? collator : NULL;
}

int hf_prisma_compare_names(const char *a, const char *b)
{
    UErrorCode status = U_ZERO_ERROR;
    UCollator *collator = root_collator();
    int order = collator != NULL ? (int) ucol_strcollUTF8(collator, a, -1, b, -1, &status) : 0;

    return order != 0 ? order : strcmp(a, b);
}

static int compare_items(const void *a, const void *b)
{
    return hf_prisma_compare_names(*(char *const *) a, *(char *const *) b);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        (void) closedir(*folder);
}

static hf_status add_if_folder(DIR *folder, const char *name, hf_strings *names, hf_error *error)
{
    struct stat info;

    if (hf_streq(name, ".") || hf_streq(name, ".."))
        return HF_OK;
    if (fstatat(dirfd(folder), name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HF_OK : hf_fail_errno(error, "cannot look at \"%s\"", name);
    if (!S_ISDIR(info.st_mode))
        return HF_OK;
    if (!hf_is_utf8(name, strlen(name)))
        return hf_fail(error, HF_E_MIGRATION, "the name of the migration folder \"%s\" is not UTF-8", name);
    if (names->count >= NAMES_MAX)
        return hf_fail(error, HF_E_LIMIT, "more than %u migrations", NAMES_MAX);
    hf_strings_add(names, name);
    return HF_OK;
}

hf_status hf_prisma_list(const char *directory, hf_strings *ret_names, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO(close_folder) DIR *folder = opendir(directory);
    struct dirent *entry;

    if (folder == NULL && (errno == ENOENT || errno == ENOTDIR)) {
        (void) hf_fail(error, HF_E_MIGRATION, "the migrations folder \"%s\" does not exist", directory);
        return hf_hint(
            error, "set migrations.directory in the configuration; it is relative to the configuration file");
    }
    if (folder == NULL)
        return hf_fail_errno(error, "cannot open the migrations folder \"%s\"", directory);

    while (errno = 0, (entry = readdir(folder)) != NULL)
        HF_TRY(add_if_folder(folder, entry->d_name, &names, error));
    if (errno != 0)
        return hf_fail_errno(error, "cannot read the migrations folder \"%s\"", directory);
    if (root_collator() == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "the library ICU cannot order names; is its data missing?");
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_items);

    *ret_names = names;
    names = (hf_strings){0};
    return HF_OK;
}

/* ---- migration_lock.toml ---- */

/* Not a TOML parser, and must not be one: only what Prisma accepts passes. */
bool hf_prisma_lock_is_postgresql(const char *content)
{
    static const char assignment[] = "provider = ";
    size_t len;

    if (content == NULL)
        return true;
    while (!hf_starts_with(content, "provider")) {
        content += strcspn(content, "\n");
        if (*content == '\0')
            return false;
        content++;
    }
    len = strcspn(content, "\n");
    if (len > 0 && content[len - 1] == '\r')
        len--;
    while (len >= sizeof(assignment) - 1 && hf_starts_with(content, assignment)) {
        content += sizeof(assignment) - 1;
        len -= sizeof(assignment) - 1;
    }
    for (; len > 0 && *content == '"'; len--)
        content++;
    while (len > 0 && content[len - 1] == '"')
        len--;

    HF_AUTO_STR value = hf_strndup(content, len);
    return hf_streq(value, "postgresql");
}

hf_status hf_prisma_check_lock_file(const char *directory, hf_error *error)
{
    HF_AUTO_STR path = hf_path_join(directory, LOCK_FILE);
    HF_AUTO_BUF content = HF_BUF_MAX(LOCK_FILE_MAX);

    if (!hf_file_exists(path))
        return HF_OK;
    HF_TRY(hf_file_read(path, &content, error));
    if (hf_prisma_lock_is_postgresql(hf_buf_text(&content)))
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION, "P3019: \"%s\" is not for postgresql", path);
    return hf_hint(error, "it must hold the line: provider = \"postgresql\"");
}

/* ---- checksum ---- */

static bool digest_is(const void *data, size_t len, const char *stored)
{
    char hex[HF_SHA256_HEX];
    char unpadded[HF_SHA256_HEX];
    size_t used = 0;

    hf_sha256_hex(data, len, hex);
    if (strlen(stored) == HF_SHA256_HEX - 1 || stored[0] == '\0')
        return hf_streq(hex, stored);

    /* an early engine wrote each byte without a leading zero */
    for (size_t i = 0; i < HF_SHA256_HEX - 1; i += 2) {
        if (hex[i] != '0')
            unpadded[used++] = hex[i];
        unpadded[used++] = hex[i + 1];
    }
    unpadded[used] = '\0';
    return hf_streq(unpadded, stored);
}

void hf_prisma_checksum(const void *sql, size_t len, char out[HF_SHA256_HEX])
{
    HF_AUTO_BUF text = HF_BUF_MAX(3 * (size_t) HF_SCRIPT_MAX);

    hf_utf8_replace(&text, sql, len);
    hf_sha256_hex(hf_buf_text(&text), text.len, out);
}

/* Every "\n" with a "\r" before it, also where there is one already: so does Prisma. */
static void to_crlf(hf_buf *out, const hf_buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '\n')
            hf_buf_putc(out, '\r');
        hf_buf_putc(out, text->data[i]);
    }
}

static void to_lf(hf_buf *out, const hf_buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] != '\r' || i + 1 == text->len || text->data[i + 1] != '\n')
            hf_buf_putc(out, text->data[i]);
}

bool hf_prisma_checksum_matches(const char *sql, size_t len, const char *stored)
{
    HF_AUTO_BUF text = HF_BUF_MAX(3 * (size_t) HF_SCRIPT_MAX);
    HF_AUTO_BUF exchanged = HF_BUF_MAX(6 * (size_t) HF_SCRIPT_MAX);

    hf_utf8_replace(&text, sql, len);
    if (digest_is(hf_buf_text(&text), text.len, stored))
        return true;
    to_lf(&exchanged, &text);
    if (digest_is(hf_buf_text(&exchanged), exchanged.len, stored))
        return true;
    hf_buf_clear(&exchanged);
    to_crlf(&exchanged, &text);
    return digest_is(hf_buf_text(&exchanged), exchanged.len, stored);
}
