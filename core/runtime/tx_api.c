/* <steward/tx.h>: what a write step may do. On the writer. */
#include "core/crash/crash_scope.h"
#include "core/runtime/writer_internal.h"

#include <string.h>

enum { CLOSE_REVOKED = 4003 };

sw_db *sw_tx_db(sw_tx *tx)
{
    return tx->db;
}

sw_status sw_tx_exec(sw_tx *tx, const sw_statement *statement, int64_t *ret_changes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sw_status status = db_vquery(tx->db, statement, 0, NULL, format, args);
    va_end(args);
    if (status == SW_OK && ret_changes)
        *ret_changes = db_changes(tx->db);
    return status;
}

int64_t sw_tx_last_id(sw_tx *tx)
{
    return db_last_id(tx->db);
}

sw_host *sw_tx_host(const sw_tx *tx)
{
    return tx->host;
}

sw_request *sw_tx_request(sw_tx *tx)
{
    return tx->housekeeping ? NULL : tx->req;
}

void *sw_tx_state(sw_tx *tx)
{
    return tx->host->state;
}

void *sw_tx_alloc(sw_tx *tx, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(tx->arena, total);
}

int64_t sw_tx_now(sw_tx *tx)
{
    return tx->now_ms;
}

void sw_tx_move(sw_tx *tx, sw_lane lane, sw_handler next)
{
    if (tx->housekeeping || tx->req->kind != REQUEST_HTTP)
        return;
    tx->req->next = NEXT_MOVE;
    tx->req->lane = lane;
    tx->req->handler = next;
}

sw_json *sw_tx_reply(sw_tx *tx, int http_status)
{
    return sw_reply_json(tx->req, http_status);
}

void sw_tx_ack(sw_tx *tx, int64_t id, int64_t at_ms)
{
    tx->req->acked = true;
    tx->req->ack_id = id;
    tx->req->ack_at = at_ms;
}

/* ---- after the commit ---- */

typedef struct {
    void (*fn)(void *state, void *arg);
    const sw_host *host;
    const sw_request *req;
    void *arg;
} on_commit;

static void run_on_commit(void *arg)
{
    on_commit *c = arg;
    crash_scope before = crash_enter(c->host, "commit", c->req->work_kind, c->req->work_name);
    c->fn(c->host->state, c->arg);
    crash_leave(before);
}

void sw_tx_on_commit(sw_tx *tx, void (*fn)(void *state, void *arg), void *arg)
{
    on_commit *c = arena_alloc(tx->arena, sizeof *c);
    if (!c) {
        tx->out_of_memory = true;
        return;
    }
    *c = (on_commit){fn, tx->host, tx->req, arg};
    tx_effect(tx, run_on_commit, NULL, c);
}

typedef struct {
    runtime *rt;
    int64_t user_id;
    bool close;
} user_change;

static void run_user_change(void *arg)
{
    const user_change *c = arg;
    if (c->rt->principals)
        principal_raise(c->rt->principals, c->user_id);
    if (c->close && c->rt->close_user)
        c->rt->close_user(c->rt, c->user_id, CLOSE_REVOKED, "credentials changed");
}

void sw_tx_user_changed(sw_tx *tx, int64_t user_id, bool close)
{
    user_change *c = arena_alloc(tx->arena, sizeof *c);
    if (!c) {
        tx->out_of_memory = true;
        return;
    }
    *c = (user_change){tx->host->rt, user_id, close};
    tx_effect(tx, run_user_change, NULL, c);
    batch *b = &tx->writer->batch;
    if (b->raised_count < RAISED_MAX)
        b->raised[b->raised_count++] = user_id;
    else
        b->full = true;
}

typedef struct {
    runtime *rt;
    int code;
    const char *reason;
} close_everybody;

static void run_close_all(void *arg)
{
    const close_everybody *c = arg;
    if (c->rt->principals)
        principal_raise_all(c->rt->principals);
    if (c->rt->close_all)
        c->rt->close_all(c->rt, c->code, c->reason);
}

void sw_tx_close_all(sw_tx *tx, int code, const char *reason)
{
    close_everybody *c = arena_alloc(tx->arena, sizeof *c);
    if (!c) {
        tx->out_of_memory = true;
        return;
    }
    *c = (close_everybody){tx->host->rt, code, arena_strndup(tx->arena, reason, strlen(reason))};
    tx->out_of_memory = tx->out_of_memory || !c->reason;
    tx_effect(tx, run_close_all, NULL, c);
}

sw_status sw_tx_publish(sw_tx *tx, const char *event, const void *data, size_t len)
{
    runtime *rt = tx->host->rt;
    return rt->publish ? rt->publish(tx, event, data, len) : SW_OK;
}
