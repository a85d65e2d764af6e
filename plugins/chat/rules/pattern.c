/* Patterns. One is read into runs of bytes between its stars. The first run stands at the beginning of a text and the
 * last at its end; those between are looked for from left to right, and the leftmost place is always right.
 *
 * A run without `?` is found by memmem(), which is linear. In one with `?` up to 64 places are followed at once, as the
 * bits of a number. A `?` is a character of UTF-8, not a byte. */
#include "rules/pattern.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t at, len;
    size_t any;      /* how many `?` it has */
    uint64_t *masks; /* of a run between two stars that has one: for each byte, the places that take it */
} run;

struct pattern {
    unsigned char *bytes; /* of all runs; one place of `?` is 0 */
    bool *any;            /* which places are `?` */
    run *runs;
    size_t run_count; /* 1: there is no star */
    size_t min;       /* the shortest text that it can match */
    uint64_t needs;   /* the bytes that such a text has, as pattern_bytes() says it */
    bool wild;
    sw_str given; /* as it was read */
};

static bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* ---- reading ---- */

static size_t stars_in(sw_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.at[i] == '*';
    return count;
}

static pattern *room_for(sw_str text)
{
    pattern *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    char *copy = malloc(text.len + 1);
    p->given = (sw_str){copy, text.len};
    p->bytes = calloc(text.len + 1, 1);
    p->any = calloc(text.len + 1, sizeof *p->any);
    p->runs = calloc(stars_in(text) + 1, sizeof *p->runs);
    if (!copy || !p->bytes || !p->any || !p->runs) {
        pattern_free(p);
        return NULL;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    p->run_count = 1;
    return p;
}

static uint64_t bit_of(char byte)
{
    return UINT64_C(1) << ((unsigned char)byte & 63);
}

uint64_t pattern_bytes(sw_str text)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < text.len; i++)
        bytes |= bit_of(text.at[i]);
    return bytes;
}

static void add_byte(pattern *p, char byte, bool any)
{
    run *last = &p->runs[p->run_count - 1];

    p->bytes[last->at + last->len] = any ? 0 : (unsigned char)byte;
    p->any[last->at + last->len] = any;
    last->len++;
    last->any += any;
    p->min++;
    p->needs |= any ? 0 : bit_of(byte);
    p->wild = p->wild || any;
}

static void add_star(pattern *p)
{
    const run *last = &p->runs[p->run_count - 1];

    p->wild = true;
    if (p->run_count > 1 && last->len == 0)
        return; /* a star after a star */
    p->runs[p->run_count++] = (run){.at = last->at + last->len};
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Quotes are bytes like any other, but the blanks inside them stay. */
static void add_text(pattern *p, sw_str text, bool tidy)
{
    char quote = '\0';
    bool due = false, begun = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (tidy && !quote && blank(c)) {
            due = begun;
            continue;
        }
        if (due)
            add_byte(p, ' ', false);
        due = false;
        begun = true;
        if (c == quote)
            quote = '\0';
        else if (!quote && (c == '\'' || c == '"'))
            quote = c;
        if (c == '*')
            add_star(p);
        else if (c == '\\' && i + 1 < text.len)
            add_byte(p, text.at[++i], false);
        else
            add_byte(p, c, c == '?');
    }
}

/* Place i of the run is bit i. */
static bool add_masks(pattern *p, run *r)
{
    r->masks = calloc(256, sizeof *r->masks);
    if (!r->masks)
        return false;
    for (size_t i = 0; i < r->len; i++)
        for (unsigned byte = 0; byte < 256; byte++)
            if (p->any[r->at + i] ? !continues((unsigned char)byte) : p->bytes[r->at + i] == byte)
                r->masks[byte] |= UINT64_C(1) << i;
    return true;
}

static bool ready(pattern *p, const char **ret_why)
{
    size_t count = 0;

    for (size_t i = 1; i + 1 < p->run_count; i++) {
        run *r = &p->runs[i];
        if (!r->any)
            continue;
        if (r->len > PATTERN_RUN_MAX || ++count > PATTERN_ANY_RUNS_MAX) {
            *ret_why = "pattern has too many ? between two *";
            return false;
        }
        if (!add_masks(p, r))
            return false;
    }
    return true;
}

pattern *pattern_read(sw_str text, bool tidy, const char **ret_why)
{
    pattern *p = room_for(text);

    *ret_why = NULL;
    if (!p)
        return NULL;
    if (text.len > 0 && memchr(text.at, '\0', text.len))
        *ret_why = "pattern must not hold a NUL";
    add_text(p, text, tidy);
    if (*ret_why || !ready(p, ret_why)) {
        pattern_free(p);
        return NULL;
    }
    return p;
}

void pattern_free(pattern *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->runs && i < p->run_count; i++)
        free(p->runs[i].masks);
    free((char *)p->given.at);
    free(p->bytes);
    free(p->any);
    free(p->runs);
    free(p);
}

/* ---- matching ---- */

/* Does the run stand at `at`? Then this is where it ends, else NULL. */
static const char *stands_at(const pattern *p, const run *r, const char *at, const char *end)
{
    if (!r->any)
        return (size_t)(end - at) >= r->len && memcmp(at, p->bytes + r->at, r->len) == 0 ? at + r->len : NULL;
    for (size_t i = r->at; i < r->at + r->len; i++) {
        if (at >= end || (!p->any[i] && (unsigned char)*at != p->bytes[i]))
            return NULL;
        at++;
        while (p->any[i] && at < end && continues((unsigned char)*at))
            at++;
    }
    return at;
}

/* Does it end at `end`? Then this is where it begins, else NULL. */
static const char *ends_at(const pattern *p, const run *r, const char *at, const char *end)
{
    if (!r->any)
        return (size_t)(end - at) >= r->len && memcmp(end - r->len, p->bytes + r->at, r->len) == 0 ? end - r->len
                                                                                                   : NULL;
    for (size_t i = r->at + r->len; i-- > r->at;) {
        while (p->any[i] && end - at > 1 && continues((unsigned char)end[-1]))
            end--;
        if (end <= at || (!p->any[i] && (unsigned char)end[-1] != p->bytes[i]))
            return NULL;
        end--;
    }
    return end;
}

/* Where its first place after `at` ends, else NULL. */
static const char *look_for(const pattern *p, const run *r, const char *at, const char *end)
{
    uint64_t places = 0, anys = 0;

    if (!r->any) {
        const char *found = r->len ? memmem(at, (size_t)(end - at), p->bytes + r->at, r->len) : at;
        return found ? found + r->len : NULL;
    }
    for (size_t i = 0; i < r->len; i++)
        anys |= (uint64_t)p->any[r->at + i] << i;
    for (; at < end; at++) {
        unsigned char byte = (unsigned char)*at;
        uint64_t stay = continues(byte) ? places & anys : 0;
        places = (((places << 1) | 1) & r->masks[byte]) | stay;
        if (places >> (r->len - 1) & 1) {
            at++;
            while (p->any[r->at + r->len - 1] && at < end && continues((unsigned char)*at))
                at++;
            return at;
        }
    }
    return NULL;
}

bool pattern_matches(const pattern *p, sw_str text, uint64_t bytes)
{
    const char *at = text.at, *end = text.at + text.len;
    const run *first = &p->runs[0], *last = &p->runs[p->run_count - 1];

    if (text.len < p->min || (p->needs & ~bytes))
        return false;
    at = stands_at(p, first, at, end);
    if (!at || p->run_count == 1)
        return at == end;
    end = ends_at(p, last, at, end);
    if (!end)
        return false;
    for (const run *r = first + 1; r < last && at; r++)
        at = look_for(p, r, at, end);
    return at != NULL;
}

bool pattern_equals(const pattern *p, sw_str text)
{
    if (text.len == p->given.len && memcmp(text.at, p->given.at, text.len) == 0)
        return true;
    return !p->wild && text.len == p->runs[0].len && memcmp(text.at, p->bytes, text.len) == 0;
}
