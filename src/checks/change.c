#include "checks/change.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDING 1e-9 /* of sums that the database or the metrics server made */

bool hf_change_is_given(const hf_change_config *change)
{
    return change->increase.given || change->decrease.given;
}

void hf_limit_show(const hf_limit *limit, hf_buf *out)
{
    hf_buf_printf(out, "%.10g%s", limit->value, limit->percent ? "%" : "");
}

void hf_change_expect(const hf_change_config *change, hf_buf *expected)
{
    hf_buf_puts(expected, "at most ");
    if (change->increase.given) {
        hf_limit_show(&change->increase, expected);
        hf_buf_puts(expected, " more");
    }
    if (change->increase.given && change->decrease.given)
        hf_buf_puts(expected, " and ");
    if (change->decrease.given) {
        hf_limit_show(&change->decrease, expected);
        hf_buf_puts(expected, " less");
    }
    hf_buf_puts(expected, " than before the deploy");
}

static bool is_within(const hf_limit *limit, double before, double moved)
{
    double allowed = limit->percent ? fabs(before) * limit->value / 100 : limit->value;

    return !limit->given || moved <= allowed + ROUNDING * fmax(fabs(before), fabs(moved));
}

bool hf_change_holds(const hf_change_config *change, double before, double now)
{
    return is_within(&change->increase, before, now - before) &&
           is_within(&change->decrease, before, before - now);
}

bool hf_check_parse_number(const char *text, double *ret_number)
{
    char *end = NULL;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}
