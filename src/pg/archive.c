/*
 * Reading the head and the table of contents of pg_dump's custom format.
 *
 * The bytes are foreign: every length is compared with what is left before it is used, every number must fit, and the
 * memory taken is bounded by the size of the input.
 *
 *     head   "PGDMP", version (3 bytes), integer size, offset size, format (1 byte each), compression (an integer up to
 *            1.14, one byte from 1.15), seven integers of creation time, database, server version, pg_dump version
 *     TOC    the number of entries, then each: id, has-data flag, catalog OID and OID (as text), tag, kind, section,
 *            definition, drop, copy statement, schema, tablespace, access method (from 1.14), relkind (from 1.16),
 *            owner, "with OIDs" (text), dependencies (texts up to a NULL), a flag byte and an offset for the data
 *
 * An integer is a sign byte and `integer size` bytes, least significant first.  A text is its length and its bytes; length
 * -1 is NULL.
 */
#include "pg/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VERSION(major, minor) (((major) << 16) | ((minor) << 8))
#define OLDEST VERSION(1, 13)
#define NEWEST VERSION(1, 16)
#define FORMAT_CUSTOM 1

typedef struct reader {
    const unsigned char *data;
    size_t len;
    size_t at;
    size_t int_size;
    size_t offset_size;
    int version;
    hf_error *error;
} reader;

static hf_status corrupt(const reader *in, const char *what)
{
    hf_fail(in->error, HF_E_CORRUPT, "schema archive: %s at byte %zu of %zu", what, in->at, in->len);
    return HF_E_CORRUPT;
}

static hf_status read_byte(reader *in, unsigned char *ret_byte)
{
    if (in->at >= in->len)
        return corrupt(in, "ends too early");
    *ret_byte = in->data[in->at++];
    return HF_OK;
}

static hf_status skip_bytes(reader *in, size_t count)
{
    if (count > in->len - in->at)
        return corrupt(in, "ends too early");
    in->at += count;
    return HF_OK;
}

static hf_status read_int(reader *in, int32_t *ret_value)
{
    if (in->len - in->at < 1 + in->int_size)
        return corrupt(in, "ends too early");
    unsigned char sign = in->data[in->at];
    uint64_t value = 0;
    for (size_t i = in->int_size; i > 0; i--) {
        if (value > UINT32_MAX)
            return corrupt(in, "a number that is too large");
        value = value << 8 | in->data[in->at + i];
    }
    if (sign > 1)
        return corrupt(in, "a number with a malformed sign");
    if (value > INT32_MAX)
        return corrupt(in, "a number that is too large");
    in->at += 1 + in->int_size;
    *ret_value = sign ? -(int32_t) value : (int32_t) value;
    return HF_OK;
}

/* ret_text may be NULL to skip it; else the caller owns it. */
static hf_status read_text(reader *in, char **ret_text)
{
    int32_t len;
    HF_TRY(read_int(in, &len));
    if (len < -1)
        return corrupt(in, "a text of negative length");
    if (len == -1) {
        if (ret_text != NULL)
            *ret_text = NULL;
        return HF_OK;
    }
    if ((size_t) len > in->len - in->at)
        return corrupt(in, "a text longer than the archive");
    const char *text = (const char *) in->data + in->at;
    if (memchr(text, '\0', (size_t) len) != NULL)
        return corrupt(in, "a text with a zero byte");
    if (!hf_is_utf8(text, (size_t) len))
        return hf_fail(in->error, HF_E_UNSUPPORTED,
                       "the schema holds text that is not UTF-8 (byte %zu of its archive)", in->at);
    in->at += (size_t) len;
    if (ret_text != NULL)
        *ret_text = hf_strndup(text, (size_t) len);
    return HF_OK;
}

/* Like read_text(), with "" for NULL. */
static hf_status read_text_or_empty(reader *in, char **ret_text)
{
    char *text = NULL;
    HF_TRY(read_text(in, &text));
    *ret_text = text != NULL ? text : hf_strdup("");
    return HF_OK;
}

static bool is_number(const char *text, uint64_t max, uint64_t *ret_value)
{
    if (text == NULL || *text == '\0' || strlen(text) > 10 || strspn(text, "0123456789") != strlen(text))
        return false;
    uint64_t value = strtoull(text, NULL, 10);
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

static hf_status read_oid(reader *in, uint32_t *ret_oid)
{
    HF_AUTO_STR text = NULL;
    HF_TRY(read_text(in, &text));
    uint64_t oid;
    if (!is_number(text, UINT32_MAX, &oid))
        return corrupt(in, "a malformed OID");
    *ret_oid = (uint32_t) oid;
    return HF_OK;
}

static hf_status read_head(reader *in, hf_archive *archive)
{
    static const char MAGIC[5] = "PGDMP";
    size_t have = in->len < sizeof(MAGIC) ? in->len : sizeof(MAGIC);
    if (memcmp(in->data, MAGIC, have) != 0)
        return hf_fail(in->error, HF_E_FORMAT, "not an archive in pg_dump's custom format");
    HF_TRY(skip_bytes(in, sizeof(MAGIC)));

    unsigned char major, minor, revision;
    HF_TRY(read_byte(in, &major));
    HF_TRY(read_byte(in, &minor));
    HF_TRY(read_byte(in, &revision));
    in->version = VERSION(major, minor);
    if (in->version < OLDEST || in->version > NEWEST)
        return hf_fail(in->error, HF_E_FORMAT,
                       "schema archive of version %d.%d; this holdfast knows versions %d.%d to %d.%d", major,
                       minor, OLDEST >> 16, (OLDEST >> 8) & 255, NEWEST >> 16, (NEWEST >> 8) & 255);
    archive->version = in->version | revision;

    unsigned char int_size, offset_size, format, compression;
    HF_TRY(read_byte(in, &int_size));
    HF_TRY(read_byte(in, &offset_size));
    HF_TRY(read_byte(in, &format));
    if (int_size < 1 || int_size > 8)
        return corrupt(in, "an impossible integer size");
    if (offset_size < 1 || offset_size > 16)
        return corrupt(in, "an impossible offset size");
    in->int_size = int_size;
    in->offset_size = offset_size;
    if (format != FORMAT_CUSTOM)
        return hf_fail(in->error, HF_E_FORMAT,
                       "schema archive of format %d; only the custom format (%d) is read", format,
                       FORMAT_CUSTOM);
    int32_t ignored;
    if (in->version >= VERSION(1, 15))
        HF_TRY(read_byte(in, &compression));
    else
        HF_TRY(read_int(in, &ignored));
    for (int i = 0; i < 7; i++)
        HF_TRY(read_int(in, &ignored));
    HF_TRY(read_text(in, NULL));
    HF_TRY(read_text_or_empty(in, &archive->server_version));
    return read_text_or_empty(in, &archive->pg_dump_version);
}

static hf_status read_dependencies(reader *in, hf_entry *entry)
{
    for (;;) {
        HF_AUTO_STR text = NULL;
        HF_TRY(read_text(in, &text));
        if (text == NULL)
            return HF_OK;
        uint64_t id;
        if (!is_number(text, INT32_MAX, &id))
            return corrupt(in, "a malformed dependency");
        HF_PUSH(&entry->dependencies, (int32_t) id);
    }
}

static hf_status read_entry(reader *in, hf_entry *entry)
{
    int32_t ignored, section, relkind = 0;
    HF_TRY(read_int(in, &entry->id));
    if (entry->id <= 0)
        return corrupt(in, "an entry with an impossible id");
    HF_TRY(read_int(in, &ignored));
    HF_TRY(read_oid(in, &entry->catalog_oid));
    HF_TRY(read_oid(in, &entry->oid));
    HF_TRY(read_text_or_empty(in, &entry->tag));
    HF_TRY(read_text_or_empty(in, &entry->kind));
    HF_TRY(read_int(in, &section));
    if (section < 1 || section > 4)
        return corrupt(in, "an entry in an unknown section");
    entry->section = (hf_section) (section - 1);
    HF_TRY(read_text_or_empty(in, &entry->definition));
    HF_TRY(read_text_or_empty(in, &entry->drop));
    HF_TRY(read_text(in, NULL));
    HF_TRY(read_text(in, &entry->schema));
    HF_TRY(read_text(in, &entry->tablespace));
    if (in->version >= VERSION(1, 14))
        HF_TRY(read_text(in, &entry->access_method));
    if (in->version >= VERSION(1, 16))
        HF_TRY(read_int(in, &relkind));
    if (relkind < 0 || relkind > 127)
        return corrupt(in, "an entry of an impossible relation kind");
    entry->relkind = (char) relkind;
    HF_TRY(read_text_or_empty(in, &entry->owner));
    HF_TRY(read_text(in, NULL));
    HF_TRY(read_dependencies(in, entry));
    unsigned char flag;
    HF_TRY(read_byte(in, &flag));
    return skip_bytes(in, in->offset_size);
}

static int compare_ids(const void *a, const void *b, void *archive_)
{
    const hf_archive *archive = archive_;
    int32_t left = archive->entries.items[*(const uint32_t *) a].id;
    int32_t right = archive->entries.items[*(const uint32_t *) b].id;
    return (left > right) - (left < right);
}

hf_status hf_archive_index(hf_archive *archive, hf_error *error)
{
    archive->by_id.count = 0;
    for (size_t i = 0; i < archive->entries.count; i++)
        HF_PUSH(&archive->by_id, (uint32_t) i);
    if (archive->by_id.count > 1)
        qsort_r(archive->by_id.items, archive->by_id.count, sizeof(uint32_t), compare_ids, archive);
    for (size_t i = 1; i < archive->by_id.count; i++)
        if (compare_ids(&archive->by_id.items[i - 1], &archive->by_id.items[i], archive) == 0)
            return hf_fail(error, HF_E_CORRUPT, "schema archive: two entries have the id %d",
                           archive->entries.items[archive->by_id.items[i]].id);
    return HF_OK;
}

const hf_entry *hf_archive_find(const hf_archive *archive, int32_t id)
{
    size_t low = 0, high = archive->by_id.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const hf_entry *entry = &archive->entries.items[archive->by_id.items[middle]];
        if (entry->id == id)
            return entry;
        if (entry->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

hf_status hf_archive_parse(const void *data, size_t len, hf_archive **ret_archive, hf_error *error)
{
    reader in = {.data = data, .len = len, .error = error};
    HF_AUTO(hf_archive_freep) hf_archive *archive = hf_alloc(sizeof(*archive));
    if (len == 0)
        return corrupt(&in, "is empty");
    HF_TRY(read_head(&in, archive));
    int32_t count;
    HF_TRY(read_int(&in, &count));
    if (count < 0 || (size_t) count > in.len - in.at)
        return corrupt(&in, "an impossible number of entries");
    for (int32_t i = 0; i < count; i++)
        HF_TRY(read_entry(&in, HF_APPEND_NEW(&archive->entries)));
    HF_TRY(hf_archive_index(archive, error));
    *ret_archive = HF_TAKE(archive);
    return HF_OK;
}

void hf_entry_done(hf_entry *entry)
{
    free(entry->kind);
    free(entry->tag);
    free(entry->schema);
    free(entry->owner);
    free(entry->tablespace);
    free(entry->access_method);
    free(entry->definition);
    free(entry->drop);
    free(entry->dependencies.items);
}

void hf_archive_free(hf_archive *archive)
{
    if (archive == NULL)
        return;
    for (size_t i = 0; i < archive->entries.count; i++)
        hf_entry_done(&archive->entries.items[i]);
    free(archive->entries.items);
    free(archive->by_id.items);
    free(archive->server_version);
    free(archive->pg_dump_version);
    free(archive);
}

void hf_archive_freep(hf_archive **archive)
{
    hf_archive_free(*archive);
}
