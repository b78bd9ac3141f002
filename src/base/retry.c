#include "base/retry.h"

#include <sys/random.h>

#include "base/clock.h"
#include "base/signals.h"

hf_retry hf_retry_default(void)
{
    return (hf_retry){.max_tries = 10, .max_total_ms = 60000, .first_wait_ms = 100, .max_wait_ms = 5000};
}

/* Full jitter: anything from 0 to the doubled wait, so that workers that failed together do not return together. */
static int64_t next_wait(const hf_retry *retry)
{
    int64_t ceiling = retry->first_wait_ms;
    uint64_t random = 0;

    for (int i = 1; i < retry->tries && ceiling < retry->max_wait_ms; i++)
        ceiling *= 2;
    if (ceiling > retry->max_wait_ms)
        ceiling = retry->max_wait_ms;
    if (ceiling <= 0)
        return 0;
    /* Without randomness: the whole wait. */
    if (getrandom(&random, sizeof(random), 0) != (ssize_t) sizeof(random))
        return ceiling;
    return (int64_t) (random % ((uint64_t) ceiling + 1));
}

bool hf_retry_again(hf_retry *retry, hf_status failure, int64_t at_least_ms)
{
    const int64_t now = hf_monotonic_ms();

    retry->tries++;
    if (retry->started_ms == 0)
        retry->started_ms = now;
    if (!hf_status_is_transient(failure) || retry->tries >= retry->max_tries || hf_stop_requested())
        return false;

    int64_t wait = next_wait(retry);
    if (wait < at_least_ms)
        wait = at_least_ms;
    if (now - retry->started_ms > retry->max_total_ms - wait)
        return false;
    return hf_sleep_ms(wait, NULL) == HF_OK;
}
