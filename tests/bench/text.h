/* Messages to store: words of a vocabulary that is made up, every twelfth a Chinese one of four characters. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_MAX = 1024, TEXT_WORDS = 3000 };

typedef struct {
    uint64_t state;
    char words[TEXT_WORDS][16];
} text_source;

/* The same seed gives the same texts; the vocabulary is the same for all. */
void text_begin(text_source *t, uint64_t seed);
/* About `bytes` bytes, NUL-ended; `out` holds TEXT_MAX. */
size_t text_content(text_source *t, size_t bytes, char *out);
const char *text_agent(text_source *t, char out[24]);
const char *text_level(text_source *t);

#endif
