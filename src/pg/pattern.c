#include "pg/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

void hf_pattern_done(hf_pattern *pattern)
{
    free(pattern->schema.text);
    free(pattern->name.text);
    *pattern = (hf_pattern){0};
}

/* A part up to a dot or the end. */
static bool take_part(const char **at, hf_pattern_part *ret_part)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4096);

    ret_part->quoted = **at == '"';
    if (!ret_part->quoted) {
        size_t len = strcspn(*at, ".\"");

        hf_buf_append(&text, *at, len);
        *at += len;
    } else {
        for (++*at; **at != '\0'; ++*at) {
            if (**at == '"' && (*at)[1] != '"')
                break;
            *at += **at == '"';
            hf_buf_putc(&text, **at);
        }
        if (**at != '"')
            return false;
        ++*at;
    }
    if (text.len == 0 || text.overflowed || (**at != '\0' && **at != '.'))
        return false;
    ret_part->text = hf_buf_take(&text);
    return true;
}

bool hf_pattern_parse(const char *text, hf_pattern *ret_pattern)
{
    const char *at = text;

    if (!take_part(&at, &ret_pattern->name))
        return false;
    if (*at == '.') {
        at++;
        ret_pattern->schema = ret_pattern->name;
        ret_pattern->name = (hf_pattern_part){0};
        if (!take_part(&at, &ret_pattern->name))
            return false;
    }
    return *at == '\0';
}

static bool part_fits(const hf_pattern_part *wanted, const char *text)
{
    if (wanted->text == NULL)
        return true;
    return wanted->quoted ? hf_streq(wanted->text, text) : hf_glob_match(wanted->text, text);
}

bool hf_pattern_fits(const hf_pattern *pattern, const char *schema, const char *name)
{
    return part_fits(&pattern->schema, schema != NULL ? schema : "") && part_fits(&pattern->name, name);
}
