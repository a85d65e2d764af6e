/* One row on its way. A write step claims it, the HTTP client sends it after that commit, and its thread queues the
 * answer; a task on a worker finds out what the answer means, and a write step marks the row: sent, pending once more,
 * or given up, with a row of the log for the administrator. */
#include "core/common/buf.h"
#include "feishu.h"
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 60000, RESET_MAX_S = 300 };

static const char STOPPED[] = "stopped"; /* the server ends: its next start goes on */

enum { CLAIM, SETTLE, RECOVER };

static const sw_statement STATEMENTS[] = {
    [CLAIM] = {.name = "outbox_claim",
               .sql = "UPDATE feishu_outbox SET state = 'sending', attempts = attempts + 1,"
                      " first_try_ms = CASE WHEN first_try_ms = 0 THEN ?3 ELSE first_try_ms END WHERE id = ?1"
                      " AND uuid = ?2 AND state = 'pending'"},
    /* It compares the uuid too, since ids begin anew after a reset. */
    [SETTLE] =
        {.name = "outbox_settle",
         .sql =
             "UPDATE feishu_outbox SET state = ?3, next_ms = ?4, "
             " first_try_ms = CASE WHEN ?5 THEN 0 ELSE first_try_ms END, message_id = ?6, done_ms = CASE WHEN ?3 = 'pending' THEN NULL ELSE ?7 END"
             " WHERE id = ?1 AND uuid = ?2 AND state IN ('pending', 'sending')"},
    [RECOVER] = {.name = "outbox_recover",
                 .sql = "UPDATE feishu_outbox SET state = 'pending', next_ms = 0 WHERE state = 'sending'"},
};

const sw_table SENDING_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status sending_recover(sw_tx *tx)
{
    return sw_tx_exec(tx, &STATEMENTS[RECOVER], NULL, "");
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
static void enlist(sending *s)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    s->next = f->sender.running;
    f->sender.running = s;
    f->sender.running_count++;
    pthread_mutex_unlock(&f->lock);
}

/* Frees `s`. With `look` the sender looks for rows at once, otherwise in a moment. */
static void sending_end(sending *s, bool look)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    for (sending **at = &f->sender.running; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            f->sender.running_count--;
            break;
        }
    sender_look(f, look);
    pthread_mutex_unlock(&f->lock);
    sending_free(s);
}

void sending_done(feishu *f)
{
    while (f->sender.running) {
        sending *s = f->sender.running;
        f->sender.running = s->next;
        sending_free(s);
    }
}

/* ---- its answer, on the HTTP client's thread ---- */

/* It has its answer: the task must settle it. Any thread. */
static void queue(sending *s, bool wake)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    s->next_answered = NULL;
    if (f->sender.answered_last)
        f->sender.answered_last->next_answered = s;
    else
        f->sender.answered = s;
    f->sender.answered_last = s;
    if (wake) /* otherwise the tick does it, in a moment */
        sending_wake(f);
    pthread_mutex_unlock(&f->lock);
}

/* The callback of the HTTP client. */
static void on_answer(void *arg, const sw_http_answer *answer)
{
    sending *s = arg;
    char *body = malloc(answer->body_len + 1), *error = strdup(answer->error);

    if (body && error) {
        memcpy(body, answer->body, answer->body_len);
        body[answer->body_len] = '\0';
        s->answer = *answer;
        s->answer.body = body;
        s->answer.error = error;
        s->answer.headers = NULL;
        sw_http_header(answer, "x-ogw-ratelimit-reset", s->reset, sizeof s->reset);
        if (!*s->reset)
            sw_http_header(answer, "Retry-After", s->reset, sizeof s->reset);
    } else {
        free(body);
        free(error);
        s->answer.unsent = false; /* it may have been sent */
    }
    queue(s, true);
}

/* ---- the call ---- */

static bool write_call(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id)
{
    sw_json *out = sw_json_new(req);
    buf url = {.at = NULL};
    bool patch = strcmp(row->kind, KIND_PATCH) == 0, reply = *row->reply_to && text_is_path_segment(row->reply_to);

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
    int64_t changes = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLAIM], &changes, "isi", s->id, s->uuid, sw_steady_ms(s->f->host)));
    s->claimed = changes == 1; /* else the row is no longer pending */
    return SW_OK;
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
    if (sw_http_start(f->host, &call, on_answer, s) != SW_OK)
        queue(s, true); /* its answer says that it never left */
}

void sending_start(sw_request *req, feishu *f, const outbox_row *row, const char *base, const char *token,
                   const char *message_id)
{
    sending *s = sending_new(f, row);

    if (!s)
        return;
    enlist(s);
    snprintf(s->token, sizeof s->token, "%s", token);
    if (!write_call(req, s, row, base, message_id) || !sw_write_later(f->host, claim_step, s, claimed))
        claimed(s, SW_BUSY);
}

/* ---- what the log tells of it ---- */

static const char *action_of(const sending *s)
{
    return strcmp(s->kind, KIND_TEXT) == 0 ? "ws_outbound" : "ws_auth_card";
}

static const char *failed_text(const sending *s)
{
    if (strcmp(s->kind, KIND_TEXT) == 0)
        return "Send failed";
    return strcmp(s->kind, KIND_CARD) == 0 ? "Send auth card failed" : "Update auth card failed";
}

static void note_sent(sending *s)
{
    s->level = "success";
    s->action = action_of(s);
    if (strcmp(s->kind, KIND_TEXT) == 0)
        snprintf(s->detail, sizeof s->detail, "Sent Butler reply to Feishu target %.200s", s->target);
    else
        snprintf(s->detail, sizeof s->detail, "%s action_id=%s",
                 strcmp(s->kind, KIND_CARD) == 0 ? "Sent auth request card" : "Updated auth request card",
                 s->action_id);
}

static void note_failed(sending *s, const char *why)
{
    s->level = "error";
    s->action = action_of(s);
    snprintf(s->detail, sizeof s->detail, "%s: %s", failed_text(s), why);
}

/* ---- what an answer means ---- */

static void once_more(sending *s, int64_t wait_ms, bool certain)
{
    /* When the outcome of an earlier attempt is not known, it stays so. */
    s->outcome = (sending_outcome){
        .state = "pending", .next_ms = sw_steady_ms(s->f->host) + wait_ms, .certain = certain && s->first_try_ms == 0};
}

static int64_t reset_ms(const sending *s)
{
    int64_t seconds = strtoll(s->reset, NULL, 10);

    if (seconds < 1)
        seconds = 1;
    return (seconds < RESET_MAX_S ? seconds : RESET_MAX_S) * 1000;
}

/* Was this message already tried with a second token? If not, it is from now on. Under the lock. */
static bool second_token(feishu *f, const sending *s)
{
    sender *all = &f->sender;

    for (unsigned i = 0; i < SENDER_RETRIED; i++)
        if (strcmp(all->retried[i], s->uuid) == 0)
            return true;
    snprintf(all->retried[all->next_retried], sizeof all->retried[0], "%s", s->uuid);
    all->next_retried = (all->next_retried + 1) % SENDER_RETRIED;
    return false;
}

static bool retried_with_token(sending *s)
{
    feishu *f = s->f;

    pthread_mutex_lock(&f->lock);
    token_bad(f, s->token);
    bool had = second_token(f, s);
    pthread_mutex_unlock(&f->lock);
    return had;
}

static void sent(sending *s, const api_answer *a)
{
    const char *id = sw_value_text(sw_value_get(a->data, "message_id"), NULL);

    snprintf(s->message_id, sizeof s->message_id, "%s", id ? id : "");
    s->outcome = (sending_outcome){.state = "sent", .message_id = s->message_id};
    note_sent(s);
}

static void classify(sw_request *req, sending *s)
{
    api_answer a;
    bool ok_status;

    api_read(req, &s->answer, &a);
    ok_status = a.http_status / 100 == 2;
    if (ok_status && a.code == 0) {
        sent(s, &a);
    } else if (a.http_status && a.token_bad && !retried_with_token(s)) {
        once_more(s, 0, true);
    } else if (a.too_many) {
        once_more(s, reset_ms(s), true);
    } else if (!a.http_status || a.http_status >= 500 || (ok_status && a.code == -1)) {
        once_more(s, link_backoff(RETRY_FIRST_MS, s->attempts, RETRY_MAX_MS), a.unsent);
        if (s->attempts == 0 && strcmp(a.text, STOPPED) != 0)
            note_failed(s, api_failure(req, &a));
    } else {
        s->outcome = (sending_outcome){.state = "failed"};
        note_failed(s, api_failure(req, &a));
        sw_log(s->f->host, SW_LOG_WARN, "a message was refused: %s", api_failure(req, &a));
    }
}

void sending_give_up(feishu *f, const outbox_row *row, const char *state, const char *level, const char *text)
{
    sending *s = sending_new(f, row);

    if (!s)
        return;
    enlist(s);
    s->outcome = (sending_outcome){.state = state};
    if (level) {
        s->level = level;
        s->action = action_of(s);
        if (strcmp(state, "unknown") == 0)
            snprintf(s->detail, sizeof s->detail, "%s", text);
        else
            note_failed(s, text);
    }
    queue(s, true);
}

/* ---- settling: the step and the task ---- */

static sw_status settle_step(sw_tx *tx, void *arg)
{
    sending *s = arg;
    const sending_outcome *o = &s->outcome;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[SETTLE], NULL, "issiisi", s->id, s->uuid, o->state, o->next_ms,
                      (int64_t)o->certain, o->message_id ? o->message_id : "", sw_tx_now(tx)));
    return s->level ? note(tx, s->connector_id, s->level, s->action, "%s", s->detail) : SW_OK;
}

/* On the writer. A step that failed is tried again, since the row must not stay claimed. */
static void settled(void *arg, sw_status outcome)
{
    sending *s = arg;

    if (outcome == SW_OK)
        sending_end(s, true);
    else
        queue(s, false);
}

static sending *pop(feishu *f)
{
    pthread_mutex_lock(&f->lock);
    sending *s = f->sender.answered;
    if (s) {
        f->sender.answered = s->next_answered;
        if (!f->sender.answered)
            f->sender.answered_last = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    return s;
}

static sw_status settle(sw_request *req)
{
    feishu *f = sw_request_state(req);
    sending *s;
    bool full = false;

    while (!full && (s = pop(f))) {
        if (!s->outcome.state)
            classify(req, s);
        full = !sw_write_later(f->host, settle_step, s, settled);
        if (full)
            queue(s, false);
    }
    pthread_mutex_lock(&f->lock);
    f->sender.settling = false;
    if (!full)
        sending_wake(f);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

void sending_wake(feishu *f)
{
    sender *s = &f->sender;

    if (!s->settling && s->answered)
        s->settling = sw_task_run(f->host, SW_LANE_WORKER, settle, 0);
}
