/* <steward/ws.h> for plugins: reading the frame that came, building and sending frames. */
#include "core/runtime/writer.h"
#include "core/ws/ws_event.h"

#include "core/base/log.h"
#include "core/base/table.h"
#include "core/ws/ws_internal.h"

#include <stdlib.h>

/* ---- the frame that came ---- */

sw_str sw_frame_type(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? (sw_str){ev->env.type, ev->env.type_len} : (sw_str){NULL, 0};
}

sw_str sw_frame_local_id(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev && ev->env.has_local ? (sw_str){ev->env.local, ev->env.local_len} : (sw_str){NULL, 0};
}

sw_str sw_frame_stream_id(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.stream : (sw_str){NULL, 0};
}

int64_t sw_frame_target(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.target : 0;
}

int64_t sw_frame_conversation(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.conversation : 0;
}

sw_str sw_frame_payload(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.payload : (sw_str){NULL, 0};
}

static const sw_value *read_object(sw_request *req, sw_str text)
{
    const sw_value *v = sw_json_parse(req, text.at, text.len);
    if (sw_value_type(v) == SW_JSON_TEXT) {
        size_t len = 0;
        const char *inner = sw_value_text(v, &len);
        v = sw_json_parse(req, inner, len);
    }
    return sw_value_type(v) == SW_JSON_OBJECT ? v : NULL;
}

const sw_value *sw_frame_payload_object(sw_request *req)
{
    ws_event *ev = ws_event_of(req);
    if (!ev || !ev->env.payload.at)
        return NULL;
    if (!ev->object_read) {
        ev->object_read = true;
        ev->object = read_object(req, ev->env.payload);
    }
    return ev->object;
}

/* ---- building ---- */

static void unref_frame(void *frame)
{
    frame_unref(frame);
}

/* `a` gives the reference back at its end. */
static sw_frame *in_arena(sw_frame *f, arena *a)
{
    if (!arena_defer(a, unref_frame, f))
        f->failed = true; /* goes nowhere, and is lost with this little memory */
    return f;
}

static size_t frame_limit(const sw_host *host)
{
    const struct hub *h = host->rt->hub;
    return h ? h->o.frame_limit : 1;
}

sw_frame *sw_frame_new(sw_request *req)
{
    sw_frame *f = frame_new(frame_limit(req->host));
    ws_event *ev = ws_event_of(req);
    if (!ev || f->failed)
        return in_arena(f, &req->arena);
    f->next = ev->frames;
    ev->frames = f;
    return f;
}

sw_frame *sw_frame_new_tx(sw_tx *tx)
{
    return in_arena(frame_new(frame_limit(tx->host)), tx->arena);
}

sw_json *sw_frame_json(sw_frame *frame)
{
    return &frame->json;
}

void sw_frame_mark(sw_frame *frame, int64_t id, uint32_t flags, int64_t tag)
{
    frame->id = id;
    frame->flags = flags;
    frame->tag = tag;
}

/* ---- sending ---- */

static void post(void *arg)
{
    delivery_post(arg);
}

static void drop(void *arg)
{
    delivery_free(arg);
}

static void queue_in_tx(sw_tx *tx, delivery *d)
{
    if (d && !tx_effect(tx, post, drop, d))
        delivery_free(d);
}

static bool read_audience(const sw_host *host, const sw_audience *given, sw_audience *ret)
{
    if (struct_read(ret, sizeof *ret, given, STRUCT_THROUGH(sw_audience, except_user)))
        return true;
    log_error(host->name, "a frame goes to nobody: the size of its sw_audience is not set");
    return false;
}

void sw_tx_send(sw_tx *tx, sw_frame *frame, const sw_audience *to)
{
    struct hub *h = tx->host->rt->hub;
    sw_audience whole;
    if (h && read_audience(tx->host, to, &whole))
        queue_in_tx(tx, delivery_new(h, frame, &whole, NULL));
}

void sw_tx_send_origin(sw_tx *tx, sw_frame *frame)
{
    const ws_event *ev = ws_event_of(tx->req);
    if (ev)
        queue_in_tx(tx, delivery_new(ev->socket->home->hub, frame, NULL, ev->socket));
}

void sw_send(sw_request *req, sw_frame *frame, const sw_audience *to)
{
    struct hub *h = req->host->rt->hub;
    ws_event *ev = ws_event_of(req);
    loop *here = loop_current();
    sw_audience whole;
    if (!h || !read_audience(req->host, to, &whole))
        return;
    if (ev && !ev->on_loop)
        delivery_list_add(&ev->sends, delivery_new(h, frame, &whole, NULL));
    else if (here && here->ws)
        deliver_from_loop(here->ws, frame, &whole);
    else
        delivery_post(delivery_new(h, frame, &whole, NULL));
}

sw_status sw_send_origin(sw_request *req, sw_frame *frame)
{
    ws_event *ev = ws_event_of(req);
    if (!ev)
        return SW_NOT_FOUND;
    ws_socket *s = ev->socket;
    if (ev->on_loop) {
        if (!frame_seal(frame, &s->home->hub->types))
            return SW_NO_MEMORY;
        deliver_to_origin(s, frame);
        return SW_OK;
    }
    delivery *d = delivery_new(s->home->hub, frame, NULL, s);
    if (!d)
        return SW_NO_MEMORY;
    delivery_list_add(&ev->sends, d);
    return SW_OK;
}

bool sw_user_online(const sw_host *host, int64_t user_id)
{
    const struct hub *h = host->rt->hub;
    return h && presence_loops(h->presence, user_id) != 0;
}
