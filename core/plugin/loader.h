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

/* The second half: any descriptor in memory, as found under sw_plugin_v1. */
bool loader_copy(const void *descriptor, const char *name, arena *memory, sw_plugin *ret, char error[LOADER_ERROR_MAX]);

/* How enumerators are shown to people: "" for a value that this build does not know. */
const char *access_name(sw_access access);
const char *lane_name(sw_lane lane);
const char *option_type_name(sw_option_type type);

#endif
