/* A question to the module that owns stored frames: made on the loop, answered on a worker, handed back by mail. It
 * belongs to the thread that has it, and keeps its socket alive. */
#include "core/ws/recovery_task.h"

#include "core/ws/socket.h"

#include <stddef.h>
#include <stdlib.h>

enum { PAGE_FRAMES_MAX = 512, TASK_MEMORY = 64 * 1024 * 1024 };

/* ---- what the module writes ---- */

static void close_frame(sw_replay_out *out)
{
    sw_frame *f = out->open;
    out->open = NULL;
    if (!f)
        return;
    if (!frame_seal(f, &out->hub->types)) {
        out->no_memory |= frame_lacks_memory(f);
        frame_unref(f);
        return;
    }
    out->bytes += f->wire_len;
    out->count++;
    frame_list_add(&out->frames, f);
}

sw_json *sw_replay_frame(sw_replay_out *out, int64_t id, uint32_t flags, int64_t tag)
{
    close_frame(out);
    out->open = frame_new(out->hub->o.frame_limit);
    sw_frame_mark(out->open, id, flags, tag);
    return sw_frame_json(out->open);
}

/* A page with a frame that there was no memory for is asked for again: the client must not go on without it. */
static sw_status end_page(sw_replay_out *out)
{
    close_frame(out);
    return out->no_memory ? SW_NO_MEMORY : SW_OK;
}

bool sw_replay_full(const sw_replay_out *out)
{
    size_t open = out->open ? sw_json_length(&out->open->json) : 0;
    return out->bytes + open >= out->budget || out->count + (open > 0) >= PAGE_FRAMES_MAX;
}

/* ---- on a worker ---- */

static recovery_task *of_request(sw_request *req)
{
    return (recovery_task *)req;
}

/* The request is counted by now: a module that is being disabled waits for it, or is seen here. */
static sw_status check_module(const sw_request *req)
{
    return atomic_load(&req->host->status) == MODULE_ENABLED ? SW_OK : SW_UNAVAILABLE;
}

static sw_status run_hello(sw_request *req)
{
    recovery_task *t = of_request(req);
    const sw_recovery *r = &t->out.hub->recovery;
    SW_TRY(check_module(req));
    t->complete = true;
    if (r->last_id)
        SW_TRY(r->last_id(req, &t->last_id));
    if (t->since > t->last_id)
        t->complete = false; /* another database */
    else if (t->since >= 0 && r->complete_since)
        SW_TRY(r->complete_since(req, t->since, &t->complete));
    return SW_OK;
}

static sw_status run_page(sw_request *req)
{
    recovery_task *t = of_request(req);
    const sw_recovery *r = &t->out.hub->recovery;
    SW_TRY(check_module(req));
    if (r->page)
        SW_TRY(r->page(req, t->since, &t->out, &t->more));
    return end_page(&t->out);
}

/* Passes the writer afterwards: then whatever was committed before the page was read has been delivered. */
static sw_status run_greet(sw_request *req)
{
    recovery_task *t = of_request(req);
    const sw_recovery *r = &t->out.hub->recovery;
    SW_TRY(check_module(req));
    if (r->greet)
        SW_TRY(r->greet(req, t->hello, t->since, t->cursor, &t->out, &t->cursor, &t->more));
    SW_TRY(end_page(&t->out));
    req->step = NULL;
    req->next = NEXT_WRITE;
    return SW_OK;
}

static sw_status run_receipt(sw_request *req)
{
    SW_TRY(check_module(req));
    return of_request(req)->out.hub->recovery.receipt(req);
}

static void on_mail(mail *m, loop *l)
{
    recovery_task *t = (recovery_task *)(void *)((char *)m - offsetof(sw_request, mail));
    ws_socket *s = t->socket;
    hub_now(l->ws);
    t->answer(s, t);
    socket_unref(s);
}

static void on_finish(sw_request *req, sw_status status)
{
    recovery_task *t = of_request(req);
    t->status = status;
    req->mail.run = on_mail;
    loop_post(t->socket->home->loop, &req->mail);
}

recovery_task *recovery_task_new(ws_socket *s, recovery_kind kind, recovery_answer answer, size_t budget)
{
    struct hub *h = s->home->hub;
    recovery_task *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->kind = kind;
    t->socket = s;
    t->since = -1;
    t->out = (sw_replay_out){.hub = h, .budget = budget};
    frame_list_init(&t->out.frames);
    t->req.kind = REQUEST_TASK;
    t->req.work_kind = "recovery";
    t->req.host = h->recovery_host ? h->recovery_host : &h->self;
    t->req.who = s->who;
    t->req.generation = s->generation;
    t->req.address = s->address;
    t->req.id = "";
    t->req.home = s->home->loop;
    t->req.finish = on_finish;
    t->answer = answer;
    arena_init(&t->req.arena, TASK_MEMORY);
    return t;
}

bool recovery_task_start(recovery_task *t)
{
    static const sw_handler RUN[] = {
        [TASK_HELLO] = run_hello, [TASK_PAGE] = run_page, [TASK_GREET] = run_greet, [TASK_RECEIPT] = run_receipt};
    ws_socket *s = t->socket;
    socket_ref(s);
    if (request_submit(t->out.hub->rt, &t->req, SW_LANE_WORKER, RUN[t->kind]))
        return true;
    socket_unref(s);
    return false;
}

void recovery_task_free(recovery_task *t)
{
    if (!t)
        return;
    frame_unref(t->out.open);
    frame_list_clear(&t->out.frames);
    request_done(&t->req);
    free(t);
}
