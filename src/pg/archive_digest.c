/*
 * What a schema is, as one digest.
 *
 * A database and its restored copy differ in OIDs, in pg_dump's ids, in the order of equals, of grants inside one ACL, of
 * roles in a policy (which have that of pg_authid) and of a child's columns (the inherited ones come first in a copy, and
 * pg_dump knows no way around that), and in how the server spells some expressions (definition.c); none of it counts.
 * Entries about the session, the database itself or its data do not count either: a copy has another name, and data has
 * digests of its own.
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

static void add_sorted(hf_sha256 *digest, hf_strings *texts)
{
    if (texts->count > 1)
        qsort(texts->items, texts->count, sizeof(char *), compare_texts);
    for (size_t i = 0; i < texts->count; i++)
        add_field(digest, texts->items[i]);
}

/* The lines of a definition in byte order: one GRANT or REVOKE, or one column, is one line. */
static void add_sorted_lines(hf_sha256 *digest, const char *text)
{
    HF_AUTO(hf_strings_done) hf_strings lines = {0};
    HF_AUTO_STR copy = hf_strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == ',')
            line[len - 1] = '\0';
        if (*line != '\0')
            hf_strings_add(&lines, line);
    }
    add_sorted(digest, &lines);
}

/* `wanted` outside quotes, or the text's end. */
static const char *find_outside(const char *begin, const char *wanted)
{
    const char *at = begin;
    while (*at != '\0' && !hf_starts_with(at, wanted)) {
        const char *next = hf_definition_after_quoted(begin, at);
        at = next > at ? next : at + 1;
    }
    return at;
}

/* CREATE POLICY ... TO a, b USING (...): the roles in byte order, then the text around them. */
static void add_policy(hf_sha256 *digest, const char *text)
{
    HF_AUTO(hf_strings_done) hf_strings roles = {0};
    const char *to = find_outside(text, " TO "), *at = to;
    bool more = *to != '\0';
    for (at += more ? strlen(" TO ") : 0; more;) {
        const char *comma = find_outside(at, ", "), *space = find_outside(at, " ");
        more = comma < space;
        const char *end = more ? comma : *space != '\0' ? space : find_outside(at, ";");
        HF_AUTO_STR role = hf_strndup(at, (size_t) (end - at));
        hf_strings_add(&roles, role);
        at = more ? end + strlen(", ") : end;
    }
    HF_AUTO_STR before = hf_strndup(text, (size_t) (to - text));
    add_sorted(digest, &roles);
    add_field(digest, before);
    add_field(digest, at);
}

static void add_definition(hf_sha256 *digest, const hf_entry *entry)
{
    HF_AUTO_BUF canonical = HF_BUF_MAX(2 * strlen(entry->definition) + CANONICAL_ROOM);

    hf_definition_canonical(&canonical, entry->definition);
    /* casts repeated for each element of a huge list; such a definition counts as it stands */
    const char *text = canonical.overflowed ? entry->definition : hf_buf_text(&canonical);
    if (hf_entry_is_acl(entry) || (strcmp(entry->kind, "TABLE") == 0 && strstr(text, "\nINHERITS (") != NULL))
        add_sorted_lines(digest, text);
    else if (strcmp(entry->kind, "POLICY") == 0)
        add_policy(digest, text);
    else
        add_field(digest, text);
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
    add_definition(digest, entry);
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
