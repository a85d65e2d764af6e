/* The courier: sends the first in line, settles it, and so on; one at a time, so deliveries arrive in order.
 *
 * A run is a task on the slow lane. Between runs the courier rests (the line is empty), or waits (the first in line is
 * to be tried again later). Whoever stores a delivery wakes it when it rests; an admin or a reload also when it waits.
 * A timer wakes it every few seconds, which is how it begins after a start, and goes on after a lane was full. */
#include "webhook.h"

static sw_status run(sw_request *req);

/* The lock is held; the courier is in COURIER_RUNS. */
static void begin(webhook *w)
{
    w->again = false;
    w->turn++;
    if (!sw_task_run(w->host, SW_LANE_SLOW, run, w->turn))
        w->courier = COURIER_RESTS;
}

void courier_wake(webhook *w, bool impatient)
{
    pthread_mutex_lock(&w->lock);
    w->hurry = w->hurry || impatient;
    if (w->courier == COURIER_RUNS) {
        w->again = true;
    } else if (!w->disabled && (impatient || w->courier == COURIER_RESTS)) {
        w->courier = COURIER_RUNS;
        begin(w);
    }
    pthread_mutex_unlock(&w->lock);
}

void courier_done(webhook *w, int64_t delay_ms)
{
    pthread_mutex_lock(&w->lock);
    if (w->disabled || (delay_ms < 0 && !w->again)) {
        w->courier = COURIER_RESTS;
    } else if (delay_ms <= 0 || w->hurry) {
        begin(w);
    } else {
        bool waits = sw_task_after(w->host, SW_LANE_SLOW, run, w->turn, delay_ms);
        w->courier = waits ? COURIER_WAITS : COURIER_RESTS;
    }
    pthread_mutex_unlock(&w->lock);
}

/* A wait that somebody has cut short is of an earlier turn. */
static bool my_turn(webhook *w, int64_t turn, bool *ret_hurry)
{
    pthread_mutex_lock(&w->lock);
    bool mine = turn == w->turn && w->courier != COURIER_RESTS;
    if (mine) {
        w->courier = COURIER_RUNS;
        *ret_hurry = w->hurry;
        w->hurry = false;
    }
    pthread_mutex_unlock(&w->lock);
    return mine;
}

static sw_status run(sw_request *req)
{
    webhook *w = sw_request_state(req);
    delivery first;
    bool hurry;

    if (!my_turn(w, sw_request_tag(req), &hurry))
        return SW_OK;
    sw_status found = webhook_configured(w->host) ? store_first(sw_request_db(req), &first) : SW_NOT_FOUND;
    if (found == SW_OK) {
        int64_t early_ms = first.next_ms - sw_now_ms();
        if (early_ms <= 0 || hurry)
            return post_delivery(req, &first);
        courier_done(w, early_ms);
        return SW_OK;
    }
    courier_done(w, found == SW_NOT_FOUND ? COURIER_IDLE : COURIER_TRY_AGAIN_MS);
    return found == SW_NOT_FOUND ? SW_OK : found;
}
