/* What is said about a wrong setting: all errors of a configuration, and hints at what was meant. */
#include "core/config/config_internal.h"

#include "core/base/nearest.h"
#include "core/common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ERRORS_MAX = 256 * 1024, /* bytes of messages that are kept */
};

static void add_to(buf *to, const char *line)
{
    if (to->len + strlen(line) + 1 > ERRORS_MAX)
        return; /* more than anybody reads */
    buf_add_text(to, line);
    buf_add(to, "\n", 1);
}

static void add_line(config *c, const char *line)
{
    add_to(&c->errors, line);
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

void config_warn_at(config *c, const char *file, int line, const char *format, ...)
{
    char number[16] = "";
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(&c->mem, format, args);
    va_end(args);
    if (line > 0)
        snprintf(number, sizeof number, ":%d", line);
    const char *whole = message ? arena_printf(&c->mem, "%s%s: %s", file, number, message) : NULL;
    add_to(&c->warnings, whole ? whole : "out of memory");
}

static const char *lines_of(const buf *b)
{
    if (!b->at)
        return b->failed ? "out of memory\n" : "";
    b->at[b->len] = '\0'; /* in the slack */
    return b->at;
}

const char *config_errors(const config *c)
{
    return lines_of(&c->errors);
}

const char *config_warnings(const config *c)
{
    return lines_of(&c->warnings);
}

/* ---- quotes and comments, which are nothing special in a value ---- */

/* What in a text looks as if it was not to be part of it; NULL when nothing does. */
static const char *looks_wrong(const char *text)
{
    size_t len = strlen(text);
    if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0])
        return "the quotes are taken for a part of it; write it without them";
    if (text[0] == '#')
        return "the comment is taken for the value; write it on a line of its own";
    for (size_t i = 1; i < len; i++)
        if ((text[i] == '#' || text[i] == ';') && (text[i - 1] == ' ' || text[i - 1] == '\t'))
            return "the comment is taken for a part of it; write it on a line of its own";
    return NULL;
}

void config_check_written(config *c, const config_entry *e, const char *text)
{
    const sw_option *o = &e->option;
    const char *wrong = looks_wrong(text);
    for (size_t i = 0; !wrong && i < e->value.item_count; i++)
        wrong = looks_wrong(e->value.items[i]);
    if (!wrong)
        return;
    if (o->type == SW_OPTION_SECRET || strncmp(e->section, "plugin:", 7) == 0)
        config_warn_at(c, e->file, e->line, "%s: %s, if that is not meant", e->name, wrong);
    else
        config_error_at(c, e->file, e->line, "%s: %s", e->name, wrong);
}

/* ---- hints ---- */

const char *config_hint_key(config *c, const char *section, const char *key)
{
    const config_entry *found = NULL, *elsewhere = NULL;
    unsigned best = NEAREST_NONE;
    for (const config_entry *e = c->entries; e; e = e->next) {
        bool here = strcmp(e->section, section) == 0;
        if (here && nearest(key, e->option.name, &best))
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
    unsigned best = NEAREST_NONE;
    for (const config_entry *e = c->entries; e; e = e->next)
        if (nearest(section, e->section, &best))
            found = e->section;
    for (const config_name *p = c->plugins; p; p = p->next) {
        const char *known = arena_printf(&c->mem, "plugin:%s", p->name);
        if (known && nearest(section, known, &best))
            found = known;
    }
    /* [chat] for [plugin:chat]: whether there is such a plugin is not known yet. */
    const char *hint = found ? arena_printf(&c->mem, "; did you mean [%s]?", found)
                             : arena_printf(&c->mem, "; the options of a plugin stand in [plugin:NAME]");
    return !hint ? "" : hint;
}

const char *config_hint_plugin(config *c, const char *plugin)
{
    const char *found = NULL;
    unsigned best = NEAREST_NONE;
    for (const config_name *p = c->plugins; p; p = p->next)
        if (nearest(plugin, p->name, &best))
            found = p->name;
    const char *hint = found ? arena_printf(&c->mem, "; did you mean %s?", found) : NULL;
    return hint ? hint : "";
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
    const char *hint = NULL, *wrong = e->option.type == SW_OPTION_SECRET ? NULL : looks_wrong(text);
    if (wrong)
        hint =
            is_plain(text) ? arena_printf(&c->mem, ", not %s: %s", text, wrong) : arena_printf(&c->mem, "; %s", wrong);
    else if (strcmp(e->name, "auth.jwt_secret") == 0)
        hint = "; openssl rand -base64 32 makes a good one";
    else if (e->option.type != SW_OPTION_SECRET && text[0] == '\0')
        hint = ", not empty";
    else if (e->option.type != SW_OPTION_SECRET && is_plain(text))
        hint = arena_printf(&c->mem, ", not %s", text);
    return !hint ? "" : hint;
}
