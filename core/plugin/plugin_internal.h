/* The inside of the registry, shared by the files of this folder and by nobody else. */
#ifndef CORE_PLUGIN_PLUGIN_INTERNAL_H
#define CORE_PLUGIN_PLUGIN_INTERNAL_H

#include "core/crash/crashes.h"
#include "core/plugin/loader.h"
#include "core/runtime/serial.h"
#include <limits.h>
#include <steward/service/auth.h>

/* One plugin, or the core. Owned by the registry, as are its tables. */
typedef struct module {
    sw_host host;     /* first: an sw_host * of a plugin is a module * */
    sw_plugin plugin; /* what host.plugin points to                    */
    arena memory;     /* its tables and texts                          */
    bool required;
    bool left_out;         /* by safe mode */
    bool starting;         /* start() or prepare() runs: an error it logs is why it failed */
    _Atomic bool callable; /* start() was fine: subscriptions may be called */
    serial *events;        /* its `after` subscriptions; NULL when it has none  */
} module;

/* A subscription of a module, in start order. */
typedef struct {
    module *module;
    const sw_subscription *row;
} subscriber;

typedef struct registry {
    runtime *rt;
    module *modules[RUNTIME_MODULES_MAX]; /* [0] is the core; the order of plugins.enabled */
    unsigned count;
    module *order[RUNTIME_MODULES_MAX]; /* start order, without the core */
    unsigned order_count;
    subscriber *subscribers; /* fixed before the first start() */
    unsigned subscriber_count;
    module *auth;                   /* provides auth/1 */
    sw_auth_service auth_service;   /* its table in our size */
    char dir[PATH_MAX];             /* of the plugins */
    crashes *crashes;               /* NULL when nobody watches */
    const sw_plugin *const *linked; /* plugins that are not files, NULL-ended; or NULL */
    char *jwt_secret;               /* owned */
    struct http_server *http;       /* from registry_start() on */
} registry;

/* ---- registry.c ---- */

/* NULL when there is no room, or no memory. */
module *module_new(registry *r, const char *name);
void module_free(module *m);
/* NULL for a host that is not a module's (http and ws have some). */
module *module_of(const sw_host *host);
/* One log line; the text is kept in host.error. */
void module_quarantine(module *m, const char *format, ...) SW_PRINTF(2, 3);
bool module_quarantined(const module *m);
/* Quarantined, or left out: it has no place in the start order. */
bool module_out(const module *m);

/* ---- services.c ---- */

/* The module that provides `name` and is not quarantined, or NULL. */
module *service_provider(const registry *r, const char *name, const void **ret_table);

/* ---- migrate.c ---- */

/* Is that plugin for development servers alone, and this one in production? */
bool retired_here(const registry *r, const char *plugin);

/* ---- run.c ---- */

/* Calls its stop(). */
void module_stop(const module *m);

/* ---- events.c ---- */

/* Before the first start(): the table of subscribers and their queues. false when there is no memory. */
bool events_prepare(registry *r);
/* After the last event. What still waits in the queues is lost. */
void events_drop(registry *r);
/* As hub_on_socket() has it; on a loop. */
void events_socket(runtime *rt, bool opened, int64_t user_id, sw_role role, bool last);

#endif
