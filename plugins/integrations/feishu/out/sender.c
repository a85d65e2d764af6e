/* Chooses what of the outbox goes out, and when. A task on a worker reads the first open row of each lane, and starts
 * those that may go (sending.c). Within a lane one goes after the other, several lanes go at once, and no chat gets
 * more than five messages in a second. */
#include "feishu.h"
#include "words.h"
#include <stdio.h>
#include <string.h>

enum {
    ROWS_AT_ONCE = 64,
    CALLS_AT_ONCE = 16,
    AGAIN_MS = 1000, /* when nothing could be started */
    GIVE_UP_MS = 24 * 3600 * 1000,
    UUID_HOLDS_MS = 50 * 60 * 1000, /* within an hour a uuid is sent only once; we rely on a little less */
    LANE_PER_SECOND = 5,
    LANE_SECOND_MS = 1100 /* their second may be a little shorter than ours */
};

static sw_status pump(sw_request *req);

/* ---- when ---- */

static void wake_at(feishu *f, int64_t when)
{
    if (!f->sender.wake_ms || when < f->sender.wake_ms)
        f->sender.wake_ms = when;
}

static void kick(feishu *f)
{
    sender *s = &f->sender;

    if (f->paused)
        return;
    s->again = s->pumping;
    if (s->pumping)
        return;
    s->wake_ms = 0;
    s->pumping = sw_task_run(f->host, SW_LANE_WORKER, pump, 0);
    if (!s->pumping)
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
}

void sender_look(feishu *f, bool now)
{
    if (now)
        kick(f);
    else
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
}

static void kick_at_commit(void *state, void *arg)
{
    feishu *f = arg;

    (void)state;
    pthread_mutex_lock(&f->lock);
    kick(f);
    pthread_mutex_unlock(&f->lock);
}

void sender_kick_later(sw_tx *tx)
{
    sw_tx_on_commit(tx, kick_at_commit, sw_tx_state(tx));
}

void sender_tick(feishu *f, int64_t now_ms)
{
    sending_wake(f);
    if (f->sender.wake_ms && now_ms >= f->sender.wake_ms)
        kick(f);
}

/* ---- lanes, under the lock ---- */

/* The lane of that name. A new one takes the place of the lane that has been unused for longest. */
static sender_lane *lane_of(feishu *f, const char *name)
{
    sender_lane *oldest = &f->sender.lanes[0];

    for (unsigned i = 0; i < SENDER_LANES; i++) {
        sender_lane *l = &f->sender.lanes[i];
        if (strncmp(l->name, name, sizeof l->name - 1) == 0)
            return l;
        if (l->used_ms < oldest->used_ms)
            oldest = l;
    }
    *oldest = (sender_lane){.next = 0};
    snprintf(oldest->name, sizeof oldest->name, "%s", name);
    return oldest;
}

/* When the lane may send: a monotonic time; 0 means now. */
static int64_t lane_free_at(const sender_lane *l)
{
    int64_t oldest = l->started[l->next];

    return oldest ? oldest + LANE_SECOND_MS : 0;
}

static void lane_note(sender_lane *l, int64_t now)
{
    l->started[l->next] = now;
    l->next = (l->next + 1) % LANE_PER_SECOND;
    l->used_ms = now;
}

/* Is a row of that lane on its way? */
static bool lane_busy(const feishu *f, const char *name)
{
    for (const sending *s = f->sender.running; s; s = s->next)
        if (strncmp(s->lane, name, sizeof s->lane - 1) == 0)
            return true;
    return false;
}

/* ---- the task ---- */

typedef struct {
    sw_request *req;
    feishu *f;
    connector c;
    client_target target;
    char token[FEISHU_TOKEN_MAX + 1];
    bool stop; /* nothing more can be started now */
} round_of;

/* May the row start now? If not, this sees to it that the sender looks again in time. Under the lock. */
static bool may_start(round_of *r, const outbox_row *row)
{
    feishu *f = r->f;
    int64_t now = sw_monotonic_ms(), rest = row->next_ms - sw_steady_ms(f->host);

    if (f->sender.running_count >= CALLS_AT_ONCE) {
        r->stop = true; /* the next call that ends looks again */
        return false;
    }
    if (lane_busy(f, row->lane))
        return false;
    if (rest > 0) {
        wake_at(f, now + rest);
        return false;
    }
    sender_lane *lane = lane_of(f, row->lane);
    if (lane_free_at(lane) > now) {
        wake_at(f, lane_free_at(lane));
        return false;
    }
    if (!token_ready(f, r->target.key, now, r->token)) {
        if (!f->token.asking) /* otherwise its task looks again when it has one */
            wake_at(f, f->token.retry_ms);
        r->stop = true;
        return false;
    }
    lane_note(lane, now);
    return true;
}

/* Why a row must not be sent any more; NULL when it may. */
static const char *hopeless(const round_of *r, const outbox_row *row, const char **ret_state)
{
    int64_t now = sw_steady_ms(r->f->host);
    bool patch = strcmp(row->kind, KIND_PATCH) == 0;

    *ret_state = "unknown";
    if (!patch && row->first_try_ms && now - row->first_try_ms > UUID_HOLDS_MS)
        return "outcome unknown";
    *ret_state = "failed";
    if (row->connector_id != r->c.id)
        return "the connector was replaced";
    return now - row->created_ms > GIVE_UP_MS && row->attempts > 0 ? "gave up after a day" : NULL;
}

/* Finds the card that a patch changes. SW_BUSY while the card is on its way, SW_NOT_FOUND when nobody has it. */
static sw_status card_of(round_of *r, const outbox_row *row, const char **ret_message_id)
{
    outbox_row card;

    *ret_message_id = "";
    if (strcmp(row->kind, KIND_PATCH) != 0)
        return SW_OK;
    SW_TRY(outbox_find_card(sw_request_db(r->req), row->action_id, &card));
    if (strcmp(card.state, "pending") == 0 || strcmp(card.state, "sending") == 0)
        return SW_BUSY;
    *ret_message_id = card.message_id;
    return strcmp(card.state, "sent") == 0 && text_is_path_segment(card.message_id) ? SW_OK : SW_NOT_FOUND;
}

static void start_row(round_of *r, const outbox_row *row)
{
    feishu *f = r->f;
    const char *message_id = "", *state = NULL;
    const char *why = hopeless(r, row, &state);
    sw_status card = why ? SW_OK : card_of(r, row, &message_id);

    pthread_mutex_lock(&f->lock);
    if (card != SW_OK && card != SW_NOT_FOUND) { /* the card is on its way, or could not be read */
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
        pthread_mutex_unlock(&f->lock);
        return;
    }
    bool go = why || card == SW_NOT_FOUND ? !lane_busy(f, row->lane) : may_start(r, row);
    pthread_mutex_unlock(&f->lock);
    if (!go)
        return;
    if (why || card == SW_NOT_FOUND)
        sending_give_up(f, row, why ? state : "dropped", why ? "error" : NULL, why);
    else
        sending_start(r->req, f, row, r->target.base, r->token, message_id);
}

static sw_status run_round(round_of *r)
{
    sw_db *db = sw_request_db(r->req);
    outbox_row *row = sw_alloc(r->req, ROWS_AT_ONCE, sizeof *row);
    size_t count = 0;
    sw_status found = connector_newest(r->f, db, &r->c);

    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    if (!connector_has_credentials(&r->c) || (!r->c.enabled && !r->c.verified))
        return SW_OK; /* a change of the connector looks again */
    target_of(r->f, &r->c, &r->target);
    if (!row)
        return SW_NO_MEMORY;
    SW_TRY(outbox_due(db, row, ROWS_AT_ONCE, &count));
    for (size_t i = 0; i < count && !r->stop; i++)
        start_row(r, &row[i]);
    return SW_OK;
}

static sw_status pump(sw_request *req)
{
    feishu *f = sw_request_state(req);
    round_of r = {.req = req, .f = f};
    sw_status status = run_round(&r);

    pthread_mutex_lock(&f->lock);
    f->sender.pumping = false;
    if (f->sender.again)
        kick(f);
    else if (status != SW_OK)
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
    pthread_mutex_unlock(&f->lock);
    return status;
}
