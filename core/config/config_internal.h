/* What the files of core/config share: the object, and who does what for it. config.c calls config_sources.c, which
 * calls config_errors.c. config.h is the door of the same thing. */
#ifndef CORE_CONFIG_CONFIG_INTERNAL_H
#define CORE_CONFIG_CONFIG_INTERNAL_H

#include "core/base/arena.h"
#include "core/common/buf.h"
#include "core/config/config.h"
#include "core/config/option_value.h"

/* One line "key = value" of a file. */
typedef struct config_setting config_setting;
struct config_setting {
    config_setting *next;
    const char *file, *section, *key, *value;
    int line;
    bool exposed; /* every user may read the file */
};

/* One declared option and its value. */
typedef struct config_entry config_entry;
struct config_entry {
    config_entry *next;  /* in the order of declaration */
    const char *section; /* "server", "plugin:chat"     */
    const char *name;    /* "server.port"               */
    sw_option option;    /* copied: rows of plugins may be shorter or longer than ours */
    option_value value;
    bool set;         /* by a file or the environment */
    const char *file; /* where its value stands; "environment" with line 0; NULL for the default */
    int line;
};

typedef struct config_name config_name;
struct config_name {
    config_name *next;
    const char *name;
};

struct config {
    arena mem; /* everything below, but errors and warnings */
    buf errors, warnings;
    config_setting *settings, *last_setting; /* in the order they apply */
    config_entry *entries, *last_entry;
    config_entry **table; /* open addressing by name; size is a power of two */
    size_t table_size, entry_count;
    const char **environment; /* copies, NULL-ended */
    bool *environment_used;
    config_name *plugins;    /* what there is to enable */
    const char *const *only; /* the sections that count, NULL-ended, the caller's; NULL for all */
};

/* config.c */
config_entry *config_entry_find(const config *c, const char *name);
bool config_section_declared(const config *c, const char *section);
/* false when what stands in it is not looked at. */
bool config_section_wanted(const config *c, const char *section);

/* config_sources.c: reads FILE and conf.d beside it into `settings`. */
void config_read_files(config *c, const char *file);
void config_environment_keep(config *c, char **environment);
/* The value for an option by its own environment name or STEWARD_SECTION_KEY, and *ret_name is which; NULL when there
 * is none. */
const char *config_environment_value(config *c, const char *section, const sw_option *o, const char **ret_name);
/* The variable of a plugin's option; NULL when there is none. */
const char *config_environment_peek(const config *c, const char *plugin, const char *key);
/* Variables STEWARD_… that name no option become errors; `known` as in config_finish(). */
void config_environment_check(config *c, bool (*known)(void *arg, const char *plugin), void *arg);

/* config_errors.c */
void config_error_at(config *c, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void config_error_no_memory(config *c);
/* Quotes around a value and a comment behind it belong to the value, and are hardly meant so: an error in the core's
 * texts, a warning in secrets and in texts of plugins, which may hold anything. */
void config_check_written(config *c, const config_entry *e, const char *text);
/* " (did you mean …?)" for a key or section that is not known; "" when nothing is near. */
const char *config_hint_key(config *c, const char *section, const char *key);
const char *config_hint_section(config *c, const char *section);
/* What to say behind a wrong value: the value itself unless it is secret, or where to get a good one. */
const char *config_hint_value(config *c, const config_entry *e, const char *text);

/* quota_options.c: a table of core_options.c. */
enum { QUOTA_OPTION_COUNT = 7 };
extern const sw_option QUOTA_OPTIONS[QUOTA_OPTION_COUNT];

#endif
