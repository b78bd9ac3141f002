#include "repository/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "repository/vault.h"

void hf_json_decrefp(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

char *hf_canonical_json(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    /* What is dumped was built or parsed by jansson, so it can only fail for want of memory. */
    return text != NULL ? text : hf_strdup("");
}

void hf_canonical_digest(const json_t *object, const char *without, char out[HF_SHA256_HEX])
{
    HF_AUTO_JSON copy = json_copy((json_t *) object);

    if (without != NULL)
        (void) json_object_del(copy, without);

    HF_AUTO_STR text = hf_canonical_json(copy);

    hf_sha256_hex(text, strlen(text), out);
}

hf_status hf_parse_document(const char *what, const hf_buf *text, json_t **ret_object, hf_error *error)
{
    json_error_t fault;
    HF_AUTO_JSON json = json_loadb(hf_buf_text(text), text->len, JSON_REJECT_DUPLICATES, &fault);

    if (json == NULL)
        return hf_fail(error, HF_E_CORRUPT, "%s is not JSON: %s at byte %d", what, fault.text,
                       fault.position);
    if (!json_is_object(json))
        return hf_fail(error, HF_E_CORRUPT, "%s is not a JSON object", what);

    *ret_object = HF_TAKE(json);
    return HF_OK;
}

hf_status hf_document_get_from(hf_repository *repository, hf_storage *storage, const char *key,
                               hf_buf *ret_text, hf_error *error)
{
    const hf_vault *vault = hf_repository_vault(repository);
    const size_t max = ret_text->max;

    ret_text->max = max + (vault != NULL ? HF_SEAL_BYTES : 0);
    hf_status status = hf_storage_get(storage, key, ret_text, error);

    if (status == HF_OK) {
        status = hf_vault_open_document(vault, key, ret_text, error);
        if (status != HF_OK)
            (void) hf_prefix(error, "\"%s\"", key);
    }
    ret_text->max = max;
    return status;
}

hf_status hf_document_get(hf_repository *repository, const char *key, hf_buf *ret_text, hf_error *error)
{
    return hf_document_get_from(repository, hf_repository_storage(repository), key, ret_text, error);
}

static hf_status put_document(hf_repository *repository, hf_storage *storage, const char *key,
                              const char *text, bool is_new, hf_error *error)
{
    const size_t len = strlen(text);
    HF_AUTO_BUF value = HF_BUF_MAX(len + HF_SEAL_BYTES);

    hf_buf_append(&value, text, len);
    HF_TRY(hf_vault_seal_document(hf_repository_vault(repository), key, &value, error));
    return is_new ? hf_storage_put_new(storage, key, value.data, value.len, error)
                  : hf_storage_put(storage, key, value.data, value.len, error);
}

hf_status hf_document_put(hf_repository *repository, const char *key, const char *text, hf_error *error)
{
    return put_document(repository, hf_repository_storage(repository), key, text, false, error);
}

hf_status hf_document_put_new(hf_repository *repository, const char *key, const char *text, hf_error *error)
{
    return put_document(repository, hf_repository_storage(repository), key, text, true, error);
}

hf_status hf_document_put_to(hf_repository *repository, hf_storage *storage, const char *key,
                             const char *text, hf_error *error)
{
    return put_document(repository, storage, key, text, false, error);
}

/* "tables[3].chunks[7]", the way to a reader. */
static void print_path(const hf_reader *reader, hf_buf *path)
{
    if (reader->parent == NULL)
        return;

    print_path(reader->parent, path);
    if (path->len > 0)
        hf_buf_putc(path, '.');
    hf_buf_puts(path, reader->member);
    if (reader->index != HF_NO_INDEX)
        hf_buf_printf(path, "[%zu]", reader->index);
}

void hf_reader_fail(const hf_reader *reader, const char *member, const char *fmt, ...)
{
    hf_reading *reading = reader->reading;

    if (reading->status != HF_OK)
        return;

    HF_AUTO_BUF path = HF_BUF_MAX(256);
    HF_AUTO_BUF text = HF_BUF_MAX(512);
    char why[256];
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);

    print_path(reader, &path);
    if (member != NULL && path.len > 0)
        hf_buf_putc(&path, '.');
    if (member != NULL)
        hf_buf_puts(&path, member);

    hf_buf_printf(&text, "%s: member \"%s\" %s", reading->what, hf_buf_text(&path), why);
    reading->status = hf_fail(reading->error, HF_E_CORRUPT, "%s", hf_buf_text(&text));
}

hf_reader hf_reader_root(hf_reading *reading, const json_t *json)
{
    return (hf_reader){.reading = reading, .index = HF_NO_INDEX, .json = json};
}

/* A member's value, or NULL after a failure was recorded. */
static const json_t *member_value(const hf_reader *reader, const char *member)
{
    if (reader->reading->status != HF_OK)
        return NULL;

    if (!json_is_object(reader->json)) {
        hf_reader_fail(reader, NULL, "is not an object");
        return NULL;
    }

    const json_t *value = json_object_get(reader->json, member);

    if (value == NULL)
        hf_reader_fail(reader, member, "is missing");
    return value;
}

static const json_t *element_value(const hf_reader *reader, size_t index, const char *name)
{
    if (reader->reading->status != HF_OK)
        return NULL;

    if (!json_is_array(reader->json)) {
        hf_reader_fail(reader, NULL, "is not an array");
        return NULL;
    }

    const json_t *value = json_array_get(reader->json, index);

    if (value == NULL)
        hf_reader_fail(reader, name, "is missing");
    return value;
}

static int64_t to_integer(const hf_reader *reader, const char *member, const json_t *value, int64_t min,
                          int64_t max)
{
    if (value == NULL)
        return 0;

    if (!json_is_integer(value)) {
        hf_reader_fail(reader, member, "is not an integer");
        return 0;
    }

    int64_t number = json_integer_value(value);

    if (number < min || number > max) {
        hf_reader_fail(reader, member, "is %lld, not between %lld and %lld", (long long) number,
                       (long long) min, (long long) max);
        return 0;
    }

    return number;
}

static const char *to_text(const hf_reader *reader, const char *member, const json_t *value)
{
    if (value == NULL)
        return "";

    if (!json_is_string(value)) {
        hf_reader_fail(reader, member, "is not a text");
        return "";
    }

    return json_string_value(value);
}

hf_reader hf_read_object(const hf_reader *parent, const char *member)
{
    const json_t *value = member_value(parent, member);

    if (value != NULL && !json_is_object(value))
        hf_reader_fail(parent, member, "is not an object");

    return (hf_reader){
        .reading = parent->reading, .parent = parent, .member = member, .index = HF_NO_INDEX, .json = value};
}

const json_t *hf_read_array(const hf_reader *parent, const char *member, size_t max)
{
    const json_t *value = member_value(parent, member);

    if (value == NULL)
        return NULL;

    if (!json_is_array(value)) {
        hf_reader_fail(parent, member, "is not an array");
        return NULL;
    }

    if (json_array_size(value) > max) {
        hf_reader_fail(parent, member, "has %zu elements, at most %zu are allowed", json_array_size(value),
                       max);
        return NULL;
    }

    return value;
}

hf_reader hf_reader_item(const hf_reader *parent, const char *member, const json_t *array, size_t index)
{
    return (hf_reader){.reading = parent->reading,
                       .parent = parent,
                       .member = member,
                       .index = index,
                       .json = json_array_get(array, index)};
}

hf_status hf_read_format(const hf_reader *root)
{
    hf_reading *reading = root->reading;
    int64_t format = hf_read_i64(root, "format", 1, INT64_MAX);

    if (reading->status == HF_OK && format > HF_REPOSITORY_FORMAT) {
        (void) hf_fail(reading->error, HF_E_FORMAT, "%s has format %lld: it was written by a newer holdfast",
                       reading->what, (long long) format);
        reading->status = HF_E_FORMAT;
        (void) hf_hint(reading->error, "use that newer holdfast; this one knows format %d",
                       HF_REPOSITORY_FORMAT);
    }

    return reading->status;
}

uint64_t hf_read_u64(const hf_reader *reader, const char *member, uint64_t max)
{
    int64_t limit = max > HF_NUMBER_MAX ? INT64_MAX : (int64_t) max;

    return (uint64_t) to_integer(reader, member, member_value(reader, member), 0, limit);
}

int64_t hf_read_i64(const hf_reader *reader, const char *member, int64_t min, int64_t max)
{
    return to_integer(reader, member, member_value(reader, member), min, max);
}

bool hf_read_bool(const hf_reader *reader, const char *member)
{
    const json_t *value = member_value(reader, member);

    if (value != NULL && !json_is_boolean(value))
        hf_reader_fail(reader, member, "is neither true nor false");

    return json_is_true(value);
}

const char *hf_read_text(const hf_reader *reader, const char *member)
{
    return to_text(reader, member, member_value(reader, member));
}

const char *hf_read_text_or_null(const hf_reader *reader, const char *member)
{
    const json_t *value = member_value(reader, member);

    return value == NULL || json_is_null(value) ? NULL : to_text(reader, member, value);
}

int64_t hf_read_time(const hf_reader *reader, const char *member)
{
    const char *text = hf_read_text(reader, member);
    int64_t time_ms = 0;

    if (reader->reading->status == HF_OK && hf_time_parse(text, &time_ms, NULL) != HF_OK)
        hf_reader_fail(reader, member, "is not a time");

    return time_ms;
}

uint64_t hf_read_u64_at(const hf_reader *reader, size_t index, const char *name, uint64_t max)
{
    int64_t limit = max > HF_NUMBER_MAX ? INT64_MAX : (int64_t) max;

    return (uint64_t) to_integer(reader, name, element_value(reader, index, name), 0, limit);
}

const char *hf_read_text_at(const hf_reader *reader, size_t index, const char *name)
{
    return to_text(reader, name, element_value(reader, index, name));
}
