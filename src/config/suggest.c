#include "config/suggest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX_BYTES = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance; three rows of the matrix are enough. */
static size_t edits(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX_BYTES + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > WORD_MAX_BYTES || b_len > WORD_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before_last = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t differs = a[i - 1] != b[j - 1];

            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + differs);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before_last[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *hf_suggest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t len = strlen(word);
    size_t fewest = least(len < 3 ? 1 : (len + 2) / 3, 3) + 1;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edits(word, candidates[i]);

        /* Replacing a short word as a whole is no typing mistake. */
        if (distance < fewest && distance < len) {
            fewest = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
