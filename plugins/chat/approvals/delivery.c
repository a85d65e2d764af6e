/* What is heard of an approval later than at its commit.
 *
 * Butler gets each decision once. It is noted in the store as delivered when its bytes have left a socket, or for
 * sockets with hello=1 on Butler's ACK; what is not noted is sent again when Butler connects. Until the note of the
 * former is committed, and a while longer, it is remembered here too, so that a Butler who reconnects at once does not
 * hear it twice.
 *
 * In two cases a page would go on showing an old status. After a refused answer its user's sockets hear the status once
 * more, twice: the refusal undoes its step, and the update must come after the answer (a page puts its card back to
 * PENDING on any refusal, some only a while after it), so it waits here for a timer. And a page that is reading its
 * recovery when something is decided may have read the request before, while no unstored frame reaches it until the
 * recovery is over: what was decided lately is kept for its greeting.
 *
 * Any thread; the lock is held for a few instructions. */
#include "approvals/approvals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    DELIVERED_MAX = 4096,
    STATUS_MAX = 1024,
    DECIDED_MAX = 1024,
    STATUS_TIMES = 2,
    TELL_AT_ONCE = 64,
    GREET_AT_ONCE = 64,
    STATUSES_AT_ONCE = 256
};

/* How long after a refusal its status is told again. */
static const int64_t STATUS_DELAYS_MS[STATUS_TIMES] = {500, 2000};

typedef struct {
    int64_t user_id, approval_id, due_ms;
} waiting;

/* A ring of statuses to be told again, all after the same delay, so that the first is due first. */
typedef struct {
    waiting at[STATUS_MAX];
    size_t first, count;
} waiting_ring;

typedef struct {
    int64_t approval_id, at_ms; /* by the steady clock, which is never behind the time at which a socket was opened */
} decided;

/* Made by start(), freed by stop(). */
struct delivery {
    sw_host *host;
    pthread_mutex_t lock;             /* guards all below */
    int64_t delivered[DELIVERED_MAX]; /* a ring of approvals that Butler has; 0 is a free place */
    size_t next;
    waiting_ring statuses[STATUS_TIMES];
    decided decisions[DECIDED_MAX]; /* a ring in order of commit */
    size_t decided_count;           /* how many there have been since the start or the last reset */
};

enum { UNDELIVERED, PENDING, DELIVERED };

static const sw_statement STATEMENTS[] = {
    [UNDELIVERED] = {.name = "approval_undelivered",
                     .sql = SELECT_APPROVAL
                     " WHERE a.butler_id = ?1 AND a.delivered = 0 AND a.response_id IS NOT NULL AND a.response_id > ?2"
                     " ORDER BY a.response_id LIMIT ?3"},
    [PENDING] = {.name = "approval_pending",
                 .sql = SELECT_APPROVAL
                 " WHERE a.status = 'PENDING' AND a.id > ?1 AND a.due_ms > ?2 ORDER BY a.id LIMIT ?3"},
    [DELIVERED] =
        {.name = "approval_delivered",
         .sql = "UPDATE chat_approvals SET delivered = 1, claimed_ms = CASE WHEN claimed_ms = 0 AND status = 'APPROVED'"
                " AND requester_role = 'BUTLER' THEN ?2 ELSE claimed_ms END"
                " WHERE id = ?1 AND delivered = 0 AND response_id IS NOT NULL"},
};

const sw_table DELIVERY_STATEMENTS = SW_TABLE(STATEMENTS);

delivery *delivery_new(sw_host *host)
{
    delivery *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->host = host;
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void delivery_free(delivery *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void delivery_clear(delivery *d)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < DELIVERED_MAX; i++)
        d->delivered[i] = 0;
    for (size_t i = 0; i < STATUS_TIMES; i++)
        d->statuses[i].count = 0;
    d->decided_count = 0;
    pthread_mutex_unlock(&d->lock);
}

/* ---- what Butler has ---- */

static void forget(delivery *d, int64_t approval_id)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < DELIVERED_MAX; i++)
        if (d->delivered[i] == approval_id)
            d->delivered[i] = 0;
    pthread_mutex_unlock(&d->lock);
}

/* On its way to the store; the writer owns it until note_done(). */
typedef struct {
    delivery *delivery;
    int64_t approval_id;
} note;

/* What Butler has been told it has claimed; an agent claims by itself. */
static sw_status approval_delivered(sw_tx *tx, int64_t id)
{
    return sw_tx_exec(tx, &STATEMENTS[DELIVERED], NULL, "ii", id, sw_tx_now(tx));
}

static sw_status note_store(sw_tx *tx, void *arg)
{
    const note *n = arg;
    return approval_delivered(tx, n->approval_id);
}

static void note_done(void *arg, sw_status outcome)
{
    note *n = arg;

    if (outcome != SW_OK) {
        forget(n->delivery, n->approval_id); /* the next connection gets it again */
        sw_log(n->delivery->host, SW_LOG_WARN, "a delivery to Butler could not be noted: it will be repeated");
    }
    free(n);
}

static void note_delivered(delivery *d, int64_t approval_id)
{
    note *n = malloc(sizeof *n);

    if (!n)
        return;
    *n = (note){.delivery = d, .approval_id = approval_id};
    pthread_mutex_lock(&d->lock);
    d->delivered[d->next] = approval_id;
    d->next = (d->next + 1) % DELIVERED_MAX;
    pthread_mutex_unlock(&d->lock);
    if (!sw_write_later(d->host, note_store, n, note_done))
        note_done(n, SW_BUSY);
}

/* The receipt of an AUTH_RESPONSE: its bytes have left a socket of Butler's. */
sw_status delivery_receipt(sw_request *req)
{
    const chat *c = sw_request_state(req);

    note_delivered(c->delivery, sw_request_tag(req));
    return SW_OK;
}

static sw_status ack_store(sw_tx *tx, void *arg)
{
    const int64_t *approval_id = arg;
    return approval_delivered(tx, *approval_id);
}

/* The frame ACK: Butler has received a decision. On a worker, then in a write step: an ACK of this ACK means that the
 * decision will not be sent again. */
sw_status on_ack(sw_request *req)
{
    size_t len = 0;
    const char *action = sw_value_text(sw_value_get(sw_frame_payload_object(req), "action_id"), &len);
    approval a;

    if (!action || len == 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "action_id is required");
    sw_status found = strlen(action) == len ? approval_by_action(sw_request_db(req), action, &a) : SW_NOT_FOUND;
    if (found == SW_NOT_FOUND || (found == SW_OK && a.butler_id != sw_request_principal(req)->user_id))
        return sw_fail(req, SW_NOT_FOUND, "unknown_action", "no such authorization request");
    SW_TRY(found);
    /* A decision that has not been made cannot have been received. */
    if (!a.response_id || a.delivered)
        return SW_OK;
    int64_t *approval_id = sw_alloc(req, 1, sizeof *approval_id);
    if (!approval_id)
        return SW_NO_MEMORY;
    *approval_id = a.id;
    return sw_write(req, ack_store, approval_id);
}

/* ---- the status once more, after a refused answer ---- */

void delivery_status_again(delivery *d, int64_t user_id, int64_t approval_id)
{
    int64_t now = sw_monotonic_ms();
    bool full = false;

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < STATUS_TIMES; i++) {
        waiting_ring *r = &d->statuses[i];
        full |= r->count == STATUS_MAX;
        if (r->count < STATUS_MAX)
            r->at[(r->first + r->count++) % STATUS_MAX] = (waiting){user_id, approval_id, now + STATUS_DELAYS_MS[i]};
    }
    pthread_mutex_unlock(&d->lock);
    if (full)
        sw_log(d->host, SW_LOG_WARN, "too many refused answers at once: a status was not repeated");
}

static bool take(delivery *d, waiting *ret)
{
    bool any = false;

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < STATUS_TIMES && !any; i++) {
        waiting_ring *r = &d->statuses[i];
        any = r->count > 0 && r->at[r->first].due_ms <= sw_monotonic_ms();
        if (any) {
            *ret = r->at[r->first];
            r->first = (r->first + 1) % STATUS_MAX;
            r->count--;
        }
    }
    pthread_mutex_unlock(&d->lock);
    return any;
}

static sw_status tell(sw_request *req, const waiting *w)
{
    approval a;
    sw_status found = approval_by_id(sw_request_db(req), w->approval_id, &a);
    sw_audience to = {.size = sizeof to, .users = &w->user_id, .user_count = 1};

    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    sw_frame *frame = sw_frame_new(req);
    if (!frame)
        return SW_NO_MEMORY;
    frame_write_status(sw_frame_json(frame), &a, approval_status(&a, sw_steady_ms(sw_request_host(req))), sw_now_ms());
    sw_send(req, frame, &to);
    return SW_OK;
}

sw_status delivery_tell_statuses(sw_request *req)
{
    const chat *c = sw_request_state(req);
    waiting w;

    for (int i = 0; i < TELL_AT_ONCE && take(c->delivery, &w); i++)
        SW_TRY(tell(req, &w));
    return SW_OK;
}

/* ---- what was decided while a recovery ran ---- */

typedef struct {
    delivery *delivery;
    int64_t approval_id;
} decision;

static void decision_remember(void *state, void *arg)
{
    (void)state;
    const decision *made = arg;
    delivery *d = made->delivery;

    pthread_mutex_lock(&d->lock);
    d->decisions[d->decided_count++ % DECIDED_MAX] = (decided){made->approval_id, sw_steady_ms(d->host)};
    pthread_mutex_unlock(&d->lock);
}

sw_status delivery_decided(delivery *d, sw_tx *tx, int64_t approval_id)
{
    decision *made = sw_tx_alloc(tx, 1, sizeof *made);

    if (!made)
        return SW_NO_MEMORY;
    *made = (decision){.delivery = d, .approval_id = approval_id};
    sw_tx_on_commit(tx, decision_remember, made);
    return SW_OK;
}

/* The approvals that were decided at or after `since_ms`: at most `max`, oldest first. */
static size_t decided_since(delivery *d, int64_t since_ms, int64_t *ret, size_t max)
{
    size_t found = 0;

    pthread_mutex_lock(&d->lock);
    size_t first = d->decided_count > DECIDED_MAX ? d->decided_count - DECIDED_MAX : 0;
    for (size_t i = first; i < d->decided_count && found < max; i++) {
        const decided *made = &d->decisions[i % DECIDED_MAX];
        if (made->at_ms >= since_ms)
            ret[found++] = made->approval_id;
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

static sw_status greet_recovered(sw_request *req, sw_replay_out *out)
{
    const chat *c = sw_request_state(req);
    int64_t ids[STATUSES_AT_ONCE];
    size_t count = decided_since(c->delivery, sw_request_principal(req)->opened_ms, ids, STATUSES_AT_ONCE);

    for (size_t i = 0; i < count; i++) {
        approval a;
        sw_status found = approval_by_id(sw_request_db(req), ids[i], &a);
        if (found == SW_NOT_FOUND)
            continue;
        SW_TRY(found);
        frame_write_status(sw_replay_frame(out, 0, 0, 0), &a, a.status, a.decided_ms);
    }
    return SW_OK;
}

/* ---- what Butler has not ---- */

bool delivery_noted(delivery *d, int64_t approval_id)
{
    bool found = false;

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < DELIVERED_MAX && !found; i++)
        found = d->delivered[i] == approval_id;
    pthread_mutex_unlock(&d->lock);
    return found;
}

/* Decided, not noted as delivered, in decision order after `response_id`. */
static sw_status approvals_undelivered(sw_db *db, int64_t butler_id, int64_t response_id, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[UNDELIVERED], 0, ret, "iii", butler_id, response_id, limit);
}

/* Who asked, Butler or an agent. */
static sw_status greet_requester(sw_request *req, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor,
                                 bool *ret_more)
{
    const chat *c = sw_request_state(req);
    sw_rows *rows = NULL;
    approval a;
    int64_t me = sw_request_principal(req)->user_id;
    int seen = 0;

    *ret_more = false;
    SW_TRY(approvals_undelivered(sw_request_db(req), me, cursor, GREET_AT_ONCE, &rows));
    for (; approvals_next(rows, &a); seen++) {
        if (sw_replay_full(out)) {
            *ret_more = true;
            break;
        }
        if (!delivery_noted(c->delivery, a.id))
            frame_write_response(sw_replay_frame(out, a.response_id, SW_FRAME_RECEIPT, a.id), &a);
        cursor = a.response_id;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_more = *ret_more || seen == GREET_AT_ONCE;
    *ret_cursor = cursor;
    return SW_OK;
}

/* ---- what an ADMIN can still decide ---- */

/* Pending ones after an id, by id. */
static sw_status approvals_pending(sw_db *db, int64_t after, int64_t steady_ms, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[PENDING], 0, ret, "iii", after, steady_ms, limit);
}

/* Has the recovery since that id replayed this request to its human? */
static bool replayed(const approval *a, int64_t user_id, int64_t since)
{
    return since >= 0 && a->target_user_id == user_id && a->chat_id > since;
}

static sw_status greet_admin(sw_request *req, int64_t since, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor,
                             bool *ret_more)
{
    const chat *c = sw_request_state(req);
    sw_db *db = sw_request_db(req);
    sw_rows *rows = NULL;
    approval a;
    int64_t me = sw_request_principal(req)->user_id, steady_ms = sw_steady_ms(c->host), last = 0;
    bool complete = false;
    int seen = 0;

    SW_TRY(chat_complete_since(db, since, &complete));
    SW_TRY(chat_last_id(db, &last));
    if (!complete || since > last)
        since = -1; /* the answer was recovered:false, so nothing was replayed */
    *ret_more = false;
    SW_TRY(approvals_pending(db, cursor, steady_ms, GREET_AT_ONCE, &rows));
    for (; approvals_next(rows, &a); seen++) {
        int64_t thread = a.conversation_id;
        if (sw_replay_full(out)) {
            *ret_more = true;
            break;
        }
        if (!replayed(&a, me, since)) {
            if (a.target_user_id != me)
                SW_TRY(copy_thread(db, a.chat_id, me, a.butler_id, &thread));
            frame_write_request(sw_replay_frame(out, a.chat_id, 0, 0), &a, thread, steady_ms);
        }
        cursor = a.id;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_more = *ret_more || seen == GREET_AT_ONCE;
    *ret_cursor = cursor;
    return SW_OK;
}

/* ---- the greeting: what a socket hears after its recovery, or when it says hello ---- */

sw_status approvals_greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                          int64_t *ret_cursor, bool *ret_more)
{
    sw_role role = sw_request_principal(req)->role;

    (void)hello;
    *ret_more = false;
    *ret_cursor = cursor;
    if (role_system(role))
        return greet_requester(req, cursor, out, ret_cursor, ret_more);
    if (role == SW_ROLE_ADMIN)
        SW_TRY(greet_admin(req, since, cursor, out, ret_cursor, ret_more));
    return since >= 0 && !*ret_more ? greet_recovered(req, out) : SW_OK;
}
