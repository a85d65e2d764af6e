/* One attempt: signed, posted, and settled by a write of its own.
 *
 * What crashes between the two is sent again after the start, with the same id: at least once, never lost. */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settling ---- */

/* Lives from the answer to the end of the write. */
typedef struct {
    webhook *w;
    outcome outcome;
} settlement;

static sw_status settle_step(sw_tx *tx, void *arg)
{
    const settlement *s = arg;

    return store_settle(tx, &s->outcome);
}

/* On the writer. What could not be stored is tried, and so sent, again. */
static void settled(void *arg, sw_status status)
{
    settlement *s = arg;
    webhook *w = s->w;

    free(s);
    courier_done(w, status == SW_OK ? 0 : COURIER_TRY_AGAIN_MS);
}

static void judge(const sw_host *host, const delivery *d, const sw_http_answer *answer, outcome *ret)
{
    *ret = (outcome){.id = d->id, .attempts = d->attempts + 1, .status = answer->status, .state = "pending"};
    if (retry_is_success(answer->status)) {
        ret->state = "delivered";
        return;
    }
    if (answer->status)
        snprintf(ret->error, sizeof ret->error, "HTTP %d", answer->status);
    else
        snprintf(ret->error, sizeof ret->error, "%s", answer->error);
    if (retry_is_final(answer->status) || ret->attempts >= sw_option_int(host, "attempts"))
        ret->state = "dead";
    else
        ret->next_ms = sw_now_ms() + retry_delay_ms(host, ret->attempts, answer);
}

static void settle(webhook *w, const delivery *d, const sw_http_answer *answer)
{
    settlement *s = calloc(1, sizeof *s);

    if (s) {
        s->w = w;
        judge(w->host, d, answer, &s->outcome);
        if (strcmp(s->outcome.state, "dead") == 0)
            sw_log(w->host, SW_LOG_WARN, "delivery %lld is given up after %lld attempts: %s", (long long)d->id,
                   (long long)s->outcome.attempts, s->outcome.error);
        if (sw_write_later(w->host, settle_step, s, settled))
            return;
    }
    free(s);
    courier_done(w, COURIER_TRY_AGAIN_MS);
}

/* ---- posting ---- */

/* "X-Steward-Signature: sha256=<hex>", over timestamp, a dot, and the body: so neither can be changed, nor an old
 * request be sent again with a new time. NULL: no memory. */
static const char *signature(sw_request *req, const char *timestamp, const char *body)
{
    const char *secret = sw_option_text(sw_request_host(req), "secret");
    const char *signed_text = sw_printf(req, "%s.%s", timestamp, body);
    uint8_t mac[32];
    char hex[2 * sizeof mac + 1];

    if (!signed_text || sw_hmac_sha256(secret, strlen(secret), signed_text, strlen(signed_text), mac) != SW_OK)
        return NULL;
    sw_hex(mac, sizeof mac, hex);
    return sw_printf(req, "X-Steward-Signature: sha256=%s", hex);
}

static sw_status post(sw_request *req, const delivery *d, sw_http_answer *ret)
{
    const sw_host *host = sw_request_host(req);
    const char *timestamp = sw_printf(req, "%lld", (long long)(sw_now_ms() / 1000));
    const char *headers[] = {
        "Content-Type: application/json",
        timestamp ? signature(req, timestamp, d->body) : NULL,
        timestamp ? sw_printf(req, "X-Steward-Timestamp: %s", timestamp) : NULL,
        sw_printf(req, "Idempotency-Key: %s", d->uuid),
        NULL,
    };
    sw_http_call call = {
        .size = sizeof call,
        .method = "POST",
        .url = sw_option_text(host, "url"),
        .headers = headers,
        .body = d->body,
        .body_len = strlen(d->body),
        .timeout_ms = (int)sw_option_int(host, "timeout"),
        .max_answer = (size_t)sw_option_int(host, "max_answer"),
    };

    if (!headers[1] || !headers[2] || !headers[3])
        return SW_NO_MEMORY;
    return sw_http_wait(req, &call, ret);
}

sw_status post_delivery(sw_request *req, const delivery *d)
{
    webhook *w = sw_request_state(req);
    sw_http_answer answer = {.size = sizeof answer};
    sw_status status = post(req, d, &answer);

    if (status == SW_INVALID) /* a reload may put it right, so it counts as an attempt like others */
        answer = (sw_http_answer){
            .size = sizeof answer, .error = "url must be https, or http to a loopback host", .headers = ""};
    if (status == SW_OK || status == SW_INVALID) {
        settle(w, d, &answer);
        return SW_OK;
    }
    courier_done(w, COURIER_TRY_AGAIN_MS); /* the host is busy or stopping: nobody was asked */
    return status;
}
