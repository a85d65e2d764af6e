/* The inside of the registry, shared by the files of this folder. */
#ifndef CORE_PLUGIN_MODULE_H
#define CORE_PLUGIN_MODULE_H

#include "core/crash/crashes.h"
#include "core/plugin/loader.h"
#include "core/plugin/registry.h"
#include "core/runtime/serial.h"
#include <limits.h>
#include <steward/service/auth.h>

/* One plugin, or the core. Owned by the registry, as are its tables. */
typedef struct {
    sw_host host;     /* first: an sw_host * of a plugin is a module * */
    sw_plugin plugin; /* what host.plugin points to                    */
    arena memory;     /* its tables and texts                          */
    bool required;
    bool left_out;         /* by safe mode */
    bool starting;         /* start() or prepare() runs: an error it logs is why it failed */
    _Atomic bool callable; /* start() was fine: subscriptions may be called */
    serial *events;        /* its `after` subscriptions; NULL: it has none  */
} module;

/* A subscription of a module, in start order. */
typedef struct {
    module *module;
    const sw_subscription *row;
} subscriber;

struct registry {
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
    crashes *crashes;               /* NULL: nobody watches */
    const sw_plugin *const *linked; /* plugins that are no files, NULL-ended; NULL: none */
    char *jwt_secret;               /* owned */
    http_server *http;              /* from registry_start() on */
};

/* The descriptor of that name that was offered; NULL: none, so it is a file. */
const sw_plugin *registry_linked(const registry *r, const char *name);
module *module_new(registry *r, const char *name);
/* start.c: a plugin of that name, loaded, or quarantined. */
void module_load(registry *r, const char *name);
/* life.c: the calls that begin and end it. Opens its file, unless it has crashed the server too often; false: `error`
 * says why not. */
bool module_open(registry *r, module *m, char error[CRASHES_WHY_MAX]);
sw_status module_start(module *m);
sw_status module_prepare(const module *m, sw_tx *tx);
void module_reconfigure(module *m);
void module_tell_switched(module *m, bool enabled);
void module_stop(const module *m);
/* Without this one (NULL: nobody), and what it needs, nobody can sign in: crashes_vital(). */
void module_mark_vital(registry *r, const module *m);
/* safe_mode.c */
void registry_load_safe(registry *r);
void module_free(module *m);
/* NULL: a host that is no module's (http and ws have some). */
module *module_of(const sw_host *host);
/* One log line; the text is kept in host.error. */
void module_quarantine(module *m, const char *format, ...) SW_PRINTF(2, 3);
bool module_quarantined(const module *m);
/* Quarantined, or left out: it has no place in the start order. */
bool module_out(const module *m);

/* services.c: the module that provides `name` and is not quarantined; NULL: none. */
module *service_provider(const registry *r, const char *name, const void **ret_table);
bool module_provides(const module *m, const char *name);
/* order.c: fills r->order; circles are quarantined. */
void order_resolve(registry *r);
/* clash.c: routes, frames, services and recovery that an earlier module has already. */
void clash_resolve(registry *r);

/* events.c */
bool events_prepare(registry *r);
void events_drop(registry *r);
sw_status events_publish(sw_tx *tx, const char *event, const void *data, size_t len);
void events_socket(runtime *rt, bool opened, int64_t user_id, sw_role role, bool last);

#endif
