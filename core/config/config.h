/* The configuration: option tables of the core and of plugins, filled from the file, conf.d beside it and the
 * environment. All errors are gathered and reported at once, with file and line. Read-only once loaded (live
 * options: a new config object replaces the old one by config_swap). */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <steward/option.h>

typedef struct config config;

/* The core's own options: { section, table }. In core/config/core_options.c. */
typedef struct {
    const char *section; /* "server" */
    const sw_option *options;
    size_t count;
    const char *summary; /* what the section is about, for the template */
} config_section;
extern const config_section CORE_SECTIONS[];
extern const size_t CORE_SECTION_COUNT;

config *config_new(void);
void config_free(config *c);

/* Step 1: reads the text of FILE (which may be NULL), conf.d/ *.conf beside it, and the environment; core sections are
 * checked. Plugin sections are kept until step 2. false when there are errors, see config_errors(). */
bool config_load(config *c, const char *file, char **environment);
/* For commands that need a few options, and must work while others are wrong: as config_load(), but what stands in
 * other sections than those of `sections` (NULL-ended, of the core) is not looked at, and has its defaults. Lines that
 * are no options and sections that nobody knows stay errors. No step 2 and 3. */
bool config_load_sections(config *c, const char *file, char **environment, const char *const *sections);
/* Step 2: declares and checks the options of a plugin ([plugin:NAME]). */
bool config_declare(config *c, const char *plugin, const sw_option *rows, uint32_t row_size, uint32_t count);
/* For every plugin with settings in a file that has declared nothing, and where the first stands. It may be declared
 * meanwhile. */
void config_each_undeclared(config *c, void (*each)(void *arg, const char *plugin, const char *file, int line),
                            void *arg);
/* Something to be said about a line, as config_warnings(). */
void config_warn_at(config *c, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Step 3: what is left over (a [plugin:X] of no known plugin, unknown keys) becomes errors. `known` tells whether a
 * plugin of that name exists. */
bool config_finish(config *c, bool (*known)(void *arg, const char *plugin), void *arg);
/* Must the server stop when this plugin cannot be used? Named in plugins.required, or [plugin:NAME] required = true;
 * also answers for a plugin that could not be loaded and so has declared nothing. After config_load(). */
bool config_plugin_required(const config *c, const char *plugin);
/* A plugin that could be enabled, loaded or not: who misspells it is told. Before config_declare(). */
void config_offer_plugin(config *c, const char *plugin);
/* "; did you mean NAME?" of those plugins, or "". */
const char *config_hint_plugin(config *c, const char *plugin);
/* What is probably not meant, or unsafe, and no error; as config_errors(). */
const char *config_warnings(const config *c);
/* Errors so far, one per line "file:line: message"; "" when none. */
const char *config_errors(const config *c);
void config_add_error(config *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same about the value of one option, with the file and line it stands in. */
void config_value_error(config *c, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* An object does not change after config_finish(): texts live until config_free(), any thread may read.
 * Values by full name "limits.body", "plugin:chat.retention". The name must be declared (assert). */
const char *config_text(const config *c, const char *name);
int64_t config_int(const config *c, const char *name); /* also ms and bytes */
bool config_bool(const config *c, const char *name);
size_t config_list_count(const config *c, const char *name);
const char *config_list_item(const config *c, const char *name, size_t i);
bool config_list_has(const config *c, const char *name, const char *word);
bool config_is_default(const config *c, const char *name);
/* NULL when no such option is declared. */
const char *config_find(const config *c, const char *name);
/* For every declared option: section, row, current value ("(secret)" for secrets). */
void config_each(const config *c, void (*each)(void *arg, const char *section, const sw_option *o, const char *value),
                 void *arg);
/* Calls `each` for every option whose value differs between two finished objects; `live` says that it may
 * change without a restart. For reloads. */
void config_compare(const config *before, const config *after, void (*each)(void *arg, const char *name, bool live),
                    void *arg);
/* Gives `after` the values of `before` for every option that is not live; `before` must outlive it. Before any other
 * thread sees `after`. */
void config_keep_fixed(config *after, const config *before);
/* The annotated config file from the tables: what config/steward.conf is generated from. */
void config_print_template(FILE *out, const config *c);

#endif
