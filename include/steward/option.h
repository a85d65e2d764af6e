/* Options are declared as data. The host parses and checks them before start(). In the configuration file the options
 * of a plugin are in the section [plugin:NAME]; in the environment they are named STEWARD_PLUGIN_NAME_KEY. */
#ifndef STEWARD_OPTION_H
#define STEWARD_OPTION_H

#include <steward/base.h>

SW_BEGIN_DECLS

typedef enum {
    SW_OPTION_STRING = 1,
    SW_OPTION_INT,
    SW_OPTION_BOOL,     /* true, false, yes, no, on, off, 1, 0                          */
    SW_OPTION_DURATION, /* in ms, s, m, h, d, w: 500ms, 1h30m, 1.5d, 2w; a plain number is in seconds. Kept in ms */
    SW_OPTION_SIZE,     /* 64K, 1.5M, 2G, 1T; a plain number is in bytes */
    SW_OPTION_LIST,     /* a, b, c: any number of items, trimmed; empty ones are left out */
    SW_OPTION_SECRET,   /* a string that is never shown                                 */
    SW_OPTION_ENUM      /* one of `choices`; it may be given in any case, and is read as it is spelt there */
} sw_option_type;

enum {
    SW_OPTION_LIVE = 1,    /* it may change on a reload (SIGHUP); others change with the next start */
    SW_OPTION_LENIENT = 2, /* a value of `env` that is not valid is ignored, with a warning. For a variable of another
                              program, when that program ignores such values, too */
    SW_OPTION_PATH = 4 /* a string that is a path: a relative one in a configuration file is meant from the folder of
                          that file, and arrives that way. A server of before 1.2 hands it on as it is written */
};

typedef struct {
    const char *name;
    sw_option_type type;
    const char *default_value; /* as it would be written in the file; "" when empty */
    int64_t min, max;    /* the bounds of a number (in ms or bytes), or of the length of a string. When both are 0,
                            anything is valid; when only max is 0, there is no upper bound. Lists have no bounds:
                            start() may check them */
    const char *choices; /* "a|b|c" for SW_OPTION_ENUM                            */
    const char *summary; /* one sentence: what it does, and when to change it */
    uint32_t flags;
    const char *env; /* another name in the environment; may be NULL */
} sw_option;

/* The value of an option of this plugin. The name must be in its table. A text lives until a reload has changed it and
 * every thread knows the new value, so copy what you keep. */
SW_EXPORT const char *sw_option_text(const sw_host *host, const char *name);
SW_EXPORT int64_t sw_option_int(const sw_host *host, const char *name); /* also in ms and bytes */
SW_EXPORT bool sw_option_bool(const sw_host *host, const char *name);
/* Tells whether `word` is in the list. */
SW_EXPORT bool sw_option_has(const sw_host *host, const char *name, const char *word);
/* Item `index` of the list; NULL past its end. */
SW_EXPORT const char *sw_option_item(const sw_host *host, const char *name, size_t index);
/* A core option by its full name ("server.env", "auth.bcrypt_cost"); NULL when there is none. */
SW_EXPORT const char *sw_option_core(const sw_host *host, const char *full_name);
/* The same as a number: an int, ms or bytes, and 0 or 1 for a bool. 0 when there is none. */
SW_EXPORT int64_t sw_option_core_int(const sw_host *host, const char *full_name);

SW_END_DECLS
#endif
