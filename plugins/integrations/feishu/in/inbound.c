/* From a whole event to its ack. The outbound thread only queues it. A task, one at a time on a worker, takes events
 * from the queue, reads them, and hands them to the writer in the order they came, each as a write step of its own: so
 * the order within a chat is kept, many events share a commit, and the ack leaves after the commit. */
#include "core/common/buf.h"
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 8192, /* events   */
    TAKE_MAX = 64,    /* of one task, which keeps its memory until it ends */
    TAKE_BYTES = 4 << 20,
    TRIES_MAX = 8 /* a tick apart, since an ack is due within 3 s */
};
static const size_t QUEUE_BYTES_MAX = (size_t)64 << 20;

static const char ACK_OK[] = "{\"code\":200}";
static const char ACK_FAILED[] = "{\"code\":500}";

static void arrival_free(arrival *a)
{
    if (!a)
        return;
    event_done(&a->e);
    free(a->frame);
    free(a->payload);
    free(a->answer);
    free(a);
}

static char *copy(sw_str from)
{
    char *to = malloc(from.len + 1);

    if (to) {
        memcpy(to, from.at, from.len);
        to[from.len] = '\0';
    }
    return to;
}

/* NULL when there is no memory. */
static arrival *arrival_new(feishu *f, uint64_t handle, sw_str whole, sw_str payload)
{
    arrival *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    *a = (arrival){.f = f,
                   .handle = handle,
                   .came_ms = sw_monotonic_ms(),
                   .frame = copy(whole),
                   .frame_len = whole.len,
                   .payload = copy(payload),
                   .len = payload.len};
    if (a->frame && a->payload)
        return a;
    arrival_free(a);
    return NULL;
}

/* ---- the queue ---- */

void inbound_push(feishu *f, uint64_t handle, sw_str whole, sw_str payload)
{
    inbox *in = &f->inbox;
    arrival *a = arrival_new(f, handle, whole, payload);

    if (!a)
        return; /* without an ack the platform sends it again */
    pthread_mutex_lock(&f->lock);
    bool room = in->count < QUEUE_MAX && in->bytes + a->len <= QUEUE_BYTES_MAX;
    if (room) {
        f->last_event_ms = sw_now_ms();
        a->number = ++f->events;
        *in->last = a;
        in->last = &a->next;
        in->count++;
        in->bytes += a->len;
        inbound_wake(f);
    } else {
        f->dropped++;
    }
    bool first_drop = !room && f->dropped == 1;
    pthread_mutex_unlock(&f->lock);
    if (first_drop)
        sw_log(f->host, SW_LOG_WARN, "more events than can be stored: some are left to be sent again");
    if (!room)
        arrival_free(a);
}

static arrival *pop(feishu *f)
{
    inbox *in = &f->inbox;
    arrival *a = in->first;

    if (!a)
        return NULL;
    in->first = a->next;
    if (!in->first)
        in->last = &in->first;
    in->count--;
    in->bytes -= a->len;
    a->next = NULL;
    return a;
}

/* Puts an event back to its place: the queue stays in the order of arrival, in whichever order steps fail. */
static void push_back(feishu *f, arrival *a)
{
    inbox *in = &f->inbox;

    pthread_mutex_lock(&f->lock);
    arrival **at = &in->first;
    while (*at && (*at)->number < a->number)
        at = &(*at)->next;
    a->next = *at;
    *at = a;
    if (!a->next)
        in->last = &a->next;
    in->count++;
    in->bytes += a->len;
    pthread_mutex_unlock(&f->lock);
}

void inbound_done(feishu *f)
{
    arrival *a;

    while ((a = pop(f)))
        arrival_free(a);
}

/* ---- acks ---- */

/* Answers the frame that completed the event. When that connection is gone, the event comes again. */
static void ack(feishu *f, const arrival *a, const char *payload)
{
    frame out;
    char took[24];

    if (frame_decode(a->frame, a->frame_len, &out))
        return;
    snprintf(took, sizeof took, "%lld", (long long)(sw_monotonic_ms() - a->came_ms));
    (void)frame_header_add(&out, "biz_rt", took);
    out.payload = (sw_str){payload, strlen(payload)};
    uint8_t *encoded = malloc(frame_encoded_max(&out));
    if (encoded)
        (void)sw_ws_send(f->host, a->handle, true, encoded,
                         frame_encode(&out, encoded)); /* a lost one brings the event again */
    free(encoded);
}

/* {"code":200,"data":"<base64 of the answer>"} */
static void ack_with(feishu *f, const arrival *a, const char *answer)
{
    buf payload = {.at = NULL};

    buf_add_text(&payload, "{\"code\":200,\"data\":\"");
    buf_add_base64(&payload, answer, strlen(answer));
    buf_add_text(&payload, "\"}");
    const char *text = buf_text(&payload);
    if (text)
        ack(f, a, text);
    buf_done(&payload);
}

/* When storage was busy for a moment (a step was cut off, a disk is full), we try again: the platform would do so only
 * after 15 seconds, and never with a click. true when the event is in the queue again, for the next tick. */
static bool try_again(arrival *a, sw_status outcome)
{
    if (a->tries >= TRIES_MAX || (outcome != SW_BUSY && outcome != SW_UNAVAILABLE && outcome != SW_NO_MEMORY))
        return false;
    a->tries++;
    event_done(&a->e);
    push_back(a->f, a);
    return true;
}

/* On the writer, after the commit or the failure. */
static void stored(void *arg, sw_status outcome)
{
    arrival *a = arg;

    if (try_again(a, outcome))
        return;
    ack(a->f, a, outcome == SW_OK ? ACK_OK : ACK_FAILED);
    arrival_free(a);
}

static void decided(void *arg, sw_status outcome)
{
    static const char FAILED[] = "{\"toast\":{\"type\":\"error\",\"content\":\"系统繁忙，请稍后重试\"}}";
    arrival *a = arg;

    if (try_again(a, outcome))
        return;
    ack_with(a->f, a, outcome == SW_OK && a->answer ? a->answer : FAILED);
    arrival_free(a);
}

/* ---- the task ---- */

/* false when the writer is full, and the event is back in the queue. */
static bool hand_on(feishu *f, arrival *a)
{
    bool taken = true;

    switch (a->e.kind) {
    case EVENT_MESSAGE:
        taken = sw_write_later(f->host, accept_step, a, stored);
        break;
    case EVENT_CARD:
        taken = sw_write_later(f->host, decision_step, a, decided);
        break;
    default:
        ack(f, a, ACK_OK); /* not for us, and it must not come again */
        arrival_free(a);
        break;
    }
    if (!taken) {
        event_done(&a->e);
        push_back(f, a);
    }
    return taken;
}

/* An event that cannot be read, or can be read in two ways, is nobody's: it must not come again either. */
static bool ignore(feishu *f, arrival *a)
{
    sw_log(f->host, SW_LOG_WARN, "an event of %zu bytes is no JSON, or has a member twice: ignored", a->len);
    ack(f, a, ACK_OK);
    arrival_free(a);
    return true;
}

/* Takes one event. false when the task must stop for now. */
static bool take_one(sw_request *req, feishu *f, arrival *a)
{
    char bot[FEISHU_ID_MAX + 1];
    size_t len = 0;

    pthread_mutex_lock(&f->lock);
    memcpy(bot, f->bot.open_id, sizeof bot);
    pthread_mutex_unlock(&f->lock);
    const sw_value *root = sw_json_parse(req, a->payload, a->len);
    if (!root)
        return ignore(f, a);
    const char *content = event_content(root, &len);
    const sw_value *parsed = content ? sw_json_parse(req, content, len) : NULL;
    if (content && !parsed && *content == '{')
        return ignore(f, a);
    if (!event_read(&a->e, root, parsed, bot)) {
        ack(f, a, ACK_FAILED);
        arrival_free(a);
        return true;
    }
    return hand_on(f, a);
}

static sw_status drain(sw_request *req)
{
    feishu *f = sw_request_state(req);
    size_t taken = 0, len = 0;
    bool go_on = true;

    while (go_on && taken < TAKE_MAX && len < TAKE_BYTES) {
        pthread_mutex_lock(&f->lock);
        arrival *a = pop(f);
        pthread_mutex_unlock(&f->lock);
        if (!a)
            break;
        taken++;
        len += a->len;
        go_on = take_one(req, f, a);
    }
    pthread_mutex_lock(&f->lock);
    f->inbox.draining = false;
    if (go_on) /* otherwise the writer needs a moment, and the tick goes on */
        inbound_wake(f);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

void inbound_wake(feishu *f)
{
    inbox *in = &f->inbox;

    if (in->draining || !in->first)
        return;
    in->draining = true;
    if (!sw_task_run(f->host, SW_LANE_WORKER, drain, 0))
        in->draining = false; /* the tick tries again */
}
