/*
 * A thread for each destination, begun with its first letter:
 *
 *     tell, ping, test -> queue -> [thread: read secrets once; try, pause, try] -> done
 *     flush: waits for all queues; what is left after its time is given up, the request under way is ended
 *
 * One mutex guards queues, letters and flags; no request is made under it.
 */
#include "notify/notify.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "notify/kind.h"

#define LETTER_MS 60000 /* from its first try on */
#define FIRST_PAUSE_MS 500
#define LAST_PAUSE_MS 8000
#define GIVING_UP_MS 3000 /* libcurl asks about once a second whether it is to go on */
#define SECRET_PATH_MIN 8
#define BODY_BYTES 10000 /* of a ping; what such services keep */

typedef struct queued {
    hf_letter letter;
    bool done, given_up, told; /* told: its outcome was given out */
    hf_error error;            /* code HF_OK: it was sent */
    int tries;
} queued;

typedef struct destination {
    hf_notifier *notifier;
    hf_mailbox mailbox;
    pthread_t thread;
    bool started;
    HF_VECTOR(queued *) letters; /* since the last flush */
} destination;

struct hf_notifier {
    const hf_config *config;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* on the monotonic clock */
    bool ending;
    size_t running; /* threads */
    char run[37];
    HF_VECTOR(destination) destinations; /* never grows once threads run */
};

static hf_deliver *const deliver[HF_NOTIFY_KINDS] = {
    [HF_NOTIFY_SLACK] = hf_deliver_chat,    [HF_NOTIFY_DISCORD] = hf_deliver_chat,
    [HF_NOTIFY_TEAMS] = hf_deliver_chat,    [HF_NOTIFY_WEBHOOK] = hf_deliver_webhook,
    [HF_NOTIFY_PING] = hf_deliver_ping,     [HF_NOTIFY_EMAIL] = hf_deliver_email,
    [HF_NOTIFY_GITHUB] = hf_deliver_github,
};

/* ---- secrets ---- */

static const hf_secret_source *first_secret(const hf_notify_config *config)
{
    return config->kind == HF_NOTIFY_EMAIL    ? &config->email.password
           : config->kind == HF_NOTIFY_GITHUB ? &config->github.token
                                              : &config->url[config->kind];
}

/* What stands behind the host of a URL is the secret, and may be shown without the rest. */
static void redact_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host == NULL ? NULL : strchr(host + 3, '/');

    if (path != NULL && strlen(path) >= SECRET_PATH_MIN)
        hf_log_redact(path);
}

static void read_secrets(hf_mailbox *mailbox)
{
    const hf_notify_config *config = mailbox->config;
    HF_AUTO_STR what = hf_format("the secret of notify \"%s\"", config->name);

    if (first_secret(config)->kind != HF_SECRET_NONE &&
        hf_secret_read(first_secret(config), what, &mailbox->secret, &mailbox->error) != HF_OK)
        return;
    if (config->kind == HF_NOTIFY_WEBHOOK && config->webhook.authorization.kind != HF_SECRET_NONE &&
        hf_secret_read(&config->webhook.authorization, what, &mailbox->second, &mailbox->error) != HF_OK)
        return;
    if (config->kind < HF_NOTIFY_EMAIL)
        redact_path(mailbox->secret);
    if ((mailbox->secret != NULL && strpbrk(mailbox->secret, "\r\n") != NULL) ||
        (mailbox->second != NULL && strpbrk(mailbox->second, "\r\n") != NULL))
        (void) hf_fail(&mailbox->error, HF_E_USAGE, "%s has more than one line", what);
}

static void hide(const hf_secret_source *source)
{
    if (source->kind == HF_SECRET_ENV)
        hf_child_hide_env(source->name);
}

/* ---- the thread ---- */

/* Wait for a change, at most until then (0: for ever); with the mutex held. */
static void wait_until(hf_notifier *self, int64_t monotonic_ms)
{
    const struct timespec until = {.tv_sec = monotonic_ms / 1000, .tv_nsec = monotonic_ms % 1000 * 1000000};

    if (monotonic_ms == 0)
        (void) pthread_cond_wait(&self->changed, &self->mutex);
    else
        (void) pthread_cond_timedwait(&self->changed, &self->mutex, &until);
}

static int64_t next_pause(int tries, int64_t asked_ms)
{
    int64_t pause = FIRST_PAUSE_MS;

    for (int i = 1; i < tries && pause < LAST_PAUSE_MS; i++)
        pause *= 2;
    return asked_ms > pause ? asked_ms : pause;
}

/* Called with the mutex held, and holds it when it returns. */
static void work_off(destination *to, queued *item)
{
    hf_notifier *self = to->notifier;
    const int64_t deadline = hf_monotonic_ms() + LETTER_MS;

    while (!item->given_up) {
        hf_error error = to->mailbox.error;

        atomic_store(&to->mailbox.given_up, false);
        (void) pthread_mutex_unlock(&self->mutex);
        if (error.code == HF_OK &&
            deliver[to->mailbox.config->kind](&to->mailbox, &item->letter, &error) == HF_OK)
            error = (hf_error){0};
        (void) pthread_mutex_lock(&self->mutex);
        item->error = error;
        item->tries++;
        if (error.code != HF_E_TIMEOUT || to->mailbox.error.code != HF_OK)
            break;
        const int64_t again = hf_monotonic_ms() + next_pause(item->tries, error.retry_after_ms);
        if (again > deadline)
            break;
        while (!item->given_up && hf_monotonic_ms() < again)
            wait_until(self, again);
    }
    item->done = true;
    (void) pthread_cond_broadcast(&self->changed);
}

static queued *next_letter(const destination *to)
{
    for (size_t i = 0; i < to->letters.count; i++)
        if (!to->letters.items[i]->done)
            return to->letters.items[i];
    return NULL;
}

static void *run(void *context)
{
    destination *to = context;
    hf_notifier *self = to->notifier;

    read_secrets(&to->mailbox); /* a command may take its time */
    (void) pthread_mutex_lock(&self->mutex);
    for (;;) {
        queued *item = next_letter(to);

        if (item != NULL)
            work_off(to, item);
        else if (self->ending)
            break;
        else
            wait_until(self, 0);
    }
    self->running--;
    (void) pthread_cond_broadcast(&self->changed);
    (void) pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* ---- from outside ---- */

static void start_curl(void)
{
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

hf_notifier *hf_notifier_new(const hf_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_condattr_t monotonic;

    if (config->notify.count == 0)
        return NULL;
    (void) pthread_once(&once, start_curl);
    hf_notifier *self = hf_alloc(sizeof(*self));
    self->config = config;
    (void) pthread_mutex_init(&self->mutex, NULL);
    (void) pthread_condattr_init(&monotonic);
    (void) pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&self->changed, &monotonic);
    (void) pthread_condattr_destroy(&monotonic);
    hf_uuid4(self->run);
    for (size_t i = 0; i < config->notify.count; i++) {
        destination *to = HF_APPEND_NEW(&self->destinations);

        to->notifier = self;
        to->mailbox.config = &config->notify.items[i];
        hide(first_secret(to->mailbox.config));
        hide(&to->mailbox.config->webhook.authorization);
    }
    return self;
}

/* Those that the thread may still look at stay. */
static void free_letters(destination *to)
{
    size_t kept = 0;

    for (size_t i = 0; i < to->letters.count; i++) {
        queued *item = to->letters.items[i];

        if (!item->done) {
            to->letters.items[kept++] = item;
            continue;
        }
        hf_message_done(&item->letter.message);
        free(item->letter.body);
        free(item);
    }
    to->letters.count = kept;
}

/* With the mutex held. */
static void give_up(hf_notifier *self)
{
    for (size_t i = 0; i < self->destinations.count; i++) {
        destination *to = &self->destinations.items[i];

        for (size_t k = 0; k < to->letters.count; k++)
            to->letters.items[k]->given_up = true;
        atomic_store(&to->mailbox.given_up, true);
    }
    (void) pthread_cond_broadcast(&self->changed);
}

void hf_notifier_free(hf_notifier *notifier)
{
    if (notifier == NULL)
        return;
    (void) pthread_mutex_lock(&notifier->mutex);
    notifier->ending = true;
    give_up(notifier);
    const int64_t until = hf_monotonic_ms() + GIVING_UP_MS;
    while (notifier->running > 0 && hf_monotonic_ms() < until)
        wait_until(notifier, until);
    const bool stuck = notifier->running > 0;
    (void) pthread_mutex_unlock(&notifier->mutex);
    if (stuck) /* in a secret's command, and nothing can be taken from under it */
        return;
    for (size_t i = 0; i < notifier->destinations.count; i++) {
        destination *to = &notifier->destinations.items[i];

        if (to->started)
            (void) pthread_join(to->thread, NULL);
        free_letters(to);
        free(to->letters.items);
        hf_secret_freep(&to->mailbox.secret);
        hf_secret_freep(&to->mailbox.second);
    }
    free(notifier->destinations.items);
    (void) pthread_cond_destroy(&notifier->changed);
    (void) pthread_mutex_destroy(&notifier->mutex);
    free(notifier);
}

void hf_notifier_freep(hf_notifier **notifier)
{
    hf_notifier_free(*notifier);
}

/* Takes the letter over. */
static void post(destination *to, hf_letter letter)
{
    hf_notifier *self = to->notifier;
    queued *item = hf_alloc(sizeof(*item));

    item->letter = letter;
    (void) pthread_mutex_lock(&self->mutex);
    HF_PUSH(&to->letters, item);
    if (!to->started) {
        to->started = pthread_create(&to->thread, NULL, run, to) == 0;
        self->running += to->started;
    }
    if (!to->started) {
        (void) hf_fail(&item->error, HF_E_SYSTEM, "a thread could not be started");
        item->done = true;
    }
    (void) pthread_cond_broadcast(&self->changed);
    (void) pthread_mutex_unlock(&self->mutex);
}

static bool has_got(const json_t *sent, const char *to, const char *event)
{
    size_t i;
    json_t *item;

    json_array_foreach(
        sent, i, item) if (json_is_true(json_object_get(item, "ok")) &&
                           hf_streq(json_string_value(json_object_get(item, "to")), to) &&
                           hf_streq(json_string_value(json_object_get(item, "event")), event)) return true;
    return false;
}

void hf_notifier_tell(hf_notifier *notifier, const hf_notice *notice, const json_t *sent)
{
    for (size_t i = 0; notifier != NULL && i < notifier->destinations.count; i++) {
        destination *to = &notifier->destinations.items[i];
        hf_letter letter = {0};

        if ((to->mailbox.config->events & 1u << notice->event) == 0 ||
            has_got(sent, to->mailbox.config->name, hf_notify_event_names[notice->event]))
            continue;
        hf_message_make(notice, &notifier->config->contacts[notice->event], &letter.message);
        post(to, letter);
    }
}

void hf_notifier_ping(hf_notifier *notifier, const char *command, const char *target, hf_ping what,
                      const char *body)
{
    for (size_t i = 0; notifier != NULL && i < notifier->destinations.count; i++) {
        destination *to = &notifier->destinations.items[i];
        const hf_notify_config *config = to->mailbox.config;
        hf_letter letter = {.is_ping = true, .ping = what};

        if (config->kind != HF_NOTIFY_PING || !hf_strings_has(&config->ping.commands, command) ||
            (config->ping.target != NULL && !hf_streq(config->ping.target, target)))
            continue;
        memcpy(letter.run, notifier->run, sizeof(letter.run));
        if (body != NULL) {
            const size_t len = strlen(body);

            letter.body = hf_strdup(len > BODY_BYTES ? body + len - BODY_BYTES : body);
        }
        post(to, letter);
    }
}

size_t hf_notifier_test(hf_notifier *notifier, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; notifier != NULL && i < notifier->destinations.count; i++) {
        destination *to = &notifier->destinations.items[i];
        hf_letter letter = {.test = true, .is_ping = to->mailbox.config->kind == HF_NOTIFY_PING};

        if (name != NULL && !hf_streq(to->mailbox.config->name, name))
            continue;
        hf_message_make_test(&letter.message);
        memcpy(letter.run, notifier->run, sizeof(letter.run));
        if (letter.is_ping)
            letter.body = hf_strdup(letter.message.values[HF_FIELD_TEXT]);
        post(to, letter);
        count++;
    }
    return count;
}

static const char *event_of(const hf_letter *letter)
{
    static const char *const pings[] = {
        [HF_PING_START] = "ping start", [HF_PING_SUCCESS] = "ping success", [HF_PING_FAIL] = "ping fail"};

    return letter->test      ? "test"
           : letter->is_ping ? pings[letter->ping]
                             : letter->message.values[HF_FIELD_EVENT];
}

static bool is_idle(const hf_notifier *self)
{
    for (size_t i = 0; i < self->destinations.count; i++)
        if (next_letter(&self->destinations.items[i]) != NULL)
            return false;
    return true;
}

static json_t *result_of(const destination *to, const queued *item)
{
    HF_AUTO_STR why = hf_message_clean(item->error.message, sizeof(item->error.message));
    const bool ok = item->done && item->error.code == HF_OK && item->tries > 0;

    return json_pack("{s:s, s:s?, s:s, s:b, s:s?, s:i}", "to", to->mailbox.config->name, "cycle",
                     item->letter.message.values[HF_FIELD_CYCLE], "event", event_of(&item->letter), "ok",
                     (int) ok, "error",
                     ok               ? NULL
                     : why[0] != '\0' ? why
                                      : "it could not be sent in time",
                     "tries", item->tries);
}

json_t *hf_notifier_flush(hf_notifier *notifier, int64_t wait_ms)
{
    int64_t until = hf_monotonic_ms() + wait_ms;

    if (notifier == NULL)
        return NULL;
    json_t *results = json_array();
    (void) pthread_mutex_lock(&notifier->mutex);
    while (!is_idle(notifier) && hf_monotonic_ms() < until)
        wait_until(notifier, until);
    if (!is_idle(notifier))
        give_up(notifier);
    until = hf_monotonic_ms() + GIVING_UP_MS;
    while (!is_idle(notifier) && hf_monotonic_ms() < until)
        wait_until(notifier, until);
    for (size_t i = 0; i < notifier->destinations.count; i++) {
        destination *to = &notifier->destinations.items[i];

        for (size_t k = 0; k < to->letters.count; k++) {
            if (!to->letters.items[k]->told)
                json_array_append_new(results, result_of(to, to->letters.items[k]));
            to->letters.items[k]->told = true;
        }
        free_letters(to);
    }
    (void) pthread_mutex_unlock(&notifier->mutex);
    if (json_array_size(results) > 0)
        return results;
    json_decref(results);
    return NULL;
}
