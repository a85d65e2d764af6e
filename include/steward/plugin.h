/* Public plugin ABI: the umbrella header, and what a plugin declares.
 *
 * A plugin is a shared object that exports one symbol, the const struct `sw_plugin_v1`. All of it is data, so that
 * tools can list a plugin without running its code. Start here, then read one plugin. */
#ifndef STEWARD_PLUGIN_H
#define STEWARD_PLUGIN_H

#include <steward/base.h>
#include <steward/db.h>
#include <steward/event.h>
#include <steward/host.h>
#include <steward/http.h>
#include <steward/json.h>
#include <steward/option.h>
#include <steward/request.h>
#include <steward/tx.h>
#include <steward/ws.h>

SW_BEGIN_DECLS

#define SW_PLUGIN_MAGIC 0x53575044u /* "SWPD" */
#define SW_ABI_MAJOR    1u
#define SW_ABI_MINOR    2u

/* Work that the writer does between its batches, in steps of a few milliseconds. When there is more to do, the step
 * sets *ret_more and soon runs again; otherwise it rests for `every_ms`. */
typedef struct {
    const char *name;
    int64_t every_ms;
    sw_status (*step)(sw_tx *tx, bool *ret_more);
} sw_housekeeping;

/* A task that runs on a worker. It runs again `every_ms` after it has ended. When an option says how often something is
 * due, let a timer with a short `every_ms` look whether its time has come. */
typedef struct {
    const char *name;
    int64_t every_ms;
    sw_handler run;
} sw_timer;

/* A service that this plugin provides: a const table of functions that begins with its size. */
typedef struct {
    const char *name; /* "users/1" */
    const void *table;
} sw_provided;

typedef struct {
    const char *name; /* "users/1" */
    bool optional;    /* the plugin also starts without it */
} sw_need;

/* Writes what /api/health shows administrators of this plugin, as members of the object. Numbers, booleans and short
 * texts are also in /metrics. When it returns false, the health is "degraded"; nothing else follows from that. It runs
 * on a worker with a database, and must not reply or fail. */
typedef bool (*sw_health)(sw_request *req, sw_json *out);

typedef struct {
    uint32_t magic; /* SW_PLUGIN_MAGIC      */
    uint16_t abi_major, abi_minor;
    uint32_t size;    /* sizeof(sw_plugin)    */
    const char *name; /* of [a-z0-9-]: the name of the file without .so */
    const char *version;
    const char *license;
    const char *summary;         /* one sentence         */
    sw_table options;            /* sw_option            */
    sw_table migrations;         /* sw_migration         */
    sw_table statements;         /* sw_statement         */
    sw_table routes;             /* sw_route             */
    sw_table frames;             /* sw_frame_handler     */
    sw_table subscriptions;      /* sw_subscription      */
    sw_table housekeeping;       /* sw_housekeeping      */
    sw_table timers;             /* sw_timer             */
    sw_table provides;           /* sw_provided          */
    sw_table needs;              /* sw_need              */
    const sw_recovery *recovery; /* NULL, but in the one plugin that owns the stored frames */
    sw_health health;            /* may be NULL          */
    /* Makes the state of the plugin; it has none when this is NULL. It runs on the main thread, after the migrations
     * and before anything is served, and may call sw_write_later(). A failure quarantines the plugin. Then stop() is
     * not called, so free what you have made. */
    sw_status (*start)(sw_host *host, void **ret_state);
    /* The first writes, as one step on the writer after start(). A failure quarantines the plugin. May be NULL. */
    sw_status (*prepare)(sw_tx *tx);
    /* Live options have changed; the plugin cannot refuse that. It runs on the main thread. May be NULL. */
    void (*reconfigure)(sw_host *host, void *state);
    /* Frees the state, on the main thread. It is the last call of a plugin whose start() succeeded: no other call runs
     * then, and none will follow. May be NULL. */
    void (*stop)(void *state);
    /* The plugin was disabled, or enabled again, while the server runs. Close what it keeps open by itself, such as an
     * outbound connection, or open it again. Callbacks of what it has begun still come. It runs on any worker and must
     * not block. May be NULL. */
    void (*switched)(sw_host *host, void *state, bool enabled);
    /* Since 1.2. More tables of sw_statement beside `statements`: an array of pointers that ends with NULL, each to an
     * SW_TABLE. So every file of a plugin can keep its statements beside the code that binds them. May be NULL. */
    const sw_table *const *statement_tables;
    /* Since 1.2. The server stops: end now what you keep waiting, deferred answers and streams, or they are cut off
     * when server.shutdown_timeout has passed. The deferred answers of a plugin without this function get 503 at once.
     * It runs on the main thread and must not block. May be NULL. */
    void (*draining)(sw_host *host, void *state);
} sw_plugin;

/* The first four members of a descriptor, in one line. C++ needs them by name instead. */
#define SW_PLUGIN_HEAD SW_PLUGIN_MAGIC, SW_ABI_MAJOR, SW_ABI_MINOR, (uint32_t)sizeof(sw_plugin)

SW_EXPORT extern const sw_plugin sw_plugin_v1;

SW_END_DECLS
#endif
