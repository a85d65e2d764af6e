/* Options: declared as data, parsed and checked by the host before start(). In the file a plugin's
 * options stand in [plugin:NAME]; in the environment STEWARD_PLUGIN_NAME_KEY. */
#ifndef STEWARD_OPTION_H
#define STEWARD_OPTION_H

#include <steward/base.h>

SW_BEGIN_DECLS

typedef enum {
    SW_OPTION_STRING = 1,
    SW_OPTION_INT,
    SW_OPTION_BOOL,     /* true, false, yes, no, on, off, 1, 0                          */
    SW_OPTION_DURATION, /* of ms, s, m, h, d, w: 500ms, 1h30m, 1.5d, 2w; plain number: seconds. Kept as ms */
    SW_OPTION_SIZE,     /* 64K, 1.5M, 2G, 1T, plain number: bytes                       */
    SW_OPTION_LIST,     /* a, b, c: trimmed, without empty items; however many          */
    SW_OPTION_SECRET,   /* a string that is never shown                                 */
    SW_OPTION_ENUM      /* one of `choices`, spelt as there, in whatever case it was given */
} sw_option_type;

enum {
    SW_OPTION_LIVE = 1,   /* may change on reload (SIGHUP); others change with the next start              */
    SW_OPTION_LENIENT = 2 /* a value of `env` that makes no sense is ignored, with a warning: another
                             program's variable, which that program reads so too                           */
};

typedef struct {
    const char *name;
    sw_option_type type;
    const char *default_value; /* as it would stand in the file; "" for empty           */
    int64_t min, max;          /* of numbers (ms, bytes) and of the length of strings; both 0: any;
                                  max 0 above a min: no upper bound. Of lists nothing: start() may check them */
    const char *choices;       /* "a|b|c" for SW_OPTION_ENUM                            */
    const char *summary;       /* one sentence: what it does and when to change it      */
    uint32_t flags;
    const char *env; /* a further environment name, NULL: none                */
} sw_option;

/* The value of this plugin's option. The name must be in its table. Texts live until the next reload
 * that changes them has been acknowledged by every thread; copy what you keep. */
SW_EXPORT const char *sw_option_text(const sw_host *host, const char *name);
SW_EXPORT int64_t sw_option_int(const sw_host *host, const char *name); /* also ms and bytes */
SW_EXPORT bool sw_option_bool(const sw_host *host, const char *name);
/* Is `word` in the list? */
SW_EXPORT bool sw_option_has(const sw_host *host, const char *name, const char *word);
/* Item `index` of the list, NULL past its end. */
SW_EXPORT const char *sw_option_item(const sw_host *host, const char *name, size_t index);
/* A core option by its full name ("server.env", "auth.bcrypt_cost"), NULL when there is none. */
SW_EXPORT const char *sw_option_core(const sw_host *host, const char *full_name);
/* The same as a number (int, ms, bytes; bool as 0 or 1); 0 when there is none. */
SW_EXPORT int64_t sw_option_core_int(const sw_host *host, const char *full_name);

SW_END_DECLS
#endif
