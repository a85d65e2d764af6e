/* Looks through a store for what is wrong with it; changes nothing. Blocks as long as that takes. */
#ifndef CORE_DB_EXAMINE_H
#define CORE_DB_EXAMINE_H

#include "core/db/snapshot.h"

/* One thing that is wrong; the text lives until it returns. */
typedef void (*examine_found)(void *arg, const char *text);

/* Pages, trees, indexes against rows, constraints of tables: the first twenty faults. SW_BUSY: `stop` said so;
 * SW_UNAVAILABLE: it could not be read to the end, which is told as well. */
sw_status examine_integrity(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg);
/* Rows that refer to one that is not there. The same. */
sw_status examine_foreign_keys(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg);
/* The core's schema: *ret_version is the store's. SW_INVALID: newer than this build's, which is *ret_own. */
sw_status examine_schema(sqlite3 *raw, int64_t *ret_version, int64_t *ret_own);
/* Every plugin that has tables there, by name, with how many of its migrations were applied and the latest. */
sw_status examine_migrations(sqlite3 *raw,
                             void (*each)(void *arg, const char *plugin, int64_t count, const char *latest), void *arg);

#endif
