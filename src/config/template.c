#include "config/template.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "config/suggest.h"

#define FILLED_MAX (256u << 10)

const char *const hf_field_names[HF_FIELDS] = {
    [HF_FIELD_EVENT] = "event",       [HF_FIELD_TITLE] = "title",       [HF_FIELD_TEXT] = "text",
    [HF_FIELD_TARGET] = "target",     [HF_FIELD_CYCLE] = "cycle",       [HF_FIELD_TOOK] = "took",
    [HF_FIELD_WHY] = "why",           [HF_FIELD_KEPT] = "kept",         [HF_FIELD_NEXT] = "next",
    [HF_FIELD_CONTACTS] = "contacts", [HF_FIELD_SNAPSHOT] = "snapshot", [HF_FIELD_REVISION] = "revision",
    [HF_FIELD_OPERATOR] = "operator",
};

static void escape_json(const char *value, hf_buf *out)
{
    for (const unsigned char *at = (const unsigned char *) value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            hf_buf_printf(out, "\\%c", *at);
        else if (*at == '\n')
            hf_buf_puts(out, "\\n");
        else if (*at < ' ' || *at == 0x7f)
            hf_buf_printf(out, "\\u%04x", *at);
        else
            hf_buf_putc(out, (char) *at);
    }
}

static void escape_form(const char *value, hf_buf *out)
{
    for (const unsigned char *at = (const unsigned char *) value; *at != '\0'; at++) {
        if (isalnum(*at) || strchr("-._~", *at) != NULL)
            hf_buf_putc(out, (char) *at);
        else
            hf_buf_printf(out, "%%%02X", *at);
    }
}

void hf_template_escape(const char *value, hf_notify_format format, hf_buf *out)
{
    switch (format) {
    case HF_NOTIFY_JSON:
        escape_json(value, out);
        break;
    case HF_NOTIFY_FORM:
        escape_form(value, out);
        break;
    case HF_NOTIFY_TEXT:
        hf_buf_puts(out, value);
        break;
    }
}

static int find_field(const char *name, size_t len)
{
    for (int i = 0; i < HF_FIELDS; i++)
        if (strlen(hf_field_names[i]) == len && memcmp(hf_field_names[i], name, len) == 0)
            return i;
    return -1;
}

/* "{{ name }}" at `at`: the name between the blanks; *ret_end is behind it, NULL if it is not closed. */
static const char *field_at(const char *at, size_t *ret_len, const char **ret_end)
{
    const char *name = at + 2 + strspn(at + 2, " ");

    *ret_len = strcspn(name, " }\n");
    const char *close = name + *ret_len + strspn(name + *ret_len, " ");
    *ret_end = hf_starts_with(close, "}}") ? close + 2 : NULL;
    return name;
}

void hf_template_fill(const char *text, hf_notify_format format, const char *const values[HF_FIELDS],
                      hf_buf *out)
{
    for (const char *open; (open = strstr(text, "{{")) != NULL;) {
        size_t len;
        const char *end, *name = field_at(open, &len, &end);
        int field = end == NULL ? -1 : find_field(name, len);

        if (field < 0) /* hf_template_check() has refused it */
            break;
        hf_buf_append(out, text, (size_t) (open - text));
        if (values[field] != NULL)
            hf_template_escape(values[field], format, out);
        text = end;
    }
    hf_buf_puts(out, text);
}

static hf_status check_fields(const char *text, hf_error *error)
{
    while ((text = strstr(text, "{{")) != NULL) {
        size_t len;
        const char *end, *name = field_at(text, &len, &end);

        if (end == NULL) {
            (void) hf_fail(error, HF_E_USAGE, "a field of the template is not closed: \"%.40s\"", text);
            return hf_hint(error, "a field is written {{title}}");
        }
        if (find_field(name, len) < 0) {
            HF_AUTO_STR word = hf_strndup(name, len);
            HF_AUTO_BUF known = HF_BUF_MAX(400);
            const char *near = hf_suggest(word, hf_field_names, HF_FIELDS);

            for (int i = 0; i < HF_FIELDS; i++)
                hf_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", hf_field_names[i]);
            (void) hf_fail(error, HF_E_USAGE, "the template has an unknown field \"%.80s\"", word);
            return hf_hint(error, "%s%s%sknown here: %s", near != NULL ? "did you mean \"" : "",
                           near != NULL ? near : "", near != NULL ? "\"? " : "", hf_buf_text(&known));
        }
        text = end;
    }
    return HF_OK;
}

hf_status hf_template_check(const char *text, hf_notify_format format, hf_error *error)
{
    const char *values[HF_FIELDS];
    HF_AUTO_BUF filled = HF_BUF_MAX(FILLED_MAX);
    json_error_t why;

    HF_TRY(check_fields(text, error));
    for (int i = 0; i < HF_FIELDS; i++)
        values[i] = "x"; /* any text will stand there: good inside a string, and nowhere else */
    hf_template_fill(text, format, values, &filled);
    HF_TRY(hf_buf_check(&filled, "the template", error));
    if (format != HF_NOTIFY_JSON)
        return HF_OK;
    json_t *json = json_loadb(hf_buf_text(&filled), filled.len, JSON_DECODE_ANY, &why);
    if (json == NULL) {
        (void) hf_fail(error, HF_E_USAGE, "the template does not make JSON: %.100s", why.text);
        return hf_hint(error, "fields stand inside strings: \"{{title}}\"; or say format: text");
    }
    json_decref(json);
    return HF_OK;
}
