#include "checks/log_scan.h"

#include <stdlib.h>
#include <string.h>

#include "checks/excerpt.h"

#define LINE_MAX_BYTES (64u << 10)
#define LINE_SHOWN 300

static hf_status add(const hf_placed_list *patterns, void *list, hf_error *error)
{
    HF_VECTOR(hf_regex *) *regexes = list;

    for (size_t i = 0; i < patterns->count; i++) {
        hf_regex *regex = NULL;

        HF_TRY(hf_regex_compile(patterns->items[i].text, &regex, error));
        HF_PUSH(regexes, regex);
    }
    return HF_OK;
}

hf_status hf_log_scan_init(hf_log_scan *scan, const hf_check_config *check, bool rate_only, hf_error *error)
{
    scan->rest = HF_BUF_MAX(LINE_MAX_BYTES + 1);
    if (check->log.rate.text != NULL)
        HF_TRY(hf_regex_compile(check->log.rate.text, &scan->rate, error));
    if (rate_only)
        return HF_OK;
    HF_TRY(add(&check->log.forbid, &scan->forbid, error));
    HF_TRY(add(&check->log.require, &scan->require, error));
    for (size_t i = 0; i < scan->require.count; i++)
        HF_PUSH(&scan->found, false);
    return HF_OK;
}

void hf_log_scan_done(hf_log_scan *scan)
{
    for (size_t i = 0; i < scan->forbid.count; i++)
        hf_regex_freep(&scan->forbid.items[i]);
    for (size_t i = 0; i < scan->require.count; i++)
        hf_regex_freep(&scan->require.items[i]);
    free(scan->forbid.items);
    free(scan->require.items);
    free(scan->found.items);
    hf_regex_freep(&scan->rate);
    hf_strings_done(&scan->shown);
    hf_buf_done(&scan->rest);
}

static bool matches(hf_log_scan *scan, const hf_regex *regex, const char *line, size_t len)
{
    hf_regex_match match = hf_regex_find(regex, line, len);

    scan->gave_up += match == HF_REGEX_GAVE_UP;
    return match == HF_REGEX_YES;
}

static void take_line(hf_log_scan *scan, const char *line, size_t len)
{
    bool forbidden = false;

    if (len > 0 && line[len - 1] == '\r')
        len--;
    scan->lines++;
    for (size_t i = 0; i < scan->forbid.count && !forbidden; i++)
        forbidden = matches(scan, scan->forbid.items[i], line, len);
    for (size_t i = 0; i < scan->require.count; i++)
        if (!scan->found.items[i])
            scan->found.items[i] = matches(scan, scan->require.items[i], line, len);
    if (scan->rate != NULL)
        scan->rated += matches(scan, scan->rate, line, len);
    if (!forbidden)
        return;
    if (scan->forbidden++ < HF_LOG_LINES_SHOWN) {
        HF_AUTO_BUF shown = HF_BUF_MAX(4096);

        hf_excerpt_head(&shown, line, len, LINE_SHOWN);
        hf_strings_add(&scan->shown, hf_buf_text(&shown));
    }
}

void hf_log_scan_end(hf_log_scan *scan)
{
    if (scan->rest.len > 0)
        take_line(scan, hf_buf_text(&scan->rest), scan->rest.len);
    hf_buf_clear(&scan->rest);
}

void hf_log_scan_feed(hf_log_scan *scan, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end != NULL ? (size_t) (end - data) : len;
        size_t room = LINE_MAX_BYTES - scan->rest.len;
        bool whole = end != NULL && part <= room;

        if (part > room)
            part = room;
        if (whole && scan->rest.len == 0) {
            take_line(scan, data, part);
        } else {
            hf_buf_append(&scan->rest, data, part);
            if (whole || scan->rest.len == LINE_MAX_BYTES)
                hf_log_scan_end(scan);
        }
        part += whole;
        data += part;
        len -= part;
    }
}
