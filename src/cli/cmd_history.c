#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/markdown.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/cycles.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "deploy/expire.h"
#include "deploy/machine.h"
#include "deploy/report.h"
#include "repository/journal.h"

#define OUTPUT_MAX_BYTES (64u << 20)

static const hf_cli_option options[] = {
    {"since", "TIME", "only deploys that began then or later: 2026-11-20, 'yesterday 14:00', '7d ago'"},
    {"until", "TIME", "only deploys that began before"},
    {"result", "RESULT",
     "only those that ended so: deployed, rolled_back, refused, stuck, settled, or unfinished"},
    {"migration", "NAME", "only those with such a migration; * and ? stand for anything"},
    {"operator", "NAME", "only those of this user, or user@host; * and ? stand for anything"},
    {"limit", "N", "only the newest so many"},
    {"verify", NULL,
     "fail unless the chain of digests of each of them is whole, from its first entry to its last"},
    {"format", "FORMAT", "text (default), markdown or csv; JSON is --output json"},
    {NULL, NULL, NULL},
};

typedef struct filter {
    char since[32], until[32]; /* as an id begins; "": none */
    const char *result, *migration, *operator;
    size_t limit;
} filter;

static hf_status read_time(const hf_cli *cli, const char *option, char out[32], hf_error *error)
{
    const char *text = hf_cli_value(cli, option);
    int64_t at_ms = 0;

    out[0] = '\0';
    if (text == NULL)
        return HF_OK;
    HF_TRY(hf_time_parse_human(text, hf_now_ms(), &at_ms, error));
    (void) hf_time_compact(at_ms, out);
    return HF_OK;
}

static hf_status read_filter(const hf_cli *cli, filter *f, hf_error *error)
{
    static const char *const results[] = {"deployed", "rolled_back", "refused",
                                          "stuck",    "settled",     "unfinished"};
    long limit = 0;
    bool known = false;

    HF_TRY(read_time(cli, "since", f->since, error));
    HF_TRY(read_time(cli, "until", f->until, error));
    HF_TRY(hf_cli_number(cli, "limit", 1, 1000000, 0, &limit, error));
    f->limit = (size_t) limit;
    f->migration = hf_cli_value(cli, "migration");
    f->operator= hf_cli_value(cli, "operator");
    f->result = hf_cli_value(cli, "result");
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        known = known || hf_streq(results[i], f->result);
    if (f->result == NULL || known)
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "no deploy ends as \"%.40s\"", f->result);
    return hf_hint(error, "deployed, rolled_back, refused, stuck, settled or unfinished");
}

/* An id begins with the time of its cycle. */
static bool is_in_time(const filter *f, const char *cycle)
{
    return (f->since[0] == '\0' || strcmp(cycle, f->since) >= 0) &&
           (f->until[0] == '\0' || strcmp(cycle, f->until) < 0);
}

static bool is_final(const char *name)
{
    hf_cycle_state state;

    return hf_cycle_state_parse(name, &state) && hf_cycle_is_final(state);
}

static bool has_migration(const json_t *list, const char *pattern)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (hf_glob_match(pattern, hf_json_member(item, "name")))
            return true;
    }
    return false;
}

/* "user@host"; the caller owns it. */
static char *operator_of(const json_t *cycle)
{
    const json_t *who = json_object_get(cycle, "operator");

    return hf_format("%s@%s", hf_json_member(who, "user"), hf_json_member(who, "host"));
}

static bool fits(const filter *f, const json_t *cycle)
{
    const char *state = hf_json_member(cycle, "state");
    HF_AUTO_STR who = operator_of(cycle);

    if (hf_streq(state, "unreadable")) /* whether it fits is not known */
        return true;
    if (f->result != NULL &&
        !(hf_streq(f->result, "unfinished") ? !is_final(state) : hf_streq(f->result, state)))
        return false;
    if (f->migration != NULL && !has_migration(json_object_get(cycle, "pending"), f->migration) &&
        !has_migration(json_object_get(cycle, "applied"), f->migration))
        return false;
    return f->operator== NULL || hf_glob_match(f->operator, who) ||
           hf_glob_match(f->operator, hf_json_member(json_object_get(cycle, "operator"), "user"));
}

/* A cycle in the list: the report without its long members, or what is wrong with its journal. */
static json_t *entry_of(hf_repository *repository, const char *target, const char *cycle)
{
    static const char *const left_out[] = {"phases",        "preflight", "checks", "restore",
                                           "touches",       "after",     "plan",   "hooks",
                                           "notifications", "written",   "blocked"};
    json_t *report = NULL;
    hf_error error = {0};

    if (hf_deploy_report(repository, target, cycle, &report, &error) != HF_OK)
        return json_pack("{s:s, s:s, s:s, s:o}", "id", cycle, "target", target, "state", "unreadable",
                         "error", hf_out_error_json(&error));
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        json_object_del(report, left_out[i]);
    return report;
}

/* Newest first, so that a limit reads no more than it must; then turned round. */
static hf_status list(const hf_session *session, const char *target, const filter *f, json_t *cycles,
                      hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings ids = {0};
    json_t *found = json_array();
    hf_status status = hf_journal_list(session->repository, target, &ids, error);

    for (size_t i = ids.count; status == HF_OK && i-- > 0;) {
        if (!is_in_time(f, ids.items[i]))
            continue;
        json_t *entry = entry_of(session->repository, target, ids.items[i]);
        if (fits(f, entry))
            json_array_append(found, entry);
        json_decref(entry);
        if (f->limit > 0 && json_array_size(found) == f->limit)
            break;
    }
    for (size_t i = json_array_size(found); i-- > 0;)
        json_array_append(cycles, json_array_get(found, i));
    json_decref(found);
    return status;
}

/* ---- the table ---- */

static const char *const titles[] = {"cycle",    "date",     "target", "migrations", "operator",
                                     "revision", "snapshot", "took",   "result",     "why"};
#define COLUMNS (sizeof(titles) / sizeof(titles[0]))

static char *migrations_of(const json_t *cycle, const char *separator)
{
    const json_t *list = json_object_get(cycle, "pending"), *item;
    HF_AUTO_BUF text = HF_BUF_MAX(64u << 10);
    size_t i;

    if (json_array_size(list) == 0)
        list = json_object_get(cycle, "applied");
    json_array_foreach(list, i, item)
        hf_buf_printf(&text, "%s%s", i > 0 ? separator : "", hf_json_member(item, "name"));
    return hf_strdup(hf_buf_text(&text));
}

static void add_row(const json_t *cycle, const char *separator, hf_strings *cells)
{
    const char *why = hf_json_member(json_object_get(cycle, "error"), "message");
    const char *began = hf_json_member(cycle, "started_at");
    const json_t *took = json_object_get(cycle, "took_ms");
    HF_AUTO_STR date = strlen(began) < 19 ? hf_strdup("") : hf_format("%.10s %.8s", began, began + 11);
    HF_AUTO_STR migrations = migrations_of(cycle, separator);
    HF_AUTO_STR who = operator_of(cycle);
    HF_AUTO_STR companions = hf_report_companions(cycle);
    HF_AUTO_STR target = hf_format("%s%s%s", hf_json_member(cycle, "target"),
                                   companions != NULL ? " with " : "", companions != NULL ? companions : "");
    char duration[32] = "";

    if (json_is_integer(took))
        (void) hf_show_duration(json_integer_value(took), duration);
    hf_strings_add(cells, hf_json_member(cycle, "id"));
    hf_strings_add(cells, date);
    hf_strings_add(cells, target);
    hf_strings_add(cells, migrations);
    hf_strings_add(cells, hf_streq(who, "@") ? "" : who);
    hf_strings_add(cells, hf_json_member(cycle, "revision"));
    hf_strings_add(cells, hf_json_member(cycle, "snapshot"));
    hf_strings_add(cells, duration);
    hf_strings_add(cells, hf_json_member(cycle, "state"));
    hf_strings_add(cells, why);
}

static void print_text(const hf_strings *cells)
{
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lllllllrll", .columns = COLUMNS};

    for (size_t i = 0; i < cells->count; i++)
        hf_grid_cell(&grid, "%.100s", cells->items[i]);
    hf_grid_print(&grid, 0);
}

/* RFC 4180, but for its line ends; what a spreadsheet would take for a formula becomes text. */
static void put_csv(hf_buf *out, const char *text)
{
    const bool is_formula = text[0] != '\0' && strchr("=+-@\t", text[0]) != NULL;

    if (!is_formula && strpbrk(text, ",\"\r\n") == NULL) {
        hf_buf_puts(out, text);
        return;
    }
    hf_buf_puts(out, is_formula ? "\"'" : "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            hf_buf_putc(out, *c);
        hf_buf_putc(out, *c);
    }
    hf_buf_putc(out, '"');
}

static void put_line(hf_buf *out, const char *const *cells, bool csv)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        hf_buf_puts(out, csv ? (i > 0 ? "," : "") : "| ");
        if (csv)
            put_csv(out, cells[i]);
        else
            hf_markdown_text(out, cells[i]);
        hf_buf_puts(out, csv ? "" : " ");
    }
    hf_buf_puts(out, csv ? "\n" : "|\n");
}

static void print_lines(const hf_strings *cells, bool csv)
{
    HF_AUTO_BUF out = HF_BUF_MAX(OUTPUT_MAX_BYTES);

    put_line(&out, titles, csv);
    for (size_t i = 0; !csv && i < COLUMNS; i++)
        hf_buf_puts(&out, i + 1 < COLUMNS ? "|---" : "|---|\n");
    for (size_t i = 0; i < cells->count; i += COLUMNS)
        put_line(&out, (const char *const *) cells->items + i, csv);
    hf_out("%s", hf_buf_text(&out));
}

/* A journal that can be read has its chain checked by that. */
static hf_status verify(const hf_cli *cli, const json_t *cycles, hf_error *error)
{
    const json_t *cycle, *first = NULL;
    const size_t count = json_array_size(cycles);
    size_t i, broken = 0;

    json_array_foreach(cycles, i, cycle)
    {
        if (!hf_streq(hf_json_member(cycle, "state"), "unreadable"))
            continue;
        first = first != NULL ? first : cycle;
        broken++;
    }
    if (broken == 0) {
        if (!cli->json)
            hf_out("%zu journal%s read, each whole\n", count, count == 1 ? "" : "s");
        return HF_OK;
    }
    return hf_fail(error, HF_E_CORRUPT, "%zu of %zu journals cannot be trusted; the first: %s", broken, count,
                   hf_json_member(json_object_get(first, "error"), "message"));
}

/* The databases that ways back have kept; where the server cannot be asked, `null`. */
static json_t *kept_of(const hf_session *session, const hf_target_config *target, json_t *cycles)
{
    HF_AUTO(hf_secret_freep) char *url = NULL;
    json_t *kept = NULL, *item;
    bool any = false;
    size_t i;
    hf_error why;

    json_array_foreach(cycles, i, item) any =
        any || (json_is_string(json_object_get(item, "failed_database")) &&
                hf_streq(hf_json_member(item, "target"), target->name));
    if (!any)
        return json_array();
    if (hf_session_url(target, &url, &why) == HF_OK &&
        hf_deploy_kept(&(hf_deploy_options){.repository = session->repository, .target = target, .url = url},
                       &kept, &why) == HF_OK)
        return kept;
    hf_log(HF_LOG_INFO, "which failed databases of target \"%s\" are still there is not known: %s",
           target->name, why.message);
    return NULL;
}

static void print_kept(const json_t *kept)
{
    static const char *const kept_titles[] = {"failed database", "of cycle", "size", "kept", "until"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = kept_titles, .align = "llrll", .columns = 5};
    json_t *item;
    size_t i;

    if (json_array_size(kept) == 0)
        return;
    json_array_foreach(kept, i, item)
    {
        const json_t *bytes = json_object_get(item, "bytes");
        int64_t since = 0;
        char text[48];

        if (hf_time_parse(hf_json_member(item, "kept_since"), &since, NULL) != HF_OK)
            since = 0;
        hf_grid_cell(&grid, "%s", hf_json_member(item, "database"));
        hf_grid_cell(&grid, "%s", hf_json_member(item, "cycle"));
        hf_grid_cell(&grid, "%s",
                     json_is_integer(bytes) ? hf_show_size((uint64_t) json_integer_value(bytes), text)
                                            : "unknown");
        hf_grid_cell(&grid, "%s", hf_show_age(since, text));
        hf_grid_cell(&grid, "%s",
                     json_is_string(json_object_get(item, "expires_at")) ? hf_json_member(item, "expires_at")
                                                                         : "for ever");
    }
    hf_out("\n");
    hf_grid_print(&grid, 0);
    hf_out("\n`holdfast swap-back CYCLE` puts one in the live database's place again\n");
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *format = hf_cli_value(cli, "format");
    const bool csv = hf_streq(format, "csv"), markdown = hf_streq(format, "markdown");
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings cells = {0};
    filter f = {.limit = 0};
    json_t *cycle;
    size_t i;

    if (format != NULL && !csv && !markdown && !hf_streq(format, "text"))
        return hf_fail(error, HF_E_USAGE, "unknown format \"%.40s\": text, markdown or csv", format);
    HF_TRY(read_filter(cli, &f, error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    json_t *cycles = json_array();
    hf_cli_result(cli, json_pack("{s:o}", "cycles", cycles));
    for (i = 0; i < session.config->targets.count; i++) {
        const hf_target_config *target = &session.config->targets.items[i];

        if (session.target == NULL || session.target == target)
            HF_TRY(list(&session, target->name, &f, cycles, error));
    }
    if (hf_cli_has(cli, "verify"))
        return verify(cli, cycles, error);
    json_t *kept = json_array();
    json_object_set_new(cli->result, "kept", kept);
    for (size_t t = 0; t < session.config->targets.count; t++) {
        const hf_target_config *target = &session.config->targets.items[t];
        json_t *of_target =
            session.target == NULL || session.target == target ? kept_of(&session, target, cycles) : NULL;

        if (of_target != NULL)
            json_array_extend(kept, of_target);
        json_decref(of_target);
    }
    if (cli->json)
        return HF_OK;
    json_array_foreach(cycles, i, cycle) add_row(cycle, markdown ? ", " : " ", &cells);
    if (csv || markdown)
        print_lines(&cells, csv);
    else if (cells.count == 0)
        hf_out("no deploys%s\n", cli->option_names.count == 0 ? " yet" : " that fit");
    else
        print_text(&cells);
    if (!csv && !markdown)
        print_kept(kept);
    return HF_OK;
}

const hf_command hf_command_history = {
    .name = "history",
    .summary = "list the deploys, the last one last",
    .options = options,
    .run = run,
};
