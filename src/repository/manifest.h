/*
 * The manifest: the description of one snapshot, as a value.  FORMAT.md tells its JSON form.
 *
 * Text members are owned by the manifest and never NULL after reading unless the comment says so.
 */
#ifndef HF_REPOSITORY_MANIFEST_H
#define HF_REPOSITORY_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "stream/digest.h"
#include "stream/row_digest.h"

typedef struct hf_object_ref {
    char name[HF_SHA256_HEX]; /* of the raw bytes */
    uint64_t raw_bytes;
    uint64_t stored_bytes;
} hf_object_ref;

typedef struct hf_chunk {
    hf_object_ref object;
    uint32_t first_page; /* heap pages [first_page, end_page) */
    uint32_t end_page;
    uint32_t part; /* 0, 1, ... where the text of a range was cut at the chunk limit */
    hf_row_digest digest;
} hf_chunk;

typedef struct hf_table {
    char *schema;
    char *name;
    uint32_t oid;
    uint32_t relfilenode;
    char relkind;       /* pg_class.relkind; 'r' ordinary */
    char persistence;   /* pg_class.relpersistence: 'p' or 'u' (unlogged) */
    bool data_excluded; /* by configuration: no rows are stored */
    hf_strings columns; /* in COPY order; generated ones are not among them */
    char *condition;    /* of an extension's configuration table: "", or its "WHERE ..."; NULL: none */
    char *
        root_schema; /* of a partition whose rows may belong to another one elsewhere: the table above them */
    char *root_name; /* that takes them all, and only the sum over its partitions counts; NULL: none */
    char *format;    /* of the rows in its chunks: COPY's "text" or "binary" */
    uint32_t pages;  /* of the heap when the snapshot was taken */
    hf_row_digest total; /* rows and digest over all chunks */
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    HF_VECTOR(hf_chunk) chunks; /* by page range, then part */
} hf_table;

typedef struct hf_sequence {
    char *schema;
    char *name;
    int64_t last_value;
    bool is_called;
} hf_sequence;

typedef struct hf_relation_name {
    char *schema;
    char *name;
} hf_relation_name;

typedef struct hf_role_setting {
    char *role;    /* NULL: for every role (ALTER DATABASE ... SET) */
    char *setting; /* "name=value" as pg_db_role_setting keeps it */
} hf_role_setting;

typedef HF_VECTOR(hf_role_setting) hf_role_settings;

/* What a label provider (SECURITY LABEL) says of an object that is not in the schema archive. */
typedef struct hf_label {
    uint32_t oid; /* of a large object; 0: of the database */
    char *provider;
    char *label;
} hf_label;

typedef struct hf_extension {
    char *name;
    char *version;
    char *schema;
} hf_extension;

/* Something that the filters of a snapshot left out. */
typedef struct hf_left_out {
    char *kind;   /* as pg_dump names it */
    char *schema; /* NULL: none */
    char *name;
    char *why; /* NULL: a pattern; else what it needs that is left out */
} hf_left_out;

/* Rows that a server with damaged files could not read; of pg_catalog.pg_largeobject bytes of the object with the OID first_page. */
typedef struct hf_lost {
    char *schema;
    char *name;
    uint32_t first_page, end_page;
    hf_strings ctids; /* "(12,3)"; empty: whatever was on these pages */
    char *reason;     /* what the server said, and its SQLSTATE */
} hf_lost;

typedef struct hf_role {
    char *name;
    bool superuser, inherit, create_role, create_database, login, replication, bypass_rls;
    int connection_limit; /* -1: none */
    char *valid_until;    /* NULL: for ever */
    hf_strings settings;  /* "name=value", those for all databases */
} hf_role;

typedef struct hf_membership {
    char *role;   /* what is granted */
    char *member; /* to whom; not always a role of the plan */
    bool admin;
    bool inherit; /* from version 16 on said by the grant; before that the member's own */
    bool set;
} hf_membership;

typedef struct hf_manifest {
    int format; /* 1 */
    char *id;   /* "20261121T073002Z-1f3a9c" */
    char *target;
    char *holdfast_version;
    int64_t created_ms;  /* when the snapshot was exported */
    int64_t finished_ms; /* when its last object was durable */
    char *label;         /* NULL: none */
    bool pinned;
    char *cycle; /* the deploy it was taken for; NULL: none */

    struct {
        int version_num; /* 150018 */
        char *version;
        char *system_identifier;
        uint32_t timeline;
        uint32_t block_size;
    } server;
    struct {
        char *name;
        uint32_t oid;
        char *owner;
        char *encoding;
        char *collate;
        char *ctype;
        char *locale_provider;   /* "c", "i" or "b" */
        char *icu_locale;        /* NULL: none */
        char *icu_rules;         /* NULL: none */
        char *collation_version; /* NULL: none */
        char *tablespace;
        char *acl;     /* pg_database.datacl as text; NULL: default */
        char *comment; /* NULL: none */
        int connection_limit;
        bool is_template;
        uint64_t bytes;
        hf_role_settings settings;
    } database;
    struct {
        char *lsn; /* pg_current_wal_lsn() before the export */
        char *xmin;
        char *xmax;
        char *xip; /* "a,b,c" or "" */
    } visibility;
    char *pg_dump_version;

    hf_object_ref schema; /* the schema archive as JSON (pg/archive.h) */
    uint32_t schema_entries;
    char *
        schema_digest; /* digest of the schema's definitions: equal when two databases have the same schema */

    HF_VECTOR(hf_table) tables;
    /* As if each were a table; the ranges of the chunks are of OIDs instead of pages. */
    struct {
        hf_table objects; /* a row each: oid, owner, acl, comment */
        hf_table pieces;  /* of their data: oid, position, bytes; a hole may be a piece of zeros */
    } large_objects;
    HF_VECTOR(hf_sequence) sequences;
    HF_VECTOR(hf_relation_name) populated_matviews;
    HF_VECTOR(hf_extension) extensions;
    hf_strings roles; /* that owners, ACLs and policies name */
    struct {
        HF_VECTOR(hf_role) roles; /* those, and the ones that they are members of */
        HF_VECTOR(hf_membership) memberships;
    } role_plan;
    struct { /* all empty: the snapshot is of the whole database */
        hf_strings include, exclude, exclude_data;
        HF_VECTOR(hf_left_out) left_out;
    } filters;
    HF_VECTOR(hf_label) labels;
    HF_VECTOR(hf_lost) degraded; /* empty: nothing was lost */
    hf_strings warnings;
} hf_manifest;

void hf_table_done(hf_table *table); /* frees its members */

hf_manifest *hf_manifest_new(void);
void hf_manifest_free(hf_manifest *manifest);
void hf_manifest_freep(hf_manifest **manifest);

/* A new JSON value, owned by the caller. */
json_t *hf_manifest_to_json(const hf_manifest *manifest);

/* HF_E_FORMAT for a newer format, HF_E_CORRUPT for anything that does not fit it; the message names the member. */
HF_MUST_CHECK hf_status hf_manifest_from_json(const json_t *json, hf_manifest **ret_manifest,
                                              hf_error *error);

bool hf_lost_is_large_object(const hf_lost *lost);

/* Was anything left out by configuration? */
bool hf_manifest_is_filtered(const hf_manifest *manifest);

/* Sums over the tables; the bytes over the large objects too. */
uint64_t hf_manifest_rows(const hf_manifest *manifest);
uint64_t hf_manifest_raw_bytes(const hf_manifest *manifest);
uint64_t hf_manifest_stored_bytes(const hf_manifest *manifest); /* each distinct object once */

const hf_table *hf_manifest_find_table(const hf_manifest *manifest, const char *schema, const char *name);

/* Call `each` for every object the snapshot needs (schema, chunks, large objects), in manifest order; may repeat a name. */
HF_MUST_CHECK hf_status hf_manifest_each_object(const hf_manifest *manifest,
                                                hf_status (*each)(void *context, const hf_object_ref *object,
                                                                  const char *what, hf_error *error),
                                                void *context, hf_error *error);

#endif
