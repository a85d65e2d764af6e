/* A runtime with store, lanes, writer and registry in a temporary folder, and modules from descriptors in memory. */
#ifndef TESTS_UNIT_PLUGIN_HARNESS_H
#define TESTS_UNIT_PLUGIN_HARNESS_H

#include "core/base/log.h"
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"
#include "core/runtime/writer.h"
#include "tests/unit/run_tests.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    runtime rt;
    registry *r;
    sw_db *writer;
    http_server *http;
    char folder[64];
} harness;

static inline void harness_begin(harness *h)
{
    memset(h, 0, sizeof *h);
    test_folder(h->folder, sizeof h->folder);
    char *environment[] = {"SERVER_PORT=0", "BCRYPT_COST=4", "STEWARD_SERVER_LOOPS=1", NULL};
    config *c = config_new();
    ck_assert_msg(config_load(c, NULL, environment), "%s", config_errors(c));
    h->rt.config = c;
    h->rt.version = "test";
    h->rt.data_dir = h->folder;
    pthread_mutex_init(&h->rt.readers.lock, NULL);
    static const sw_plugin CORE = {SW_PLUGIN_HEAD, .name = "core"};
    h->r = registry_new(&h->rt, &CORE);
    ck_assert_ptr_nonnull(h->r);
}

/* As if NAME.so had been loaded. `p` must outlive the harness. */
static inline module *harness_add(harness *h, const sw_plugin *p)
{
    char error[LOADER_ERROR_MAX];
    module *m = module_new(h->r, p->name);
    ck_assert_msg(loader_copy(p, p->name, &m->memory, &m->plugin, error), "%s", error);
    return m;
}

/* Everything up to registry_start(). */
static inline void harness_start(harness *h)
{
    char path[128], error[512];
    snprintf(path, sizeof path, "%s/steward.db", h->folder);
    store_options o = {.path = path, .full_sync = false, .cache_bytes = 8 << 20, .connections = 4};
    registry_resolve(h->r);
    ck_assert_msg(store_open(&o, &h->rt.store, error, sizeof error) == SW_OK, "%s", error);
    registry_add_statements(h->r, h->rt.store);
    h->writer = db_open(h->rt.store, true);
    ck_assert_ptr_nonnull(h->writer);
    registry_migrate(h->r, h->rt.store, h->writer);
    h->rt.principals = principals_new(100, 100);
    ck_assert(loops_open(&h->rt, 1));
    h->rt.defers = defers_start(&h->rt);
    h->rt.writer = writer_start(&h->rt, h->writer);
    h->rt.lanes = lanes_start(&h->rt, 2, 1, 1, 64);
    ck_assert(h->rt.defers && h->rt.writer && h->rt.lanes);
    h->rt.hub = hub_open(&h->rt);
    int port;
    h->http = http_open(&h->rt, registry_authenticate, hub_upgrade, &port, error, sizeof error);
    ck_assert_msg(h->http != NULL, "%s", error);
    registry_start(h->r, h->http, h->rt.hub);
}

static inline void harness_end(harness *h)
{
    runtime_stop(&h->rt, 1000);
    loops_stop(&h->rt);
    registry_stop(h->r);
    if (h->rt.hub)
        hub_close(h->rt.hub);
    if (h->http)
        http_close(h->http);
    runtime_free(&h->rt);
    loops_close(&h->rt);
    db_close(h->writer);
    store_close(h->rt.store);
    registry_free(h->r);
    principals_free(h->rt.principals);
    config_free(h->rt.config);
    test_remove(h->folder);
}

/* Waits up to ten seconds for a counter. */
static inline void harness_await(const _Atomic int *counter, int value)
{
    for (int i = 0; i < 1000 && *counter < value; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_int_eq(*counter, value);
}

#endif
