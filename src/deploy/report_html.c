/*
 * A report as one HTML file: no script, nothing fetched (a Content-Security-Policy in it forbids both, should escaping ever
 * fail).  The order of the text is that of reading it aloud; bars are decoration, and what they show stands beside them.
 */
#include <string.h>

#include "base/text.h"
#include "deploy/report_build.h"

static void put(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        switch (*c) {
        case '&':
            hf_buf_puts(out, "&amp;");
            break;
        case '<':
            hf_buf_puts(out, "&lt;");
            break;
        case '>':
            hf_buf_puts(out, "&gt;");
            break;
        case '"':
            hf_buf_puts(out, "&quot;");
            break;
        case '\'':
            hf_buf_puts(out, "&#39;");
            break;
        default:
            hf_buf_putc(out, *c);
        }
}

static void put_element(hf_buf *out, const char *open, const char *text, const char *close)
{
    hf_buf_puts(out, open);
    put(out, text);
    hf_buf_puts(out, close);
}

static const char *tone_class(hf_tone tone)
{
    static const char *const names[] = {
        [HF_TONE_PLAIN] = "plain", [HF_TONE_GOOD] = "good",   [HF_TONE_WARNING] = "warning",
        [HF_TONE_BAD] = "bad",     [HF_TONE_QUIET] = "quiet",
    };

    return names[tone];
}

static void put_facts(hf_buf *out, const char *class, const hf_report_facts *facts)
{
    if (facts->count == 0)
        return;
    hf_buf_printf(out, "<dl class=\"%s\">\n", class);
    for (size_t i = 0; i < facts->count; i++) {
        const hf_report_fact *fact = &facts->items[i];

        put_element(out, "<dt>", fact->name, "</dt>");
        put_element(out, fact->code ? "<dd><code>" : "<dd>", fact->text,
                    fact->code ? "</code></dd>\n" : "</dd>\n");
    }
    hf_buf_puts(out, "</dl>\n");
}

static void put_part(hf_buf *out, const char *name, double part)
{
    hf_buf_printf(out, "%s:%.2f%%", name, (part < 0 ? 0 : part > 1 ? 1 : part) * 100);
}

static void put_timeline(hf_buf *out, const hf_report_section *section)
{
    if (section->spans.count == 0)
        return;
    hf_buf_puts(out, "<ol class=\"chart\">\n");
    if (section->ticks.count > 0) {
        hf_buf_puts(out, "<li class=\"axis\" role=\"presentation\" aria-hidden=\"true\">");
        for (size_t i = 0; i < section->ticks.count; i++) {
            hf_buf_puts(out, "<span style=\"");
            put_part(out, "left", section->ticks.items[i].at);
            put_element(out, "\">", section->ticks.items[i].label, "</span>");
        }
        hf_buf_puts(out, "</li>\n");
    }
    for (size_t i = 0; i < section->spans.count; i++) {
        const hf_report_span *span = &section->spans.items[i];

        hf_buf_printf(out, "<li class=\"%s%s%s\">", tone_class(span->tone), span->inner ? " inner" : "",
                      span->broken ? " broken" : "");
        put_element(out, "<span class=\"name\">", span->name, "</span>");
        if (!span->inner)
            put_element(out, "<span class=\"clock\">", span->clock, "</span>");
        hf_buf_puts(out, "<span class=\"track\" aria-hidden=\"true\"><i style=\"");
        put_part(out, "left", span->start);
        put_part(out, ";width", span->length);
        put_element(out, "\"></i></span><span class=\"took\">", span->took, "</span></li>\n");
    }
    hf_buf_puts(out, "</ol>\n");
}

static void put_row(hf_buf *out, const hf_report_table *table, size_t row)
{
    hf_buf_puts(out, "<tr>");
    for (size_t c = 0; c < table->columns; c++) {
        const hf_report_cell *cell = &table->cells.items[row * table->columns + c];

        hf_buf_printf(out, "<td class=\"%s\"", tone_class(cell->tone));
        if (c > 0)
            put_element(out, " data-is=\"", table->titles[c], "\"");
        put_element(out, ">", cell->text, "");
        if (c + 1 == table->columns && row < table->shares.count) {
            hf_buf_puts(out, "<i style=\"");
            put_part(out, "width", table->shares.items[row]);
            hf_buf_puts(out, "\"></i>");
        }
        hf_buf_puts(out, "</td>");
    }
    hf_buf_puts(out, "</tr>\n");
}

static void put_table(hf_buf *out, const hf_report_table *table)
{
    if (table->cells.count == 0)
        return;
    hf_buf_puts(out, "<table>\n<thead><tr>");
    for (size_t c = 0; c < table->columns; c++)
        put_element(out, "<th scope=\"col\">", table->titles[c], "</th>");
    hf_buf_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < table->cells.count / table->columns; row++)
        put_row(out, table, row);
    hf_buf_puts(out, "</tbody>\n</table>\n");
}

static void put_items(hf_buf *out, const hf_report_section *section)
{
    static const struct {
        const char *sign, *word;
    } signs[] = {
        [HF_TONE_PLAIN] = {"·", ""},
        [HF_TONE_GOOD] = {"✓", "good: "},
        [HF_TONE_WARNING] = {"!", "warning: "},
        [HF_TONE_BAD] = {"✕", "failed: "},
        [HF_TONE_QUIET] = {"–", ""},
    };

    if (section->items.count == 0)
        return;
    hf_buf_puts(out, "<ul class=\"items\">\n");
    for (size_t i = 0; i < section->items.count; i++) {
        const hf_report_item *item = &section->items.items[i];

        hf_buf_printf(out,
                      "<li class=\"%s\"><span class=\"sign\" aria-hidden=\"true\">%s</span><h3>"
                      "<span class=\"hidden\">%s</span>",
                      tone_class(item->tone), signs[item->tone].sign, signs[item->tone].word);
        put(out, item->title);
        hf_buf_puts(out, "</h3>");
        if (item->aside[0] != '\0')
            put_element(out, "<span class=\"aside\">", item->aside, "</span>");
        put_facts(out, "detail", &item->facts);
        if (item->output[0] != '\0')
            put_element(out, "<pre>", item->output, "</pre>");
        hf_buf_puts(out, "</li>\n");
    }
    hf_buf_puts(out, "</ul>\n");
}

static void put_steps(hf_buf *out, const hf_report_section *section)
{
    if (section->steps.count == 0)
        return;
    hf_buf_puts(out, "<ol class=\"steps\">\n");
    for (size_t i = 0; i < section->steps.count; i++) {
        put_element(out, "<li>", section->steps.items[i].text, "");
        if (section->steps.items[i].command[0] != '\0')
            put_element(out, "<code>", section->steps.items[i].command, "</code>");
        hf_buf_puts(out, "</li>\n");
    }
    hf_buf_puts(out, "</ol>\n");
}

static void put_head(hf_buf *out, const hf_report *report)
{
    hf_buf_puts(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n");
    hf_buf_printf(out, "<title>%s: ", report->verdict);
    put(out, report->title);
    hf_buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body class=\"%s\">\n", hf_report_style,
                  tone_class(report->tone));
}

void hf_report_html(const hf_report *report, hf_buf *out)
{
    put_head(out, report);
    put_element(out, "<header>\n<p class=\"kicker\">", report->title, "</p>\n");
    hf_buf_printf(out, "<h1>%s <span>%s</span></h1>\n", report->verdict, report->meaning);
    put_element(out, "<p class=\"summary\">", report->summary, "</p>\n");
    if (report->reason[0] != '\0') {
        put_element(out, "<div class=\"why\"><p class=\"mono\">", report->reason, "</p>");
        if (report->hint[0] != '\0')
            put_element(out, "<p>", report->hint, "</p>");
        if (report->cause[0] != '\0')
            put_element(out, "<p>It began with: <span class=\"mono\">", report->cause, "</span></p>");
        hf_buf_puts(out, "</div>\n");
    }
    put_facts(out, "top", &report->facts);
    hf_buf_puts(out, "</header>\n<main>\n");
    for (size_t i = 0; i < report->sections.count; i++) {
        const hf_report_section *section = &report->sections.items[i];

        hf_buf_printf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", section->id,
                      section->id, section->title);
        if (section->note[0] != '\0')
            put_element(out, "<p class=\"note\">", section->note, "</p>\n");
        put_facts(out, "top", &section->facts);
        put_timeline(out, section);
        put_table(out, &section->table);
        put_items(out, section);
        put_steps(out, section);
        hf_buf_puts(out, "</section>\n");
    }
    hf_buf_puts(out, "</main>\n<footer>holdfast ");
    put(out, report->version);
    hf_buf_puts(out, "; times are UTC</footer>\n</body>\n</html>\n");
}
