/* Skeletons of names. Any thread; it owns nothing. The tables are Unicode's, as ICU carries them (unicode/make_tables):
 * each character by itself, already decomposed. */
#include "core/common/confusable.h"

#include "core/common/utf8.h"
#include "core/common/visible_text.h"

#include <string.h>

typedef struct {
    uint32_t code;
    uint16_t place, len; /* of CONFUSABLE_TEXTS */
} confusable_row;

static const confusable_row ROWS[] = {
#include "core/common/unicode/confusable.inc"
};
static const unsigned char CONFUSABLE_TEXTS[] = {
#include "core/common/unicode/confusable_texts.inc"
};

static const confusable_row *find(uint32_t code)
{
    size_t first = 0, end = sizeof ROWS / sizeof ROWS[0];
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (ROWS[middle].code == code)
            return &ROWS[middle];
        if (ROWS[middle].code < code)
            first = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 'a' - 'A') : c;
}

/* A name, read as what it looks like: byte by byte, so that it takes no memory. */
typedef struct {
    const char *at, *end;
    bool lower_first;
    const unsigned char *looks, *looks_end; /* of the character before `at`; in `own`, or in the tables */
    unsigned char own[4];
} looker;

/* The next character, which may look like nothing: then looks == looks_end. */
static void look(looker *l)
{
    size_t left = (size_t)(l->end - l->at), step = utf8_sequence(l->at, left);
    if (step == 0) {
        l->at += utf8_broken(l->at, left);
        memcpy(l->own, "\xEF\xBF\xBD", 3);
        l->looks = l->own;
        l->looks_end = l->own + 3;
        return;
    }
    memcpy(l->own, l->at, step);
    if (l->lower_first && step == 1)
        l->own[0] = lower(l->own[0]);
    uint32_t code = step == 1 ? l->own[0] : utf8_code(l->at, step);
    l->at += step;
    const confusable_row *row = find(code);
    bool space = row && row->len == 1 && CONFUSABLE_TEXTS[row->place] == ' ';
    if (visible_hidden(code) && !space)
        step = 0; /* nothing to see */
    l->looks = step > 0 && row ? CONFUSABLE_TEXTS + row->place : l->own;
    l->looks_end = l->looks + (step > 0 && row ? row->len : step);
}

/* The next byte, -1 at the end. ASCII letters in lower case after what they look like is put in their place, and
 * before, if so asked: a capital I looks like an l. */
static int next_byte(looker *l)
{
    while (l->looks == l->looks_end) {
        if (l->at == l->end)
            return -1;
        look(l);
    }
    return lower(*l->looks++);
}

static bool same_looks(const char *name, const char *other, bool lower_first)
{
    looker one = {.at = name, .end = name + strlen(name), .lower_first = lower_first};
    looker two = {.at = other, .end = other + strlen(other), .lower_first = lower_first};
    for (;;) {
        int a = next_byte(&one), b = next_byte(&two);
        if (a != b)
            return false;
        if (a < 0)
            return true;
    }
}

bool confusable(const char *name, const char *other)
{
    return same_looks(name, other, false) || same_looks(name, other, true);
}
