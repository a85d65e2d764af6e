/* The syntax of the configuration file.
 *
 *     # a comment            (also ;) only at the beginning of a line
 *     [section]
 *     key = value            the rest of the line, without the space around it; quotes are nothing special
 *
 * A parser of our own: libinih cuts lines at 199 bytes, takes " ;" in a value for a comment and an indented line for
 * more of the value before, and knows no line numbers in Debian's build. The reader that would work around the first
 * and the last of these is longer than what is here. */
#ifndef CORE_CONFIG_INI_H
#define CORE_CONFIG_INI_H

#include <steward/base.h>

enum { INI_LINE_MAX = 64 * 1024 };

typedef struct {
    void *arg;
    void (*section)(void *arg, int line, sw_str name);
    void (*setting)(void *arg, int line, sw_str section, sw_str key, sw_str value);
    void (*error)(void *arg, int line, const char *message); /* the line is skipped */
} ini_reader;

/* The spans point into the text. Lines end with LF or CR LF; a byte order mark at the beginning is skipped. */
void ini_parse(const char *text, size_t len, const ini_reader *r);

#endif
