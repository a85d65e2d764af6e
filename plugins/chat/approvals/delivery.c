/* Butler gets each decision once.
 *
 * A decision is noted in the store as delivered when its bytes have left a socket, or for sockets with hello=1 on
 * Butler's ACK; what is not noted is sent again when Butler connects. Until the note is committed, and a while longer,
 * it is remembered here too, so that a Butler who reconnects at once does not hear it twice. Any thread; the lock is
 * held for a few instructions. */
#include "approvals/approvals.h"

#include <pthread.h>
#include <stdlib.h>

enum { DELIVERED_MAX = 4096, GREET_AT_ONCE = 64 };

/* Made by start(), freed by stop(). */
struct delivery {
    sw_host *host;
    pthread_mutex_t lock;             /* guards all below */
    int64_t delivered[DELIVERED_MAX]; /* a ring of approvals; 0 is a free place */
    size_t next;
};

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

void delivery_note(delivery *d, int64_t approval_id)
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

sw_status delivery_receipt(sw_request *req)
{
    const chat *c = sw_request_state(req);

    delivery_note(c->delivery, sw_request_tag(req));
    return SW_OK;
}

/* ---- what Butler has not ---- */

/* Noted in the store by now, or on its way there. */
static bool noted(delivery *d, int64_t approval_id)
{
    bool found = false;

    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < DELIVERED_MAX && !found; i++)
        found = d->delivered[i] == approval_id;
    pthread_mutex_unlock(&d->lock);
    return found;
}

sw_status delivery_greet(sw_request *req, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor, bool *ret_more)
{
    const chat *c = sw_request_state(req);
    sw_rows *rows = NULL;
    approval a;
    int64_t butler = sw_request_principal(req)->user_id;
    int seen = 0;

    *ret_more = false;
    SW_TRY(approvals_undelivered(sw_request_db(req), butler, cursor, GREET_AT_ONCE, &rows));
    for (; approvals_next(rows, &a); seen++) {
        if (sw_replay_full(out)) {
            *ret_more = true;
            break;
        }
        if (!noted(c->delivery, a.id))
            frame_write_response(sw_replay_frame(out, a.response_id, SW_FRAME_RECEIPT, a.id), &a);
        cursor = a.response_id;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_more = *ret_more || seen == GREET_AT_ONCE;
    *ret_cursor = cursor;
    return SW_OK;
}
