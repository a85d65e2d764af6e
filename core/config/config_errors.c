/* What is said about a wrong setting: all errors of a configuration, and hints at what was meant. */
#include "core/config/config_internal.h"

#include "core/common/utf8.h"

#include <stdarg.h>
#include <string.h>

enum {
    ERRORS_MAX = 256 * 1024, /* bytes of messages that are kept */
    NAME_MAX_HINT = 48,      /* longer names get no hint        */
};

static void add_line(config *c, const char *line)
{
    if (c->errors.len + strlen(line) + 1 > ERRORS_MAX)
        return; /* more than anybody reads */
    buf_add_text(&c->errors, line);
    buf_add(&c->errors, "\n", 1);
}

void config_error_no_memory(config *c)
{
    add_line(c, "out of memory");
}

void config_add_error(config *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *line = arena_vprintf(&c->mem, format, args);
    va_end(args);
    add_line(c, !line ? "out of memory" : line);
}

void config_error_at(config *c, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(&c->mem, format, args);
    va_end(args);
    if (!message)
        config_error_no_memory(c);
    else if (line > 0)
        config_add_error(c, "%s:%d: %s", file, line, message);
    else
        config_add_error(c, "%s: %s", file, message);
}

void config_value_error(config *c, const char *name, const char *format, ...)
{
    const config_entry *e = config_entry_find(c, name);
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(&c->mem, format, args);
    va_end(args);
    if (!message)
        config_error_no_memory(c);
    else if (!e || !e->file)
        config_add_error(c, "%s", message);
    else
        config_error_at(c, e->file, e->line, "%s", message);
}

const char *config_errors(const config *c)
{
    if (!c->errors.at)
        return c->errors.failed ? "out of memory\n" : "";
    c->errors.at[c->errors.len] = '\0'; /* in the slack */
    return c->errors.at;
}

/* ---- hints ---- */

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to add, drop, replace or swap with their neighbour to come from one name to the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][NAME_MAX_HINT + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > NAME_MAX_HINT || b_len > NAME_MAX_HINT)
        return NAME_MAX_HINT;
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

/* Near enough to be meant: a third of its letters, three at most. */
static bool near(const char *given, const char *known, unsigned *best)
{
    size_t allowed = strlen(given) / 3 < 1 ? 1 : strlen(given) / 3;
    unsigned d = distance(given, known);
    if (d > (allowed > 3 ? 3 : allowed) || d >= *best)
        return false;
    *best = d;
    return true;
}

const char *config_hint_key(config *c, const char *section, const char *key)
{
    const config_entry *found = NULL, *elsewhere = NULL;
    unsigned best = NAME_MAX_HINT;
    for (const config_entry *e = c->entries; e; e = e->next) {
        bool here = strcmp(e->section, section) == 0;
        if (here && near(key, e->option.name, &best))
            found = e;
        if (!here && !elsewhere && strcmp(e->option.name, key) == 0)
            elsewhere = e;
    }
    const char *hint = NULL;
    if (found)
        hint = arena_printf(&c->mem, "; did you mean %s?", found->option.name);
    else if (elsewhere)
        hint = arena_printf(&c->mem, "; there is one in [%s]", elsewhere->section);
    return !hint ? "" : hint;
}

const char *config_hint_section(config *c, const char *section)
{
    const char *found = NULL;
    unsigned best = NAME_MAX_HINT;
    for (const config_entry *e = c->entries; e; e = e->next)
        if (near(section, e->section, &best))
            found = e->section;
    /* [chat] for [plugin:chat]: whether there is such a plugin is not known yet. */
    const char *hint = found ? arena_printf(&c->mem, "; did you mean [%s]?", found)
                             : arena_printf(&c->mem, "; the options of a plugin stand in [plugin:NAME]");
    return !hint ? "" : hint;
}

/* Can it be shown on one line? */
static bool is_plain(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    return len <= 60 && utf8_valid(text, len);
}

const char *config_hint_value(config *c, const config_entry *e, const char *text)
{
    const char *hint = NULL;
    if (strcmp(e->name, "auth.jwt_secret") == 0)
        hint = "; openssl rand -base64 32 makes a good one";
    else if (e->option.type != SW_OPTION_SECRET && text[0] == '\0')
        hint = ", not empty";
    else if (e->option.type != SW_OPTION_SECRET && is_plain(text))
        hint = arena_printf(&c->mem, ", not %s", text);
    return !hint ? "" : hint;
}
