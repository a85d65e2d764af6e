/* A store as it was at one moment, beside whoever writes to it: for copies, and for looking at it. Plain connections
 * without statement tables; nothing here takes the server's lock, migrates or changes a row. Any one thread. */
#ifndef CORE_DB_SNAPSHOT_H
#define CORE_DB_SNAPSHOT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <steward/base.h>

typedef struct snapshot snapshot;

/* Asked now and then during long work: true ends it with SW_BUSY. NULL: never. */
typedef bool (*snapshot_stop)(void);

/* Begins to read the store at `path`, of this version or an older one; a WAL that nobody has folded in belongs to it,
 * and stays as it is. Every file that reading needs is open afterwards. SW_NOT_FOUND: there is no file, or an empty
 * one, as a first start that was cut off leaves. SW_INVALID: no store of this server. `error` is one line. */
sw_status snapshot_open(const char *path, snapshot **ret, char *error, size_t error_size);
void snapshot_close(snapshot *s);
/* The connection, in its transaction. */
sqlite3 *snapshot_raw(snapshot *s);

/* Copies it into the empty file `path`, proves that the copy is whole and makes it durable; its name in the folder is
 * the caller's. The copy is one file that needs no WAL. Blocks as long as the disk takes; writers of the store go on
 * meanwhile, and the snapshot ends with it. SW_BUSY: `stop` said so. SW_UNAVAILABLE: the disk, or a damaged page. */
sw_status snapshot_copy(snapshot *s, const char *path, snapshot_stop stop, char *error, size_t error_size);

#endif
