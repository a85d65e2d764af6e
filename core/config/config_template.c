/* The annotated configuration file, from the tables. */
#include "core/config/config_internal.h"

#include "core/base/str.h"

#include <string.h>

enum { WIDTH = 100 };

static void print_option(FILE *out, arena *mem, const config_entry *e);

/* Words of a text as comment lines. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = 0;
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, column == 0 ? "# %.*s" : " %.*s", (int)len, at);
        column += len + (column == 0 ? 2 : 1);
        at += len + strspn(at + len, " ");
    }
    fputc('\n', out);
}

static const char *section_summary(const char *section)
{
    for (size_t i = 0; i < CORE_SECTION_COUNT; i++)
        if (strcmp(CORE_SECTIONS[i].section, section) == 0)
            return CORE_SECTIONS[i].summary;
    return NULL;
}

void config_print_template(FILE *out, const config *c)
{
    arena mem;
    const char *section = "";
    arena_init(&mem, 0);
    print_wrapped(out,
                  "Configuration of Steward: every option, with its default. Take away the # in front of an option "
                  "to change it, then run: steward check -c FILE");
    fputs("#\n", out);
    print_wrapped(out, "A setting is one line, key = value; the value is the rest of the line, and quotes are nothing "
                       "special. A comment begins with # at the beginning of a line. Files conf.d/*.conf beside this "
                       "one are read after it, in the order of their names, and override it; the environment overrides "
                       "both. Durations: 500ms, 10s, 5m, 24h, 7d. Sizes: 64K, 1M, 2G. Lists: a, b, c.");
    for (const config_entry *e = c->entries; e; e = e->next) {
        if (strcmp(section, e->section) != 0) {
            section = e->section;
            const char *summary = section_summary(section);
            fputs("\n\n", out);
            if (summary)
                print_wrapped(out, summary);
            fprintf(out, "[%s]\n", section);
        }
        print_option(out, &mem, e);
    }
    arena_done(&mem);
}

/* "text", "a size (64K, 1M, 2G) from 1K to 1G; also SERVER_PORT or STEWARD_SERVER_PORT". */
static void print_option(FILE *out, arena *mem, const config_entry *e)
{
    const sw_option *o = &e->option;
    const char *what = option_value_describe(mem, o, false);
    char *general = arena_printf(mem, "STEWARD_%s_%s", e->section, o->name);
    if (!what || !general)
        return;
    for (char *at = general; *at != '\0'; at++)
        *at = *at == ':' || *at == '-' ? '_' : str_upper(*at);
    bool own = o->env && strcmp(o->env, general) != 0;
    const char *facts = arena_printf(mem, "(%s; %s%s%s%s)", what, own ? o->env : "", own ? " or " : "", general,
                                     (o->flags & SW_OPTION_LIVE) != 0 ? "; changes at SIGHUP" : "");
    fputc('\n', out);
    print_wrapped(out, !o->summary ? "" : o->summary);
    if (facts)
        print_wrapped(out, facts);
    fprintf(out, "#%s =%s%s\n", o->name, o->default_value[0] == '\0' ? "" : " ", o->default_value);
}
