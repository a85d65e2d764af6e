/* Shows a command line by line. Any thread; it owns nothing. */
#include "core/common/shown_command.h"

#include "core/common/utf8.h"
#include "core/common/visible_text.h"

#include <string.h>

/* As many blanks as that may stand side by side: code that is indented stays readable. */
enum { BLANKS_MAX = 16 };

static const char BAR[] = "│";

const command_form COMMAND_FORM = {
    .numbers = true,
    .max = 64 * 1024,
    .empty_before = "(",
    .empty_after = " empty lines)",
    .more_before = "(",
    .more_between = " characters, to line ",
    .more_after = ", are not shown)",
};

typedef struct {
    const char *at, *end; /* what is left of the text */
    size_t number;        /* of the line that was taken last */
} reader;

typedef struct {
    const char *at;
    size_t len;
} line;

/* The next line, without its end; a line feed at the end of the text begins no other one. */
static bool next_line(reader *r, line *ret)
{
    if (r->at == r->end)
        return false;
    size_t left = (size_t)(r->end - r->at);
    const char *feed = memchr(r->at, '\n', left);
    *ret = (line){r->at, feed ? (size_t)(feed - r->at) : left};
    r->at = feed ? feed + 1 : r->end;
    r->number++;
    if (feed && ret->len > 0 && ret->at[ret->len - 1] == '\r')
        ret->len--; /* as lines end on Windows */
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t blanks(const char *at, size_t left)
{
    size_t n = 0;
    while (n < left && blank(at[n]))
        n++;
    return n;
}

static void show_line(const char *at, size_t len, buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < len;) {
        size_t run = blanks(at + i, len - i);
        if (run > BLANKS_MAX) {
            visible_text(at + from, i - from, 0, out);
            buf_printf(out, "<U+0020 ×%zu>", run);
            from = i + run;
        }
        i += run ? run : 1;
    }
    visible_text(at + from, len - from, 0, out);
}

static void begin(const reader *r, const command_form *form, size_t first, buf *out)
{
    if (first > 1)
        buf_add_text(out, "\n");
    if (form->numbers && first < r->number)
        buf_printf(out, "%zu–%zu ", first, r->number);
    else if (form->numbers)
        buf_printf(out, "%zu ", first);
    buf_printf(out, "%s ", BAR);
}

/* Several empty lines behind one that was taken; they are taken too. */
static size_t more_empty(reader *r)
{
    size_t count = 0;
    line l;
    for (reader ahead = *r; next_line(&ahead, &l) && blanks(l.at, l.len) == l.len; *r = ahead)
        count++;
    return count;
}

static bool fits(line l, size_t len, size_t room)
{
    buf shown;
    buf_init(&shown, room + 1);
    show_line(l.at, len, &shown);
    bool good = !shown.failed && shown.len <= room;
    buf_done(&shown);
    return good;
}

/* How much of a line can be shown in `room` bytes: all of it, or a beginning that cuts no character. */
static size_t fitting(line l, size_t room)
{
    size_t low = 0, high = l.len;
    if (fits(l, l.len, room))
        return l.len;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (fits(l, utf8_cut(l.at, l.len, middle), room))
            low = middle;
        else
            high = middle - 1;
    }
    return utf8_cut(l.at, l.len, low);
}

static size_t characters(const char *at, const char *end)
{
    size_t count = 0;
    for (; at < end; count++) {
        size_t step = utf8_sequence(at, (size_t)(end - at));
        at += step ? step : utf8_broken(at, (size_t)(end - at));
    }
    return count;
}

/* Says how much is missing from `at` on. */
static void say_missing(reader *r, const char *at, const command_form *form, buf *out)
{
    line l;
    size_t count = characters(at, r->end);
    while (next_line(r, &l))
        ;
    buf_printf(out, "\n%s%zu%s%zu%s", form->more_before, count, form->more_between, r->number, form->more_after);
}

command_shown command_show(const char *text, size_t len, const command_form *form, buf *out)
{
    reader r = {.at = text, .end = text + len};
    size_t began = out->len;
    line l;
    while (next_line(&r, &l)) {
        size_t first = r.number, used = out->len - began, part = l.len;
        if (used >= form->max) {
            say_missing(&r, l.at, form, out);
            return (command_shown){.lines = r.number};
        }
        size_t empty = blanks(l.at, l.len) == l.len ? 1 + more_empty(&r) : 0;
        begin(&r, form, first, out);
        if (empty > 1)
            buf_printf(out, "%s%zu%s", form->empty_before, empty, form->empty_after);
        else if (!empty)
            show_line(l.at, part = fitting(l, form->max - used), out);
        if (part < l.len) {
            say_missing(&r, l.at + part, form, out);
            return (command_shown){.lines = r.number};
        }
    }
    return (command_shown){.lines = r.number, .whole = true};
}
