/* Receipts: frames that the module wants to hear of when their bytes have left. The list is the socket's, and its
 * loop's; the module is asked on a worker. */
#include "core/ws/output.h"

#include "core/ws/recovery_task.h"
#include "core/ws/socket.h"

#include <stdlib.h>

enum { RETRY_MS = 200 };

typedef struct receipt {
    struct receipt *next;
    uint64_t end; /* of the frame, in bytes ever queued */
    int64_t tag;
} receipt;

static void give(ws_socket *s, int64_t tag);
static void on_receipt(ws_socket *s, recovery_task *t);
static void again(ws_socket *s, int64_t tag);

void receipts_note(ws_socket *s, int64_t tag)
{
    receipt *r = calloc(1, sizeof *r), **end = &s->receipts;
    if (!r)
        return; /* it will be delivered again: at least once */
    r->end = s->queued_total;
    r->tag = tag;
    while (*end)
        end = &(*end)->next;
    *end = r;
}

void receipts_give(ws_socket *s, uint64_t gone)
{
    receipt *due = NULL, **end = &due;
    while (s->receipts && s->receipts->end <= gone) {
        *end = s->receipts;
        s->receipts = s->receipts->next;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    while (due) {
        receipt *r = due;
        due = r->next;
        give(s, r->tag);
        free(r);
    }
}

void receipts_forget(ws_socket *s)
{
    while (s->receipts) {
        receipt *r = s->receipts;
        s->receipts = r->next;
        free(r);
    }
}

static void give(ws_socket *s, int64_t tag)
{
    if (!s->home->hub->recovery.receipt)
        return;
    recovery_task *t = recovery_task_new(s, TASK_RECEIPT, on_receipt, 0);
    if (!t)
        return;
    t->req.tag = tag;
    atomic_fetch_add(&s->home->hub->unsettled, 1);
    if (recovery_task_start(t))
        return;
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    recovery_task_free(t);
    again(s, tag);
}

static void on_receipt(ws_socket *s, recovery_task *t)
{
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    if (t->status != SW_OK && s->state != SOCKET_ENDED)
        again(s, t->req.tag);
    recovery_task_free(t);
}

/* A receipt that could not be given: later once more. */
static void again(ws_socket *s, int64_t tag)
{
    receipt *r = calloc(1, sizeof *r);
    if (!r || s->state == SOCKET_ENDED) {
        free(r);
        return; /* not noted: it will be delivered once more */
    }
    *r = (receipt){.next = s->receipts, .end = 0, .tag = tag};
    s->receipts = r;
    socket_retry(s, RETRY_MS);
}
