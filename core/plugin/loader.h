/* Opening plugins and reading their descriptors: see <steward/plugin.h> for the rules of the ABI. */
#ifndef CORE_PLUGIN_LOADER_H
#define CORE_PLUGIN_LOADER_H

#include "core/base/arena.h"
#include <steward/plugin.h>

enum { LOADER_ERROR_MAX = 256, PLUGIN_NAME_MAX = 32 };

/* [a-z0-9-], at most PLUGIN_NAME_MAX. */
bool plugin_name_valid(const char *name);

/* dlopens DIR/NAME.so, which stays mapped for good, and copies its descriptor and tables into `memory` in this build's
 * sizes. Statement tables stay where they are: their rows are named by address. Nothing of the plugin runs (but the
 * constructors of the object). false: `error` is one sentence. */
bool loader_open(const char *dir, const char *name, arena *memory, sw_plugin *ret, void **ret_handle,
                 char error[LOADER_ERROR_MAX]);

/* The same from the bytes of the file, for who only looks: nothing is loaded and nothing of the plugin runs, its
 * constructors neither. Functions of the tables must not be called. What a plugin needs of libraries is not looked for;
 * what it needs of this server is. */
bool loader_read(const char *dir, const char *name, arena *memory, sw_plugin *ret, char error[LOADER_ERROR_MAX]);

/* The name of the symbol, and the sentence about a file without it; always false. */
#define LOADER_SYMBOL "sw_plugin_v1"
bool loader_no_symbol(char error[LOADER_ERROR_MAX]);
/* Its magic, versions and size, which may be read of anything that is found under that name. */
bool loader_head_check(const void *descriptor, uint32_t *ret_size, char error[LOADER_ERROR_MAX]);

/* The second half: any descriptor in memory, as found under sw_plugin_v1. */
bool loader_copy(const void *descriptor, const char *name, arena *memory, sw_plugin *ret, char error[LOADER_ERROR_MAX]);

/* How enumerators are shown to people: "" for a value that this build does not know. */
const char *access_name(sw_access access);
const char *lane_name(sw_lane lane);
const char *option_type_name(sw_option_type type);

#endif
