/*
 * The journal: one document a cycle, replaced as a whole at each entry, so that a kill during an append leaves the
 * entries before it or also the new one, never half of one.
 *
 * The chain: the first entry's "previous" is the digest of what the document says of itself (format, target, cycle);
 * each further entry's is the digest of the entry before it; "head" is the digest of the last.  So a changed,
 * missing, added or reordered entry breaks it.
 */
#include "repository/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/journal_copy.h"
#include "repository/layout.h"

#define JOURNAL_MAX (64u << 20)
#define ENTRIES_MAX 100000u

/* A journal as it is with one entry more. */
typedef struct longer {
    json_t *entries;
    char head[HF_SHA256_HEX];
    char *text;
} longer;

static void longer_done(longer *next)
{
    json_decref(next->entries);
    free(next->text);
    *next = (longer){0};
}

struct hf_journal {
    hf_repository *repository;
    char *target;
    char *cycle;
    json_t *entries;
    char head[HF_SHA256_HEX]; /* of the last entry, or of the document before the first */
    bool ahead;               /* the repository has not all of them */
    longer untaken; /* what the last append that failed would have stored: it may be there all the same */
};

/* Where the chain begins. */
static void root_digest(const char *target, const char *cycle, char out[HF_SHA256_HEX])
{
    HF_AUTO_JSON json =
        json_pack("{s:i, s:s, s:s}", "format", HF_REPOSITORY_FORMAT, "target", target, "cycle", cycle);

    hf_canonical_digest(json, NULL, out);
}

hf_journal *hf_journal_new(hf_repository *repository, const char *target, const char *cycle)
{
    hf_journal *journal = hf_alloc(sizeof(*journal));

    journal->repository = repository;
    journal->target = hf_strdup(target);
    journal->cycle = hf_strdup(cycle);
    journal->entries = json_array();
    root_digest(target, cycle, journal->head);
    return journal;
}

void hf_journal_free(hf_journal *journal)
{
    if (journal == NULL)
        return;

    free(journal->target);
    free(journal->cycle);
    json_decref(journal->entries);
    longer_done(&journal->untaken);
    free(journal);
}

void hf_journal_freep(hf_journal **journal)
{
    hf_journal_free(*journal);
    *journal = NULL;
}

/* Check one entry and step the chain over it. */
static void read_entry(const hf_reader *item, size_t index, char head[HF_SHA256_HEX])
{
    const hf_reading *reading = item->reading;

    if (hf_read_u64(item, "seq", ENTRIES_MAX) != index + 1)
        hf_reader_fail(item, "seq", "is not %zu", index + 1);
    (void) hf_read_time(item, "at");
    if (hf_read_text(item, "state")[0] == '\0')
        hf_reader_fail(item, "state", "is empty");
    (void) hf_read_text(item, "event");
    (void) hf_read_object(item, "facts");
    if (!hf_streq(hf_read_text(item, "previous"), head))
        hf_reader_fail(item, "previous", "is not the digest of what comes before: the chain is broken");

    if (reading->status == HF_OK)
        hf_canonical_digest(item->json, NULL, head);
}

static hf_status read_journal(hf_journal *journal, const json_t *json, hf_error *error)
{
    hf_reading reading = {.what = "the journal", .error = error};
    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    if (!hf_streq(hf_read_text(&root, "target"), journal->target))
        hf_reader_fail(&root, "target", "is not that of its folder");
    if (!hf_streq(hf_read_text(&root, "cycle"), journal->cycle))
        hf_reader_fail(&root, "cycle", "is not that of its file");

    const json_t *entries = hf_read_array(&root, "entries", ENTRIES_MAX);

    if (reading.status == HF_OK && json_array_size(entries) == 0)
        hf_reader_fail(&root, "entries", "is empty");
    for (size_t i = 0; i < json_array_size(entries) && reading.status == HF_OK; i++) {
        hf_reader item = hf_reader_item(&root, "entries", entries, i);

        read_entry(&item, i, journal->head);
    }

    if (!hf_streq(hf_read_text(&root, "head"), journal->head))
        hf_reader_fail(&root, "head", "is not the digest of the last entry: the chain is broken");
    if (reading.status == HF_OK) {
        json_decref(journal->entries);
        journal->entries = json_incref((json_t *) entries);
    }
    return reading.status;
}

static hf_status parse_journal(hf_journal *journal, const hf_buf *text, hf_error *error)
{
    HF_AUTO_JSON json = NULL;

    HF_TRY(hf_parse_document("the journal", text, &json, error));
    return read_journal(journal, json, error);
}

static bool begins_with(const json_t *entries, const json_t *first)
{
    for (size_t i = 0; i < json_array_size(first); i++)
        if (!json_equal(json_array_get(entries, i), json_array_get(first, i)))
            return false;
    return true;
}

/* What this machine alone knows counts if it goes on where the repository's ends; another machine may have gone on instead. */
static void add_copy(hf_journal *journal)
{
    HF_AUTO(hf_journal_freep)
    hf_journal *copy = hf_journal_new(journal->repository, journal->target, journal->cycle);
    HF_AUTO_BUF text = HF_BUF_MAX(JOURNAL_MAX);
    hf_error error;
    hf_status status =
        hf_journal_copy_get(journal->repository, journal->target, journal->cycle, &text, &error);

    if (status == HF_E_NOT_FOUND)
        return;
    if (status == HF_OK)
        status = parse_journal(copy, &text, &error);
    if (status != HF_OK) {
        hf_log(HF_LOG_WARNING, "what this machine kept of cycle \"%s\" cannot be used: %s", journal->cycle,
               error.message);
        return;
    }
    if (json_array_size(copy->entries) <= json_array_size(journal->entries) ||
        !begins_with(copy->entries, journal->entries))
        return;
    json_decref(journal->entries);
    journal->entries = json_incref(copy->entries);
    memcpy(journal->head, copy->head, sizeof(journal->head));
    journal->ahead = true;
}

hf_status hf_journal_load(hf_repository *repository, const char *target, const char *cycle,
                          hf_journal **ret_journal, hf_error *error)
{
    HF_TRY(hf_check_repository_name("target name", target, error));
    HF_TRY(hf_check_repository_name("cycle id", cycle, error));

    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(repository, target, cycle);
    HF_AUTO_STR key = hf_cycle_key(target, cycle);
    HF_AUTO_BUF text = HF_BUF_MAX(JOURNAL_MAX);
    hf_status status = hf_document_get(repository, key, &text, error);

    if (status == HF_E_NOT_FOUND) {
        (void) hf_fail(error, status, "\"%s\" is no cycle of target \"%s\"", cycle, target);
        (void) hf_hint(error, "`holdfast history` lists those that exist");
        return status;
    }
    if (status == HF_E_LIMIT)
        status = hf_fail(error, HF_E_CORRUPT, "the journal is larger than any can be");
    if (status == HF_OK)
        status = parse_journal(journal, &text, error);

    if (status != HF_OK) {
        (void) hf_prefix(error, "cycle \"%s\" of target \"%s\"", cycle, target);
        return status;
    }

    add_copy(journal);
    *ret_journal = HF_TAKE(journal);
    return HF_OK;
}

/* The document with these entries; the caller owns it.  Entries of our own making always have a text. */
static char *write_journal(const hf_journal *journal, json_t *entries, const char *head)
{
    HF_AUTO_JSON json = json_pack("{s:i, s:s, s:s, s:O, s:s}", "format", HF_REPOSITORY_FORMAT, "target",
                                  journal->target, "cycle", journal->cycle, "entries", entries, "head", head);
    HF_AUTO_STR text = hf_canonical_json(json);

    return hf_format("%s\n", text);
}

/* The first entry must not replace another cycle's journal; later ones replace their own. */
static hf_status store_journal(const hf_journal *journal, const char *text, hf_error *error)
{
    HF_AUTO_STR key = hf_cycle_key(journal->target, journal->cycle);
    bool is_first = json_array_size(journal->entries) == 0;

    HF_FAULT("journal.before_append", error);
    if (is_first)
        HF_TRY(hf_document_put_new(journal->repository, key, text, error));
    else
        HF_TRY(hf_document_put(journal->repository, key, text, error));
    HF_FAULT("journal.after_append", error);
    return HF_OK;
}

/* On failure *ret_next has no text. */
static hf_status lengthen(const hf_journal *journal, const char *state, const char *event,
                          const json_t *facts, longer *ret_next, hf_error *error)
{
    char at[32];

    HF_TRY(hf_check_repository_name("target name", journal->target, error));
    HF_TRY(hf_check_repository_name("cycle id", journal->cycle, error));

    /* A deep copy: what the caller still does to parts of its facts must not break the chain. */
    HF_AUTO_JSON entry =
        json_pack("{s:I, s:s, s:s, s:s, s:o, s:s}", "seq", (json_int_t) json_array_size(journal->entries) + 1,
                  "at", hf_time_format(hf_now_ms(), at), "state", state, "event", event, "facts",
                  json_deep_copy(facts), "previous", journal->head);

    if (entry == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "the journal cannot hold the event \"%s\": it is not UTF-8",
                       event);

    ret_next->entries = json_copy(journal->entries);
    (void) json_array_append(ret_next->entries, entry);
    hf_canonical_digest(entry, NULL, ret_next->head);
    HF_AUTO_STR text = write_journal(journal, ret_next->entries, ret_next->head);
    if (strlen(text) > JOURNAL_MAX || json_array_size(ret_next->entries) > ENTRIES_MAX)
        return hf_fail(error, HF_E_LIMIT, "the journal of cycle \"%s\" is full", journal->cycle);
    ret_next->text = HF_TAKE(text);
    return HF_OK;
}

static void adopt(hf_journal *journal, longer *next)
{
    json_decref(journal->entries);
    journal->entries = HF_TAKE(next->entries);
    memcpy(journal->head, next->head, sizeof(journal->head));
    longer_done(next);
}

/* The repository has it all. */
static void forget_copy(hf_journal *journal)
{
    hf_error error;

    if (journal->ahead && hf_journal_copy_remove(journal->repository, journal->target, journal->cycle,
                                                 &error) != HF_OK) /* then it tells nothing new, for ever */
        hf_log_error(&error);
    journal->ahead = false;
}

hf_status hf_journal_append(hf_journal *journal, const char *state, const char *event, json_t *facts,
                            hf_error *error)
{
    HF_AUTO_JSON stolen = facts != NULL ? facts : json_object();
    longer *next = &journal->untaken;

    longer_done(next);
    HF_TRY(lengthen(journal, state, event, stolen, next, error));
    hf_status status = store_journal(journal, next->text, error);

    if (status != HF_OK) {
        (void) hf_prefix(error, "journal of cycle \"%s\"", journal->cycle);
        return status;
    }
    adopt(journal, next);
    forget_copy(journal);
    return HF_OK;
}

hf_status hf_journal_keep(hf_journal *journal, hf_error *error)
{
    HF_AUTO_STR where = NULL;
    HF_AUTO_STR text = HF_TAKE(journal->untaken.text);

    if (text == NULL)
        return hf_fail(error, HF_E_LIMIT, "the journal of cycle \"%s\" holds no further entry",
                       journal->cycle);
    adopt(journal, &journal->untaken);
    journal->ahead = true;
    HF_TRY(hf_journal_copy_put(journal->repository, journal->target, journal->cycle, text, &where, error));
    hf_log(HF_LOG_WARNING, "what the repository did not take is kept in \"%s\"", where);
    return HF_OK;
}

bool hf_journal_is_ahead(const hf_journal *journal)
{
    return journal->ahead;
}

hf_status hf_journal_settle(hf_journal *journal, hf_error *error)
{
    if (!journal->ahead)
        return HF_OK;
    HF_AUTO_STR text = write_journal(journal, journal->entries, journal->head);
    HF_TRY(store_journal(journal, text, error));
    hf_log(HF_LOG_WARNING, "the repository now has what only this machine knew of cycle %s", journal->cycle);
    forget_copy(journal);
    return HF_OK;
}

const char *hf_journal_cycle(const hf_journal *journal)
{
    return journal->cycle;
}

const char *hf_journal_state(const hf_journal *journal)
{
    size_t count = json_array_size(journal->entries);

    if (count == 0)
        return "";
    return json_string_value(json_object_get(json_array_get(journal->entries, count - 1), "state"));
}

const json_t *hf_journal_fact(const hf_journal *journal, const char *name)
{
    for (size_t i = json_array_size(journal->entries); i-- > 0;) {
        const json_t *facts = json_object_get(json_array_get(journal->entries, i), "facts");
        const json_t *value = json_object_get(facts, name);

        if (value != NULL)
            return value;
    }

    return NULL;
}

const char *hf_journal_text(const hf_journal *journal, const char *name)
{
    return json_string_value(hf_journal_fact(journal, name));
}

const json_t *hf_journal_entries(const hf_journal *journal)
{
    return journal->entries;
}

static hf_status collect_cycle(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    hf_strings *cycles = context;
    HF_AUTO_STR target = NULL;
    HF_AUTO_STR cycle = NULL;

    (void) bytes;
    (void) error;
    if (hf_split_document_key("cycles", key, &target, &cycle))
        hf_strings_add(cycles, cycle);
    return HF_OK;
}

/* Ids begin with their time, so the order of the keys is that of the cycles. */
hf_status hf_journal_list(hf_repository *repository, const char *target, hf_strings *ret_cycles,
                          hf_error *error)
{
    HF_TRY(hf_check_repository_name("target name", target, error));

    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_STR prefix = hf_format("cycles/%s/", target);

    HF_TRY(hf_storage_list(hf_repository_storage(repository), prefix, collect_cycle, &cycles, error));
    *ret_cycles = cycles;
    cycles = (hf_strings){0};
    return HF_OK;
}
