/* Escapes the text of others for the markdown of a card. See card.h. Pure: any thread. */
#include "out/card.h"
#include <string.h>

/* These are escaped everywhere. '_' and '&' are escaped only where they could mean something, since commands are full
 * of them. */
static const char ALWAYS[] = "<>`*~[]|\\$";
/* These are escaped at the beginning of a line: lists, quotes, headings, rules. */
static const char AT_LINE_BEGIN[] = "#-+=!_";

static bool word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* The code point of a three-byte character that cannot be seen, or turns the direction of what follows; 0 for any
 * other. */
static unsigned hidden(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;

    if ((u[0] & 0xf0) != 0xe0 || (u[1] & 0xc0) != 0x80 || (u[2] & 0xc0) != 0x80)
        return 0;
    unsigned code = (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
    bool is_hidden = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                     (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
    return is_hidden ? code : 0;
}

static void add_entity(buf *out, char c)
{
    switch (c) {
    case '<':
        buf_add_text(out, "&lt;");
        break;
    case '>':
        buf_add_text(out, "&gt;");
        break;
    case '&':
        buf_add_text(out, "&amp;");
        break;
    default:
        buf_printf(out, "&#%d;", c);
        break;
    }
}

/* Must the character at `at` be written as an entity? */
static bool means_something(const char *text, const char *at, bool line_begins)
{
    if (strchr(ALWAYS, *at))
        return true;
    if (*at == '&')
        return at[1] == '#' || word(at[1]);
    if (*at == '_')
        return at == text || !word(at[-1]) || !word(at[1]);
    return line_begins && strchr(AT_LINE_BEGIN, *at);
}

void escape_markdown(buf *out, const char *text)
{
    bool line_begins = true;

    for (const char *at = text; *at; at++) {
        unsigned code = hidden(at);
        if (code) {
            buf_printf(out, "&lt;U+%04X&gt;", code);
            at += 2;
        } else if (*at == '\n') {
            buf_add_text(out, "\n");
        } else if ((unsigned char)*at < ' ' && *at != '\t' && !(*at == '\r' && at[1] == '\n')) {
            buf_printf(out, "&lt;U+%04X&gt;", (unsigned)(unsigned char)*at);
        } else if (*at == '\r') {
            continue;
        } else if (means_something(text, at, line_begins)) {
            add_entity(out, *at);
        } else {
            buf_add(out, at, 1);
        }
        line_begins = *at == '\n' || (line_begins && (*at == ' ' || *at == '\t'));
    }
}
