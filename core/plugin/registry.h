/* Modules: loading, quarantine, start order, services, events. The main thread calls these, but where noted; the
 * phases follow one another in the order of this header. A plugin that fails in one is quarantined, with one log
 * line and the text kept, and the server goes on without it, unless it is required: registry_failed(). */
#ifndef CORE_PLUGIN_REGISTRY_H
#define CORE_PLUGIN_REGISTRY_H

#include "core/crash/crashes.h"
#include "core/http/http.h"
#include "core/runtime/runtime.h"
#include "core/ws/hub.h"

typedef struct registry registry;

/* With module 0, "core": `core` has the server's own routes. Sets rt->registry and rt->publish. NULL when there is no
 * memory. */
registry *registry_new(runtime *rt, const sw_plugin *core);

/* The JWT secret in effect, for the provider of auth/1; malloc'ed, owned by the registry from here on. */
void registry_give_jwt_secret(registry *r, char *secret);

/* Plugins that are not files, for registry_load(), which takes them before a file of the same name. `linked` ends with
 * NULL; it and the plugins must outlive the registry. */
void registry_offer(registry *r, const sw_plugin *const *linked);
/* A plugin that has crashed too often will not be loaded. `c` must outlive the registry. Before registry_load(). */
void registry_watch_crashes(registry *r, crashes *c);
/* Opens DIR/NAME.so of every plugin in plugins.enabled and declares its options with rt->config. In safe mode
 * (rt->safe_mode) of auth and users alone, enabled or not; the others are listed as left out. */
void registry_load(registry *r, const char *dir);
/* For config_finish(): is there a plugin of that name, loaded or not? `arg` is the registry. */
bool registry_knows(void *arg, const char *plugin);
/* The options are read: which plugins are required. Start order, services; clashes are quarantined. */
void registry_resolve(registry *r);

/* Tells the store every statement; before any connection is opened. */
void registry_add_statements(registry *r, store *s);
void registry_migrate(registry *r, store *s, sw_db *db);

/* In start order: start(), prepare() as one step on the writer, routes, frames. The lanes and the writer run, the loops
 * do not. Without `http` and `h` (both NULL) nobody is served. */
void registry_start(registry *r, http_server *http, hub *h);
/* Timers and housekeeping of what runs begin. */
void registry_run(registry *r);

/* Live options have changed: reconfigure() of every running plugin. */
void registry_reconfigure(registry *r);

/* About once a second: queues of events that found their lane full, modules that have drained. */
void registry_tick(registry *r);
/* Events that wait for their `after` subscribers. */
unsigned registry_pending(const registry *r);

/* No further timer and no housekeeping begins. The writer still runs. */
void registry_drain(registry *r);
/* stop() of what was started, in reverse. No thread runs a plugin any more. */
void registry_stop(registry *r);
/* After registry_stop. Shared objects stay mapped: other memory may point into them. */
void registry_free(registry *r);

/* The first required plugin that does not run, or NULL. */
const sw_host *registry_failed(const registry *r);
/* How many plugins are quarantined, and how many run. */
unsigned registry_quarantined(const registry *r);
unsigned registry_running(const registry *r);
/* By name; NULL when there is none. Any thread. */
sw_host *registry_find(const registry *r, const char *name);
/* The plugin that provides that service and is not quarantined, or NULL. Any thread. */
const sw_host *registry_service(const registry *r, const char *name, const void **ret_table);
/* Does its descriptor name that service? */
bool plugin_provides(const sw_plugin *p, const char *name);
/* The server that registry_start() was given, or NULL. Any thread. */
http_server *registry_http(const registry *r);
/* What counted against a plugin when the server started. Any thread. */
crash_tally registry_crashes(const sw_host *host);
/* Live switches, any thread. SW_NOT_FOUND; SW_CONFLICT: `error` says why (needed by another, quarantined). */
sw_status registry_disable(registry *r, const char *name, char *error, size_t error_size);
sw_status registry_enable(registry *r, const char *name, char *error, size_t error_size);

/* sw_publish(), by way of rt->publish: to the subscribers of the plugins. On the writer. */
sw_status events_publish(sw_tx *tx, const char *event, const void *data, size_t len);

/* http_authenticate through the service auth/1. */
sw_status registry_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret);

/* http_ask through the same, for a provider that has it. */
sw_status registry_ask(sw_request *req, const char *token, size_t len, sw_principal *ret);

#endif
