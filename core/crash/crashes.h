/* Crashes of plugins: the crash file, which plugin may start after what it says, and the handler that reports the next
 * crash. Main thread, but where noted. */
#ifndef CORE_CRASH_CRASHES_H
#define CORE_CRASH_CRASHES_H

#include "core/config/config.h"
#include "core/crash/crash_record.h"

/* ---- what the crash file says: who crashed, how often, and what counts against a plugin now. No I/O; any thread
 * ---- */

enum { CRASH_HISTORY_MAX = 256, CRASH_TEXT_MAX = 640 };

/* The newest records in the order of the file: all of them, or at least half of CRASH_HISTORY_MAX. Zeroed memory is an
 * empty history. */
typedef struct {
    crash_record records[CRASH_HISTORY_MAX];
    unsigned count;
    unsigned damaged; /* lines that were passed over */
    unsigned dropped; /* older records than fit */
} crash_history;

/* Adds the records of a text, which may be any bytes: lines that cannot be read are counted and passed over. */
void crash_history_read(crash_history *h, const char *text, size_t len);
void crash_history_add(crash_history *h, const crash_record *r);
/* The index of the first record that no start has logged yet; h->count when there is none. */
unsigned crash_history_unseen(const crash_history *h);

/* build_id.c: tells one build of a plugin from another, which gets its chance: the beginning of the id that the linker
 * wrote into the file, or of a digest of a file without one. "" when it cannot be read. */
enum { CRASH_BUILD_SIZE = 17 };
void crash_build_of(const char *path, char out[CRASH_BUILD_SIZE]);

typedef struct {
    unsigned count;
    const crash_record *last; /* NULL when there is none */
} crash_tally;

/* The crashes that count against a plugin: of this `build` (NULL: of any), since it was last released, in the
 * `window_ms` before `now_ms`. A clock that was set back makes a crash lie in the future: it counts as long as that is
 * no further away than the window. Crashes of those who sign people in do not count while the server was serving:
 * see README.md. */
crash_tally crash_history_tally(const crash_history *h, const char *plugin, const char *build, int64_t now_ms,
                                int64_t window_ms);

/* "SIGSEGV (address 0x0) at hello.so+0x1139 in the handler of GET /api/hello". */
void crash_describe(const crash_record *r, char out[CRASH_TEXT_MAX]);

/* ---- the file: DATA/crash.log, lines that the crash handler, starts and `steward plugin release` append, see
 * crash_record.h. It may be read by anybody, and be deleted at any time ---- */

enum { CRASH_FILE_ERROR_MAX = 512 };

/* Opens the file of a data folder to append, locked against trimming until crash_file_unlock(), and adds what it holds
 * to `ret`. Bad content is not an error; errors are about the file itself. -1: `error` is one line, or "" when `make`
 * is false and there is no such file. Main thread. */
int crash_file_open(const char *data_dir, bool make, crash_history *ret, char error[CRASH_FILE_ERROR_MAX]);
/* Has the file grown, or been damaged, so that crash_file_trim() should write it anew? */
bool crash_file_overgrown(int fd, const crash_history *h);
/* Replaces the file by one with the newer half of the history, in one step. `*fd` is the new file then, unlocked.
 * false: everything is as before. */
bool crash_file_trim(const char *data_dir, const crash_history *h, int *fd);
void crash_file_unlock(int fd);
/* One record, in one write; needs no lock. false: errno. */
bool crash_file_append(int fd, const crash_record *r);
/* `steward plugin release`, beside a running server or without: appends that the crashes of this plugin no longer
 * count. How many those are, of any build and however old; 0 when there is none, or no file. -1: `error` is one line.
 */
int crash_file_release(const char *data_dir, const char *name, char error[CRASH_FILE_ERROR_MAX]);

/* ---- who may start. Only a server that serves has this; the other commands pass NULL ---- */

typedef struct crashes crashes;

enum { CRASHES_WHY_MAX = 512 };

/* Reads DATA/crash.log, logs what has crashed since the last start, and arms the handler; before any plugin is loaded
 * and any thread is started, with the data folder's lock held. Never fails over the file: without one nothing is
 * recorded, with a log line. NULL: no memory. */
crashes *crashes_open(const config *options, const char *data_dir, const char *version);
/* After every thread and plugin has stopped. NULL is fine. */
void crashes_close(crashes *c);

/* The plugin `name` is about to be loaded from `path`; `owner` is what marks its work (crash_scope.h). With `exempt` it
 * starts whatever it did. false: it has crashed too often, and `why` is one sentence about it. From here on a crash is
 * told as its own. With `c` NULL always true. */
bool crashes_admit(crashes *c, const void *owner, const char *name, const char *path, bool exempt,
                   char why[CRASHES_WHY_MAX]);
/* It has been opened, or at least tried: its code is mapped now. `version` is NULL when it is not known. */
void crashes_loaded(crashes *c, const void *owner, const char *version);
/* The server begins to serve, and nobody can sign in without this plugin: its crashes do not count from here on. */
void crashes_vital(crashes *c, const void *owner);

/* What counted against it when the server started; nothing with `c` NULL. Any thread. */
crash_tally crashes_tally(const crashes *c, const void *owner);

#endif
