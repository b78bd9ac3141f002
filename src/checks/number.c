#include "checks/number.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define EXPONENT_MAX 1000000000

/* 0.d1d2d3... x 10^exponent; the digits may have a '.' among them, which is skipped. */
typedef struct decimal {
    bool negative;
    const char *digits; /* first that is not zero; NULL: the number is zero */
    const char *end;
    int64_t exponent;
} decimal;

static bool parse_exponent(const char *text, int64_t *ret_exponent)
{
    bool negative = *text == '-';
    int64_t value = 0;

    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return false;
    for (; isdigit((unsigned char) *text); text++)
        if ((value = value * 10 + (*text - '0')) > EXPONENT_MAX)
            return false;
    *ret_exponent = negative ? -value : value;
    return *text == '\0';
}

static bool parse(const char *text, decimal *ret_number)
{
    decimal number = {.negative = *text == '-'};
    bool any = false, after_point = false;

    if (*text == '-' || *text == '+')
        text++;
    for (; isdigit((unsigned char) *text) || (*text == '.' && !after_point); text++) {
        if (*text == '.') {
            after_point = true;
            continue;
        }
        any = true;
        if (number.digits == NULL && *text != '0')
            number.digits = text;
        if (number.digits != NULL && !after_point)
            number.exponent++;
        else if (number.digits == NULL && after_point)
            number.exponent--;
    }
    if (!any)
        return false;
    number.end = text;
    if (*text == 'e' || *text == 'E') {
        int64_t exponent;

        if (!parse_exponent(text + 1, &exponent))
            return false;
        number.exponent += exponent;
    } else if (*text != '\0') {
        return false;
    }
    *ret_number = number;
    return true;
}

/* The next digit, 0 past the end. */
static int next_digit(const decimal *number, const char **at)
{
    if (*at < number->end && **at == '.')
        (*at)++;
    return *at < number->end ? *(*at)++ - '0' : 0;
}

static int compare_size(const decimal *a, const decimal *b)
{
    const char *left = a->digits, *right = b->digits;

    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    while (left < a->end || right < b->end) {
        int difference = next_digit(a, &left) - next_digit(b, &right);

        if (difference != 0)
            return difference;
    }
    return 0;
}

static int sign(const decimal *number)
{
    return number->digits == NULL ? 0 : number->negative ? -1 : 1;
}

bool hf_number_compare(const char *a, const char *b, int *ret_order)
{
    decimal left, right;

    if (!parse(a, &left) || !parse(b, &right))
        return false;
    if (sign(&left) != sign(&right))
        *ret_order = sign(&left) - sign(&right);
    else
        *ret_order = sign(&left) == 0 ? 0 : sign(&left) * compare_size(&left, &right);
    return true;
}
