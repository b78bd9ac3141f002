/*
 * What a schema is, as one digest.
 *
 * A database and its restored copy differ in OIDs, in pg_dump's ids, in the order of equals, and in the order of grants
 * inside one ACL, and in how the server spells some expressions (definition.c); none of it counts.  Entries about the
 * session, the database itself or its data do not count either: a copy has another name, and data has digests of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/archive.h"
#include "pg/definition.h"
#include "stream/digest.h"

#define CANONICAL_ROOM (1u << 20)

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

bool hf_entry_is_acl(const hf_entry *entry)
{
    return strcmp(entry->kind, "ACL") == 0 || strcmp(entry->kind, "DEFAULT ACL") == 0;
}

bool hf_entry_is_schema(const hf_entry *entry)
{
    static const char *const OTHERS[] = {
        "ENCODING",
        "STDSTRINGS",
        "SEARCHPATH",
        "DATABASE",
        "DATABASE PROPERTIES",
        "TABLE DATA",
        "BLOB",
        "BLOBS",
        "BLOB METADATA",
        "SEQUENCE SET",
        "STATISTICS DATA",
        "MATERIALIZED VIEW DATA",
        NULL,
    };
    static const char *const ADDITIONS[] = {"ACL", "COMMENT", "SECURITY LABEL", NULL};
    if (is_one_of(entry->kind, OTHERS))
        return false;
    if (is_one_of(entry->kind, ADDITIONS))
        return !hf_starts_with(entry->tag, "DATABASE ") && !hf_starts_with(entry->tag, "LARGE OBJECT");
    return true;
}

static void add_field(hf_sha256 *digest, const char *text)
{
    /* Length first, so that no two lists of fields give the same bytes; NULL and "" count as the same. */
    size_t len = text != NULL ? strlen(text) : 0;
    unsigned char prefix[8];
    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix[i] = (unsigned char) ((uint64_t) len >> (8 * i));
    hf_sha256_update(digest, prefix, sizeof(prefix));
    if (len > 0)
        hf_sha256_update(digest, text, len);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void add_definition(hf_sha256 *digest, const char *definition)
{
    HF_AUTO_BUF canonical = HF_BUF_MAX(2 * strlen(definition) + CANONICAL_ROOM);

    hf_definition_canonical(&canonical, definition);
    /* casts repeated for each element of a huge list; such a definition counts as it stands */
    add_field(digest, canonical.overflowed ? definition : hf_buf_text(&canonical));
}

/* The lines of a definition in byte order: one GRANT or REVOKE is one line. */
static void add_sorted_lines(hf_sha256 *digest, const char *text)
{
    hf_strings lines = {0};
    HF_AUTO_STR copy = hf_strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            hf_strings_add(&lines, line);
    if (lines.count > 1)
        qsort(lines.items, lines.count, sizeof(char *), compare_texts);
    for (size_t i = 0; i < lines.count; i++)
        add_field(digest, lines.items[i]);
    hf_strings_done(&lines);
}

void hf_entry_digest(const hf_entry *entry, char out[HF_SHA256_HEX])
{
    hf_sha256 *digest = hf_sha256_new();
    add_field(digest, entry->kind);
    add_field(digest, entry->schema);
    add_field(digest, entry->tag);
    add_field(digest, entry->owner);
    add_field(digest, entry->tablespace);
    add_field(digest, entry->access_method);
    if (hf_entry_is_acl(entry))
        add_sorted_lines(digest, entry->definition);
    else
        add_definition(digest, entry->definition);
    hf_sha256_final_hex(digest, out);
    hf_sha256_free(digest);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, HF_SHA256_HEX);
}

void hf_archive_digest(const hf_archive *archive, char out[HF_SHA256_HEX])
{
    size_t count = 0;
    char(*digests)[HF_SHA256_HEX] = hf_alloc((archive->entries.count + 1) * HF_SHA256_HEX);
    for (size_t i = 0; i < archive->entries.count; i++)
        if (hf_entry_is_schema(&archive->entries.items[i]))
            hf_entry_digest(&archive->entries.items[i], digests[count++]);
    qsort(digests, count, HF_SHA256_HEX, compare_digests);
    hf_sha256_hex(digests, count * HF_SHA256_HEX, out);
    free(digests);
}
