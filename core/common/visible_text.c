/* Shows what cannot be seen. Any thread; it owns nothing. The tables are Unicode's (unicode/make_tables). */
#include "core/common/visible_text.h"

#include "core/common/utf8.h"

#include <string.h>

/* Marks that may be drawn on one character: more of them hide the lines above and below. */
enum { MARKS_MAX = 4 };

typedef struct {
    uint32_t first, last;
} code_run;

static const code_run HIDDEN[] = {
#include "core/common/unicode/hidden.inc"
};
static const code_run MARKS[] = {
#include "core/common/unicode/marks.inc"
};

typedef struct {
    const char *at, *end;
    unsigned flags, marks;
} reader;

typedef struct {
    uint32_t code;
    const char *at; /* its bytes */
    size_t len;
    bool marked; /* it is shown as "<U+…>" */
} shown;

static bool next_shown(reader *r, shown *ret);

/* Adds what stands there as it is, and is seen by a glance at each byte: the most of most texts. */
static void add_plain(reader *r, buf *out)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= ' ' && *r->at <= '~' && *r->at != '<')
        r->at++;
    if (r->at == from)
        return;
    buf_add(out, from, (size_t)(r->at - from));
    r->marks = 0;
}

void visible_text(const char *text, size_t len, unsigned flags, buf *out)
{
    reader r = {.at = text, .end = text + len, .flags = flags};
    add_plain(&r, out);
    for (shown s; next_shown(&r, &s); add_plain(&r, out)) {
        if (s.marked)
            buf_printf(out, "<U+%04X>", (unsigned)s.code);
        else
            buf_add(out, s.at, s.len);
    }
}

bool visible_changes(const char *text, size_t len, unsigned flags)
{
    reader r = {.at = text, .end = text + len, .flags = flags};
    for (shown s; next_shown(&r, &s);)
        if (s.marked)
            return true;
    return false;
}

bool visible_blank(const char *text, size_t len)
{
    reader r = {.at = text, .end = text + len};
    for (shown s; next_shown(&r, &s);)
        if (s.code != ' ' && s.code != '\t' && s.code != '\n' && !visible_hidden(s.code))
            return false;
    return true;
}

static bool in_runs(const code_run *runs, size_t count, uint32_t code)
{
    size_t first = 0, end = count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (code > runs[middle].last)
            first = middle + 1;
        else if (code < runs[middle].first)
            end = middle;
        else
            return true;
    }
    return false;
}

bool visible_hidden(uint32_t code)
{
    return in_runs(HIDDEN, sizeof HIDDEN / sizeof HIDDEN[0], code);
}

/* "<U+", with which a text would imitate a mark. */
static bool imitates(const reader *r)
{
    static const char MARK[] = "<U+";
    return (size_t)(r->end - r->at) >= sizeof MARK - 1 && memcmp(r->at, MARK, sizeof MARK - 1) == 0;
}

/* The next code point, and whether it is shown as a mark. false: the text has ended. */
static bool next_shown(reader *r, shown *ret)
{
    if (r->at == r->end)
        return false;
    size_t left = (size_t)(r->end - r->at), len = utf8_sequence(r->at, left);
    if (len == 0) {
        len = utf8_broken(r->at, left);
        *ret = (shown){.code = 0xFFFD, .at = r->at, .len = len, .marked = true};
        r->at += len;
        r->marks = 0;
        return true;
    }
    uint32_t code = utf8_code(r->at, len);
    bool mark = code >= 0x300 && in_runs(MARKS, sizeof MARKS / sizeof MARKS[0], code);
    r->marks = mark ? r->marks + 1 : 0;
    bool line = code == '\t' || code == '\n';
    bool marked =
        visible_hidden(code) || r->marks > MARKS_MAX || (line && (r->flags & VISIBLE_ONE_LINE)) || imitates(r);
    *ret = (shown){.code = code, .at = r->at, .len = len, .marked = marked};
    r->at += len;
    return true;
}
