/* Closing many sockets at once, from any thread: by mail to every loop. */
#include "core/base/log.h"
#include "core/ws/deliver.h"
#include "core/ws/output.h"
#include "core/ws/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>

enum { REASON_MAX = 124 };

typedef struct {
    mail mail;
    int64_t user_id;    /* 0: everybody */
    sw_frame *farewell; /* sent before; NULL: none. A reference */
    uint16_t code;
    char reason[REASON_MAX];
} close_mail;

static void close_one(ws_socket *s, void *arg)
{
    const close_mail *c = arg;
    if (c->farewell)
        output_frame(s, c->farewell);
    socket_close(s, c->code, c->reason);
}

static void on_close_mail(mail *m, loop *l)
{
    close_mail *c = (close_mail *)m;
    hub_loop *hl = l->ws;
    if (hl) {
        hub_now(hl);
        if (c->user_id != 0)
            deliver_each(hl, c->user_id, close_one, c);
        else
            for (ws_socket *s = hl->all; s; s = s->next)
                close_one(s, c);
    }
    frame_unref(c->farewell);
    free(c);
}

static void post(struct hub *h, unsigned loop_index, int64_t user_id, sw_frame *farewell, int code, const char *reason)
{
    close_mail *c = calloc(1, sizeof *c);
    if (!c) {
        log_error("ws", "no memory to close sockets");
        return; /* revoked ones end at their next frame all the same */
    }
    c->mail.run = on_close_mail;
    c->user_id = user_id;
    c->farewell = !farewell ? NULL : frame_ref(farewell);
    c->code = (uint16_t)code;
    snprintf(c->reason, sizeof c->reason, "%s", !reason ? "" : reason);
    loop_post(h->loops[loop_index].loop, &c->mail);
}

void hub_close_user(hub *h, int64_t user_id, int code, const char *reason)
{
    uint64_t loops = presence_loops(h->presence, user_id);
    for (unsigned i = 0; i < h->loop_count; i++)
        if ((loops >> (i % 64) & 1) != 0)
            post(h, i, user_id, NULL, code, reason);
}

void hub_close_all(hub *h, int code, const char *reason)
{
    for (unsigned i = 0; i < h->loop_count; i++)
        post(h, i, 0, NULL, code, reason);
}

/* {"type":"SHUTDOWN",…}: a new reference. */
static sw_frame *shutdown_frame(struct hub *h, int64_t restart_expected_ms)
{
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = &f->json;
    sw_json_text(j, "type", "SHUTDOWN");
    sw_json_object_begin(j, "payload");
    sw_json_int(j, "restart_expected_ms", restart_expected_ms);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    frame_seal(f, &h->types);
    return f;
}

void hub_shutdown(hub *h, int64_t restart_expected_ms)
{
    atomic_store(&h->stopping, true);
    sw_frame *farewell = shutdown_frame(h, restart_expected_ms);
    for (unsigned i = 0; i < h->loop_count; i++)
        post(h, i, 0, farewell, 1001, "shutting down");
    frame_unref(farewell);
}
