/*
 * The manifest from JSON.  These bytes come from outside: every member is checked for presence, type and bounds, and
 * what the members say of each other (a table's rows are those of its chunks) is checked too, so that the rest of
 * the program can trust the struct.
 */
#include <string.h>

#include "base/text.h"
#include "repository/document.h"
#include "repository/layout.h"
#include "repository/manifest.h"
#include "repository/manifest_additions.h"
#include "repository/repository.h"

#define TABLES_MAX 1000000u
#define CHUNKS_MAX 10000000u
#define COLUMNS_MAX 1664u /* more than any table can have */
#define NAMES_MAX 1000000u

/* More than zstd can make of that many bytes. */
static uint64_t stored_max(uint64_t raw_bytes)
{
    return raw_bytes + raw_bytes / 128 + (64u << 10);
}

static char *read_text(const hf_reader *reader, const char *member)
{
    return hf_strdup(hf_read_text(reader, member));
}

static char *read_text_or_null(const hf_reader *reader, const char *member)
{
    return hf_strdup(hf_read_text_or_null(reader, member));
}

/* A name that PostgreSQL gave: never empty. */
static char *read_name(const hf_reader *reader, const char *member)
{
    const char *text = hf_read_text(reader, member);

    if (reader->reading->status == HF_OK && text[0] == '\0')
        hf_reader_fail(reader, member, "is empty");
    return hf_strdup(text);
}

/* A name that becomes part of a key. */
static char *read_key_name(const hf_reader *reader, const char *member)
{
    const char *text = hf_read_text(reader, member);

    if (reader->reading->status == HF_OK && !hf_is_repository_name(text))
        hf_reader_fail(reader, member, "is not a valid name");
    return hf_strdup(text);
}

static uint32_t read_u32(const hf_reader *reader, const char *member)
{
    return (uint32_t) hf_read_u64(reader, member, UINT32_MAX);
}

static char read_letter(const hf_reader *reader, const char *member, const char *allowed)
{
    const char *text = hf_read_text(reader, member);

    if (reader->reading->status == HF_OK && (strlen(text) != 1 || strchr(allowed, text[0]) == NULL))
        hf_reader_fail(reader, member, "is not one of the letters \"%s\"", allowed);
    return text[0];
}

static void check_object(const hf_reader *reader, const char *name, hf_object_ref *ref)
{
    if (reader->reading->status != HF_OK)
        return;

    if (!hf_is_sha256_hex(name)) {
        hf_reader_fail(reader, NULL, "does not name its object by 64 hexadecimal digits");
        return;
    }

    memcpy(ref->name, name, HF_SHA256_HEX);
    if (ref->stored_bytes == 0 || ref->stored_bytes > stored_max(ref->raw_bytes))
        hf_reader_fail(reader, NULL, "has a stored size that cannot be");
}

static hf_object_ref read_object(const hf_reader *parent, const char *member)
{
    hf_reader reader = hf_read_object(parent, member);
    hf_object_ref ref = {0};
    const char *name = hf_read_text(&reader, "name");

    ref.raw_bytes = hf_read_u64(&reader, "raw_bytes", HF_OBJECT_RAW_MAX);
    ref.stored_bytes = hf_read_u64(&reader, "stored_bytes", HF_NUMBER_MAX);
    check_object(&reader, name, &ref);
    return ref;
}

static void read_digest(const hf_reader *reader, const char *hex, uint64_t rows, hf_row_digest *digest)
{
    if (reader->reading->status == HF_OK && !hf_row_digest_parse(hex, rows, digest))
        hf_reader_fail(reader, "row_digest", "is not a digest of 32 hexadecimal digits");
}

static void read_strings(const hf_reader *parent, const char *member, size_t max, hf_strings *strings)
{
    const json_t *array = hf_read_array(parent, member, max);

    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));

        if (text == NULL) {
            hf_reader_fail(parent, member, "has an element that is not a text");
            return;
        }
        hf_strings_add(strings, text);
    }
}

static hf_chunk read_chunk(const hf_reader *reader)
{
    hf_chunk chunk = {0};
    const char *name = hf_read_text_at(reader, 0, "object");

    chunk.object.raw_bytes = hf_read_u64_at(reader, 1, "raw_bytes", HF_OBJECT_RAW_MAX);
    chunk.object.stored_bytes = hf_read_u64_at(reader, 2, "stored_bytes", HF_NUMBER_MAX);
    chunk.first_page = (uint32_t) hf_read_u64_at(reader, 3, "first_page", UINT32_MAX);
    chunk.end_page = (uint32_t) hf_read_u64_at(reader, 4, "end_page", UINT32_MAX);
    chunk.part = (uint32_t) hf_read_u64_at(reader, 5, "part", UINT32_MAX);
    uint64_t rows = hf_read_u64_at(reader, 6, "rows", HF_NUMBER_MAX);

    read_digest(reader, hf_read_text_at(reader, 7, "row_digest"), rows, &chunk.digest);
    check_object(reader, name, &chunk.object);

    if (reader->reading->status == HF_OK && chunk.end_page < chunk.first_page)
        hf_reader_fail(reader, NULL, "ends before its first page");
    return chunk;
}

/* By page range, then part; ranges do not overlap, but for the parts of one. */
static bool is_in_order(const hf_chunk *before, const hf_chunk *after)
{
    if (before->first_page == after->first_page && before->end_page == after->end_page)
        return before->part < after->part;

    return after->first_page >= before->end_page;
}

static void read_chunks(const hf_reader *reader, hf_table *table)
{
    const json_t *array = hf_read_array(reader, "chunks", CHUNKS_MAX);
    hf_row_digest sum = {0};
    uint64_t raw_bytes = 0;

    for (size_t i = 0; i < json_array_size(array) && reader->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(reader, "chunks", array, i);
        hf_chunk chunk = read_chunk(&item);

        if (i > 0 && !is_in_order(&table->chunks.items[i - 1], &chunk))
            hf_reader_fail(&item, NULL, "is not in the order of the pages");
        hf_row_digest_merge(&sum, &chunk.digest);
        raw_bytes += chunk.object.raw_bytes;
        HF_PUSH(&table->chunks, chunk);
    }

    if (reader->reading->status != HF_OK)
        return;
    if (table->data_excluded && table->chunks.count > 0)
        hf_reader_fail(reader, "chunks", "is not empty, though the table's data are excluded");
    if (!hf_row_digest_equal(&sum, &table->total))
        hf_reader_fail(reader, "row_digest", "is not the sum over the chunks");
    if (raw_bytes != table->raw_bytes)
        hf_reader_fail(reader, "raw_bytes", "is not the sum over the chunks");
}

static void read_table(const hf_reader *reader, hf_table *table)
{
    table->schema = read_name(reader, "schema");
    table->name = read_name(reader, "name");
    table->oid = read_u32(reader, "oid");
    table->relfilenode = read_u32(reader, "relfilenode");
    table->relkind = read_letter(reader, "kind", "rpmftSv");
    table->persistence = read_letter(reader, "persistence", "put");
    table->data_excluded = hf_read_bool(reader, "data_excluded");
    read_strings(reader, "columns", COLUMNS_MAX, &table->columns);
    table->condition = read_text_or_null(reader, "condition");
    table->root_schema = read_text_or_null(reader, "root_schema");
    table->root_name = read_text_or_null(reader, "root_name");
    if (reader->reading->status == HF_OK && (table->root_schema == NULL) != (table->root_name == NULL))
        hf_reader_fail(reader, "root_name", "is given without the other half of the name");
    table->format = read_name(reader, "format");
    if (reader->reading->status == HF_OK && !hf_streq(table->format, "text") &&
        !hf_streq(table->format, "binary"))
        hf_reader_fail(reader, "format", "is neither \"text\" nor \"binary\"");
    table->pages = read_u32(reader, "pages");
    uint64_t rows = hf_read_u64(reader, "rows", HF_NUMBER_MAX);

    read_digest(reader, hf_read_text(reader, "row_digest"), rows, &table->total);
    table->raw_bytes = hf_read_u64(reader, "raw_bytes", HF_NUMBER_MAX);
    table->stored_bytes = hf_read_u64(reader, "stored_bytes", HF_NUMBER_MAX);
    read_chunks(reader, table);
}

static void read_server(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "server");

    manifest->server.version_num = (int) hf_read_i64(&reader, "version_num", 1, INT32_MAX);
    manifest->server.version = read_text(&reader, "version");
    manifest->server.system_identifier = read_text(&reader, "system_identifier");
    manifest->server.timeline = read_u32(&reader, "timeline");
    manifest->server.block_size = read_u32(&reader, "block_size");
}

static void read_database(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "database");
    const json_t *settings = hf_read_array(&reader, "settings", NAMES_MAX);

    manifest->database.name = read_name(&reader, "name");
    manifest->database.oid = read_u32(&reader, "oid");
    manifest->database.owner = read_text(&reader, "owner");
    manifest->database.encoding = read_text(&reader, "encoding");
    manifest->database.collate = read_text(&reader, "collate");
    manifest->database.ctype = read_text(&reader, "ctype");
    manifest->database.locale_provider = read_text(&reader, "locale_provider");
    manifest->database.icu_locale = read_text_or_null(&reader, "icu_locale");
    if (json_object_get(reader.json, "icu_rules") != NULL) /* earlier writers knew neither */
        manifest->database.icu_rules = read_text_or_null(&reader, "icu_rules");
    if (json_object_get(reader.json, "is_template") != NULL)
        manifest->database.is_template = hf_read_bool(&reader, "is_template");
    manifest->database.collation_version = read_text_or_null(&reader, "collation_version");
    manifest->database.tablespace = read_text(&reader, "tablespace");
    manifest->database.acl = read_text_or_null(&reader, "acl");
    manifest->database.comment = read_text_or_null(&reader, "comment");
    manifest->database.connection_limit =
        (int) hf_read_i64(&reader, "connection_limit", INT32_MIN, INT32_MAX);
    manifest->database.bytes = hf_read_u64(&reader, "bytes", HF_NUMBER_MAX);

    for (size_t i = 0; i < json_array_size(settings) && reader.reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(&reader, "settings", settings, i);
        hf_role_setting *setting = HF_APPEND_NEW(&manifest->database.settings);

        setting->role = read_text_or_null(&item, "role");
        setting->setting = read_name(&item, "setting");
    }
}

static void read_visibility(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "visibility");

    manifest->visibility.lsn = read_text(&reader, "lsn");
    manifest->visibility.xmin = read_text(&reader, "xmin");
    manifest->visibility.xmax = read_text(&reader, "xmax");
    manifest->visibility.xip = read_text(&reader, "xip");
}

static void read_schema(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "schema");

    manifest->schema = read_object(&reader, "object");
    manifest->schema_entries = read_u32(&reader, "entries");
    manifest->schema_digest = read_text(&reader, "digest");
}

/* hf_manifest_new() has made them as of a database without any. */
static void read_large_objects(const hf_reader *root, hf_manifest *manifest)
{
    hf_reader reader = hf_read_object(root, "large_objects");
    hf_reader objects = hf_read_object(&reader, "objects");
    hf_reader pieces = hf_read_object(&reader, "pieces");

    hf_table_done(&manifest->large_objects.objects);
    hf_table_done(&manifest->large_objects.pieces);
    manifest->large_objects.objects = (hf_table){0};
    manifest->large_objects.pieces = (hf_table){0};
    read_table(&objects, &manifest->large_objects.objects);
    read_table(&pieces, &manifest->large_objects.pieces);
}

static void read_relations(const hf_reader *root, hf_manifest *manifest)
{
    const json_t *tables = hf_read_array(root, "tables", TABLES_MAX);
    const json_t *sequences = hf_read_array(root, "sequences", NAMES_MAX);
    const json_t *matviews = hf_read_array(root, "populated_matviews", NAMES_MAX);
    const json_t *extensions = hf_read_array(root, "extensions", NAMES_MAX);
    const hf_status *status = &root->reading->status;

    for (size_t i = 0; i < json_array_size(tables) && *status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "tables", tables, i);

        read_table(&item, HF_APPEND_NEW(&manifest->tables));
    }

    for (size_t i = 0; i < json_array_size(sequences) && *status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "sequences", sequences, i);
        hf_sequence *sequence = HF_APPEND_NEW(&manifest->sequences);

        sequence->schema = read_name(&item, "schema");
        sequence->name = read_name(&item, "name");
        sequence->last_value = hf_read_i64(&item, "last_value", INT64_MIN, INT64_MAX);
        sequence->is_called = hf_read_bool(&item, "is_called");
    }

    for (size_t i = 0; i < json_array_size(matviews) && *status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "populated_matviews", matviews, i);
        hf_relation_name *matview = HF_APPEND_NEW(&manifest->populated_matviews);

        matview->schema = read_name(&item, "schema");
        matview->name = read_name(&item, "name");
    }

    for (size_t i = 0; i < json_array_size(extensions) && *status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "extensions", extensions, i);
        hf_extension *extension = HF_APPEND_NEW(&manifest->extensions);

        extension->name = read_name(&item, "name");
        extension->version = read_text(&item, "version");
        extension->schema = read_text(&item, "schema");
    }
}

hf_status hf_manifest_from_json(const json_t *json, hf_manifest **ret_manifest, hf_error *error)
{
    hf_reading reading = {.what = "the manifest", .error = error};
    hf_reader root = hf_reader_root(&reading, json);
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = hf_manifest_new();

    HF_TRY(hf_read_format(&root));
    manifest->id = read_key_name(&root, "id");
    manifest->target = read_key_name(&root, "target");
    manifest->holdfast_version = read_text(&root, "holdfast_version");
    manifest->created_ms = hf_read_time(&root, "created_at");
    manifest->finished_ms = hf_read_time(&root, "finished_at");
    manifest->label = read_text_or_null(&root, "label");
    manifest->pinned = hf_read_bool(&root, "pinned");
    manifest->cycle = read_text_or_null(&root, "cycle");
    read_server(&root, manifest);
    read_database(&root, manifest);
    read_visibility(&root, manifest);
    manifest->pg_dump_version = read_text(&root, "pg_dump_version");
    read_schema(&root, manifest);
    read_relations(&root, manifest);
    read_large_objects(&root, manifest);
    read_strings(&root, "roles", NAMES_MAX, &manifest->roles);
    read_strings(&root, "warnings", NAMES_MAX, &manifest->warnings);
    hf_manifest_additions_read(&root, manifest);

    if (reading.status == HF_OK)
        *ret_manifest = HF_TAKE(manifest);
    return reading.status;
}
