/* Backups among others: their names, how one gets its name, and which old ones go. No locks, the calling thread. */
#ifndef CORE_CLI_BACKUP_FOLDER_H
#define CORE_CLI_BACKUP_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { BACKUP_STAMP_SIZE = 17 };

/* A new empty file in `folder`, 0600 and locked for as long as it is open: nobody takes it for left over. Its path goes
 * to `out`. Returns the descriptor, or -1 and errno. */
int backup_temporary(const char *folder, char out[PATH_MAX]);
/* Gives it the name `path` and makes that durable, unless there is such a file (EEXIST). false: errno. */
bool backup_publish(const char *temporary, const char *path);
/* "20260305T214208Z" */
void backup_stamp(int64_t at_ms, char out[BACKUP_STAMP_SIZE]);
/* As backup_publish() in `folder`, by a name that says when: "steward-20260305T214208Z.db". Its path goes to `out`. */
bool backup_publish_dated(const char *temporary, const char *folder, int64_t at_ms, char out[PATH_MAX]);
/* Removes all but the `keep` latest of those names (0: none is removed), never `made`, and what a killed backup has
 * left over. Other files are not touched. Returns how many backups were removed, or -1 and errno. */
int backup_prune(const char *folder, long keep, const char *made);

#endif
