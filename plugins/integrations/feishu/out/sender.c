/* Sends what stands in the outbox. A task reads the first open row of each lane; each one that may go is claimed (a
 * durable step), sent by the HTTP client, and settled with its answer. Within a lane one after the other, several lanes
 * at once; no chat gets more than five in a second. */
#include "out/sender.h"
#include <string.h>

enum { ROWS_AT_ONCE = 64, GIVE_UP_MS = 24 * 3600 * 1000 };

static sw_status pump(sw_request *req);

/* ---- when ---- */

void sender_wake_at(feishu *f, int64_t when)
{
    if (!f->sender.wake_ms || when < f->sender.wake_ms)
        f->sender.wake_ms = when;
}

void sender_kick_locked(feishu *f)
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
        sender_wake_at(f, sw_monotonic_ms() + SENDER_AGAIN_MS);
}

void sender_kick(feishu *f)
{
    pthread_mutex_lock(&f->lock);
    sender_kick_locked(f);
    pthread_mutex_unlock(&f->lock);
}

static void kick_at_commit(void *state, void *arg)
{
    (void)state;
    sender_kick(arg);
}

void sender_kick_later(sw_tx *tx)
{
    sw_tx_on_commit(tx, kick_at_commit, sw_tx_state(tx));
}

void sender_tick(feishu *f, int64_t now_ms)
{
    settle_wake(f);
    if (f->sender.wake_ms && now_ms >= f->sender.wake_ms)
        sender_kick_locked(f);
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

/* May it start now? If not, when the next look is due. */
static bool may_start(round_of *r, const outbox_row *row)
{
    feishu *f = r->f;
    int64_t now = sw_monotonic_ms(), rest = row->next_ms - sw_now_ms();

    if (f->sender.running_count >= SENDER_AT_ONCE) {
        r->stop = true; /* one that ends looks again */
        return false;
    }
    if (lane_busy(f, row->lane))
        return false;
    if (rest > 0) {
        sender_wake_at(f, now + rest);
        return false;
    }
    sender_lane *lane = lane_of(f, row->lane);
    if (lane_free_at(lane) > now) {
        sender_wake_at(f, lane_free_at(lane));
        return false;
    }
    if (!token_cached(f, r->target.key, now, r->token)) {
        token_wanted(f, now); /* looks again when it has one */
        if (!f->token.asking)
            sender_wake_at(f, f->token.retry_ms);
        r->stop = true;
        return false;
    }
    lane_note(lane, now);
    return true;
}

/* Why a row is not to be sent any more; NULL: it is. */
static const char *hopeless(const round_of *r, const outbox_row *row, const char **ret_state)
{
    int64_t now = sw_now_ms();
    bool patch = strcmp(row->kind, KIND_PATCH) == 0;

    *ret_state = "unknown";
    if (!patch && row->first_try_ms && now - row->first_try_ms > FEISHU_UUID_HOLDS_MS)
        return "outcome unknown";
    *ret_state = "failed";
    if (row->connector_id != r->c.id)
        return "the connector was replaced";
    return now - row->created_ms > GIVE_UP_MS && row->attempts > 0 ? "gave up after a day" : NULL;
}

/* The card that a patch changes: SW_BUSY while it is on its way; SW_NOT_FOUND: nobody has it. */
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
    return strcmp(card.state, "sent") == 0 && sending_segment(card.message_id) ? SW_OK : SW_NOT_FOUND;
}

static void start_row(round_of *r, const outbox_row *row)
{
    feishu *f = r->f;
    const char *message_id = "", *state = NULL;
    const char *why = hopeless(r, row, &state);
    sw_status card = why ? SW_OK : card_of(r, row, &message_id);

    pthread_mutex_lock(&f->lock);
    if (card != SW_OK && card != SW_NOT_FOUND) { /* the card is on its way, or could not be read */
        sender_wake_at(f, sw_monotonic_ms() + SENDER_AGAIN_MS);
        pthread_mutex_unlock(&f->lock);
        return;
    }
    bool go = why || card == SW_NOT_FOUND ? !lane_busy(f, row->lane) : may_start(r, row);
    pthread_mutex_unlock(&f->lock);
    sending *s = go ? sending_new(f, row) : NULL;
    if (!s)
        return;
    sending_start(s);
    if (why || card == SW_NOT_FOUND) {
        sending_give_up(s, why ? state : "dropped", why ? "error" : NULL, why);
        return;
    }
    memcpy(s->token, r->token, sizeof s->token);
    sending_begin(r->req, s, row, r->target.base, message_id);
}

static sw_status run_round(round_of *r)
{
    sw_db *db = sw_request_db(r->req);
    sw_rows *rows = NULL;
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
    SW_TRY(outbox_due(db, ROWS_AT_ONCE, &rows));
    while (count < ROWS_AT_ONCE && outbox_next(rows, &row[count]))
        count++;
    SW_TRY(sw_rows_done(rows));
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
        sender_kick_locked(f);
    else if (status != SW_OK)
        sender_wake_at(f, sw_monotonic_ms() + SENDER_AGAIN_MS);
    pthread_mutex_unlock(&f->lock);
    return status;
}
