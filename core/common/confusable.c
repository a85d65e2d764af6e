/* Skeletons of names. Any thread; it owns nothing. The tables are Unicode's, as ICU carries them (unicode/make_tables):
 * each character by itself, already decomposed. */
#include "core/common/confusable.h"

#include "core/common/buf.h"
#include "core/common/utf8.h"
#include "core/common/visible_text.h"

#include <string.h>

/* A name of 255 bytes, each character of which looks like a dozen others. */
enum { SKELETON_MAX = 16 * 1024 };

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

static void lower(char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] + 'a' - 'A');
}

/* ASCII letters in lower case, before what they look like is put in their place, and after: a capital I looks like an
 * l. */
static void add_looks(const char *name, size_t len, bool lower_first, buf *out)
{
    for (const char *at = name, *end = name + len; at < end;) {
        size_t step = utf8_sequence(at, (size_t)(end - at));
        if (step == 0) {
            step = utf8_broken(at, (size_t)(end - at));
            buf_add_text(out, "\xEF\xBF\xBD");
            at += step;
            continue;
        }
        char letter = at[0];
        if (lower_first)
            lower(&letter, 1);
        uint32_t code = step == 1 ? (unsigned char)letter : utf8_code(at, step);
        const confusable_row *row = find(code);
        bool space = row && row->len == 1 && CONFUSABLE_TEXTS[row->place] == ' ';
        if (visible_hidden(code) && !space)
            ; /* nothing to see */
        else if (row)
            buf_add(out, CONFUSABLE_TEXTS + row->place, row->len);
        else
            buf_add(out, step == 1 ? &letter : at, step);
        at += step;
    }
    if (!out->failed && out->at)
        lower(out->at, out->len);
}

static bool same_looks(const char *name, const char *other, bool lower_first)
{
    buf one, two;
    buf_init(&one, SKELETON_MAX);
    buf_init(&two, SKELETON_MAX);
    add_looks(name, strlen(name), lower_first, &one);
    add_looks(other, strlen(other), lower_first, &two);
    bool same =
        one.failed || two.failed || (one.len == two.len && (one.len == 0 || memcmp(one.at, two.at, one.len) == 0));
    buf_done(&one);
    buf_done(&two);
    return same;
}

bool confusable(const char *name, const char *other)
{
    return same_looks(name, other, false) || same_looks(name, other, true);
}
