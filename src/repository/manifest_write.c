/*
 * The manifest as JSON.  A text that is not UTF-8 has no JSON form: jansson then gives no value, and setting that fails,
 * which the one flag of a writer remembers.
 */
#include <string.h>

#include "base/clock.h"
#include "repository/manifest.h"
#include "repository/manifest_additions.h"

typedef struct writer {
    bool failed;
} writer;

static void set(writer *w, json_t *object, const char *member, json_t *value)
{
    if (json_object_set_new(object, member, value) != 0)
        w->failed = true;
}

static void append(writer *w, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        w->failed = true;
}

static json_t *text(const char *value)
{
    return value != NULL ? json_string(value) : json_string("");
}

static json_t *text_or_null(const char *value)
{
    return value != NULL ? json_string(value) : json_null();
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t) value);
}

static json_t *time_text(int64_t time_ms)
{
    char out[32];

    return json_string(hf_time_format(time_ms, out));
}

static json_t *letter(char c)
{
    return json_stringn(&c, c != '\0' ? 1 : 0);
}

static json_t *digest_text(const hf_row_digest *digest)
{
    char hex[HF_ROW_DIGEST_HEX];

    hf_row_digest_hex(digest, hex);
    return json_string(hex);
}

static json_t *texts(writer *w, const hf_strings *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        append(w, array, text(list->items[i]));

    return array;
}

static json_t *object_ref(writer *w, const hf_object_ref *ref)
{
    json_t *object = json_object();

    set(w, object, "name", text(ref->name));
    set(w, object, "raw_bytes", number(ref->raw_bytes));
    set(w, object, "stored_bytes", number(ref->stored_bytes));
    return object;
}

/* An array, because a big table has a hundred thousand of them; FORMAT.md tells its places. */
static json_t *chunk(writer *w, const hf_chunk *value)
{
    json_t *array = json_array();

    append(w, array, text(value->object.name));
    append(w, array, number(value->object.raw_bytes));
    append(w, array, number(value->object.stored_bytes));
    append(w, array, number(value->first_page));
    append(w, array, number(value->end_page));
    append(w, array, number(value->part));
    append(w, array, number(value->digest.rows));
    append(w, array, digest_text(&value->digest));
    return array;
}

static json_t *table(writer *w, const hf_table *value)
{
    json_t *object = json_object();
    json_t *chunks = json_array();

    set(w, object, "schema", text(value->schema));
    set(w, object, "name", text(value->name));
    set(w, object, "oid", number(value->oid));
    set(w, object, "relfilenode", number(value->relfilenode));
    set(w, object, "kind", letter(value->relkind));
    set(w, object, "persistence", letter(value->persistence));
    set(w, object, "data_excluded", json_boolean(value->data_excluded));
    set(w, object, "columns", texts(w, &value->columns));
    set(w, object, "condition", text_or_null(value->condition));
    set(w, object, "root_schema", text_or_null(value->root_schema));
    set(w, object, "root_name", text_or_null(value->root_name));
    set(w, object, "format", text(value->format));
    set(w, object, "pages", number(value->pages));
    set(w, object, "rows", number(value->total.rows));
    set(w, object, "row_digest", digest_text(&value->total));
    set(w, object, "raw_bytes", number(value->raw_bytes));
    set(w, object, "stored_bytes", number(value->stored_bytes));

    for (size_t i = 0; i < value->chunks.count; i++)
        append(w, chunks, chunk(w, &value->chunks.items[i]));
    set(w, object, "chunks", chunks);
    return object;
}

static json_t *server(writer *w, const hf_manifest *manifest)
{
    json_t *object = json_object();

    set(w, object, "version_num", json_integer(manifest->server.version_num));
    set(w, object, "version", text(manifest->server.version));
    set(w, object, "system_identifier", text(manifest->server.system_identifier));
    set(w, object, "timeline", number(manifest->server.timeline));
    set(w, object, "block_size", number(manifest->server.block_size));
    return object;
}

static json_t *database(writer *w, const hf_manifest *manifest)
{
    json_t *object = json_object();
    json_t *settings = json_array();

    set(w, object, "name", text(manifest->database.name));
    set(w, object, "oid", number(manifest->database.oid));
    set(w, object, "owner", text(manifest->database.owner));
    set(w, object, "encoding", text(manifest->database.encoding));
    set(w, object, "collate", text(manifest->database.collate));
    set(w, object, "ctype", text(manifest->database.ctype));
    set(w, object, "locale_provider", text(manifest->database.locale_provider));
    set(w, object, "icu_locale", text_or_null(manifest->database.icu_locale));
    set(w, object, "icu_rules", text_or_null(manifest->database.icu_rules));
    set(w, object, "is_template", json_boolean(manifest->database.is_template));
    set(w, object, "collation_version", text_or_null(manifest->database.collation_version));
    set(w, object, "tablespace", text(manifest->database.tablespace));
    set(w, object, "acl", text_or_null(manifest->database.acl));
    set(w, object, "comment", text_or_null(manifest->database.comment));
    set(w, object, "connection_limit", json_integer(manifest->database.connection_limit));
    set(w, object, "bytes", number(manifest->database.bytes));

    for (size_t i = 0; i < manifest->database.settings.count; i++) {
        json_t *setting = json_object();

        set(w, setting, "role", text_or_null(manifest->database.settings.items[i].role));
        set(w, setting, "setting", text(manifest->database.settings.items[i].setting));
        append(w, settings, setting);
    }
    set(w, object, "settings", settings);
    return object;
}

static json_t *visibility(writer *w, const hf_manifest *manifest)
{
    json_t *object = json_object();

    set(w, object, "lsn", text(manifest->visibility.lsn));
    set(w, object, "xmin", text(manifest->visibility.xmin));
    set(w, object, "xmax", text(manifest->visibility.xmax));
    set(w, object, "xip", text(manifest->visibility.xip));
    return object;
}

static json_t *sequences(writer *w, const hf_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; i < manifest->sequences.count; i++) {
        const hf_sequence *value = &manifest->sequences.items[i];
        json_t *object = json_object();

        set(w, object, "schema", text(value->schema));
        set(w, object, "name", text(value->name));
        set(w, object, "last_value", json_integer(value->last_value));
        set(w, object, "is_called", json_boolean(value->is_called));
        append(w, array, object);
    }

    return array;
}

static json_t *matviews(writer *w, const hf_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; i < manifest->populated_matviews.count; i++) {
        const hf_relation_name *value = &manifest->populated_matviews.items[i];
        json_t *object = json_object();

        set(w, object, "schema", text(value->schema));
        set(w, object, "name", text(value->name));
        append(w, array, object);
    }

    return array;
}

static json_t *extensions(writer *w, const hf_manifest *manifest)
{
    json_t *array = json_array();

    for (size_t i = 0; i < manifest->extensions.count; i++) {
        const hf_extension *value = &manifest->extensions.items[i];
        json_t *object = json_object();

        set(w, object, "name", text(value->name));
        set(w, object, "version", text(value->version));
        set(w, object, "schema", text(value->schema));
        append(w, array, object);
    }

    return array;
}

json_t *hf_manifest_to_json(const hf_manifest *manifest)
{
    writer w = {0};
    json_t *root = json_object();
    json_t *schema = json_object();
    json_t *tables = json_array();
    json_t *large_objects = json_object();

    set(&w, root, "format", json_integer(manifest->format));
    set(&w, root, "id", text(manifest->id));
    set(&w, root, "target", text(manifest->target));
    set(&w, root, "holdfast_version", text(manifest->holdfast_version));
    set(&w, root, "created_at", time_text(manifest->created_ms));
    set(&w, root, "finished_at", time_text(manifest->finished_ms));
    set(&w, root, "label", text_or_null(manifest->label));
    set(&w, root, "pinned", json_boolean(manifest->pinned));
    set(&w, root, "cycle", text_or_null(manifest->cycle));
    set(&w, root, "server", server(&w, manifest));
    set(&w, root, "database", database(&w, manifest));
    set(&w, root, "visibility", visibility(&w, manifest));
    set(&w, root, "pg_dump_version", text(manifest->pg_dump_version));

    set(&w, schema, "object", object_ref(&w, &manifest->schema));
    set(&w, schema, "entries", number(manifest->schema_entries));
    set(&w, schema, "digest", text(manifest->schema_digest));
    set(&w, root, "schema", schema);

    for (size_t i = 0; i < manifest->tables.count; i++)
        append(&w, tables, table(&w, &manifest->tables.items[i]));
    set(&w, root, "tables", tables);
    set(&w, large_objects, "objects", table(&w, &manifest->large_objects.objects));
    set(&w, large_objects, "pieces", table(&w, &manifest->large_objects.pieces));
    set(&w, root, "large_objects", large_objects);
    set(&w, root, "sequences", sequences(&w, manifest));
    set(&w, root, "populated_matviews", matviews(&w, manifest));
    set(&w, root, "extensions", extensions(&w, manifest));
    set(&w, root, "roles", texts(&w, &manifest->roles));
    set(&w, root, "warnings", texts(&w, &manifest->warnings));
    if (!hf_manifest_additions_write(manifest, root))
        w.failed = true;

    if (w.failed) {
        json_decref(root);
        return NULL;
    }

    return root;
}
