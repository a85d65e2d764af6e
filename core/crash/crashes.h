/* Crashes of plugins: which plugin may start after them, and the handler that reports the next one. Only a server that
 * serves has this; the other commands pass NULL. Main thread, but where noted. */
#ifndef CORE_CRASH_CRASHES_H
#define CORE_CRASH_CRASHES_H

#include "core/config/config.h"
#include "core/crash/crash_history.h"

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
