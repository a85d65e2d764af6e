/* The reader of the file format, see ini.h. Sans-IO. */
#include "core/config/ini.h"

#include "core/base/str.h"
#include "core/common/utf8.h"

static void parse_line(sw_str line, int number, sw_str *section, const ini_reader *r);

void ini_parse(const char *text, size_t len, const ini_reader *r)
{
    sw_str section = {NULL, 0};
    size_t i = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (int number = 1; i < len; number++) {
        const char *end = memchr(text + i, '\n', len - i);
        sw_str line = {text + i, !end ? len - i : (size_t)(end - text) - i};
        i += line.len + 1;
        if (line.len > INI_LINE_MAX)
            r->error(r->arg, number, "the line is longer than 64 KiB");
        else if (!utf8_valid(line.at, line.len))
            r->error(r->arg, number, "the line is not UTF-8");
        else if (memchr(line.at, '\0', line.len))
            r->error(r->arg, number, "the line holds a NUL");
        else
            parse_line(str_trim(line), number, &section, r);
    }
}

/* Lower-case letters, digits, '_', '-', and in sections ':'. */
static bool is_name(sw_str s, bool section)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!letter && !(section && c == ':'))
            return false;
    }
    return s.len > 0 && s.len <= 128;
}

static void parse_section(sw_str line, int number, sw_str *section, const ini_reader *r)
{
    sw_str name = line.at[line.len - 1] == ']' ? str_trim((sw_str){line.at + 1, line.len - 2}) : (sw_str){NULL, 0};
    if (!is_name(name, true)) {
        r->error(r->arg, number, "a section is written [name], in lower case");
        /* What follows belongs to no section that anybody knows: one message for it is enough. */
        *section = (sw_str){"", 0};
        return;
    }
    *section = name;
    r->section(r->arg, number, name);
}

static void parse_line(sw_str line, int number, sw_str *section, const ini_reader *r)
{
    if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';')
        return;
    if (line.at[0] == '[') {
        parse_section(line, number, section, r);
        return;
    }
    const char *equals = memchr(line.at, '=', line.len);
    if (!equals) {
        r->error(r->arg, number, "a setting is written key = value");
        return;
    }
    sw_str key = str_trim((sw_str){line.at, (size_t)(equals - line.at)});
    sw_str value = str_trim((sw_str){equals + 1, line.len - (size_t)(equals - line.at) - 1});
    if (!is_name(key, false))
        r->error(r->arg, number, "a key is written in lower-case letters, digits and _");
    else if (!section->at)
        r->error(r->arg, number, "the setting stands before the first [section]");
    else if (section->len > 0)
        r->setting(r->arg, number, *section, key, value);
}
