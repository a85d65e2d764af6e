/* What comes of a call: the row is sent, tried once more, or given up. The HTTP client's thread queues the answer, a
 * task on a worker finds out what it means, and a write step marks the row, with a row of the log for the
 * administrator. */
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 60000, RESET_MAX_S = 300 };

static const char STOPPED[] = "stopped"; /* the server ends: its next start goes on */

/* ---- answers, from the HTTP client's thread ---- */

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
        settle_wake(f);
    pthread_mutex_unlock(&f->lock);
}

void settle_answered(sending *s)
{
    queue(s, true);
}

void settle_on_answer(void *arg, const sw_http_answer *answer)
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
    settle_answered(s);
}

/* ---- notes ---- */

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

/* ---- what it means ---- */

static void once_more(sending *s, int64_t wait_ms, bool certain)
{
    /* When the outcome of an earlier attempt is not known, it stays so. */
    s->outcome = (outbox_outcome){
        .state = "pending", .next_ms = sw_now_ms() + wait_ms, .certain = certain && s->first_try_ms == 0};
}

static int64_t backoff(int64_t attempts)
{
    int64_t wait = RETRY_FIRST_MS;

    for (; attempts > 0 && wait < RETRY_MAX_MS; attempts--)
        wait *= 2;
    return wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS;
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
    s->outcome = (outbox_outcome){.state = "sent", .message_id = s->message_id};
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
    } else if (a.http_status && api_token_bad(&a) && !retried_with_token(s)) {
        once_more(s, 0, true);
    } else if (api_too_many(&a)) {
        once_more(s, reset_ms(s), true);
    } else if (!a.http_status || a.http_status >= 500 || (ok_status && a.code == -1)) {
        once_more(s, backoff(s->attempts), a.unsent);
        if (s->attempts == 0 && strcmp(a.text, STOPPED) != 0)
            note_failed(s, api_failure(req, &a));
    } else {
        s->outcome = (outbox_outcome){.state = "failed"};
        note_failed(s, api_failure(req, &a));
        sw_log(s->f->host, SW_LOG_WARN, "a message was refused: %s", api_failure(req, &a));
    }
}

void settle_give_up(sending *s, const char *state, const char *level, const char *text)
{
    s->outcome = (outbox_outcome){.state = state};
    if (level) {
        s->level = level;
        s->action = action_of(s);
        if (strcmp(state, "unknown") == 0)
            snprintf(s->detail, sizeof s->detail, "%s", text);
        else
            note_failed(s, text);
    }
    settle_answered(s);
}

/* ---- the step and the task ---- */

static sw_status settle_step(sw_tx *tx, void *arg)
{
    sending *s = arg;

    SW_TRY(outbox_settle(tx, s->id, s->uuid, &s->outcome));
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
        settle_wake(f);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

void settle_wake(feishu *f)
{
    sender *s = &f->sender;

    if (!s->settling && s->answered)
        s->settling = sw_task_run(f->host, SW_LANE_WORKER, settle, 0);
}
