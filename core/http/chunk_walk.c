/* One state for each place in the framing of chunks; the data between is skipped. Pure. */
#include "core/http/chunk_walk.h"

#include "core/base/str.h"

enum chunk_place { IN_SIZE = 0, SIZE_LF, IN_DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF, ENDED };

static chunk_answer size_byte(chunk_walk *w, char c, uint64_t limit)
{
    int digit = str_hex_digit(c);
    if (digit >= 0) {
        if (++w->digits > 15)
            return CHUNK_TOO_LARGE;
        w->left = w->left * 16 + (uint64_t)digit;
        return w->left > limit - w->total ? CHUNK_TOO_LARGE : CHUNK_MORE;
    }
    if (c != '\r' || w->digits == 0)
        return CHUNK_BAD;
    w->where = SIZE_LF;
    return CHUNK_MORE;
}

/* A byte that must be `wanted`. */
static chunk_answer step(chunk_walk *w, char c, char wanted, enum chunk_place next)
{
    w->where = (uint8_t)next;
    return c == wanted ? CHUNK_MORE : CHUNK_BAD;
}

static chunk_answer framing_byte(chunk_walk *w, char c, uint64_t limit)
{
    switch ((enum chunk_place)w->where) {
    case IN_SIZE:
        return size_byte(w, c, limit);
    case SIZE_LF:
        w->total += w->left;
        return step(w, c, '\n', w->left > 0 ? IN_DATA : LAST_CR);
    case DATA_CR:
        return step(w, c, '\r', DATA_LF);
    case DATA_LF:
        w->digits = 0;
        w->left = 0;
        return step(w, c, '\n', IN_SIZE);
    case LAST_CR:
        return step(w, c, '\r', LAST_LF);
    case LAST_LF:
        return step(w, c, '\n', ENDED);
    default:
        return CHUNK_BAD;
    }
}

chunk_answer chunk_feed(chunk_walk *w, const char *bytes, size_t len, uint64_t limit, size_t *ret_used)
{
    size_t i = 0;
    while (i < len) {
        if (w->where == IN_DATA) {
            size_t n = len - i < w->left ? len - i : (size_t)w->left;
            i += n;
            w->left -= n;
            if (w->left == 0)
                w->where = DATA_CR;
            continue;
        }
        chunk_answer answer = framing_byte(w, bytes[i++], limit);
        if (answer != CHUNK_MORE)
            return answer;
        if (w->where == ENDED) {
            *ret_used = i;
            return CHUNK_END;
        }
    }
    return CHUNK_MORE;
}
