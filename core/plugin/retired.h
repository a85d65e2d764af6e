/* Plugins that production never runs, and what a development server may have left behind of them in the store. */
#ifndef CORE_PLUGIN_RETIRED_H
#define CORE_PLUGIN_RETIRED_H

#include "core/db/db.h"

/* Must this plugin's tables not exist in production? */
bool retired_in_production(const char *plugin);
/* Drops those tables, overwriting what they held, whether or not the plugin is installed. Before the writer runs. Looks
 * first: a store without them is not written to. */
void retired_drop(sw_db *writer);

#endif
