/* The end of a server: first what clients see, then the threads, then the memory. */
#include "core/server/server.h"

#include "core/admin/operator/operator.h"
#include "core/base/log.h"
#include "core/outbound/outbound.h"
#include "core/runtime/quota.h"

#include <poll.h>
#include <unistd.h>

enum { POLL_MS = 10, SOCKETS_MS = 2000, RESTART_EXPECTED_MS = 5000, LAST_REPLIES_MS = 200 };

/* Has everybody been answered? Sockets get a moment to take their last frames; one that does not read is not waited
 * for. */
static bool quiet(const server *s, int64_t waited_ms)
{
    return http_in_flight(s->http) == 0 && registry_pending(s->plugins) == 0 &&
           ((hub_open_sockets(s->rt.hub) == 0 && streams_open(s->rt.streams) == 0) || waited_ms >= SOCKETS_MS);
}

static int64_t wait_quiet(const server *s, int64_t limit_ms)
{
    int64_t began = sw_monotonic_ms(), waited = 0;
    while (waited < limit_ms && !quiet(s, waited)) {
        (void)poll(NULL, 0, POLL_MS);
        waited = sw_monotonic_ms() - began;
    }
    return waited;
}

/* Nobody runs a plugin afterwards. What was answered last still leaves by the loops. */
static void end_threads(server *s, int64_t limit_ms)
{
    runtime *rt = &s->rt;
    outbound_halt(rt->outbound);
    runtime_stop(rt, limit_ms);
    outbound_stop(rt->outbound);
    rt->outbound = NULL;
    if (s->http && rt->ready)
        (void)wait_quiet(s, LAST_REPLIES_MS);
    if (s->http && http_in_flight(s->http))
        log_warn("server", "%u requests were never answered", http_in_flight(s->http));
    loops_stop(rt);
    if (rt->streams)
        streams_end(rt->streams);
    if (s->plugins)
        registry_stop(s->plugins);
    s->ended = true;
}

void server_stop(server *s)
{
    runtime *rt = &s->rt;
    int64_t limit = config_int(rt->config, "server.shutdown_timeout");
    log_info("server", "stopping: %u requests in work, %u sockets open", http_in_flight(s->http),
             hub_open_sockets(rt->hub));
    notify("STOPPING=1");
    rt->draining = true;
    registry_drain(s->plugins);
    streams_cut(rt->streams, NULL);
    http_drain(s->http);
    hub_shutdown(rt->hub, RESTART_EXPECTED_MS);
    int64_t waited = wait_quiet(s, limit);
    if (http_in_flight(s->http))
        log_warn("server", "%u requests are still in work after %lld ms: what they wait for is ended",
                 http_in_flight(s->http), (long long)waited);
    end_threads(s, waited < limit ? limit - waited : 0);
}

static void close_store(server *s)
{
    int left = 0;
    if (s->writer_db && s->rt.store && db_checkpoint(s->writer_db, true, 1000, &left, NULL) != SW_OK)
        log_warn("server", "the write-ahead log could not be folded into the store: it is at the next start");
    db_close(s->writer_db);
    s->writer_db = NULL;
    store_close(s->rt.store);
    s->rt.store = NULL;
}

void server_close(server *s)
{
    runtime *rt = &s->rt;
    if (!s->ended)
        end_threads(s, 0);
    outbound_stop(rt->outbound);
    rt->outbound = NULL;
    if (s->operators)
        operator_door_close(&s->rt);
    hub_close(rt->hub);
    http_close(s->http);
    if (rt->bound_fd > 0)
        close(rt->bound_fd);
    rt->bound_fd = 0;
    runtime_free(rt);
    loops_close(rt);
    close_store(s);
    registry_free(s->plugins);
    admin_close(rt);
    crashes_close(s->crashes);
    principals_free(rt->principals);
    quotas_free(rt->quotas);
    crypto_wipe(&rt->keys, sizeof rt->keys);
    data_dir_close(s);
    for (unsigned i = 0; i < s->config_count; i++)
        config_free(s->configs[i]);
    pthread_mutex_destroy(&rt->readers.lock);
    log_close();
}
