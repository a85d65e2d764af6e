/* bare_json --db FILE --seconds 3: the newest 50 messages, from memory, written as JSON into an evbuffer. */
#include "bench.h"

#include <event2/buffer.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROWS = 50 };

typedef struct {
    int64_t id, at_ms;
    char *agent_id, *level, *content;
} row;

static int read_rows(const char *path, row rows[ROWS])
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int count = 0;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT id, at_ms, agent_id, level, content FROM messages ORDER BY id DESC LIMIT 50", -1,
                           &st, NULL) != SQLITE_OK)
        fail("%s", sqlite3_errmsg(db));
    for (; count < ROWS && sqlite3_step(st) == SQLITE_ROW; count++)
        rows[count] = (row){
            sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), strdup((const char *)sqlite3_column_text(st, 2)),
            strdup((const char *)sqlite3_column_text(st, 3)), strdup((const char *)sqlite3_column_text(st, 4))};
    sqlite3_finalize(st);
    sqlite3_close(db);
    return count;
}

typedef struct {
    char at[1 << 20];
    size_t len;
} page;

static void add(page *p, const char *bytes, size_t len)
{
    memcpy(p->at + p->len, bytes, len);
    p->len += len;
}

#define LITERAL(p, text) add((p), (text), sizeof(text) - 1)

/* In runs of bytes that need no escape. */
static void add_string(page *p, const char *text)
{
    const char *run = text;
    p->at[p->len++] = '"';
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        add(p, run, (size_t)(text - run));
        p->len += (size_t)snprintf(p->at + p->len, 8, c < 0x20 ? "\\u%04x" : "\\%c", c);
        run = text + 1;
    }
    add(p, run, (size_t)(text - run));
    p->at[p->len++] = '"';
}

static void add_int(page *p, int64_t value)
{
    char digits[24];
    int at = 24;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    add(p, digits + at, (size_t)(24 - at));
}

static void two(page *p, int value, char after)
{
    p->at[p->len++] = (char)('0' + value / 10);
    p->at[p->len++] = (char)('0' + value % 10);
    p->at[p->len++] = after;
}

static void add_time(page *p, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    p->at[p->len++] = '"';
    add_int(p, t.tm_year + 1900);
    p->at[p->len++] = '-';
    two(p, t.tm_mon + 1, '-');
    two(p, t.tm_mday, 'T');
    two(p, t.tm_hour, ':');
    two(p, t.tm_min, ':');
    two(p, t.tm_sec, '.');
    p->at[p->len++] = (char)('0' + ms % 1000 / 100);
    two(p, (int)(ms % 100), 'Z');
    p->at[p->len++] = '"';
}

static void write_page(page *p, const row *rows, int count)
{
    p->len = 0;
    p->at[p->len++] = '[';
    for (int i = 0; i < count; i++) {
        LITERAL(p, "{\"id\":");
        add_int(p, rows[i].id);
        LITERAL(p, ",\"agent_id\":");
        add_string(p, rows[i].agent_id);
        LITERAL(p, ",\"level\":");
        add_string(p, rows[i].level);
        LITERAL(p, ",\"content\":");
        add_string(p, rows[i].content);
        LITERAL(p, ",\"timestamp\":");
        add_time(p, rows[i].at_ms);
        LITERAL(p, "},");
    }
    p->at[p->len - 1] = ']';
}

int main(int argc, char **argv)
{
    static row rows[ROWS];
    static page p;
    int count = read_rows(option_text(argc, argv, "db", ""), rows);
    struct evbuffer *out = evbuffer_new();
    uint64_t pages = 0;
    if (count == 0)
        fail("no messages");
    int64_t begin = cpu_ns(), until = now_ns() + option_int(argc, argv, "seconds", 3) * 1000000000;
    for (; now_ns() < until; pages++) {
        write_page(&p, rows, count);
        evbuffer_add(out, p.at, p.len);
        evbuffer_drain(out, p.len);
    }
    printf("{\"pages\":%llu,\"cpu_us\":%.3f,\"bytes\":%zu}\n", (unsigned long long)pages,
           (double)(cpu_ns() - begin) / 1e3 / (double)pages, p.len);
    evbuffer_free(out);
    return 0;
}
