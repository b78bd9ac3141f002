#include "config/notify_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/suggest.h"
#include "config/template.h"

#define DESTINATIONS_MAX 32
#define ALL_EVENTS ((1u << HF_NOTIFY_EVENTS) - 1)

const char *const hf_notify_event_names[HF_NOTIFY_EVENTS] = {
    [HF_NOTIFY_START] = "start",       [HF_NOTIFY_SUCCESS] = "success",
    [HF_NOTIFY_ROLLBACK] = "rollback", [HF_NOTIFY_STUCK] = "stuck",
    [HF_NOTIFY_HELD] = "held",         [HF_NOTIFY_REFUSED] = "refused",
    [HF_NOTIFY_DRIFT] = "drift",       [HF_NOTIFY_BACKUP_FAILED] = "backup_failed",
};
const char *const hf_notify_kind_names[HF_NOTIFY_KINDS] = {
    [HF_NOTIFY_SLACK] = "slack",     [HF_NOTIFY_DISCORD] = "discord", [HF_NOTIFY_TEAMS] = "teams",
    [HF_NOTIFY_WEBHOOK] = "webhook", [HF_NOTIFY_PING] = "ping",       [HF_NOTIFY_EMAIL] = "email",
    [HF_NOTIFY_GITHUB] = "github",
};
const hf_choice hf_notify_formats[] = {
    {"json", HF_NOTIFY_JSON}, {"form", HF_NOTIFY_FORM}, {"text", HF_NOTIFY_TEXT}, {NULL, 0}};

static const char *const commands[] = {"backup", "prove", "verify", "prune", "gc", "deploy", "drift", "copy"};

void *hf_notify_append(void *parent, const char *key, hf_where where)
{
    hf_config *config = parent;
    hf_notify_config *notify = HF_APPEND_NEW(&config->notify);

    (void) key;
    notify->where = where;
    return notify;
}

/* The place of each text of a list in a table of names; HF_E_USAGE for one that is not in it. */
static hf_status find_name(const hf_config_reader *in, const hf_yaml *item, const char *what,
                           const char *const *names, size_t count, size_t *ret_index)
{
    HF_AUTO_BUF known = HF_BUF_MAX(300);
    const char *text = item->kind == HF_YAML_SCALAR ? item->text : "";

    for (size_t i = 0; i < count; i++) {
        if (hf_streq(names[i], text)) {
            *ret_index = i;
            return HF_OK;
        }
        hf_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    const char *near = hf_suggest(text, names, count);
    hf_config_refuse(in, item->where, "\"%.80s\" is no %s", text, what);
    return hf_hint(in->error, "%s%s%sknown here: %s", near != NULL ? "did you mean \"" : "",
                   near != NULL ? near : "", near != NULL ? "\"? " : "", hf_buf_text(&known));
}

hf_status hf_notify_set_events(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base)
{
    hf_notify_config *notify = base;

    (void) option;
    if (value->kind != HF_YAML_SEQUENCE || value->items.count == 0) {
        hf_config_refuse(in, value->where, "\"events\" must be a list of events");
        return hf_hint(in->error, "for example events: [rollback, stuck]; leave it out for all");
    }
    for (size_t i = 0; i < value->items.count; i++) {
        size_t event = 0;

        HF_TRY(
            find_name(in, value->items.items[i], "event", hf_notify_event_names, HF_NOTIFY_EVENTS, &event));
        notify->events |= 1u << event;
    }
    return HF_OK;
}

hf_status hf_notify_set_commands(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                 void *base)
{
    HF_TRY(hf_config_set_texts(in, option, value, base));
    for (size_t i = 0; i < value->items.count; i++) {
        size_t ignored;

        HF_TRY(find_name(in, value->items.items[i], "command that pings", commands,
                         sizeof(commands) / sizeof(commands[0]), &ignored));
    }
    return HF_OK;
}

hf_status hf_notify_set_template(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                                 void *base)
{
    hf_notify_config *notify = base;

    (void) option;
    if (value->kind != HF_YAML_SCALAR || value->text[0] == '\0')
        return hf_config_refuse(in, value->where, "\"template\" must be a text");
    notify->webhook.template = hf_strdup(value->text);
    notify->webhook.template_where = value->where;
    return HF_OK;
}

/* An address as it goes into the envelope and a header. */
static bool is_address(const char *text)
{
    const char *at = strchr(text, '@');

    return at != NULL && at != text && at[1] != '\0' && text[strcspn(text, "<>,;\" \t\r\n")] == '\0' &&
           strlen(text) <= 254;
}

static hf_status finish_email(const hf_config_reader *in, const hf_notify_config *notify)
{
    const char *server = notify->email.server;

    if (!hf_starts_with(server, "smtp://") && !hf_starts_with(server, "smtps://")) {
        hf_config_refuse(in, notify->where, "the mail server must begin with smtp:// or smtps://");
        return hf_hint(in->error, "smtp://host:587 uses STARTTLS, smtps://host:465 begins with TLS");
    }
    if (strchr(server, '@') != NULL)
        return hf_config_refuse(in, notify->where, "the mail server's URL may hold no user or password");
    for (size_t i = 0; i <= notify->email.to.count; i++) {
        const char *address = i < notify->email.to.count ? notify->email.to.items[i] : notify->email.from;

        if (!is_address(address)) {
            hf_config_refuse(in, notify->where, "\"%.80s\" is no mail address", address);
            return hf_hint(in->error, "only the address itself, such as team@shop.example");
        }
    }
    if ((notify->email.user == NULL) != (notify->email.password.kind == HF_SECRET_NONE))
        return hf_config_refuse(in, notify->where, "\"user\" and \"password\" belong together");
    if (notify->email.user != NULL && !notify->email.tls && hf_starts_with(server, "smtp://")) {
        hf_config_refuse(in, notify->where, "a password is not sent without TLS");
        return hf_hint(in->error, "leave \"tls: false\" out");
    }
    return HF_OK;
}

static hf_status finish_github(const hf_config_reader *in, const hf_notify_config *notify)
{
    const char *name = notify->github.repository, *slash = strchr(name, '/');
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/");

    if (slash == NULL || slash == name || slash[1] == '\0' || strchr(slash + 1, '/') != NULL ||
        name[len] != '\0')
        return hf_config_refuse(in, notify->where, "\"%.80s\" is no repository: it must be owner/name", name);
    if (!hf_starts_with(notify->github.api, "https://") && !hf_starts_with(notify->github.api, "http://"))
        return hf_config_refuse(in, notify->where, "\"api\" must begin with https://");
    return HF_OK;
}

static hf_status finish_webhook(const hf_config_reader *in, const hf_notify_config *notify)
{
    if (notify->webhook.template == NULL)
        return HF_OK;
    if (hf_template_check(notify->webhook.template, notify->webhook.format, in->error) == HF_OK)
        return HF_OK;
    const hf_error why = *in->error;
    hf_config_refuse(in, notify->webhook.template_where, "%s", why.message);
    return hf_hint(in->error, "%s", why.hint);
}

hf_status hf_notify_finish(const hf_config_reader *in, void *item)
{
    hf_notify_config *notify = item;
    size_t count = 0;

    for (int i = 0; i < HF_NOTIFY_KINDS; i++) {
        const bool given = i == HF_NOTIFY_EMAIL    ? notify->email.server != NULL
                           : i == HF_NOTIFY_GITHUB ? notify->github.repository != NULL
                                                   : notify->url[i].kind != HF_SECRET_NONE;

        if (!given)
            continue;
        notify->kind = (hf_notify_kind) i;
        count++;
    }
    if (count != 1) {
        hf_config_refuse(in, notify->where, "this %s",
                         count == 0 ? "does not say where a message goes" : "goes to more than one place");
        return hf_hint(in->error,
                       "give it exactly one of slack, discord, teams, webhook, ping, email, github");
    }
    if (notify->kind == HF_NOTIFY_PING && notify->events != 0) {
        hf_config_refuse(in, notify->where, "a ping has no events");
        return hf_hint(in->error, "it tells of the start, the success and the failure of its \"commands\"");
    }
    if (notify->events == 0 && notify->kind != HF_NOTIFY_PING)
        notify->events = notify->kind == HF_NOTIFY_GITHUB
                             ? 1u << HF_NOTIFY_ROLLBACK | 1u << HF_NOTIFY_STUCK | 1u << HF_NOTIFY_DRIFT
                             : ALL_EVENTS;
    switch (notify->kind) {
    case HF_NOTIFY_EMAIL:
        return finish_email(in, notify);
    case HF_NOTIFY_GITHUB:
        return finish_github(in, notify);
    case HF_NOTIFY_WEBHOOK:
        return finish_webhook(in, notify);
    default:
        return HF_OK;
    }
}

hf_status hf_notify_name_all(const hf_config_reader *in, hf_config *config)
{
    size_t seen[HF_NOTIFY_KINDS] = {0};

    for (size_t i = 0; i < config->notify.count; i++) {
        hf_notify_config *notify = &config->notify.items[i];
        const char *kind = hf_notify_kind_names[notify->kind];

        if (i == DESTINATIONS_MAX)
            return hf_config_refuse(in, notify->where, "more than %d are told", DESTINATIONS_MAX);
        seen[notify->kind]++;
        if (notify->name == NULL)
            notify->name =
                seen[notify->kind] == 1 ? hf_strdup(kind) : hf_format("%s%zu", kind, seen[notify->kind]);
        for (size_t other = 0; other < i; other++)
            if (hf_streq(config->notify.items[other].name, notify->name)) {
                hf_config_refuse(in, notify->where, "two have the name \"%.80s\"", notify->name);
                return hf_hint(in->error, "give each a \"name\" of its own");
            }
    }
    return HF_OK;
}

void hf_notify_config_done(hf_notify_config *notify)
{
    free(notify->name);
    for (int i = 0; i < HF_NOTIFY_EMAIL; i++)
        hf_secret_source_done(&notify->url[i]);
    hf_secret_source_done(&notify->webhook.authorization);
    hf_strings_done(&notify->webhook.headers);
    free(notify->webhook.template);
    hf_strings_done(&notify->ping.commands);
    free(notify->ping.target);
    free(notify->email.server);
    free(notify->email.user);
    free(notify->email.from);
    free(notify->email.ca_file);
    hf_secret_source_done(&notify->email.password);
    hf_strings_done(&notify->email.to);
    free(notify->github.repository);
    free(notify->github.api);
    hf_secret_source_done(&notify->github.token);
    hf_strings_done(&notify->github.labels);
}
