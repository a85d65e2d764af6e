/* UTF-8: whole texts, single sequences, and texts that come in pieces. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const char *text, size_t len);

/* How many bytes of `text` to keep so that they are at most `max` and no character is cut. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* Bytes of the well-formed sequence at `at` (1..4); 0 when there is none. `left` is at least 1. */
size_t utf8_sequence(const char *at, size_t left);
/* The code point of a well-formed sequence of `len` bytes. */
uint32_t utf8_code(const char *at, size_t len);
/* How many bytes one U+FFFD replaces where utf8_sequence() gave 0: the longest beginning of a sequence, at least 1. */
size_t utf8_broken(const char *at, size_t left);
/* Writes a code point (surrogates too, as three bytes); gives its length. */
size_t utf8_put(uint32_t code, char out[4]);

/* A text in pieces, as in WebSocket fragments. Zeroed: the start. */
typedef struct {
    uint8_t need;      /* continuation bytes that must follow       */
    uint8_t low, high; /* what the next one may be                  */
} utf8_state;

/* false when the text is wrong already: then the state must not be used again. */
bool utf8_feed(utf8_state *s, const char *piece, size_t len);
/* May the text end here? */
static inline bool utf8_complete(const utf8_state *s)
{
    return s->need == 0;
}

#endif
