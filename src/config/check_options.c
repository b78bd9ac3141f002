#include "config/check_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/text.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

void *hf_check_append(void *parent, const char *key, hf_where where)
{
    hf_target_config *target = parent;
    hf_check_config *check = HF_APPEND_NEW(&target->checks);

    (void) key;
    check->where = where;
    check->timeout_ms = -1;
    check->retries = -1;
    check->sql.rows = -1;
    return check;
}

static const char *last_key(const hf_option *option)
{
    return strrchr(option->path, '.') + 1;
}

/* ---- values ---- */

static hf_status place(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                       hf_placed *ret_placed)
{
    if (value->kind != HF_YAML_SCALAR || value->text[0] == '\0')
        return hf_config_refuse(in, value->where, "\"%s\" must be a text", last_key(option));
    free(ret_placed->text);
    *ret_placed = (hf_placed){.text = hf_strdup(value->text), .where = value->where};
    return HF_OK;
}

hf_status hf_config_set_placed(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base)
{
    return place(in, option, value, (hf_placed *) ((char *) base + option->offset));
}

hf_status hf_config_set_placed_list(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                    void *base)
{
    hf_placed_list *list = (hf_placed_list *) ((char *) base + option->offset);

    if (value->kind != HF_YAML_SEQUENCE || value->items.count == 0)
        return place(in, option, value, HF_APPEND_NEW(list));
    for (size_t i = 0; i < value->items.count; i++)
        HF_TRY(place(in, option, value->items.items[i], HF_APPEND_NEW(list)));
    return HF_OK;
}

static hf_status refuse_header(const hf_config_reader *in, hf_where where)
{
    hf_config_refuse(in, where, "a header is one name and one line of text, or a secret");
    return hf_hint(in->error, "for example headers: {Accept: application/json, X-Api-Key: {env: API_KEY}}");
}

hf_status hf_config_set_headers(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                void *base)
{
    static const hf_option secret = {.path = "targets.*.header", .offset = offsetof(hf_header, secret)};
    hf_headers *headers = (hf_headers *) ((char *) base + option->offset);

    if (value->kind != HF_YAML_MAPPING) {
        hf_config_refuse(in, value->where, "\"headers\" must be a mapping of names and values");
        return hf_hint(in->error, "for example headers: {Accept: application/json}");
    }
    for (size_t i = 0; i < value->pairs.count; i++) {
        const hf_yaml_pair *pair = &value->pairs.items[i];
        const hf_yaml *content = pair->value;

        if (pair->key[strcspn(pair->key, ": \t\r\n")] != '\0' || pair->key[0] == '\0' ||
            (content->kind != HF_YAML_MAPPING && content->kind != HF_YAML_SCALAR) ||
            (content->kind == HF_YAML_SCALAR && strpbrk(content->text, "\r\n") != NULL))
            return refuse_header(in, pair->where);

        hf_header *header = HF_APPEND_NEW(headers);
        header->name = hf_strdup(pair->key);
        if (content->kind == HF_YAML_MAPPING) {
            HF_TRY(hf_config_set_secret(in, &secret, content, header));
            continue;
        }
        header->value = hf_strdup(content->text);
        if (strcasecmp(pair->key, "Authorization") == 0 || strcasecmp(pair->key, "Cookie") == 0)
            hf_log_redact(content->text);
    }
    return HF_OK;
}

hf_status hf_config_set_limit(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base)
{
    hf_limit *limit = (hf_limit *) ((char *) base + option->offset);
    bool good = value->kind == HF_YAML_SCALAR;

    if (good) {
        char *end = NULL;
        size_t len = strspn(value->text, "0123456789.-+eE");

        *limit = (hf_limit){.given = true, .value = strtod(value->text, &end)};
        good = len > 0 && end == value->text + len && isfinite(limit->value);
        limit->percent = good && *end == '%';
        good = good && end[limit->percent] == '\0';
    }
    if (good)
        return HF_OK;
    hf_config_refuse(in, value->where, "\"%s\" must be a number, or a percentage", last_key(option));
    return hf_hint(in->error, "for example %s: 0.5, or %s: 10%%", last_key(option), last_key(option));
}

static hf_status push_status(const hf_config_reader *in, const hf_yaml *value, hf_check_config *check)
{
    int64_t number;

    if (value->kind != HF_YAML_SCALAR || hf_parse_int(value->text, 100, 599, &number, NULL) != HF_OK) {
        hf_config_refuse(in, value->where,
                         "\"status\" must be an HTTP status from 100 to 599, or a list of them");
        return hf_hint(in->error, "for example status: [200, 204]");
    }
    HF_PUSH(&check->http.status, (int) number);
    return HF_OK;
}

hf_status hf_check_set_status(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base)
{
    (void) option;
    if (value->kind != HF_YAML_SEQUENCE || value->items.count == 0)
        return push_status(in, value, base);
    for (size_t i = 0; i < value->items.count; i++)
        HF_TRY(push_status(in, value->items.items[i], base));
    return HF_OK;
}

hf_status hf_check_set_comparison(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                  void *base)
{
    static const struct {
        const char *name, *compare;
    } words[] = {
        {"equals", "="},   {"not_equals", "!="},  {"less_than", "<"},
        {"at_most", "<="}, {"greater_than", ">"}, {"at_least", ">="},
    };
    hf_check_config *check = base;
    const char *name = last_key(option);

    if (value->kind != HF_YAML_SCALAR)
        return hf_config_refuse(in, value->where, "\"%s\" must be a number or a text", name);
    if (check->sql.compare != NULL) {
        hf_config_refuse(in, value->where, "\"%s\" is a second comparison", name);
        return hf_hint(in->error, "a check compares once; write a second check for the other bound");
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (hf_streq(words[i].name, name))
            check->sql.compare = hf_strdup(words[i].compare);
    check->sql.value = hf_strdup(value->text);
    return HF_OK;
}

/* ---- an item as a whole ---- */

static hf_status refuse(const hf_config_reader *in, const hf_check_config *check, const char *what,
                        const char *hint)
{
    hf_config_refuse(in, check->where, "check \"%s\"%s", check->name, what);
    return hf_hint(in->error, "%s", hint);
}

static bool is_change(const hf_change_config *change)
{
    return change->increase.given || change->decrease.given;
}

static hf_status finish_request(const hf_config_reader *in, const hf_check_config *check,
                                const hf_request_config *request)
{
    if (!hf_starts_with(request->url, "http://") && !hf_starts_with(request->url, "https://"))
        return refuse(in, check, ": the url must begin with http:// or https://", "");
    return HF_OK;
}

static hf_status finish_sql(const hf_config_reader *in, const hf_check_config *check)
{
    bool scalar = check->sql.compare != NULL || check->sql.unchanged || is_change(&check->sql.change);

    if (!scalar && check->sql.rows < 0)
        return refuse(in, check, " does not say what the query's value must be",
                      "add one of equals, not_equals, less_than, at_most, greater_than, at_least, rows, "
                      "unchanged, increase_at_most, decrease_at_most");
    if (scalar && check->sql.rows >= 0)
        return refuse(in, check, " asks for a number of rows and for a value", "make two checks of it");
    if (check->sql.unchanged && is_change(&check->sql.change))
        return refuse(in, check, " allows a change, and none", "leave \"unchanged\" out");
    return HF_OK;
}

static hf_status finish_log(const hf_config_reader *in, const hf_check_config *check)
{
    int sources = (check->log.file != NULL) + (check->log.journal.count > 0) + (check->log.command.count > 0);
    bool limited = check->log.rate_at_most.given || is_change(&check->log.rate_change);

    if (sources != 1)
        return refuse(in, check, ": a log is exactly one of file, journal and command",
                      "file: /var/log/app/*.log, journal: app.service, or command: [docker, logs, --since, "
                      "\"{since}\", app]");
    if (check->log.forbid.count == 0 && check->log.require.count == 0 && check->log.rate.text == NULL)
        return refuse(in, check, " does not say what the log must have or not have",
                      "add forbid, require or rate, with regular expressions");
    if (check->log.rate.text != NULL && !limited)
        return refuse(in, check, ": the rate has no limit",
                      "add at_most (matching lines of 1,000), increase_at_most or decrease_at_most");
    return HF_OK;
}

static hf_status finish_metric(const hf_config_reader *in, const hf_check_config *check)
{
    HF_TRY(finish_request(in, check, &check->metric.request));
    if ((check->metric.query != NULL) == (check->metric.jq.text != NULL))
        return refuse(in, check, ": a metric is either a Prometheus query or a jq expression",
                      "query: 'sum(rate(errors[1m]))', or jq: '.errors'");
    if (!check->metric.at_most.given && !check->metric.at_least.given && !is_change(&check->metric.change))
        return refuse(in, check, " has no limit",
                      "add at_most, at_least, increase_at_most or decrease_at_most");
    if (check->metric.at_most.percent || check->metric.at_least.percent || check->metric.empty.percent ||
        check->metric.ignore_below.percent)
        return refuse(in, check, ": only increase_at_most and decrease_at_most can be percentages",
                      "write a number");
    return HF_OK;
}

static hf_status finish_kind(const hf_config_reader *in, hf_check_config *check)
{
    switch (check->kind) {
    case HF_CHECK_HTTP:
        if (check->http.status.count == 0)
            HF_PUSH(&check->http.status, 200);
        return finish_request(in, check, &check->http.request);
    case HF_CHECK_SQL:
        return finish_sql(in, check);
    case HF_CHECK_ROWS:
        if (!check->rows.shrink.percent || check->rows.shrink.value < 0 || check->rows.shrink.value > 100)
            return refuse(in, check, ": \"shrink_at_most\" must be a percentage",
                          "for example shrink_at_most: 5%");
        return HF_OK;
    case HF_CHECK_LOG:
        return finish_log(in, check);
    case HF_CHECK_METRIC:
        return finish_metric(in, check);
    default:
        return HF_OK;
    }
}

hf_status hf_check_finish(const hf_config_reader *in, void *item)
{
    hf_check_config *check = item;
    const bool given[HF_CHECK_KINDS] = {
        [HF_CHECK_HTTP] = check->http.request.url != NULL,
        [HF_CHECK_SQL] = check->sql.query != NULL,
        [HF_CHECK_SCHEMA] = check->schema.file != NULL || check->schema.all_valid,
        [HF_CHECK_COMMAND] = check->command.count > 0,
        [HF_CHECK_ROWS] = check->rows.shrink.given,
        [HF_CHECK_SEQUENCES] = check->sequences.count > 0,
        [HF_CHECK_LOG] = check->log.file != NULL || check->log.journal.count > 0 ||
                         check->log.command.count > 0 || check->log.forbid.count > 0,
        [HF_CHECK_METRIC] = check->metric.request.url != NULL,
        [HF_CHECK_SNAPSHOT] = check->snapshot.younger_than_ms > 0,
    };
    static const int64_t timeouts[HF_CHECK_KINDS] = {
        [HF_CHECK_COMMAND] = 10 * MINUTE,
        [HF_CHECK_ROWS] = 10 * MINUTE,
        [HF_CHECK_SEQUENCES] = MINUTE,
        [HF_CHECK_LOG] = MINUTE,
    };
    size_t count = 0;

    for (size_t i = 0; i < HF_CHECK_KINDS; i++) {
        if (!given[i])
            continue;
        check->kind = (hf_check_kind) i;
        count++;
    }
    if (count != 1)
        return refuse(in, check, count == 0 ? " does not say what to check" : " checks more than one thing",
                      "give it exactly one of http, sql, schema, command, rows, sequences, log, metric and "
                      "snapshot");
    if (check->folder != NULL && check->kind != HF_CHECK_COMMAND)
        return refuse(in, check, ": only a command runs in a folder", "leave \"folder\" out");
    if (check->folder == NULL)
        check->folder = hf_strdup(in->folder);
    if (check->timeout_ms < 0)
        check->timeout_ms = timeouts[check->kind] > 0 ? timeouts[check->kind] : 10 * SECOND;
    return finish_kind(in, check);
}

/* ---- freeing ---- */

void hf_headers_done(hf_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        free(headers->items[i].name);
        free(headers->items[i].value);
        hf_secret_source_done(&headers->items[i].secret);
    }
    free(headers->items);
    *headers = (hf_headers){0};
}

static void request_done(hf_request_config *request)
{
    free(request->url);
    hf_headers_done(&request->headers);
    free(request->ca_file);
}

static void placed_list_done(hf_placed_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
}

void hf_check_config_done(hf_check_config *check)
{
    free(check->name);
    request_done(&check->http.request);
    free(check->http.method);
    free(check->http.body);
    free(check->http.status.items);
    free(check->http.jq.text);
    free(check->http.matches.text);
    free(check->sql.query);
    free(check->sql.compare);
    free(check->sql.value);
    free(check->schema.file);
    free(check->schema.database);
    hf_strings_done(&check->command);
    free(check->folder);
    hf_strings_done(&check->rows.tables);
    hf_strings_done(&check->rows.except);
    hf_strings_done(&check->sequences);
    free(check->log.file);
    hf_strings_done(&check->log.journal);
    hf_strings_done(&check->log.command);
    placed_list_done(&check->log.forbid);
    placed_list_done(&check->log.require);
    free(check->log.rate.text);
    request_done(&check->metric.request);
    free(check->metric.query);
    free(check->metric.jq.text);
}
