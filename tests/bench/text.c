#include "text.h"

#include <stdio.h>
#include <string.h>

static uint32_t next(text_source *t)
{
    t->state ^= t->state << 13;
    t->state ^= t->state >> 7;
    t->state ^= t->state << 17;
    return (uint32_t)(t->state >> 16);
}

void text_begin(text_source *t, uint64_t seed)
{
    static const char *const syllables[] = {"an",  "ber", "con", "der", "el",   "for", "ger", "hal", "in",  "jo",
                                            "ken", "lo",  "mes", "nor", "or",   "per", "re",  "sta", "ter", "un",
                                            "ver", "wi",  "pla", "gra", "tion", "ing", "ed",  "ch",  "sh",  "qu"};
    t->state = 88172645463325252u;
    for (size_t i = 0; i < TEXT_WORDS; i++) {
        t->words[i][0] = '\0';
        for (uint32_t k = 1 + next(t) % 3; k > 0; k--)
            strncat(t->words[i], syllables[next(t) % (sizeof syllables / sizeof syllables[0])],
                    sizeof t->words[i] - strlen(t->words[i]) - 1);
    }
    t->state ^= seed * 0x9E3779B97F4A7C15u;
    if (t->state == 0)
        t->state = 1;
}

static size_t chinese(text_source *t, char *out)
{
    size_t len = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = 0x4E00 + (next(t) % 50) * (next(t) % 60); /* some are frequent, most are rare */
        out[len++] = (char)(0xE0 | c >> 12);
        out[len++] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[len++] = (char)(0x80 | (c & 0x3F));
    }
    return len;
}

size_t text_content(text_source *t, size_t bytes, char *out)
{
    size_t len = 0;
    while (len < bytes && len < TEXT_MAX - 32) {
        if (next(t) % 12 == 0) {
            len += chinese(t, out + len);
        } else {
            uint32_t r = next(t);
            const char *word = t->words[r % 2 == 0 ? r / 2 % 200 : r / 2 % TEXT_WORDS];
            size_t size = strlen(word);
            memcpy(out + len, word, size);
            len += size;
        }
        out[len++] = ' ';
    }
    out[--len] = '\0';
    return len;
}

const char *text_agent(text_source *t, char out[24])
{
    snprintf(out, 24, "agent-%u", next(t) % 50);
    return out;
}

const char *text_level(text_source *t)
{
    static const char *const levels[] = {"INFO", "INFO", "INFO", "DEBUG", "SUCCESS", "WARNING", "ERROR", "INFO"};
    return levels[next(t) % 8];
}
