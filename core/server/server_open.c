/* From a checked configuration to a server whose loops run. Each part says why it failed, once. */
#include "core/server/server.h"

#include "core/admin/admin.h"
#include "core/admin/operator/operator.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/sandbox.h"
#include "core/outbound/outbound.h"
#include "core/runtime/quota.h"
#include "core/runtime/runtime.h"
#include "core/runtime/storage_watch.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_all(server *s, initial_password_place place);

enum { ERROR_MAX = 2048, PRINCIPALS_GOOD = 65536, PRINCIPALS_BAD = 16384 };

static bool say(const char *what)
{
    log_error("server", "%s", what);
    return false;
}

/* The numbers of threads, 0 in the configuration made concrete. */
typedef struct {
    unsigned loops, workers, urgent, hash, slow;
} thread_counts;

static thread_counts count_threads(const config *c, bool offline)
{
    if (offline)
        return (thread_counts){.loops = 1, .workers = 1, .urgent = 1, .hash = 1, .slow = 1};
    thread_counts t = {
        .loops = (unsigned)config_int(c, "server.loops"),
        .workers = (unsigned)config_int(c, "server.workers"),
        .hash = (unsigned)config_int(c, "server.hash_workers"),
        .urgent = (unsigned)config_int(c, "server.urgent_workers"),
        .slow = (unsigned)config_int(c, "server.slow_workers"),
    };
    t.loops = t.loops ? t.loops : core_count();
    t.workers = t.workers ? t.workers : 2 * core_count();
    t.hash = t.hash ? t.hash : (core_count() > 1 ? core_count() / 2 : 1);
    return t;
}

static bool open_keys(server *s)
{
    char error[ERROR_MAX];
    if (!master_key_load(s->rt.config, s->data_dir, s->store_path, &s->rt.keys, error, sizeof error))
        return say(error);
    char *secret = jwt_secret_load(s->rt.config, s->data_dir, error, sizeof error);
    if (!secret)
        return say(error);
    registry_give_jwt_secret(s->plugins, secret);
    return true;
}

/* Made with mode 0600; a copy from elsewhere need not be. */
static void warn_about_store(const server *s)
{
    struct stat about;
    if (s->from.serves && stat(s->store_path, &about) == 0 && (about.st_mode & (S_IROTH | S_IWOTH)))
        log_warn("server", "every user of this machine may read the store %s: chmod 0600", s->store_path);
}

/* storage.path may name a folder that the data folder's rights say nothing about. */
static const char *hint_about_store(const server *s)
{
    char folder[PATH_MAX];
    return folder_of(s->store_path, folder) && access(folder, W_OK) != 0 ? sandbox_hint(errno, folder) : "";
}

static bool open_store(server *s, const thread_counts *t)
{
    char error[ERROR_MAX];
    const config *c = s->rt.config;
    store_options o = {
        .path = s->store_path,
        .full_sync = strcmp(config_text(c, "storage.synchronous"), "full") == 0,
        .cache_bytes = config_int(c, "storage.cache"),
        .connections = (int)(t->workers + t->urgent + t->slow + 2), /* the writer and the checkpointer */
    };
    if (master_key_check_value(&s->rt.keys, o.key_check) != SW_OK)
        return say("no key can be derived from the master key");
    if (store_open(&o, &s->rt.store, error, sizeof error) != SW_OK) {
        log_error("server", "%s%s", error, hint_about_store(s));
        return false;
    }
    data_dir_has_store(s);
    warn_about_store(s);
    registry_add_statements(s->plugins, s->rt.store);
    s->writer_db = db_open(s->rt.store, true);
    if (!s->writer_db)
        return say("the store cannot be opened for writing");
    registry_migrate(s->plugins, s->rt.store, s->writer_db);
    return true;
}

static bool open_runtime(server *s, const thread_counts *t)
{
    runtime *rt = &s->rt;
    const config *c = rt->config;
    rt->principals = principals_new(PRINCIPALS_GOOD, PRINCIPALS_BAD);
    rt->quotas = quotas_new(c);
    if (!rt->principals || !rt->quotas)
        return say("no memory for the principal cache");
    if (!loops_open(rt, t->loops))
        return say("the event loops cannot be opened");
    rt->defers = defers_start(rt);
    if (!rt->defers)
        return say("the timer thread cannot be started");
    steady_resume(rt, s->writer_db);
    rt->writer = writer_start(rt, s->writer_db);
    if (!rt->writer)
        return say("the writer cannot be started");
    rt->lanes = lanes_start(rt, t->workers, t->hash, t->slow, (unsigned)config_int(c, "limits.queue"));
    if (!rt->lanes)
        return say("the workers cannot be started");
    if (s->from.offline)
        return true;
    if (!storage_watch_start(rt))
        return say("the watch over the storage can't be started");
    rt->outbound = outbound_start(config_text(c, "outbound.ca_file"), config_text(c, "outbound.proxy"));
    if (!rt->outbound)
        return say("the outbound threads cannot be started");
    if (s->from.outbound)
        rt->outbound->stub = *s->from.outbound;
    if (s->from.by_hand)
        delays_hold(rt);
    return true;
}

static bool open_network(server *s)
{
    char error[ERROR_MAX];
    s->rt.hub = hub_open(&s->rt);
    if (!s->rt.hub)
        return say("no memory for the hub");
    s->http = http_open(&s->rt, registry_authenticate, hub_upgrade, &s->port, error, sizeof error);
    return s->http || say(error);
}

static bool open_metrics(server *s)
{
    char error[ERROR_MAX];
    int port = (int)config_int(s->rt.config, "server.metrics_port");
    if (port == 0)
        return true;
    return metrics_door_open(s->http, &s->rt, port, error, sizeof error) || say(error);
}

/* Without it commands cannot reach the server, and everything else works. */
static void open_operators(server *s)
{
    char error[ERROR_MAX];
    if (!s->from.serves)
        return;
    s->operators = operator_door_open(s->http, &s->rt, error, sizeof error);
    if (!s->operators)
        log_warn("server", "no socket for operators' commands: %s", error);
}

/* Is a plugin quarantined without which the server shall not run? */
static bool required_run(const server *s)
{
    const sw_host *failed = registry_failed(s->plugins);
    if (failed)
        log_error("server", "plugin %s is required: the server does not start", failed->name);
    return !failed;
}

bool server_open(server *s, initial_password_place place)
{
    bool good = open_all(s, place);
    if (good)
        log_starting(false);
    return good;
}

static bool open_all(server *s, initial_password_place place)
{
    char error[ERROR_MAX];
    thread_counts threads = count_threads(s->rt.config, s->from.offline);
    allocator_give_back();
    uint64_t allowed, files = open_files_raise(&allowed);
    if (files < allowed)
        log_warn("server", "the limit of open files cannot be raised to %llu", (unsigned long long)allowed);
    if (s->bind_error[0])
        return say(s->bind_error);
    if (!required_run(s))
        return false;
    if (s->lock_fd < 0 && !data_dir_open(s, error, sizeof error))
        return say(error);
    if (!open_keys(s) || !open_store(s, &threads) || !required_run(s) || !open_runtime(s, &threads))
        return false;
    if (!s->from.offline && !open_network(s))
        return false;
    if (!admin_open(&s->rt, place))
        return say("no memory to administer the server");
    registry_start(s->plugins, s->http, s->rt.hub);
    if (s->from.offline)
        return true;
    if (!required_run(s) || !open_metrics(s))
        return false;
    open_operators(s);
    if (!loops_start(&s->rt))
        return say("the event loops cannot be started");
    if (!s->from.by_hand)
        registry_run(s->plugins);
    s->rt.ready = true;
    return true;
}
