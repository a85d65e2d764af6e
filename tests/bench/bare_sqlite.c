/* SQLite alone.
 *   bare_sqlite read  --db FILE --seconds 3          the newest 50 messages, every column, again and again
 *   bare_sqlite scan  --db FILE --seconds 3 --text WORD                 the newest 50 that hold it, found by LIKE from
 * row to row bare_sqlite group --db FILE --schema F --seconds 5 --producers 64   one writer thread, one commit for all
 * that wait bare_sqlite array --db FILE --schema F --seconds 5 --rows 1000      one commit per `rows` rows In the last
 * two the search index is filled between the commits, 1,000 rows at a time, and is complete at the end. */
#include "schema.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INDEX_ROWS = 1000, PRODUCERS_MAX = 1024 };

/* ---- read ---- */

static const char NEWEST[] = "SELECT id, agent_id, level, content, at_ms FROM messages WHERE id > 0"
                             " AND id < 9223372036854775807 ORDER BY id DESC LIMIT 50";
static const char HOLDING[] = "SELECT id, agent_id, level, content, at_ms FROM messages"
                              " WHERE content LIKE '%' || ?1 || '%' ORDER BY id DESC LIMIT 50";

static int run_pages(int argc, char **argv, const char *sql)
{
    raw_store s = {0};
    sqlite3_stmt *st;
    uint64_t pages = 0, bytes = 0;
    raw_open(&s, option_text(argc, argv, "db", ""), NULL, "off");
    if (sqlite3_prepare_v2(s.db, sql, -1, &st, NULL) != SQLITE_OK)
        fail("%s", sqlite3_errmsg(s.db));
    if (sql == HOLDING)
        sqlite3_bind_text(st, 1, option_text(argc, argv, "text", ""), -1, SQLITE_TRANSIENT);
    for (int64_t i = 0; i < 200; i++) { /* warm */
        while (sqlite3_step(st) == SQLITE_ROW)
            ;
        sqlite3_reset(st);
    }
    int64_t begin = cpu_ns(), until = now_ns() + option_int(argc, argv, "seconds", 3) * 1000000000;
    for (; now_ns() < until; pages++) {
        while (sqlite3_step(st) == SQLITE_ROW) {
            bytes += (uint64_t)sqlite3_column_int64(st, 0) & 1;
            for (int c = 1; c < 4; c++)
                bytes += sqlite3_column_text(st, c) != NULL ? (uint64_t)sqlite3_column_bytes(st, c) : 0;
            bytes += (uint64_t)sqlite3_column_int64(st, 4) & 1;
        }
        sqlite3_reset(st);
    }
    printf("{\"pages\":%llu,\"cpu_us\":%.3f,\"bytes\":%llu}\n", (unsigned long long)pages,
           (double)(cpu_ns() - begin) / 1e3 / (double)pages, (unsigned long long)bytes);
    sqlite3_finalize(st);
    raw_close(&s);
    return 0;
}

/* ---- writing ---- */

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    sem_t *queue[PRODUCERS_MAX];
    unsigned queued, batch_max;
    _Atomic bool stop, checkpoint_stop;
    const char *path;
    samples times;
} group;

/* As the server does: on a connection of its own. */
static void *checkpoint(void *arg)
{
    group *g = arg;
    sqlite3 *db;
    if (sqlite3_open(g->path, &db) != SQLITE_OK)
        return NULL;
    sqlite3_exec(db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
    while (!atomic_load(&g->checkpoint_stop)) {
        usleep(200000);
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    sqlite3_close(db);
    return NULL;
}

static void *produce(void *arg)
{
    group *g = arg;
    sem_t done;
    sem_init(&done, 0, 0);
    while (!atomic_load(&g->stop)) {
        int64_t begin = now_ns();
        pthread_mutex_lock(&g->lock);
        g->queue[g->queued++] = &done;
        if (g->queued == 1)
            pthread_cond_signal(&g->wake);
        pthread_mutex_unlock(&g->lock);
        while (sem_wait(&done) != 0)
            ;
        int64_t took = now_ns() - begin;
        pthread_mutex_lock(&g->lock);
        samples_add(&g->times, took);
        pthread_mutex_unlock(&g->lock);
    }
    sem_destroy(&done);
    return NULL;
}

static unsigned take(group *g, sem_t **batch, bool wait)
{
    pthread_mutex_lock(&g->lock);
    while (wait && g->queued == 0)
        pthread_cond_wait(&g->wake, &g->lock);
    unsigned count = g->queued;
    memcpy(batch, g->queue, count * sizeof *batch);
    g->queued = 0;
    pthread_mutex_unlock(&g->lock);
    return count;
}

static void write_batch(raw_store *s, text_source *text, unsigned count)
{
    raw_exec(s, "BEGIN IMMEDIATE");
    for (unsigned i = 0; i < count; i++)
        raw_insert(s, text, 1767225600000 + s->rows);
    raw_exec(s, "COMMIT");
}

static void index_rest(raw_store *s, int64_t at_least)
{
    while (s->rows - s->indexed >= at_least && s->rows > s->indexed) {
        raw_exec(s, "BEGIN IMMEDIATE");
        raw_index(s, INDEX_ROWS);
        raw_exec(s, "COMMIT");
    }
}

static void print(raw_store *s, samples *times, int64_t begin, int64_t first_row)
{
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"rows\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (long long)(s->rows - first_row), seconds, (double)(s->rows - first_row) / seconds,
           samples_percentile(times, 50), samples_percentile(times, 99));
}

static int run_group(int argc, char **argv)
{
    static group g = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    static text_source text;
    static pthread_t threads[PRODUCERS_MAX];
    static sem_t *batch[PRODUCERS_MAX];
    raw_store s = {0};
    unsigned producers = (unsigned)option_int(argc, argv, "producers", 64), running = producers;
    pthread_t checkpointer;

    g.path = option_text(argc, argv, "db", "");
    raw_open(&s, g.path, option_item(argc, argv, "schema", 0), "full");
    raw_exec(&s, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 8)");
    text_begin(&text, 7);
    int64_t first = s.rows, begin = now_ns(), until = begin + option_int(argc, argv, "seconds", 5) * 1000000000;
    pthread_create(&checkpointer, NULL, checkpoint, &g);
    for (unsigned i = 0; i < producers; i++)
        pthread_create(&threads[i], NULL, produce, &g);
    while (running > 0) {
        unsigned count = take(&g, batch, !atomic_load(&g.stop));
        bool over = now_ns() >= until;
        if (count > 0)
            write_batch(&s, &text, count);
        atomic_store(&g.stop, over);
        for (unsigned i = 0; i < count; i++)
            sem_post(batch[i]);
        running -= over ? count : 0;
        index_rest(&s, INDEX_ROWS);
        if (over && count == 0)
            usleep(1000);
    }
    for (unsigned i = 0; i < producers; i++)
        pthread_join(threads[i], NULL);
    index_rest(&s, 1);
    print(&s, &g.times, begin, first);
    atomic_store(&g.checkpoint_stop, true);
    pthread_join(checkpointer, NULL);
    raw_close(&s);
    return 0;
}

static int run_array(int argc, char **argv)
{
    static group g;
    static text_source text;
    raw_store s = {0};
    samples times = {0};
    pthread_t checkpointer;
    unsigned rows = (unsigned)option_int(argc, argv, "rows", 1000);

    g.path = option_text(argc, argv, "db", "");
    raw_open(&s, g.path, option_item(argc, argv, "schema", 0), "full");
    raw_exec(&s, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 8)");
    text_begin(&text, 7);
    pthread_create(&checkpointer, NULL, checkpoint, &g);
    int64_t first = s.rows, begin = now_ns(), until = begin + option_int(argc, argv, "seconds", 5) * 1000000000;
    while (now_ns() < until) {
        int64_t at = now_ns();
        write_batch(&s, &text, rows);
        samples_add(&times, now_ns() - at);
        index_rest(&s, INDEX_ROWS);
    }
    index_rest(&s, 1);
    print(&s, &times, begin, first);
    atomic_store(&g.checkpoint_stop, true);
    pthread_join(checkpointer, NULL);
    raw_close(&s);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "read") == 0)
        return run_pages(argc, argv, NEWEST);
    if (argc > 1 && strcmp(argv[1], "scan") == 0)
        return run_pages(argc, argv, HOLDING);
    if (argc > 1 && strcmp(argv[1], "group") == 0)
        return run_group(argc, argv);
    if (argc > 1 && strcmp(argv[1], "array") == 0)
        return run_array(argc, argv);
    fprintf(stderr, "usage: bare_sqlite read|scan|group|array --db FILE …\n");
    return 2;
}
