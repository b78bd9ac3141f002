#include "checks/regex.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/memory.h"

#define MATCH_LIMIT 1000000u /* steps; a pattern like (a+)+$ would need them without end */
#define HEAP_LIMIT_KIB 20000u

struct hf_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

void hf_regex_freep(hf_regex **regex)
{
    if (*regex == NULL)
        return;
    pcre2_match_context_free((*regex)->context);
    pcre2_match_data_free((*regex)->data);
    pcre2_code_free((*regex)->code);
    free(*regex);
    *regex = NULL;
}

hf_status hf_regex_compile(const char *pattern, hf_regex **ret_regex, hf_error *error)
{
    HF_AUTO(hf_regex_freep) hf_regex *regex = hf_alloc(sizeof(*regex));
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    int code = 0;
    PCRE2_SIZE at = 0;

    regex->code = pcre2_compile((PCRE2_SPTR) pattern, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
    if (regex->code == NULL) {
        PCRE2_UCHAR message[200] = {0};

        (void) pcre2_get_error_message(code, message, sizeof(message));
        (void) hf_fail(error, HF_E_USAGE,
                       "the regular expression \"%.200s\" does not compile: %s, at byte %zu", pattern,
                       (const char *) message, (size_t) at + 1);
        return hf_hint(error,
                       "it is one of Perl's; a \"\\\" before a special character makes it stand for itself");
    }
    regex->data = pcre2_match_data_create(1, NULL);
    regex->context = pcre2_match_context_create(NULL);
    if (regex->data == NULL || regex->context == NULL)
        hf_out_of_memory();
    (void) pcre2_set_match_limit(regex->context, MATCH_LIMIT);
    (void) pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
    *ret_regex = HF_TAKE(regex);
    return HF_OK;
}

hf_regex_match hf_regex_find(const hf_regex *regex, const char *text, size_t len)
{
    int found = pcre2_match(regex->code, (PCRE2_SPTR) text, len, 0, 0, regex->data, regex->context);

    if (found >= 0)
        return HF_REGEX_YES;
    return found == PCRE2_ERROR_NOMATCH ? HF_REGEX_NO : HF_REGEX_GAVE_UP;
}
