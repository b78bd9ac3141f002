/* "Did you mean": the nearest of several words, for mistyped keys, commands and options. */
#ifndef HF_CONFIG_SUGGEST_H
#define HF_CONFIG_SUGGEST_H

#include <stddef.h>

/*
 * The candidate with the fewest edits from `word` (a swap of two neighbours is one edit), if it is near enough to be
 * what was meant: at most a third of the word's length, and never more than 3.  Borrowed from the candidates; NULL if
 * none is near.
 */
const char *hf_suggest(const char *word, const char *const *candidates, size_t count);

#endif
