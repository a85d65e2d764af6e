/* What SQL may call besides SQLite's own functions, on every connection. */
#include "core/db/db_internal.h"

#include <stdint.h>
#include <string.h>

enum { LANES = 16 };
typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t halves __attribute__((vector_size(LANES)));

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same(const uint8_t *at, const uint8_t *part, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(at[i]) != part[i])
            return false;
    return true;
}

/* Sixteen places at once: may the part begin at one of them? Its first and its last byte are compared, without the bit
 * by which small and capital letters differ. */
static bool may_begin(const uint8_t *at, size_t len, lanes first, lanes last)
{
    lanes begin, end, bit = {0};
    memcpy(&begin, at, LANES);
    memcpy(&end, at + len - 1, LANES);
    bit += 0x20;
    halves both = (halves)(((begin | bit) == first) & ((end | bit) == last));
    return (both[0] | both[1]) != 0;
}

/* Is `part`, which has no capital ASCII letters, in the text, whose ASCII letters may have any case? */
static bool holds(const uint8_t *text, size_t size, const uint8_t *part, size_t len)
{
    if (len == 0 || len > size)
        return len == 0;
    lanes first = {0}, last = {0};
    first += (uint8_t)(part[0] | 0x20);
    last += (uint8_t)(part[len - 1] | 0x20);
    size_t places = size - len + 1, i = 0;
    for (; i + LANES <= places; i += LANES) {
        if (!may_begin(text + i, len, first, last))
            continue;
        for (size_t k = i; k < i + LANES; k++)
            if (same(text + k, part, len))
                return true;
    }
    for (; i < places; i++)
        if (same(text + i, part, len))
            return true;
    return false;
}

/* sw_text_holds(text, part): as instr(lower(text), part) > 0, at a fraction of its price. NULL holds nothing. */
static void text_holds(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    /* NULL and empty texts have no bytes; an empty part is the only one that must be told from NULL. */
    const uint8_t *text = sqlite3_value_blob(values[0]), *part = sqlite3_value_blob(values[1]);
    bool found = text && part &&
                 holds(text, (size_t)sqlite3_value_bytes(values[0]), part, (size_t)sqlite3_value_bytes(values[1]));
    if (!part)
        found = sqlite3_value_type(values[0]) != SQLITE_NULL && sqlite3_value_type(values[1]) != SQLITE_NULL;
    sqlite3_result_int(context, found);
}

int connection_add_functions(sqlite3 *raw)
{
    return sqlite3_create_function_v2(raw, "sw_text_holds", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                      NULL, text_holds, NULL, NULL, NULL);
}
