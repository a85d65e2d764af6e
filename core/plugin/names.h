/* How enumerators are shown to people. */
#ifndef CORE_PLUGIN_NAMES_H
#define CORE_PLUGIN_NAMES_H

#include <steward/plugin.h>

/* "" for a value this build does not know. */
const char *access_name(sw_access access);
const char *lane_name(sw_lane lane);
const char *option_type_name(sw_option_type type);

#endif
