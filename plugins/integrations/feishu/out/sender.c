/* Sends what the outbox holds. A task reads the first open row of each lane; each one that may go is claimed in a write
 * step, sent by the HTTP client, and settled with its answer (settle.c). Within a lane one goes after the other,
 * several lanes go at once, and no chat gets more than five messages in a second. */
#include "core/common/buf.h"
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>
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

static void kick_locked(feishu *f)
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

void sender_kick(feishu *f)
{
    pthread_mutex_lock(&f->lock);
    kick_locked(f);
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
        kick_locked(f);
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

/* ---- a row on its way ---- */

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static void sending_free(sending *s)
{
    if (!s)
        return;
    free(s->kind);
    free(s->target);
    free(s->url);
    free(s->body);
    free(s->action_id);
    free((char *)(uintptr_t)s->answer.body);
    free((char *)(uintptr_t)s->answer.error);
    free(s);
}

/* A copy of what the row says; NULL when there is no memory. */
static sending *sending_new(feishu *f, const outbox_row *row)
{
    sending *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->f = f;
    s->id = row->id;
    s->connector_id = row->connector_id;
    s->attempts = row->attempts;
    s->first_try_ms = row->first_try_ms;
    snprintf(s->uuid, sizeof s->uuid, "%s", row->uuid);
    snprintf(s->lane, sizeof s->lane, "%s", row->lane);
    s->kind = copy(row->kind);
    s->target = copy(row->receive_id);
    s->action_id = copy(row->action_id);
    s->answer = (sw_http_answer){.size = sizeof s->answer, .unsent = true};
    if (s->kind && s->target && s->action_id)
        return s;
    sending_free(s);
    return NULL;
}

/* From now on it is among `running`. */
static void sending_start(sending *s)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    s->next = f->sender.running;
    f->sender.running = s;
    f->sender.running_count++;
    pthread_mutex_unlock(&f->lock);
}

void sending_end(sending *s, bool look)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    for (sending **at = &f->sender.running; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            f->sender.running_count--;
            break;
        }
    if (look)
        kick_locked(f);
    else
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
    pthread_mutex_unlock(&f->lock);
    sending_free(s);
}

/* ---- the call ---- */

/* May this id stand in a path? Anything but these characters would make it another address. */
static bool path_segment(const char *id)
{
    return *id && id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

static bool write_call(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id)
{
    sw_json *out = sw_json_new(req);
    buf url = {.at = NULL};
    bool patch = strcmp(row->kind, KIND_PATCH) == 0, reply = *row->reply_to && path_segment(row->reply_to);

    buf_printf(&url, "%s/open-apis/im/v1/messages", base);
    sw_json_object_begin(out, NULL);
    if (patch) {
        buf_printf(&url, "/%s", message_id);
    } else if (reply) {
        buf_printf(&url, "/%s/reply", row->reply_to);
    } else {
        buf_printf(&url, "?receive_id_type=%s", row->receive_type);
        sw_json_text(out, "receive_id", row->receive_id);
    }
    sw_json_text(out, "content", row->content);
    if (!patch) {
        sw_json_text(out, "msg_type", strcmp(row->kind, KIND_CARD) == 0 ? "interactive" : "text");
        sw_json_text(out, "uuid", row->uuid);
    }
    sw_json_object_end(out);
    s->method = patch ? "PATCH" : "POST";
    s->url = buf_take(&url, NULL);
    s->body = copy(sw_json_str(out).at);
    return s->url && s->body && *s->body;
}

static sw_status claim_step(sw_tx *tx, void *arg)
{
    sending *s = arg;

    return outbox_claim(tx, s->id, s->uuid, &s->claimed);
}

/* On the writer, after the commit: the row is marked as being sent, so it may leave now. */
static void claimed(void *arg, sw_status outcome)
{
    sending *s = arg;
    feishu *f = s->f;
    char authorization[FEISHU_TOKEN_MAX + 32];
    const char *headers[] = {"Content-Type: application/json; charset=utf-8", authorization, NULL};

    if (outcome != SW_OK || !s->claimed) {
        sending_end(s, false);
        return;
    }
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", s->token);
    sw_http_call call = {.size = sizeof call,
                         .method = s->method,
                         .url = s->url,
                         .headers = headers,
                         .body = s->body,
                         .body_len = strlen(s->body),
                         .timeout_ms = (int)sw_option_int(f->host, "api_timeout"),
                         .max_answer = 1 << 20};
    if (sw_http_start(f->host, &call, settle_on_answer, s) != SW_OK)
        settle_answered(s); /* its answer says that it never left */
}

/* Claims the row, then sends it. `message_id` is that of the card that a patch changes. */
static void sending_begin(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id)
{
    if (!write_call(req, s, row, base, message_id) || !sw_write_later(s->f->host, claim_step, s, claimed))
        claimed(s, SW_BUSY);
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
    int64_t now = sw_monotonic_ms(), rest = row->next_ms - sw_now_ms();

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
    if (!token_cached(f, r->target.key, now, r->token)) {
        token_wanted(f, now); /* the task looks again when it has one */
        if (!f->token.asking)
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
    int64_t now = sw_now_ms();
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
    return strcmp(card.state, "sent") == 0 && path_segment(card.message_id) ? SW_OK : SW_NOT_FOUND;
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
    sending *s = go ? sending_new(f, row) : NULL;
    if (!s)
        return;
    sending_start(s);
    if (why || card == SW_NOT_FOUND) {
        settle_give_up(s, why ? state : "dropped", why ? "error" : NULL, why);
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
        kick_locked(f);
    else if (status != SW_OK)
        wake_at(f, sw_monotonic_ms() + AGAIN_MS);
    pthread_mutex_unlock(&f->lock);
    return status;
}

void sender_done(feishu *f)
{
    while (f->sender.running) {
        sending *s = f->sender.running;
        f->sender.running = s->next;
        sending_free(s);
    }
}
