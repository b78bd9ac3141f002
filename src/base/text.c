#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit duration_units[] = {
    {"ms", 1},      {"s", 1000},     {"", 1000},          {"m", 60 * 1000},
    {"h", 3600000}, {"d", 86400000}, {"w", 7 * 86400000},
};

static const unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
    {"KiB", 1024},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool hf_streq(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool hf_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool hf_ends_with(const char *text, const char *suffix)
{
    const size_t len = strlen(text), suffix_len = strlen(suffix);

    return len >= suffix_len && memcmp(text + len - suffix_len, suffix, suffix_len) == 0;
}

bool hf_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    /* On a mismatch, let the last * swallow one more byte: linear in memory, no recursion. */
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Digits, then one of the units, in any case; false if it is anything else or does not fit into max. */
static bool parse_with_unit(const char *text, bool allow_space, const unit *units, size_t count, uint64_t max,
                            uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *p = text;

    if (!isdigit((unsigned char) *p))
        return false;
    for (; isdigit((unsigned char) *p); p++)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
            return false;
    if (allow_space && *p == ' ' && p[1] != '\0')
        p++;

    for (size_t i = 0; i < count; i++)
        if (strcasecmp(p, units[i].name) == 0) {
            if (__builtin_mul_overflow(value, units[i].factor, &value) || value > max)
                return false;
            *ret_value = value;
            return true;
        }
    return false;
}

hf_status hf_parse_duration(const char *text, int64_t *ret_ms, hf_error *error)
{
    uint64_t ms;

    if (!parse_with_unit(text, false, duration_units, COUNT(duration_units), INT64_MAX, &ms))
        return hf_fail(error, HF_E_USAGE, "\"%s\" is not a duration such as 500ms, 30s, 5m, 2h, 7d or 1w",
                       text);
    *ret_ms = (int64_t) ms;
    return HF_OK;
}

hf_status hf_parse_size(const char *text, uint64_t *ret_bytes, hf_error *error)
{
    uint64_t bytes;

    if (!parse_with_unit(text, true, size_units, COUNT(size_units), UINT64_MAX, &bytes))
        return hf_fail(error, HF_E_USAGE, "\"%s\" is not a size such as 4096, 8KiB, 32MiB or 1GB", text);
    *ret_bytes = bytes;
    return HF_OK;
}

hf_status hf_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret_value, hf_error *error)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end = NULL;

    errno = 0;
    long long value = isdigit((unsigned char) *digits) ? strtoll(text, &end, 10) : 0;
    if (end == NULL || *end != '\0')
        return hf_fail(error, HF_E_USAGE, "\"%s\" is not a whole number", text);
    if (errno == ERANGE || value < min || value > max)
        return hf_fail(error, HF_E_USAGE, "\"%s\" is not between %lld and %lld", text, (long long) min,
                       (long long) max);
    *ret_value = value;
    return HF_OK;
}

char *hf_show_size(uint64_t bytes, char out[32])
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double) bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        (void) snprintf(out, 32, "%u B", (unsigned) bytes);
        return out;
    }
    /* 1023.95 would be shown as 1024.0. */
    for (; value >= 1023.95 && i + 1 < COUNT(names); i++)
        value /= 1024;
    (void) snprintf(out, 32, "%.1f %s", value, names[i]);
    return out;
}

char *hf_show_duration(int64_t ms, char out[32])
{
    const char *sign = ms < 0 ? "-" : "";
    const uint64_t abs_ms = ms < 0 ? 0 - (uint64_t) ms : (uint64_t) ms;
    const uint64_t seconds = abs_ms / 1000 + (abs_ms % 1000 >= 500);

    if (abs_ms < 1000)
        (void) snprintf(out, 32, "%s%ums", sign, (unsigned) abs_ms);
    else if (abs_ms < 59950)
        (void) snprintf(out, 32, "%s%.1fs", sign, (double) abs_ms / 1000);
    else if (seconds < 3600)
        (void) snprintf(out, 32, "%s%um %02us", sign, (unsigned) (seconds / 60), (unsigned) (seconds % 60));
    else if (seconds < 86400)
        (void) snprintf(out, 32, "%s%uh %02um", sign, (unsigned) (seconds / 3600),
                        (unsigned) (seconds / 60 % 60));
    else
        (void) snprintf(out, 32, "%s%llud %02uh", sign, (unsigned long long) (seconds / 86400),
                        (unsigned) (seconds / 3600 % 24));
    return out;
}

char *hf_show_count(uint64_t count, char out[32])
{
    char digits[24];
    const int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long) count);
    char *to = out;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

char *hf_text_with_suffix(const char *text, const char *suffix, size_t max)
{
    const size_t suffix_len = strlen(suffix), room = suffix_len < max ? max - suffix_len : 0;
    size_t len = strlen(text);

    if (len > room)
        for (len = room; len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80;)
            len--;
    return hf_format("%.*s%s", (int) len, text, suffix);
}

void hf_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hf_unhex(const char *text, void *out, size_t len)
{
    unsigned char *bytes = out;

    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < 2 * len; i++)
        if (hex_digit(text[i]) < 0)
            return false;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char) (hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return true;
}

bool hf_is_utf8(const char *text, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *) text, *end = p + len;

    while (p < end) {
        const size_t size = *p < 0x80             ? 1
                            : (*p & 0xe0) == 0xc0 ? 2
                            : (*p & 0xf0) == 0xe0 ? 3
                            : (*p & 0xf8) == 0xf0 ? 4
                                                  : 0;

        if (size == 0 || (size_t) (end - p) < size || *p == 0)
            return false;
        if (size > 1) {
            uint32_t code = *p & (0x7fU >> size);

            for (size_t i = 1; i < size; i++) {
                if ((p[i] & 0xc0) != 0x80)
                    return false;
                code = code << 6 | (p[i] & 0x3fU);
            }
            if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return false;
        }
        p += size;
    }
    return true;
}

static void random_bytes(unsigned char *out, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            /* Names must never repeat: there is nothing sensible to do without randomness. */
            (void) fputs("holdfast: the kernel gives no random bytes\n", stderr);
            _exit(hf_status_exit(HF_E_SYSTEM));
        }
        out += got;
        len -= (size_t) got;
    }
}

void hf_random_hex(size_t bytes, char *out)
{
    unsigned char piece[32];

    out[0] = '\0';
    while (bytes > 0) {
        const size_t len = bytes < sizeof(piece) ? bytes : sizeof(piece);

        random_bytes(piece, len);
        hf_hex(piece, len, out);
        out += 2 * len;
        bytes -= len;
    }
}

void hf_uuid4(char out[37])
{
    unsigned char id[16];
    char hex[33];

    random_bytes(id, sizeof(id));
    id[6] = (unsigned char) ((id[6] & 0x0f) | 0x40);
    id[8] = (unsigned char) ((id[8] & 0x3f) | 0x80);
    hf_hex(id, sizeof(id), hex);
    (void) snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
