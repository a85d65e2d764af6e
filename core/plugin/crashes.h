/* Crashes of plugins: who may start after them, and the handler that reports the next one. Part of a server that
 * serves; other commands have none (NULL). Main thread, but where noted. */
#ifndef CORE_PLUGIN_CRASHES_H
#define CORE_PLUGIN_CRASHES_H

#include "core/plugin/crash_history.h"
#include "core/runtime/runtime.h"

typedef struct crashes crashes;

enum { CRASHES_WHY_MAX = sizeof((sw_host *)0)->error };

/* Reads DATA/crash.log, logs what has crashed since the last start, and arms the handler; before any plugin is loaded
 * and any thread is started, with the data folder's lock held. Never fails over the file: without one nothing is
 * recorded, with a log line. NULL: no memory. */
crashes *crashes_open(const config *options, const char *data_dir, const char *version);
/* After every thread and plugin has stopped. NULL is fine. */
void crashes_close(crashes *c);

/* A plugin is about to be loaded from `path`. `exempt`: it starts whatever it did. false: it has crashed too often; why
 * is one sentence. From here on a crash is told as its own. `c` NULL: true. */
bool crashes_admit(crashes *c, const sw_host *host, const char *path, bool exempt, char why[CRASHES_WHY_MAX]);
/* It has been opened, or tried to: its code is mapped now. `plugin` version NULL: unknown. */
void crashes_loaded(crashes *c, const sw_host *host, const char *version);
/* The server begins to serve, and nobody can sign in without this one: its crashes do not count from here on. */
void crashes_vital(crashes *c, const sw_host *host);

/* What counted against it when the server started. Any thread. `c` NULL: none. */
crash_tally crashes_tally(const crashes *c, const sw_host *host);

#endif
