/* One server: put together, run, taken apart. Everything here is called on the main thread. */
#ifndef CORE_SERVER_SERVER_H
#define CORE_SERVER_SERVER_H

#include "core/admin/admin.h"
#include "core/outbound/outbound.h"
#include "core/plugin/registry.h"
#include <limits.h>

enum { SERVER_CONFIGS_MAX = 16 };

/* What a server is made from. */
typedef struct {
    const char *config_file; /* or NULL */
    char **environment;
    const sw_plugin *const *linked; /* plugins that are not files, NULL-ended; or NULL */
    /* Of tests of plugins. */
    int listen_fd;                 /* above 0: instead of a port; taken over */
    const outbound_stub *outbound; /* NULL for the network */
    bool by_hand;                  /* timers, housekeeping and delayed tasks do not begin by themselves */
    bool serves;    /* clients, not a test: crashes are recorded, and a plugin that crashes too often is not loaded */
    bool safe_mode; /* plugins auth and users alone */
    bool new_store; /* an empty store may be made in the place of one that is gone */
    bool offline;   /* for a command in place of a server: no network, and the log is errors alone, on stderr */
    bool looks;     /* for a command that starts nothing: it opens no log file, which would make one */
} server_source;

typedef struct {
    runtime rt;
    server_source from;
    config *configs[SERVER_CONFIGS_MAX]; /* the first one, then the latest: texts of an older one may still be read */
    unsigned config_count;
    registry *plugins;
    crashes *crashes; /* NULL when nobody watches */
    http_server *http;
    bool operators; /* the socket of their commands is open */
    sw_db *writer_db;
    bool ended;       /* its threads */
    int lock_fd;      /* -1: not held */
    bool first_start; /* there is no store yet, and the note of that is in the data folder */
    int port;
    char bind_error[256]; /* why the port is not ours; "" when it is, or nobody has asked yet */
    char data_dir[PATH_MAX], store_path[PATH_MAX], plugin_dir[PATH_MAX];
} server;

/* server_configure.c: the configuration and the plugins' descriptors, for a command that looks at them: makes nothing,
 * and logs to stderr. false: errors, see config_errors(s->rt.config), or no memory (then it is NULL). Either way
 * server_close() ends it. */
bool server_configure(server *s, const char *config_file);
/* The same for others, and from elsewhere than a file and the process's environment. Opens the log, whose errors go to
 * stderr as well until server_open() is done, when it serves. Then, and when its own configuration is good, it takes
 * the port and makes the crash file and the folder around it; else it touches no data. */
bool server_configure_from(server *s, const server_source *from);
/* server_check.c: after server_configure() said yes: is what the configuration names there (folders, files, the host)?
 * And are the options of plugins that are not enabled right? Their tables stay in `memory`, which must outlive the
 * server. Makes nothing. false: config_errors() has more. */
bool server_check(server *s, arena *memory);
/* The folder of the plugins by this configuration. */
void plugin_folder(const config *c, char out[PATH_MAX]);
/* One log line for each of `lines`: errors and warnings of a configuration. */
void server_log_lines(sw_log_level level, const char *part, const char *lines);
/* log.level by this configuration. */
sw_log_level configured_level(const config *c);

/* data_dir.c: server.data_dir, else the first folder of $STATE_DIRECTORY, else ./data. Makes nothing. false: it is too
 * long. */
bool data_dir_choose(const config *c, char out[PATH_MAX]);
/* Where the store of that data folder is: storage.path, or in it. */
bool data_dir_store(const config *c, const char *data_dir, char out[PATH_MAX]);
/* Takes the lock of a data folder, until the descriptor is closed. -1: `error` is one line that says which process
 * holds it. */
int data_dir_lock(const char *data_dir, char *error, size_t error_size);
/* Finds or makes the data folder and takes its lock. Where a server has been before and its store is gone it refuses,
 * unless --new-store was given. false: `error` is one line. */
bool data_dir_open(server *s, char *error, size_t error_size);
/* The store is there. */
void data_dir_has_store(server *s);
void data_dir_close(server *s);

/* server_open.c: everything up to threads that serve, or offline up to lanes and a writer that run. false after a log
 * line; server_close() undoes what was done. */
bool server_open(server *s, initial_password_place place);
/* server_stop.c: answers what runs, then ends every thread and plugin. Waits up to server.shutdown_timeout. */
void server_stop(server *s);
/* Frees what server_configure() and server_open() made. After a failed server_open() it stops threads too. */
void server_close(server *s);

/* server_signals.c: blocks the signals that the main thread waits for; before any thread starts. */
void signals_block(void);
/* Has one of them come since? It stays pending. */
bool signals_pending(void);
/* Serves until SIGTERM or SIGINT. */
void signals_serve(server *s);

/* server_reload.c: SIGHUP. All or nothing; logs what came of it. */
void server_reload(server *s);

/* To systemd, when built in and started by it. `state` as of sd_notify(3). */
void notify(const char *state);

#endif
