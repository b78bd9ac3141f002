/* A report on a terminal. */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "deploy/report.h"

static const char *mark(hf_tone tone)
{
    static const char *const marks[] = {
        [HF_TONE_PLAIN] = "    ", [HF_TONE_GOOD] = "ok  ",  [HF_TONE_WARNING] = "warn",
        [HF_TONE_BAD] = "FAIL",   [HF_TONE_QUIET] = "skip",
    };

    return marks[tone];
}

static void put_indented(hf_buf *out, int indent, const char *text)
{
    for (const char *line = text; *line != '\0';) {
        const size_t len = strcspn(line, "\n");

        hf_buf_printf(out, "%*s%.*s\n", line == text ? 0 : indent, "", (int) len, line);
        line += len + (line[len] == '\n');
    }
}

static void put_facts(hf_buf *out, int indent, const hf_report_facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        const hf_report_fact *fact = &facts->items[i];
        const int width = (int) strlen(fact->name) > 13 ? (int) strlen(fact->name) : 13;

        hf_buf_printf(out, "%*s%-*s ", indent, "", width, fact->name);
        put_indented(out, indent + width + 1, fact->text);
    }
}

static size_t columns_of(const char *text)
{
    size_t count = 0;

    for (const char *c = text; *c != '\0'; c++)
        count += ((unsigned char) *c & 0xC0) != 0x80;
    return count;
}

static void put_cell(hf_buf *out, const char *text, size_t width, bool left)
{
    const int pad = (int) (width - columns_of(text));

    hf_buf_printf(out, "%*s%s%*s", left ? 0 : pad, "", text, left ? pad : 0, "");
}

static void put_table(hf_buf *out, const hf_report_table *table)
{
    size_t widths[HF_REPORT_COLUMNS_MAX] = {0};
    const size_t rows = table->columns == 0 ? 0 : table->cells.count / table->columns;

    if (rows == 0)
        return;
    for (size_t c = 0; c < table->columns; c++)
        widths[c] = columns_of(table->titles[c]);
    for (size_t i = 0; i < table->cells.count; i++) {
        const size_t columns = columns_of(table->cells.items[i].text);

        if (columns > widths[i % table->columns])
            widths[i % table->columns] = columns;
    }
    for (size_t row = 0; row <= rows; row++) {
        hf_buf_puts(out, "  ");
        for (size_t c = 0; c < table->columns; c++) {
            put_cell(out,
                     row == 0 ? table->titles[c] : table->cells.items[(row - 1) * table->columns + c].text,
                     widths[c], c == 0);
            hf_buf_puts(out, c + 1 < table->columns ? "  " : "\n");
        }
    }
}

static void put_items(hf_buf *out, const hf_report_section *section)
{
    for (size_t i = 0; i < section->items.count; i++) {
        const hf_report_item *item = &section->items.items[i];

        hf_buf_printf(out, "  %s  %s%s%s\n", mark(item->tone), item->title,
                      item->aside[0] == '\0' ? "" : "  ", item->aside);
        if (item->tone != HF_TONE_GOOD)
            put_facts(out, 8, &item->facts);
        if (item->tone != HF_TONE_GOOD && item->output[0] != '\0') {
            hf_buf_puts(out, "        ");
            put_indented(out, 8, item->output);
        }
    }
}

#define BAR_COLUMNS 40

static void put_spans(hf_buf *out, const hf_report_section *section)
{
    for (size_t i = 0; i < section->spans.count; i++) {
        const hf_report_span *span = &section->spans.items[i];
        const int from = (int) (span->start * BAR_COLUMNS), len = (int) (span->length * BAR_COLUMNS + 0.5);

        if (span->inner)
            continue;
        hf_buf_printf(out, "  %s  ", span->clock);
        put_cell(out, span->name, columns_of(span->name) > 20 ? columns_of(span->name) : 20, true);
        hf_buf_printf(out, " %8s  %*s", span->took, from < BAR_COLUMNS ? from : BAR_COLUMNS - 1, "");
        for (int c = 0; c < (len < 1 ? 1 : len); c++)
            hf_buf_puts(out, span->broken ? "." : span->tone == HF_TONE_BAD ? "x" : "=");
        hf_buf_putc(out, '\n');
    }
}

static void put_steps(hf_buf *out, const hf_report_section *section)
{
    for (size_t i = 0; i < section->steps.count; i++) {
        const hf_report_step *step = &section->steps.items[i];

        hf_buf_printf(out, "  %s\n", step->text);
        if (step->command[0] != '\0')
            hf_buf_printf(out, "      %s\n", step->command);
    }
}

void hf_report_text(const hf_report *report, hf_buf *out)
{
    const bool loud = report->tone == HF_TONE_WARNING || report->tone == HF_TONE_BAD;

    for (const char *c = report->verdict; *c != '\0'; c++)
        hf_buf_putc(out, (char) (loud ? toupper((unsigned char) *c) : tolower((unsigned char) *c)));
    hf_buf_printf(out, ": %s\n\n", report->meaning);
    if (report->reason[0] != '\0') {
        hf_buf_puts(out, "  why           ");
        put_indented(out, 16, report->reason);
    }
    if (report->hint[0] != '\0') {
        hf_buf_puts(out, "                ");
        put_indented(out, 16, report->hint);
    }
    if (report->cause[0] != '\0') {
        hf_buf_puts(out, "  at first      ");
        put_indented(out, 16, report->cause);
    }
    put_facts(out, 2, &report->facts);
    for (size_t i = 0; i < report->sections.count; i++) {
        const hf_report_section *section = &report->sections.items[i];

        hf_buf_printf(out, "\n%s\n", section->title);
        put_facts(out, 2, &section->facts);
        put_spans(out, section);
        put_table(out, &section->table);
        put_items(out, section);
        put_steps(out, section);
        if (section->note[0] != '\0')
            hf_buf_printf(out, "  %s\n", section->note);
    }
}
