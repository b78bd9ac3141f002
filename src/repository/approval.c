#include "repository/approval.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/layout.h"

#define APPROVAL_MAX (64u << 10)
#define SIGNED_AS                                                                                            \
    "holdfast approval 1\n" /* what is signed begins with it, so that no other signature of the key will do */

void hf_signed_approval_done(hf_signed_approval *approval)
{
    free(approval->target);
    free(approval->by);
    free(approval->user);
    free(approval->host);
    free(approval->broken);
    *approval = (hf_signed_approval){0};
}

void hf_signed_approvals_done(hf_signed_approvals *approvals)
{
    for (size_t i = 0; i < approvals->count; i++)
        hf_signed_approval_done(&approvals->items[i]);
    free(approvals->items);
    *approvals = (hf_signed_approvals){0};
}

bool hf_is_approver_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return len > 0 && len <= HF_APPROVER_NAME_MAX && name[len] == '\0';
}

static char *approval_key(const hf_signed_approval *approval)
{
    return hf_format("approvals/%s/%s.%s.json", approval->target, approval->digest, approval->by);
}

/* Everything but the signature. */
static json_t *approval_json(const hf_signed_approval *approval)
{
    char at[32];

    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s}", "format", HF_REPOSITORY_FORMAT,
                     "target", approval->target, "plan", approval->digest, "by", approval->by, "at",
                     hf_time_format(approval->at_ms, at), "verdict",
                     approval->withdrawn ? "withdrawn" : "approved", "from", "user", approval->user, "host",
                     approval->host, "key", approval->public_key);
}

/* The signed text; the caller owns it. */
static char *signed_text(const json_t *without_signature)
{
    HF_AUTO_STR canonical = hf_canonical_json(without_signature);

    return hf_format(SIGNED_AS "%s", canonical);
}

hf_status hf_approval_put(hf_repository *repository, const hf_private_key *key, hf_signed_approval *approval,
                          hf_error *error)
{
    HF_TRY(hf_check_repository_name("target name", approval->target, error));
    if (!hf_is_approver_name(approval->by))
        return hf_fail(error, HF_E_USAGE, "\"%.80s\" cannot be the name of an approver", approval->by);
    HF_TRY(hf_private_key_public(key, approval->public_key, error));

    HF_AUTO_JSON json = approval_json(approval);
    if (json == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "a name in the approval is not valid UTF-8");
    HF_AUTO_STR to_sign = signed_text(json);
    HF_TRY(hf_sign(key, to_sign, strlen(to_sign), approval->signature, error));
    (void) json_object_set_new(json, "signature", json_string(approval->signature));

    HF_AUTO_STR canonical = hf_canonical_json(json);
    HF_AUTO_STR text = hf_format("%s\n", canonical);
    HF_AUTO_STR path = approval_key(approval);
    HF_FAULT("approval.before_put",
             error); /* a kill before the put leaves what was there, after it the new one */
    return hf_document_put(repository, path, text, error);
}

static void copy_text(const hf_reader *root, const char *member, char *out, size_t size)
{
    const char *text = hf_read_text(root, member);

    if (strlen(text) >= size)
        hf_reader_fail(root, member, "is too long");
    else
        memcpy(out, text, strlen(text) + 1);
}

static void read_members(const hf_reader *root, hf_signed_approval *approval)
{
    hf_reader from = hf_read_object(root, "from");
    const char *verdict = hf_read_text(root, "verdict");

    copy_text(root, "plan", approval->digest, sizeof(approval->digest));
    copy_text(root, "key", approval->public_key, sizeof(approval->public_key));
    copy_text(root, "signature", approval->signature, sizeof(approval->signature));
    approval->target = hf_strdup(hf_read_text(root, "target"));
    approval->by = hf_strdup(hf_read_text(root, "by"));
    approval->user = hf_strdup(hf_read_text(&from, "user"));
    approval->host = hf_strdup(hf_read_text(&from, "host"));
    approval->at_ms = hf_read_time(root, "at");
    approval->withdrawn = hf_streq(verdict, "withdrawn");
    if (!approval->withdrawn && !hf_streq(verdict, "approved"))
        hf_reader_fail(root, "verdict", "is neither approved nor withdrawn");
}

static hf_status read_approval(hf_repository *repository, const char *key, hf_signed_approval *approval,
                               hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(APPROVAL_MAX);
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "the approval", .error = error};

    HF_TRY(hf_document_get(repository, key, &text, error));
    HF_TRY(hf_parse_document(reading.what, &text, &json, error));
    hf_reader root = hf_reader_root(&reading, json);
    HF_TRY(hf_read_format(&root));
    read_members(&root, approval);
    HF_TRY(reading.status);

    HF_AUTO_STR proper = approval_key(approval);
    if (!hf_streq(key, proper))
        return hf_fail(error, HF_E_CORRUPT,
                       "it was moved here: it is the approval of another plan or target");
    (void) json_object_del(json, "signature");
    HF_AUTO_STR to_sign = signed_text(json);
    if (!hf_is_signed(approval->public_key, to_sign, strlen(to_sign), approval->signature))
        return hf_fail(error, HF_E_CORRUPT, "the signature is forged, or the approval was changed");
    return HF_OK;
}

static hf_status collect_key(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) bytes;
    (void) error;
    hf_strings_add(context, key);
    return HF_OK;
}

/* "<digest>.<name>" of a key; false for a foreign file. */
static bool split(const char *key, char **ret_target, char digest[HF_SHA256_HEX], char **ret_by)
{
    HF_AUTO_STR target = NULL;
    HF_AUTO_STR id = NULL;

    if (!hf_split_document_key("approvals", key, &target, &id) || strlen(id) < HF_SHA256_HEX ||
        id[HF_SHA256_HEX - 1] != '.')
        return false;
    memcpy(digest, id, HF_SHA256_HEX - 1);
    digest[HF_SHA256_HEX - 1] = '\0';
    if (!hf_is_sha256_hex(digest) || !hf_is_approver_name(id + HF_SHA256_HEX))
        return false;
    *ret_by = hf_strdup(id + HF_SHA256_HEX);
    *ret_target = HF_TAKE(target);
    return true;
}

hf_status hf_approval_list(hf_repository *repository, const char *target, const char *digest,
                           hf_signed_approvals *ret_approvals, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings keys = {0};
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals list = {0};

    HF_TRY(hf_check_repository_name("target name", target, error));
    HF_AUTO_STR prefix = hf_format("approvals/%s/%s", target, digest != NULL ? digest : "");
    HF_TRY(hf_storage_list(hf_repository_storage(repository), prefix, collect_key, &keys, error));
    for (size_t i = 0; i < keys.count; i++) {
        hf_signed_approval named = {0}, *item;
        hf_error why = {0};

        if (!split(keys.items[i], &named.target, named.digest, &named.by))
            continue;
        item = HF_APPEND_NEW(&list);
        hf_status status = read_approval(repository, keys.items[i], item, &why);
        if (status == HF_OK) {
            hf_signed_approval_done(&named);
            continue;
        }
        hf_signed_approval_done(item);
        named.broken = hf_strdup(why.message);
        *item = named;
        if (status != HF_E_NOT_FOUND && !hf_is_damage(status) && status != HF_E_LIMIT) {
            if (error != NULL)
                *error = why;
            return status;
        }
    }
    *ret_approvals = list;
    list = (hf_signed_approvals){0};
    return HF_OK;
}
