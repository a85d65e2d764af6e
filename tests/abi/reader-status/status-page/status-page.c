/* status-page: services that are probed over HTTP, and a public page of them.
 *
 *   GET  /api/status                  anybody: the state of each target
 *   GET  /api/status/:name/history    people: ?limit=50&before_id=ID
 *   POST /api/status/:name/probe      admins: probes now
 *   STATUS_QUERY -> STATUS_PAGE       the same page on a socket; STATUS_CHANGED when a target changes
 *
 * The timer ticks every second; a round of probes begins when `interval` has gone by, at most MAX_RUNNING calls at
 * once, each by callback, so no worker waits. Results are written one by one. */
#include "status_service.h"

#include <steward/outbound.h>
#include <steward/plugin.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 100, MAX_NAME = 64, MAX_RUNNING = 8, MAX_BODY = 1 << 20 };

/* ---- options ---- */

static const sw_option OPTIONS[] = {
    {.name = "interval",
     .type = SW_OPTION_DURATION,
     .default_value = "1m",
     .min = 1000,
     .max = 86400000,
     .flags = SW_OPTION_LIVE,
     .summary = "How often every target is probed."},
    {.name = "targets",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "What is probed, as name=url; names of a-z, 0-9, - and _."},
    {.name = "timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "5s",
     .min = 100,
     .max = 60000,
     .flags = SW_OPTION_LIVE,
     .summary = "How long a target may take to answer."},
    {.name = "api_key",
     .type = SW_OPTION_SECRET,
     .default_value = "",
     .max = 512,
     .flags = SW_OPTION_LIVE,
     .summary = "Sent to every target as X-Api-Key; empty: no such header."},
    {.name = "history",
     .type = SW_OPTION_INT,
     .default_value = "100",
     .min = 1,
     .max = 10000,
     .flags = SW_OPTION_LIVE,
     .summary = "How many results are kept of each target."},
};

/* ---- tables ---- */

static const sw_migration MIGRATIONS[] = {
    {"0001_status", "CREATE TABLE status_page_targets ("
                    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                    " name TEXT NOT NULL UNIQUE,"
                    " up INTEGER NOT NULL,"
                    " status INTEGER NOT NULL,"
                    " latency_ms INTEGER NOT NULL,"
                    " checked_ms INTEGER NOT NULL,"
                    " changed_ms INTEGER NOT NULL) STRICT;"
                    "CREATE TABLE status_page_results ("
                    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                    " target_id INTEGER NOT NULL REFERENCES status_page_targets (id),"
                    " up INTEGER NOT NULL,"
                    " status INTEGER NOT NULL,"
                    " latency_ms INTEGER NOT NULL,"
                    " error TEXT NOT NULL,"
                    " at_ms INTEGER NOT NULL) STRICT;"
                    "CREATE INDEX status_page_results_target ON status_page_results (target_id, id)"},
};

/* ---- statements ---- */

enum { FIND, ADD, CHANGE, RESULT, TRIM, HISTORY, NAMES, CLEAR_SOME, REMOVE, RESET_RESULTS, RESET_TARGETS, RESET_SEQ };

static const sw_statement STATEMENTS[] = {
    [FIND] = {"find",
              "SELECT id, up, status, latency_ms, checked_ms, changed_ms FROM status_page_targets WHERE name = ?1",
              NULL},
    [ADD] = {"add",
             "INSERT INTO status_page_targets (name, up, status, latency_ms, checked_ms, changed_ms)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
             NULL},
    [CHANGE] = {"change",
                "UPDATE status_page_targets SET changed_ms = CASE WHEN up = ?2 THEN changed_ms ELSE ?5 END,"
                " up = ?2, status = ?3, latency_ms = ?4, checked_ms = ?5 WHERE id = ?1",
                NULL},
    [RESULT] = {"result",
                "INSERT INTO status_page_results (target_id, up, status, latency_ms, error, at_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                NULL},
    /* A little at a time: after `history` was made much smaller the next results do the rest. */
    [TRIM] = {"trim",
              "DELETE FROM status_page_results WHERE id IN (SELECT id FROM status_page_results WHERE target_id = ?1"
              " AND id <= (SELECT id FROM status_page_results WHERE target_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"
              " ORDER BY id LIMIT 200)",
              NULL},
    [HISTORY] = {"history",
                 "SELECT id, up, status, latency_ms, error, at_ms FROM status_page_results"
                 " WHERE target_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                 NULL},
    [NAMES] = {"names", "SELECT id, name FROM status_page_targets ORDER BY id", NULL},
    [CLEAR_SOME] = {"clear_some",
                    "DELETE FROM status_page_results WHERE id IN"
                    " (SELECT id FROM status_page_results WHERE target_id = ?1 LIMIT 200)",
                    NULL},
    [REMOVE] = {"remove", "DELETE FROM status_page_targets WHERE id = ?1", NULL},
    [RESET_RESULTS] = {"reset_results", "DELETE FROM status_page_results", NULL},
    [RESET_TARGETS] = {"reset_targets", "DELETE FROM status_page_targets", NULL},
    [RESET_SEQ] = {"reset_seq",
                   "DELETE FROM sqlite_sequence WHERE name IN ('status_page_results', 'status_page_targets')", NULL},
};

/* ---- targets: as they stand in the option ---- */

/* Splits "name=url". false: it is none. */
static bool split(const char *item, char name[MAX_NAME + 1], const char **ret_url)
{
    size_t len = strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    if (len == 0 || len > MAX_NAME || item[len] != '=')
        return false;
    const char *url = item + len + 1;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return false;
    memcpy(name, item, len);
    name[len] = '\0';
    *ret_url = url;
    return true;
}

/* The URL of a target, NULL: it is not configured. */
static const char *url_of(const sw_host *host, const char *wanted)
{
    const char *item;
    for (size_t i = 0; i < MAX_TARGETS && (item = sw_option_item(host, "targets", i)); i++) {
        char name[MAX_NAME + 1];
        const char *url;
        if (split(item, name, &url) && strcmp(name, wanted) == 0)
            return url;
    }
    return NULL;
}

/* The name of the target at `index` of the option if it counts: well-formed, and the first of that name. */
static bool target_at(const sw_host *host, size_t index, const char *item, char name[MAX_NAME + 1],
                      const char **ret_url)
{
    if (!split(item, name, ret_url))
        return false;
    for (size_t i = 0; i < index; i++) {
        char other[MAX_NAME + 1];
        const char *url, *before = sw_option_item(host, "targets", i);
        if (before && split(before, other, &url) && strcmp(other, name) == 0)
            return false;
    }
    return true;
}

static bool targets_are_right(sw_host *host, sw_log_level level)
{
    const char *item;
    for (size_t i = 0; (item = sw_option_item(host, "targets", i)); i++) {
        char name[MAX_NAME + 1];
        const char *url;
        if (i >= MAX_TARGETS) {
            sw_log(host, level, "targets: more than %d", (int)MAX_TARGETS);
            return false;
        }
        if (!target_at(host, i, item, name, &url)) { /* not the item: a URL may hold a password */
            sw_log(host, level, "targets: item %zu is not name=url, or its name is there twice", i + 1);
            return false;
        }
    }
    return true;
}

/* ---- state ---- */

typedef struct round round;

typedef struct {
    sw_host *host;
    pthread_mutex_t lock;
    round *running;     /* all under the lock */
    int64_t last_round; /* -1: none yet */
    bool off;
} page_state;

static sw_status page_start(sw_host *host, void **ret_state)
{
    if (!targets_are_right(host, SW_LOG_ERROR))
        return SW_INVALID;
    for (const char *c = sw_option_text(host, "api_key"); *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) {
            sw_log(host, SW_LOG_ERROR, "api_key holds a control character");
            return SW_INVALID;
        }
    page_state *s = calloc(1, sizeof *s);
    if (!s)
        return SW_NO_MEMORY;
    s->host = host;
    s->last_round = -1;
    pthread_mutex_init(&s->lock, NULL);
    *ret_state = s;
    return SW_OK;
}

static void page_stop(void *state)
{
    page_state *s = state;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void page_reconfigure(sw_host *host, void *state)
{
    page_state *s = state;
    (void)targets_are_right(host, SW_LOG_WARN);
    pthread_mutex_lock(&s->lock);
    s->last_round = -1; /* what is new is probed with the next tick */
    pthread_mutex_unlock(&s->lock);
}

static void page_switched(sw_host *host, void *state, bool enabled)
{
    page_state *s = state;
    (void)host;
    pthread_mutex_lock(&s->lock);
    s->off = !enabled;
    s->last_round = -1;
    pthread_mutex_unlock(&s->lock);
}

/* ---- a result, and its write ---- */

typedef struct {
    char name[MAX_NAME + 1];
    bool up;
    int status; /* 0: no answer */
    int64_t latency_ms;
    char error[161];
    /* of the write */
    bool stored, changed;
    int64_t id;
} result;

static const char *state_name(bool up)
{
    return up ? "up" : "down";
}

static void fill(result *r, const char *name, const sw_http_answer *answer, int64_t latency_ms)
{
    snprintf(r->name, sizeof r->name, "%s", name);
    r->status = answer->status;
    r->up = answer->status >= 200 && answer->status < 400;
    r->latency_ms = latency_ms;
    snprintf(r->error, sizeof r->error, "%s", answer->status == 0 && answer->error ? answer->error : "");
}

static void fill_refused(result *r, const char *name)
{
    const sw_http_answer none = {.size = sizeof none, .error = "this URL is not allowed"};
    fill(r, name, &none, 0);
}

static sw_status tell(sw_tx *tx, const result *r, int64_t target_id, bool first)
{
    sw_frame *frame = sw_frame_new_tx(tx);
    sw_json *j = sw_frame_json(frame);
    sw_json_text(j, "type", "STATUS_CHANGED");
    sw_json_object_begin(j, "payload");
    sw_json_text(j, "name", r->name);
    sw_json_text(j, "state", state_name(r->up));
    sw_json_text(j, "previous", first ? "unknown" : state_name(!r->up));
    sw_json_int(j, "status", r->status);
    sw_json_int(j, "latency_ms", r->latency_ms);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_tx_now(tx));
    const sw_audience dashboards = {.size = sizeof dashboards, .roles = SW_ROLES_HUMAN};
    sw_tx_send(tx, frame, &dashboards);

    status_event event;
    memset(&event, 0, sizeof event);
    event.size = sizeof event;
    event.up = r->up;
    event.first = first;
    event.http_status = r->status;
    event.target_id = target_id;
    event.at_ms = sw_tx_now(tx);
    memcpy(event.name, r->name, sizeof event.name);
    return sw_tx_publish(tx, STATUS_EVENT_CHANGED, &event, sizeof event);
}

/* The write: also of a result that comes from the outbound thread. */
static sw_status store_step(sw_tx *tx, void *arg)
{
    result *r = arg;
    sw_host *host = sw_tx_host(tx);
    int64_t now = sw_tx_now(tx), target_id = 0;
    bool first = true, was_up = false;

    r->stored = r->changed = false;
    if (!url_of(host, r->name))
        return SW_OK; /* no longer configured */
    sw_rows *rows;
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[FIND], 0, &rows, "s", r->name));
    if (sw_rows_next(rows)) {
        first = false;
        target_id = sw_rows_int(rows, 0);
        was_up = sw_rows_int(rows, 1) != 0;
    }
    SW_TRY(sw_rows_done(rows));
    if (first) {
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "siiii", r->name, (int64_t)r->up, (int64_t)r->status,
                          r->latency_ms, now));
        target_id = sw_tx_last_id(tx);
    } else {
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[CHANGE], NULL, "iiiii", target_id, (int64_t)r->up, (int64_t)r->status,
                          r->latency_ms, now));
    }
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESULT], NULL, "iiiisi", target_id, (int64_t)r->up, (int64_t)r->status,
                      r->latency_ms, r->error, now));
    r->id = sw_tx_last_id(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[TRIM], NULL, "ii", target_id, sw_option_int(host, "history")));
    r->stored = true;
    r->changed = first || was_up != r->up;
    return r->changed ? tell(tx, r, target_id, first) : SW_OK;
}

/* ---- rounds ---- */

typedef struct {
    char name[MAX_NAME + 1];
    char *url;
} job;

struct round {
    page_state *s;
    int timeout_ms;
    char *key_header;   /* "X-Api-Key: ...", NULL: none */
    size_t count, next; /* next, running and refs are under the state's lock */
    size_t running, refs;
    job jobs[MAX_TARGETS];
};

typedef struct {
    round *r;
    const job *job;
    int64_t began;
} probe_call;

static void wipe(char *text)
{
    for (volatile char *c = text; c && *c; c++)
        *c = '\0';
    free(text);
}

static void release(round *r)
{
    page_state *s = r->s;
    pthread_mutex_lock(&s->lock);
    bool last = --r->refs == 0;
    if (last)
        s->running = NULL;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->jobs[i].url);
    wipe(r->key_header);
    free(r);
}

static void stored(void *arg, sw_status outcome)
{
    (void)outcome; /* the host has logged a failure */
    free(arg);
}

static void write_result(sw_host *host, const result *r)
{
    result *copy = malloc(sizeof *copy);
    if (!copy)
        return;
    *copy = *r;
    if (!sw_write_later(host, store_step, copy, stored)) {
        sw_log(host, SW_LOG_WARN, "the result of %s is lost: the writer's queue is full", r->name);
        free(copy);
    }
}

static void start_more(round *r);

/* On an outbound thread. */
static void probed(void *arg, const sw_http_answer *answer)
{
    probe_call *c = arg;
    round *r = c->r;
    page_state *s = r->s;

    pthread_mutex_lock(&s->lock);
    r->running--;
    bool off = s->off;
    pthread_mutex_unlock(&s->lock);
    /* A host that stops says nothing about the target. */
    if (!off && !(answer->status == 0 && answer->error && strcmp(answer->error, "stopped") == 0)) {
        result out = {.stored = false};
        fill(&out, c->job->name, answer, sw_monotonic_ms() - c->began);
        write_result(s->host, &out);
    }
    free(c);
    start_more(r);
    release(r);
}

/* Begins calls until MAX_RUNNING are out. The caller holds the round. */
static void start_more(round *r)
{
    page_state *s = r->s;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        bool more = !s->off && r->next < r->count && r->running < MAX_RUNNING;
        const job *next = NULL;
        if (more) {
            next = &r->jobs[r->next++];
            r->running++;
            r->refs++;
        }
        pthread_mutex_unlock(&s->lock);
        if (!more)
            return;

        const char *const headers[] = {r->key_header, NULL};
        const sw_http_call call = {.size = sizeof call,
                                   .url = next->url,
                                   .headers = headers,
                                   .timeout_ms = r->timeout_ms,
                                   .max_answer = MAX_BODY};
        probe_call *c = malloc(sizeof *c);
        sw_status status = SW_NO_MEMORY;
        if (c) {
            *c = (probe_call){.r = r, .job = next, .began = sw_monotonic_ms()};
            status = sw_http_start(s->host, &call, probed, c);
        }
        if (status == SW_OK)
            continue;
        free(c);
        if (status == SW_INVALID) {
            result out = {.stored = false};
            fill_refused(&out, next->name);
            write_result(s->host, &out);
        }
        pthread_mutex_lock(&s->lock);
        r->running--;
        pthread_mutex_unlock(&s->lock);
        release(r); /* that of the call; the caller has its own */
    }
}

static char *key_header(const char *key)
{
    static const char HEAD[] = "X-Api-Key: ";
    if (!*key)
        return NULL;
    char *header = malloc(sizeof HEAD + strlen(key));
    if (header)
        sprintf(header, "%s%s", HEAD, key);
    return header;
}

static sw_status tick(sw_request *req)
{
    page_state *s = sw_request_state(req);
    const sw_host *host = s->host;
    int64_t now = sw_now_ms(), interval = sw_option_int(host, "interval");

    round *r = calloc(1, sizeof *r);
    if (!r)
        return SW_NO_MEMORY;
    pthread_mutex_lock(&s->lock);
    bool due = !s->running && !s->off && (s->last_round < 0 || now < s->last_round || now - s->last_round >= interval);
    if (due) {
        s->last_round = now;
        s->running = r;
    }
    pthread_mutex_unlock(&s->lock);
    if (!due) {
        free(r);
        return SW_OK;
    }

    r->s = s;
    r->refs = 1;
    r->timeout_ms = (int)sw_option_int(host, "timeout");
    r->key_header = key_header(sw_option_text(host, "api_key"));
    const char *item;
    for (size_t i = 0; i < MAX_TARGETS && (item = sw_option_item(host, "targets", i)); i++) {
        job *j = &r->jobs[r->count];
        const char *url;
        if (target_at(host, i, item, j->name, &url) && (j->url = malloc(strlen(url) + 1))) {
            strcpy(j->url, url);
            r->count++;
        }
    }
    start_more(r);
    release(r);
    return SW_OK;
}

static const sw_timer TIMERS[] = {
    {.name = "tick", .every_ms = 1000, .run = tick},
};

/* ---- forgetting targets that are no longer configured ---- */

static sw_status forget_step(sw_tx *tx, bool *ret_more)
{
    int64_t gone = 0, changes = 0;
    sw_rows *rows;
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[NAMES], 0, &rows, ""));
    while (gone == 0 && sw_rows_next(rows))
        if (!url_of(sw_tx_host(tx), sw_rows_text(rows, 1)))
            gone = sw_rows_int(rows, 0);
    SW_TRY(sw_rows_done(rows));
    if (gone == 0)
        return SW_OK;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLEAR_SOME], &changes, "i", gone));
    *ret_more = true;
    return changes == 200 ? SW_OK : sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "i", gone);
}

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "forget", .every_ms = 60000, .step = forget_step},
};

/* ---- the page ---- */

static sw_status write_page(sw_request *req, sw_json *out, const char *key)
{
    const sw_host *host = sw_request_host(req);
    const char *item;
    sw_json_array_begin(out, key);
    for (size_t i = 0; i < MAX_TARGETS && (item = sw_option_item(host, "targets", i)); i++) {
        char name[MAX_NAME + 1];
        const char *url;
        if (!target_at(host, i, item, name, &url))
            continue;
        sw_rows *rows;
        SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[FIND], 0, &rows, "s", name));
        sw_json_object_begin(out, NULL);
        sw_json_text(out, "name", name);
        if (sw_rows_next(rows)) {
            sw_json_text(out, "state", state_name(sw_rows_int(rows, 1) != 0));
            sw_json_int(out, "status", sw_rows_int(rows, 2));
            sw_json_int(out, "latency_ms", sw_rows_int(rows, 3));
            sw_json_time(out, "checked_at", sw_rows_int(rows, 4));
            sw_json_time(out, "changed_at", sw_rows_int(rows, 5));
        } else {
            sw_json_text(out, "state", "unknown");
        }
        sw_json_object_end(out);
        SW_TRY(sw_rows_done(rows));
    }
    sw_json_array_end(out);
    return SW_OK;
}

static sw_status get_status(sw_request *req)
{
    sw_json *out = sw_reply_json(req, 200);
    sw_reply_header(req, "Cache-Control", "public, max-age=5");
    sw_json_object_begin(out, NULL);
    SW_TRY(write_page(req, out, "targets"));
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- its history ---- */

static sw_status get_history(sw_request *req)
{
    const char *name = sw_path_text(req, "name");
    int64_t limit = sw_query_int(req, "limit", 50, 1, 200);
    int64_t before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX);
    SW_TRY(sw_check(req));
    if (!url_of(sw_request_host(req), name))
        return sw_fail(req, SW_NOT_FOUND, NULL, "there is no such target");

    int64_t target_id = 0, count = 0, last = 0;
    bool more = false;
    sw_rows *rows;
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[FIND], 0, &rows, "s", name));
    if (sw_rows_next(rows))
        target_id = sw_rows_int(rows, 0);
    SW_TRY(sw_rows_done(rows));

    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[HISTORY], 0, &rows, "iii", target_id, before, limit + 1));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_array_begin(out, "items");
    while (sw_rows_next(rows)) {
        if (count++ == limit) {
            more = true;
            break;
        }
        last = sw_rows_int(rows, 0);
        sw_json_object_begin(out, NULL);
        sw_json_int(out, "id", last);
        sw_json_text(out, "state", state_name(sw_rows_int(rows, 1) != 0));
        sw_json_int(out, "status", sw_rows_int(rows, 2));
        sw_json_int(out, "latency_ms", sw_rows_int(rows, 3));
        sw_json_text_opt(out, "error", sw_rows_text(rows, 4));
        sw_json_time(out, "at", sw_rows_int(rows, 5));
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
    if (more)
        sw_json_int(out, "next", last); /* the next page: ?before_id= */
    sw_json_object_end(out);
    return sw_rows_done(rows);
}

/* ---- a probe by hand: on the slow lane, which may wait ---- */

static sw_status answer_step(sw_tx *tx, void *arg)
{
    result *r = arg;
    SW_TRY(store_step(tx, r));
    if (!r->stored)
        return SW_NOT_FOUND;
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", r->id);
    sw_json_text(out, "name", r->name);
    sw_json_text(out, "state", state_name(r->up));
    sw_json_bool(out, "changed", r->changed);
    sw_json_int(out, "status", r->status);
    sw_json_int(out, "latency_ms", r->latency_ms);
    sw_json_text_opt(out, "error", r->error);
    sw_json_time(out, "at", sw_tx_now(tx));
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status post_probe(sw_request *req)
{
    const sw_host *host = sw_request_host(req);
    const char *name = sw_path_text(req, "name"), *url = url_of(host, name);
    if (!url)
        return sw_fail(req, SW_NOT_FOUND, NULL, "there is no such target");

    result *r = sw_alloc(req, 1, sizeof *r);
    const char *key = sw_option_text(host, "api_key");
    const char *const headers[] = {*key ? sw_printf(req, "X-Api-Key: %s", key) : NULL, NULL};
    if (!r)
        return SW_NO_MEMORY;
    const sw_http_call call = {.size = sizeof call,
                               .url = url,
                               .headers = headers,
                               .max_answer = MAX_BODY,
                               .timeout_ms = (int)sw_option_int(host, "timeout")};
    sw_http_answer answer = {.size = sizeof answer};
    int64_t began = sw_monotonic_ms();
    sw_status status = sw_http_wait(req, &call, &answer);
    if (status == SW_INVALID) {
        fill_refused(r, name);
        return sw_write(req, answer_step, r);
    }
    SW_TRY(status);
    if (answer.status == 0 && strcmp(answer.error, "stopped") == 0)
        return SW_BUSY;
    fill(r, name, &answer, sw_monotonic_ms() - began);
    return sw_write(req, answer_step, r);
}

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/status",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_status,
     .summary = "The state of every target.",
     .response = "{\"targets\":[{\"name\":\"web\",\"state\":\"up\"}]}"},
    {.method = SW_GET,
     .path = "/api/status/:name/history",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = get_history,
     .summary = "Earlier results of a target, newest first.",
     .response = "{\"items\":[],\"next\":7}"},
    {.method = SW_POST,
     .path = "/api/status/:name/probe",
     .access = SW_ADMIN,
     .lane = SW_LANE_SLOW,
     .handle = post_probe,
     .summary = "Probes a target now.",
     .response = "{\"id\":1,\"name\":\"web\",\"state\":\"up\"}"},
};

/* ---- STATUS_QUERY ---- */

/* To answer one socket alone there is only sw_tx_send_origin(), so the page that was read goes by the writer. */
static sw_status page_step(sw_tx *tx, void *arg)
{
    const sw_str *page = arg;
    sw_frame *frame = sw_frame_new_tx(tx);
    sw_json *j = sw_frame_json(frame);
    sw_json_text(j, "type", "STATUS_PAGE");
    sw_json_raw(j, "payload", page->at, page->len);
    sw_json_time(j, "timestamp", sw_tx_now(tx));
    sw_tx_send_origin(tx, frame);
    return SW_OK;
}

static sw_status on_query(sw_request *req)
{
    sw_json *j = sw_json_new(req);
    sw_json_object_begin(j, NULL);
    SW_TRY(write_page(req, j, "targets"));
    sw_json_object_end(j);
    sw_str *page = sw_alloc(req, 1, sizeof *page);
    if (!page)
        return SW_NO_MEMORY;
    *page = sw_json_str(j);
    if (!page->at)
        return SW_NO_MEMORY;
    return sw_write(req, page_step, page);
}

static const sw_frame_handler FRAMES[] = {
    {.type = "STATUS_QUERY",
     .roles = SW_ROLES_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = on_query,
     .summary = "Asks for the status page; answered by STATUS_PAGE."},
};

/* ---- store.reset ---- */

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESET_RESULTS], NULL, ""));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESET_TARGETS], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[RESET_SEQ], NULL, "");
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

/* ---- the service status/1 ---- */

static sw_status is_up(void *self, sw_db *db, const char *name, bool *ret_up)
{
    const page_state *s = self;
    bool found = false;
    sw_rows *rows;
    if (!url_of(s->host, name))
        return SW_NOT_FOUND;
    SW_TRY(sw_db_query(db, &STATEMENTS[FIND], 0, &rows, "s", name));
    if (sw_rows_next(rows)) {
        found = true;
        *ret_up = sw_rows_int(rows, 1) != 0;
    }
    SW_TRY(sw_rows_done(rows));
    return found ? SW_OK : SW_NOT_FOUND;
}

static const status_service SERVICE = {.size = sizeof SERVICE, .is_up = is_up};

static const sw_provided PROVIDES[] = {
    {.name = "status/1", .table = &SERVICE},
};

/* ---- health ---- */

static bool health(sw_request *req, sw_json *out)
{
    const sw_host *host = sw_request_host(req);
    int64_t targets = 0, down = 0;
    const char *item;
    for (size_t i = 0; i < MAX_TARGETS && (item = sw_option_item(host, "targets", i)); i++) {
        char name[MAX_NAME + 1];
        const char *url;
        sw_rows *rows;
        if (!target_at(host, i, item, name, &url))
            continue;
        targets++;
        if (sw_db_query(sw_request_db(req), &STATEMENTS[FIND], 0, &rows, "s", name) != SW_OK)
            return false;
        if (sw_rows_next(rows))
            down += sw_rows_int(rows, 1) == 0;
        if (sw_rows_done(rows) != SW_OK)
            return false;
    }
    sw_json_int(out, "targets", targets);
    sw_json_int(out, "down", down);
    return true; /* that a target is down is no fault of this module */
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "status-page",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "A public page of services that are probed over HTTP.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDES),
    .health = health,
    .start = page_start,
    .reconfigure = page_reconfigure,
    .switched = page_switched,
    .stop = page_stop,
};
