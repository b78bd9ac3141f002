/*
 * The template of a webhook: text with fields such as {{title}}, filled in for each message.
 *
 * A field's value is written so that it cannot leave its place: escaped for a JSON string, percent-encoded for a form, as it
 * is for text.
 */
#ifndef HF_CONFIG_TEMPLATE_H
#define HF_CONFIG_TEMPLATE_H

#include "base/buffer.h"
#include "config/config.h"

typedef enum hf_field {
    HF_FIELD_EVENT,
    HF_FIELD_TITLE,
    HF_FIELD_TEXT, /* title and all the rest, in lines */
    HF_FIELD_TARGET,
    HF_FIELD_CYCLE,
    HF_FIELD_TOOK,
    HF_FIELD_WHY,
    HF_FIELD_KEPT,
    HF_FIELD_NEXT,
    HF_FIELD_CONTACTS,
    HF_FIELD_SNAPSHOT,
    HF_FIELD_REVISION,
    HF_FIELD_OPERATOR,
    HF_FIELDS
} hf_field;

extern const char *const hf_field_names[HF_FIELDS];

/* Append the template with its fields filled in; a value that is NULL is empty. */
void hf_template_fill(const char *text, hf_notify_format format, const char *const values[HF_FIELDS],
                      hf_buf *out);

/* Append one value as it stands in a template of the format. */
void hf_template_escape(const char *value, hf_notify_format format, hf_buf *out);

/* HF_E_USAGE, without a place, for an unknown field, one that is not closed, and JSON that would be none. */
HF_MUST_CHECK hf_status hf_template_check(const char *text, hf_notify_format format, hf_error *error);

#endif
