/* A store as it was at one moment, beside whoever writes to it: for copies, and for looking at it. Plain connections
 * without statement tables; nothing here takes the server's lock, migrates or changes a row. Any one thread. */
#ifndef CORE_DB_SNAPSHOT_H
#define CORE_DB_SNAPSHOT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <steward/base.h>

typedef struct snapshot snapshot;

/* Asked now and then during long work: true ends it with SW_BUSY. May be NULL. */
typedef bool (*snapshot_stop)(void);

/* Begins to read the store at `path`, of this version or an older one; a WAL that nobody has folded in belongs to it,
 * and stays as it is. Every file that reading needs is open afterwards. SW_NOT_FOUND when there is no file, or
 * an empty one, as a first start that was cut off leaves; SW_INVALID when it is not a store of this server. `error` is
 * one line. */
sw_status snapshot_open(const char *path, snapshot **ret, char *error, size_t error_size);
void snapshot_close(snapshot *s);
/* The connection, in its transaction. */
sqlite3 *snapshot_raw(snapshot *s);

/* Copies it into the empty file `path`, proves that the copy is whole and makes it durable; its name in the folder is
 * the caller's. The copy is one file that needs no WAL. Blocks as long as the disk takes; writers of the store go on
 * meanwhile, and the snapshot ends with it. SW_BUSY when `stop` said so, SW_UNAVAILABLE when the disk failed or a page
 * is damaged. */
sw_status snapshot_copy(snapshot *s, const char *path, snapshot_stop stop, char *error, size_t error_size);

/* Makes the copy at `path` the successor of the store at `replaced` (NULL: it is lost). It gets an epoch of its own, so
 * that no token of before counts; ids go on behind those that the replaced store gave; and what modules show in a view
 * NAME_before_restore (kind, key) of that store is kept in steward_before. *ret_known is false when the replaced store
 * cannot be read or is not the one that the backup is of: then ids leap. The caller makes it durable. */
sw_status snapshot_succeed(const char *path, const char *replaced, bool *ret_known, char *error, size_t error_size);

/* ---- what is wrong with it. Changes nothing, and blocks as long as that takes ---- */

/* One thing that is wrong; the text lives until it returns. */
typedef void (*examine_found)(void *arg, const char *text);

/* Pages, trees, indexes against rows, constraints of tables: the first twenty faults. SW_BUSY when `stop` said
 * so; SW_UNAVAILABLE when it could not be read to the end, which is told as well. */
sw_status examine_integrity(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg);
/* Rows that refer to one that is not there. The same. */
sw_status examine_foreign_keys(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg);
/* The core's schema: *ret_version is the store's. SW_INVALID when it is newer than this build's, which is *ret_own. */
sw_status examine_schema(sqlite3 *raw, int64_t *ret_version, int64_t *ret_own);
/* Every plugin that has tables there, by name, with how many of its migrations were applied and the latest. */
sw_status examine_migrations(sqlite3 *raw,
                             void (*each)(void *arg, const char *plugin, int64_t count, const char *latest), void *arg);

#endif
