/* Public plugin ABI: the umbrella header, and what a plugin declares.
 *
 * A plugin is a shared object that exports one symbol, the const data `sw_plugin_v1`. Everything in it
 * is data, so that tools can list a plugin without running its code. Start here, then read one plugin. */
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

/* Work that the writer does between batches, in steps of a few milliseconds. The step sets *ret_more
 * when it should run again soon; otherwise it rests for `every_ms`. */
typedef struct {
    const char *name;
    int64_t every_ms;
    sw_status (*step)(sw_tx *tx, bool *ret_more);
} sw_housekeeping;

/* A task on a worker every `every_ms`, counted from the end of the one before. When an option says how often: a short
 * one that looks whether its time has come. */
typedef struct {
    const char *name;
    int64_t every_ms;
    sw_handler run;
} sw_timer;

/* A service that this plugin provides: a const table of functions beginning with its size. */
typedef struct {
    const char *name; /* "users/1" */
    const void *table;
} sw_provided;

typedef struct {
    const char *name; /* "users/1" */
    bool optional;    /* start without it when it is not there */
} sw_need;

/* What /api/health shows administrators of a plugin: write members into the object; false: "degraded", and nothing else
 * comes of it. Numbers, booleans and short texts are in /metrics as well. Worker, with a database; no reply, no
 * failure. */
typedef bool (*sw_health)(sw_request *req, sw_json *out);

typedef struct {
    uint32_t magic; /* SW_PLUGIN_MAGIC      */
    uint16_t abi_major, abi_minor;
    uint32_t size;    /* sizeof(sw_plugin)    */
    const char *name; /* [a-z0-9-], the file's name without .so */
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
    const sw_recovery *recovery; /* NULL but for the one plugin that owns stored frames */
    sw_health health;            /* may be NULL          */
    /* On the main thread, before anything is served; the database is migrated. `sw_write_later` may be used.
     * A failure quarantines the plugin, and stop() is not called: free what you have made. NULL: no state. */
    sw_status (*start)(sw_host *host, void **ret_state);
    /* First writes, after start(), as one step on the writer; a failure quarantines the plugin. NULL: none. */
    sw_status (*prepare)(sw_tx *tx);
    /* Live options have changed, which it cannot refuse; on the main thread. NULL: not interested. */
    void (*reconfigure)(sw_host *host, void *state);
    /* On the main thread: no call is running and none will come. The last thing there is after a start() that
     * succeeded. NULL: nothing to free. */
    void (*stop)(void *state);
    /* The plugin was disabled, or enabled again, while the server runs: what it keeps open by itself, such as an
     * outbound connection, ends and begins with it; callbacks of what it has begun still come. Any worker; must not
     * block. NULL: nothing to do. */
    void (*switched)(sw_host *host, void *state, bool enabled);
    /* Since 1.2. Further tables of sw_statement beside `statements`, each a SW_TABLE, ended by NULL: so that every file
     * of a plugin keeps its own statements beside the code that binds them. NULL when there are none. */
    const sw_table *const *statement_tables;
} sw_plugin;

/* The head of a descriptor: .magic and friends in one line, in C; C++ wants the four members by name. */
#define SW_PLUGIN_HEAD SW_PLUGIN_MAGIC, SW_ABI_MAJOR, SW_ABI_MINOR, (uint32_t)sizeof(sw_plugin)

SW_EXPORT extern const sw_plugin sw_plugin_v1;

SW_END_DECLS
#endif
