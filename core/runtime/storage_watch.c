/* The watch over the storage. A thread of its own (`watch`) looks once a second whether the files of the store are
 * still those that were opened, and measures them and the disk: only it waits for a disk that hangs. The rest is asked
 * by /api/health: a read of the file, a write through the writer's queue, and a verdict over all that is known. */
#include "core/runtime/storage_watch.h"

#include "core/base/files.h"
#include "core/base/log.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    LOOK_MS = 1000,
    WEIGH_MS = 5000, /* a look through the whole file takes no longer */
    WEIGH_RARELY_MS = 600000,
    RECENT_MS = 10000,         /* a failure is told for so long */
    COMMITTED_LATELY_MS = 1000 /* then no write has to be tried */
};
static const int64_t DEFAULT_SLOW_WRITE_MS = 3000;

/* The write that is tried: a new value each time, so that a page really changes. */
static const char TRY_WRITE[] = "INSERT OR REPLACE INTO steward_core (key, value) VALUES ('written', randomblob(8))";

enum { DATABASE, WAL, SHARED_MEMORY, FILES };
static const char *const ENDINGS[FILES] = {"", "-wal", "-shm"};
static const char *const FILE_NAMES[FILES] = {"the database file", "the write-ahead log of the database (-wal)",
                                              "the shared memory of the database (-shm)"};

typedef struct {
    char path[PATH_MAX];
    bool known;
    dev_t device;
    ino_t inode;
} watched_file;

struct storage_watch {
    runtime *rt;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;             /* under the lock, as the two texts */
    char lost_why[160];        /* "" while the files are there */
    char unreadable[160];      /* what the latest read that was tried has failed with; "" when it was good */
    watched_file files[FILES]; /* the thread's */
    int64_t slow_write_ms;
    int64_t weigh_at_ms, weigh_wait_ms; /* the thread's: when damage is looked into next, and how long after that */
    _Atomic bool lost;
    _Atomic bool trying; /* a write that was tried has not ended */
    _Atomic int64_t store_bytes, wal_bytes, free_bytes;
};

/* ---- the files: the thread's ---- */

/* What is wrong with it, into `out`; "" when nothing is. */
static void look_at(watched_file *f, int which, int64_t *ret_bytes, char *out, size_t size)
{
    struct stat about;
    *out = '\0';
    if (stat(f->path, &about) != 0) {
        int why = errno;
        if (f->known && (why == ENOENT || why == ENOTDIR))
            snprintf(out, size, "%s was deleted or moved", FILE_NAMES[which]);
        else if (f->known)
            snprintf(out, size, "%s can't be found any more: %s", FILE_NAMES[which], strerror(why));
        return;
    }
    if (!f->known) {
        f->known = true;
        f->device = about.st_dev;
        f->inode = about.st_ino;
    }
    if (f->device != about.st_dev || f->inode != about.st_ino)
        snprintf(out, size, "%s was replaced by another one", FILE_NAMES[which]);
    else if (which == DATABASE && about.st_size == 0)
        snprintf(out, size, "%s was emptied by another program", FILE_NAMES[which]);
    *ret_bytes = (int64_t)about.st_size;
}

static void measure_disk(storage_watch *w)
{
    char folder[PATH_MAX];
    struct statvfs disk;
    if (folder_of(w->files[DATABASE].path, folder) && statvfs(folder, &disk) == 0)
        w->free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* Below the floor what is SW_WORK_BULK is refused, so that the rest goes on. */
static void judge_disk(storage_watch *w)
{
    int64_t least = w->rt->config ? config_int(w->rt->config, "storage.min_free") : 0;
    bool low = w->free_bytes >= 0 && w->free_bytes < least;
    if (atomic_exchange(&w->rt->disk_low, low) == low)
        return;
    if (low)
        log_error("storage", "log lines are refused: %lld bytes of the disk are free, and storage.min_free is %lld",
                  (long long)w->free_bytes, (long long)least);
    else
        log_info("storage", "log lines are taken again: %lld bytes of the disk are free", (long long)w->free_bytes);
}

static void look(storage_watch *w)
{
    char why[sizeof w->lost_why] = "", one[sizeof why];
    int64_t bytes[FILES] = {-1, -1, -1};
    for (int i = 0; i < FILES; i++) {
        look_at(&w->files[i], i, &bytes[i], one, sizeof one);
        if (!*why)
            memcpy(why, one, sizeof why);
    }
    w->store_bytes = bytes[DATABASE];
    w->wal_bytes = bytes[WAL];
    measure_disk(w);
    judge_disk(w);

    pthread_mutex_lock(&w->lock);
    bool was_lost = w->lost_why[0] != '\0', lost = *why != '\0';
    memcpy(w->lost_why, why, sizeof why);
    pthread_mutex_unlock(&w->lock);
    w->lost = lost;
    if (lost && !was_lost)
        log_error("storage",
                  "%s while the server runs: nothing is written any more; stop the server, then put the files back or "
                  "restore a backup (steward db restore): %s",
                  why, w->files[DATABASE].path);
    else if (!lost && was_lost)
        log_info("storage", "the files of the database are back: writing goes on");
}

/* While the store is said to be damaged: sooner at first, since it may have been one read that failed, and then ever
 * less often, since it takes a while. */
static void weigh_damage(storage_watch *w)
{
    store_faults faults = {0};
    if (w->rt->store)
        store_read_faults(w->rt->store, &faults);
    if (!faults.damage) {
        w->weigh_wait_ms = 0;
        return;
    }
    int64_t now_ms = sw_monotonic_ms();
    if (w->weigh_wait_ms == 0) {
        w->weigh_wait_ms = LOOK_MS;
        w->weigh_at_ms = now_ms + w->weigh_wait_ms;
    }
    if (now_ms < w->weigh_at_ms)
        return;
    store_weigh_damage(w->rt->store, WEIGH_MS);
    if (w->weigh_wait_ms < WEIGH_RARELY_MS)
        w->weigh_wait_ms *= 2;
    w->weigh_at_ms = sw_monotonic_ms() + w->weigh_wait_ms;
}

static void *watch_run(void *arg)
{
    storage_watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        cond_wait_until(&w->wake, &w->lock, sw_monotonic_ms() + LOOK_MS);
        if (w->stopping)
            break;
        pthread_mutex_unlock(&w->lock);
        look(w);
        weigh_damage(w);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

storage_watch *storage_watch_start(runtime *rt)
{
    storage_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    const config *c = rt->config;
    w->rt = rt;
    w->slow_write_ms = c ? config_int(c, "storage.slow_write") : DEFAULT_SLOW_WRITE_MS;
    w->store_bytes = w->wal_bytes = w->free_bytes = -1;
    for (int i = 0; i < FILES; i++)
        snprintf(w->files[i].path, sizeof w->files[i].path, "%s%s", store_path(rt->store), ENDINGS[i]);
    if (pthread_mutex_init(&w->lock, NULL) == 0 && cond_init(&w->wake)) {
        look(w);
        rt->watch = w;
        if (thread_start(&w->thread, "watch", watch_run, w))
            return w;
    }
    rt->watch = NULL;
    free(w);
    return NULL;
}

void storage_watch_stop(runtime *rt)
{
    storage_watch *w = rt->watch;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    rt->watch = NULL;
    free(w);
}

bool storage_lost(const runtime *rt)
{
    return rt->watch && atomic_load_explicit(&rt->watch->lost, memory_order_relaxed);
}

void storage_lost_text(const runtime *rt, char *out, size_t size)
{
    pthread_mutex_lock(&rt->watch->lock);
    snprintf(out, size, "%s", rt->watch->lost_why);
    pthread_mutex_unlock(&rt->watch->lock);
}

storage_sizes storage_measure(const runtime *rt)
{
    const storage_watch *w = rt->watch;
    return w ? (storage_sizes){w->store_bytes, w->wal_bytes, w->free_bytes} : (storage_sizes){-1, -1, -1};
}

/* ---- what is tried ---- */

void storage_try_read(const runtime *rt)
{
    storage_watch *w = rt->watch;
    char why[sizeof w->unreadable] = "";
    if (!w || storage_lost(rt))
        return;
    (void)store_prove_read(rt->store, why, sizeof why);
    pthread_mutex_lock(&w->lock);
    memcpy(w->unreadable, why, sizeof why);
    pthread_mutex_unlock(&w->lock);
}

typedef struct {
    storage_watch *watch;
    sw_host *host;
    uint64_t answer;
} tried_write;

static sw_status write_step(sw_tx *tx, void *arg)
{
    (void)arg;
    return db_exec(tx->db, TRY_WRITE);
}

/* The writer has noted what came of it. */
static void write_tried(void *arg, sw_status outcome)
{
    tried_write *t = arg;
    (void)outcome;
    t->watch->trying = false;
    (void)sw_complete(t->host, t->answer);
    free(t);
}

bool storage_try_write(runtime *rt, sw_host *host, uint64_t answer)
{
    storage_watch *w = rt->watch;
    if (!w || !rt->writer || sw_monotonic_ms() - writer_committed_ms(rt->writer) < COMMITTED_LATELY_MS ||
        atomic_exchange(&w->trying, true))
        return false;
    tried_write *t = malloc(sizeof *t);
    if (t) {
        *t = (tried_write){.watch = w, .host = host, .answer = answer};
        if (sw_write_later(host, write_step, t, write_tried))
            return true;
        free(t);
    }
    w->trying = false;
    return false;
}

/* ---- the verdict ---- */

static bool recent(int64_t since_ms)
{
    return since_ms != 0 && sw_monotonic_ms() - since_ms < RECENT_MS;
}

static void say(storage_verdict *v, storage_level level, const char *format, ...) SW_PRINTF(3, 4);

static void say(storage_verdict *v, storage_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    v->level = level;
    vsnprintf(v->why, sizeof v->why, format, args);
    va_end(args);
}

/* Is something in the way of all writes, or of all reads? */
static void judge_down(const runtime *rt, const writer_state *state, const store_faults *faults, storage_verdict *v)
{
    storage_watch *w = rt->watch;
    char text[160] = "";
    int64_t slow_ms = w ? w->slow_write_ms : DEFAULT_SLOW_WRITE_MS;
    if (storage_lost(rt)) {
        storage_lost_text(rt, text, sizeof text);
        say(v, STORAGE_DOWN, "%s: nothing is written", text);
        return;
    }
    if (w) {
        pthread_mutex_lock(&w->lock);
        memcpy(text, w->unreadable, sizeof text);
        pthread_mutex_unlock(&w->lock);
    }
    if (*text)
        say(v, STORAGE_DOWN, "the database can't be read: %s", text);
    else if (state->failing)
        say(v, STORAGE_DOWN, "writes fail: %s", state->why);
    else if (recent(faults->write_ms))
        say(v, STORAGE_DOWN, "writes fail: %s", faults->write_why);
    else if (state->oldest_ms > slow_ms)
        say(v, STORAGE_DOWN, "a write has waited for %lld ms to be stored", (long long)state->oldest_ms);
}

void storage_judge(const runtime *rt, storage_verdict *ret)
{
    writer_state state = {0};
    store_faults faults = {0};
    *ret = (storage_verdict){.level = STORAGE_FINE};
    if (!rt->writer) {
        say(ret, STORAGE_DOWN, "there is no writer");
        return;
    }
    writer_read_state(rt->writer, &state);
    if (rt->store)
        store_read_faults(rt->store, &faults);
    ret->oldest_write_ms = state.oldest_ms;
    judge_down(rt, &state, &faults, ret);
    if (ret->level != STORAGE_FINE)
        return;
    if (faults.damage)
        say(ret, STORAGE_TROUBLED, "the database is damaged, restore a backup: %s", faults.damage);
    else if (recent(faults.read_ms))
        say(ret, STORAGE_TROUBLED, "reads fail: %s", faults.read_why);
    else if (recent(faults.fold_ms))
        say(ret, STORAGE_TROUBLED, "the write-ahead log can't be folded into the database: %s", faults.fold_why);
    else if (state.held)
        say(ret, STORAGE_TROUBLED, "%s, so the write-ahead log can't be emptied", state.held_why);
}
