/*
 * A schema archive: the table of contents of pg_dump's custom format, and its form as JSON.
 *
 * Source of the format: PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (ReadHead, ReadToc) and pg_backup_custom.c,
 * archive versions 1.13 (PostgreSQL 11), 1.14 (12 to 15), 1.15 (16) and 1.16 (17, 18).
 */
#ifndef HF_PG_ARCHIVE_H
#define HF_PG_ARCHIVE_H

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

typedef enum hf_section {
    HF_SECTION_NONE,
    HF_SECTION_PRE_DATA,
    HF_SECTION_DATA,
    HF_SECTION_POST_DATA
} hf_section;

typedef struct hf_entry {
    int32_t id; /* pg_dump's dumpId */
    uint32_t catalog_oid, oid;
    char *kind;          /* "TABLE", "FK CONSTRAINT", ... */
    char *tag;           /* the object's name as pg_dump shows it */
    char *schema;        /* NULL: none */
    char *owner;         /* "" for none */
    char *tablespace;    /* NULL: default */
    char *access_method; /* NULL: default */
    char relkind;        /* pg_class.relkind of a relation from version 1.16 on, else 0 */
    hf_section section;
    char *definition;                /* SQL, "" for none */
    char *drop;                      /* SQL, "" for none */
    HF_VECTOR(int32_t) dependencies; /* ids of entries */
} hf_entry;

typedef struct hf_archive {
    int version;          /* 0x010E00 for 1.14 */
    char *server_version; /* as pg_dump wrote it */
    char *pg_dump_version;
    HF_VECTOR(hf_entry) entries; /* in archive order, which is a valid restore order */
    HF_VECTOR(uint32_t) by_id;   /* positions in entries by ascending id; kept by hf_archive_index() */
} hf_archive;

void hf_entry_done(hf_entry *entry); /* frees its members */
void hf_archive_free(hf_archive *archive);
void hf_archive_freep(hf_archive **archive);

/*
 * Read the head and the table of contents of a custom-format archive held in memory.  HF_E_FORMAT for an unknown version or
 * another format, HF_E_CORRUPT for a truncated or malformed one.
 */
HF_MUST_CHECK hf_status hf_archive_parse(const void *data, size_t len, hf_archive **ret_archive,
                                         hf_error *error);

json_t *hf_archive_to_json(const hf_archive *archive); /* caller owns */
HF_MUST_CHECK hf_status hf_archive_from_json(const json_t *json, hf_archive **ret_archive, hf_error *error);

/* After entries were added by hand (the readers do it themselves): HF_E_CORRUPT if two have the same id. */
HF_MUST_CHECK hf_status hf_archive_index(hf_archive *archive, hf_error *error);

const hf_entry *hf_archive_find(const hf_archive *archive, int32_t id);

/* True for an entry that describes the schema, not the session, the database itself or its data. */
bool hf_entry_is_schema(const hf_entry *entry);
bool hf_entry_is_acl(const hf_entry *entry); /* ACL, DEFAULT ACL */

/*
 * Digests of what the schema is, free of ids, OIDs and order: equal for a database and its restored copy.  64 digits.
 * Only entries for which hf_entry_is_schema() holds count for the archive's.
 */
void hf_entry_digest(const hf_entry *entry, char out[65]);
void hf_archive_digest(const hf_archive *archive, char out[65]);

#endif
