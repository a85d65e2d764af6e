/* How far one name is from another, see nearest.h. Sans-IO. */
#include "core/base/nearest.h"

#include <string.h>

enum { NAME_MAX_LEN = 48 }; /* longer names are near to none */

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to add, drop, replace or swap with their neighbour to come from one name to the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN)
        return NEAREST_NONE;
    for (unsigned k = 0; k <= b_len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= b_len; k++) {
            now[k] = smallest(last[k] + 1, now[k - 1] + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] && before[k - 2] + 1 < now[k])
                now[k] = before[k - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

bool nearest(const char *given, const char *known, unsigned *best)
{
    size_t allowed = strlen(given) / 3 < 1 ? 1 : strlen(given) / 3;
    unsigned d = distance(given, known);
    if (d > (allowed > 3 ? 3 : allowed) || d >= *best)
        return false;
    *best = d;
    return true;
}
