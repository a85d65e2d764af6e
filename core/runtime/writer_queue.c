/* Who comes next at the writer. Any thread submits, under the writer's lock; the writer takes all of it at once and
 * sorts it into two fair queues of its own: what is urgent, and the rest. Steps of one party keep their order among the
 * urgent ones and among the others. */
#include "core/runtime/writer_internal.h"

#include <time.h>

/* ---- submitting: any thread ---- */

static uint32_t held_by(const writer *w, bool urgent, uint16_t party)
{
    return atomic_load_explicit(&w->held[urgent][party], memory_order_relaxed);
}

/* Has that party, or have all of them, `part` of four of what they may have? Urgent steps have room that the others
 * cannot take, and a party of them has half of it. */
static bool is_full(const writer *w, uint16_t party, bool urgent, unsigned part)
{
    unsigned reserve = w->queue_max / URGENT_RESERVE + 1, queued = w->metrics.queued;
    unsigned most = urgent ? reserve / 2 + 1 : w->party_max;
    bool party_full = party != PARTY_SERVER && held_by(w, urgent, party) >= share_of(most, 25 * part);
    return party_full || queued >= (urgent ? w->queue_max + reserve : share_of(w->queue_max, 25 * part));
}

/* A step more or less than sw_monotonic_ms(), for a fifth of its price. */
static int64_t coarse_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool writer_submit(writer *w, sw_request *req)
{
    job *j = &req->job;
    j->next = NULL;
    j->party = party_of(req);
    j->urgent = req->urgent;
    pthread_mutex_lock(&w->lock);
    bool room = !w->stopping && !is_full(w, j->party, j->urgent, 4);
    bool wake = false;
    if (room) {
        req->handed_ms = held_by(w, j->urgent, j->party) == 0 ? coarse_ms() : 0;
        atomic_fetch_add_explicit(&w->metrics.queued, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&w->held[j->urgent][j->party], 1, memory_order_relaxed);
        if (j->urgent)
            atomic_fetch_add_explicit(&w->urgent, 1, memory_order_relaxed);
        *w->last = j;
        w->last = &j->next;
        wake = w->sleeping;
        w->sleeping = false;
    }
    pthread_mutex_unlock(&w->lock);
    if (wake)
        pthread_cond_signal(&w->wake);
    return room;
}

bool writer_crowded(const writer *w, uint16_t party, bool urgent)
{
    return is_full(w, party, urgent, 3);
}

/* ---- taking: the writer ---- */

static void take_all(writer *w)
{
    pthread_mutex_lock(&w->lock);
    job *all = w->first;
    w->first = NULL;
    w->last = &w->first;
    atomic_store_explicit(&w->urgent, 0, memory_order_relaxed);
    pthread_mutex_unlock(&w->lock);
    for (job *next; all; all = next) {
        next = all->next;
        fair_add(all->urgent ? &w->first_of_all : &w->usual, all);
    }
}

bool writer_has_taken(const writer *w)
{
    return w->usual.queued + w->first_of_all.queued > 0;
}

job *writer_next(writer *w)
{
    if (atomic_load_explicit(&w->urgent, memory_order_relaxed) > 0 ||
        (!writer_has_taken(w) && atomic_load_explicit(&w->metrics.queued, memory_order_relaxed) > 0))
        take_all(w);
    bool urgent = w->first_of_all.queued > 0 && (w->usual.queued == 0 || w->urgent_in_row < URGENT_IN_ROW);
    w->urgent_in_row = urgent ? w->urgent_in_row + 1 : 0;
    fair_queue *q = urgent ? &w->first_of_all : &w->usual;
    job *j = fair_take(q, NULL, NULL);
    if (!j)
        return NULL;
    fair_finished(q, j->party);
    atomic_fetch_sub_explicit(&w->metrics.queued, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&w->held[j->urgent][j->party], 1, memory_order_relaxed);
    return j;
}

void writer_charge(writer *w, const job *j, int64_t took_ns)
{
    fair_charge(j->urgent ? &w->first_of_all : &w->usual, j->party, took_ns);
}

/* ---- its memory ---- */

bool writer_queues_open(writer *w)
{
    return fair_open(&w->usual, 0, 0) && fair_open(&w->first_of_all, 0, 0);
}

void writer_queues_close(writer *w)
{
    fair_close(&w->usual);
    fair_close(&w->first_of_all);
}
