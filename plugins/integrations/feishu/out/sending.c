/* One row on its way: from the table to the HTTP client. */
#include "common/buf.h"
#include "out/sender.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a row on its way ---- */

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

void sending_free(sending *s)
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

sending *sending_new(feishu *f, const outbox_row *row)
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

void sending_start(sending *s)
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
        sender_kick_locked(f);
    else
        sender_wake_at(f, sw_monotonic_ms() + SENDER_AGAIN_MS);
    pthread_mutex_unlock(&f->lock);
    sending_free(s);
}

/* ---- the call ---- */

/* A path segment: ids hold letters, digits, '_' and '-'; anything else would be another address. */
bool sending_segment(const char *id)
{
    return *id && id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

static bool write_call(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id)
{
    sw_json *out = sw_json_new(req);
    buf url = {.at = NULL};
    bool patch = strcmp(row->kind, KIND_PATCH) == 0, reply = *row->reply_to && sending_segment(row->reply_to);

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

/* On the writer, after the commit: the row is marked, now it may leave. */
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
    if (sw_http_start(f->host, &call, sending_on_answer, s) != SW_OK)
        sending_answered(s); /* as one that never left */
}

void sending_begin(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id)
{
    if (!write_call(req, s, row, base, message_id) || !sw_write_later(s->f->host, claim_step, s, claimed))
        claimed(s, SW_BUSY);
}

void sender_done(feishu *f)
{
    while (f->sender.running) {
        sending *s = f->sender.running;
        f->sender.running = s->next;
        sending_free(s);
    }
}
