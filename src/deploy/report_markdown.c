/* A report as GitHub's Markdown: for a job's summary, an issue, an incident. */
#include <string.h>

#include "base/markdown.h"
#include "base/text.h"
#include "deploy/report.h"

static const char *sign(hf_tone tone)
{
    static const char *const signs[] = {
        [HF_TONE_PLAIN] = "", [HF_TONE_GOOD] = "✅ ",       [HF_TONE_WARNING] = "⚠️ ",
        [HF_TONE_BAD] = "❌ ", [HF_TONE_QUIET] = "⏸️ ",
    };

    return signs[tone];
}

static void put_facts(hf_buf *out, const char *indent, const hf_report_facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        const hf_report_fact *fact = &facts->items[i];

        hf_buf_printf(out, "%s- %s: ", indent, fact->name);
        if (fact->code)
            hf_markdown_code(out, fact->text);
        else
            hf_markdown_text(out, fact->text);
        hf_buf_putc(out, '\n');
    }
}

static void put_row(hf_buf *out, const hf_report_table *table, size_t row)
{
    for (size_t c = 0; c < table->columns; c++) {
        hf_buf_puts(out, "| ");
        hf_markdown_text(out, table->cells.items[row * table->columns + c].text);
        hf_buf_putc(out, ' ');
    }
    hf_buf_puts(out, "|\n");
}

static void put_table(hf_buf *out, const hf_report_table *table)
{
    if (table->cells.count == 0)
        return;
    for (size_t c = 0; c < table->columns; c++)
        hf_buf_printf(out, "| %s ", table->titles[c]);
    hf_buf_puts(out, "|\n");
    for (size_t c = 0; c < table->columns; c++)
        hf_buf_puts(out, c == 0 ? "|---" : "|---:");
    hf_buf_puts(out, "|\n");
    for (size_t row = 0; row < table->cells.count / table->columns; row++)
        put_row(out, table, row);
    hf_buf_putc(out, '\n');
}

static void put_spans(hf_buf *out, const hf_report_section *section)
{
    if (section->spans.count == 0)
        return;
    hf_buf_puts(out, "| phase | began (UTC) | took |\n|---|---|---:|\n");
    for (size_t i = 0; i < section->spans.count; i++) {
        const hf_report_span *span = &section->spans.items[i];

        if (span->inner)
            continue;
        hf_buf_printf(out, "| %s", sign(span->tone == HF_TONE_BAD ? HF_TONE_BAD : HF_TONE_PLAIN));
        hf_markdown_text(out, span->name);
        hf_buf_printf(out, "%s | %s | %s |\n", span->broken ? " (interrupted)" : "", span->clock, span->took);
    }
    hf_buf_putc(out, '\n');
}

static void put_items(hf_buf *out, const hf_report_section *section)
{
    for (size_t i = 0; i < section->items.count; i++) {
        const hf_report_item *item = &section->items.items[i];

        hf_buf_printf(out, "- %s**", sign(item->tone));
        hf_markdown_text(out, item->title);
        hf_buf_printf(out, "**%s%s\n", item->aside[0] == '\0' ? "" : ", ", item->aside);
        put_facts(out, "  ", &item->facts);
        if (item->output[0] != '\0') {
            hf_buf_putc(out, '\n');
            hf_markdown_block(out, "", item->output);
        }
    }
    if (section->items.count > 0)
        hf_buf_putc(out, '\n');
}

static void put_steps(hf_buf *out, const hf_report_section *section)
{
    for (size_t i = 0; i < section->steps.count; i++) {
        const hf_report_step *step = &section->steps.items[i];

        hf_buf_printf(out, "%zu. ", i + 1);
        hf_markdown_text(out, step->text);
        if (step->command[0] != '\0') {
            hf_buf_puts(out, " ");
            hf_markdown_code(out, step->command);
        }
        hf_buf_putc(out, '\n');
    }
    if (section->steps.count > 0)
        hf_buf_putc(out, '\n');
}

void hf_report_markdown(const hf_report *report, hf_buf *out)
{
    hf_buf_printf(out, "# %s%s: %s\n\n", sign(report->tone), report->verdict, report->meaning);
    hf_markdown_text(out, report->title);
    hf_buf_puts(out, ": ");
    hf_markdown_text(out, report->summary);
    hf_buf_puts(out, ".\n\n");
    if (report->reason[0] != '\0') {
        hf_buf_puts(out, "**Why:** ");
        hf_markdown_text(out, report->reason);
        hf_buf_puts(out, "\n\n");
    }
    if (report->hint[0] != '\0') {
        hf_markdown_text(out, report->hint);
        hf_buf_puts(out, "\n\n");
    }
    if (report->cause[0] != '\0') {
        hf_buf_puts(out, "**It began with:** ");
        hf_markdown_text(out, report->cause);
        hf_buf_puts(out, "\n\n");
    }
    put_facts(out, "", &report->facts);
    for (size_t i = 0; i < report->sections.count; i++) {
        const hf_report_section *section = &report->sections.items[i];

        hf_buf_printf(out, "\n## %s\n\n", section->title);
        if (section->note[0] != '\0') {
            hf_markdown_text(out, section->note);
            hf_buf_puts(out, "\n\n");
        }
        put_facts(out, "", &section->facts);
        if (section->facts.count > 0)
            hf_buf_putc(out, '\n');
        put_spans(out, section);
        put_table(out, &section->table);
        put_items(out, section);
        put_steps(out, section);
    }
    hf_buf_putc(out, '\n');
}
