/* What the files of core/ws share: the hub, its part on each loop, and one socket.
 *
 * The room is built in layers, and each file uses those below it alone: at the bottom codec, deflate, envelope, wheel,
 * pipeline, replay, backlog (sans-IO) and ws_frame; then this header; then socket, recovery_task, output, recovery,
 * deliver, ws_event, ws_connection and hub. */
#ifndef CORE_WS_WS_INTERNAL_H
#define CORE_WS_WS_INTERNAL_H

#include "core/runtime/presence.h"
#include "core/runtime/writer.h"
#include "core/ws/backlog.h"
#include "core/ws/codec.h"
#include "core/ws/deflate.h"
#include "core/ws/envelope.h"
#include "core/ws/pipeline.h"
#include "core/ws/replay.h"
#include "core/ws/wheel.h"
#include "core/ws/ws_frame.h"
#include <stdatomic.h>
#include <steward/host.h>

struct bufferevent;
struct evhttp_connection;

typedef struct hub hub; /* as in hub.h, the door for the other folders */
typedef struct hub_loop hub_loop;
typedef struct ws_socket ws_socket;
typedef struct ws_event ws_event;

enum { ROLE_COUNT = SW_ROLE_BUTLER + 1 };

/* Read once at start. Milliseconds and bytes. */
typedef struct {
    size_t message, payload, queue, in_flight_bytes, frame_limit;
    size_t share; /* of limits.memory: a loop's, for queues, for work, for incomplete messages each */
    uint32_t in_flight_frames, errors_per_minute, sockets;
    int64_t ping_ms, dead_ms, rate_frames, rate_bytes, burst_ms, rate_close_ms;
    bool compression;
} hub_options;

struct hub {
    runtime *rt;
    presence *presence;
    hub_loop *loops;
    unsigned loop_count;
    hub_options o;
    frame_types types;
    sw_recovery recovery;   /* zero-filled to our size */
    sw_host *recovery_host; /* NULL when no module has recovery */
    void (*on_socket)(runtime *rt, bool opened, int64_t user_id, sw_role role, bool last); /* see hub.h */
    _Atomic uint32_t open;      /* sockets that have not been freed */
    _Atomic uint32_t unsettled; /* receipts and ACKs on their way to be noted: greetings wait for them */
    uint16_t ack_type;
    _Atomic uint64_t slow_closed, dropped, errors;
    _Atomic bool stopping;
    sw_host self; /* the host of what no module handles */
};

/* The hub on one loop: touched by that loop alone, but for the atomics. */
struct hub_loop {
    hub *hub;
    loop *loop;
    ws_socket *all;      /* every socket, closing ones too */
    ws_socket **buckets; /* registered ones by user id */
    uint32_t bucket_count, registered;
    ws_socket *by_role[ROLE_COUNT];
    _Atomic uint32_t role_count[ROLE_COUNT];
    wheel wheel;
    struct event *timer;
    int64_t timer_ms;           /* when it is set to fire; 0 when it is not set */
    struct event *chores_event; /* runs the list below before the loop sleeps */
    ws_socket *chores, **chores_end;
    int64_t now_ms;                 /* hub_now() of the latest call into this loop */
    uint32_t stamp;                 /* of the delivery going on */
    ws_event *spare;                /* the event of handlers that run on the loop */
    size_t waiting, work, gathered; /* bytes: in queues that wait for their peers, in flight, of incomplete messages */
    deflater *deflate;
};

typedef enum {
    SOCKET_OPEN = 1,
    SOCKET_CLOSING, /* our close frame is on its way: only the peer's is awaited */
    SOCKET_DISCARD, /* the same after a broken rule: input is thrown away       */
    SOCKET_ENDING,  /* both close frames are there: ends when the queue is out  */
    SOCKET_ENDED    /* the connection is gone; the struct lives while it is referred to */
} socket_state;

enum { CHORE_INPUT = 1, CHORE_FLUSH = 2, CHORE_END = 4, CHORE_LISTED = 8 };
enum { PAUSE_WORK = 1, PAUSE_RATE = 2, PAUSE_HELLO = 4 };

/* A batch of events at a worker. */
typedef struct {
    job job;
    mail mail;
    pipeline_item *items;
    bool left_lane;
} socket_batch;

/* One WebSocket. Belongs to its loop; other threads touch `running` and what never changes (home, who). */
struct ws_socket {
    hub_loop *home;
    struct evhttp_connection *connection; /* owned until ENDED */
    struct bufferevent *stream;           /* the connection's */
    ws_socket *next, **at;                /* of home->all */
    ws_socket *user_next, **user_at;      /* of its bucket; user_at is NULL when not registered */
    ws_socket *role_next, **role_at;
    ws_socket *chores_next;
    wheel_node timer;
    uint32_t refs; /* 1 while not ended, and one per event, batch and task */
    uint32_t stamp;
    uint8_t chores, paused;
    socket_state state;
    bool deflate, hello, blocked /* output waits for the peer */;
    uint32_t generation;
    size_t waiting; /* bytes counted in home->waiting */
    codec codec;
    int64_t last_in_ms, next_ping_ms, close_by_ms, retry_ms, resume_ms; /* 0 when not due */
    int64_t message_by_ms;             /* an incomplete message must be whole by then; 0 when there is none */
    int64_t frames_at_us, bytes_at_us; /* token buckets: when each would be full again */
    int64_t over_since_ms, over_last_ms;
    int64_t errors_since_ms;
    uint32_t errors;
    uint64_t queued_total; /* bytes ever queued */
    int64_t seen_id;       /* stored frames up to it were replayed */
    uint64_t left_out;     /* frames of this type, since its client was told so last */
    uint16_t left_out_type;
    backlog *backlog;          /* NULL when nothing waits */
    struct receipt *receipts;  /* in order */
    struct recovery *recovery; /* NULL when live */
    pipeline work;
    socket_batch batch;
    _Atomic uint32_t running; /* events begun off the loop and not finished */
    sw_principal who;
    char address[46];
};

/* ---- deliver.c ---- */

/* One frame on its way to an audience. */
typedef struct delivery delivery;

/* Deliveries in order, until they are posted. */
typedef struct {
    delivery *first, **last;
} delivery_list;

/* Any thread: posts each delivery to the loops that may hold a receiver, in order. */
void delivery_list_post(delivery_list *l);
void delivery_list_drop(delivery_list *l);
/* ---- ws_event.c: one message of a client as a piece of work, from its loop over a worker and the writer back ---- */

/* Of two kinds. For a handler that runs on the loop it is the
 * loop's spare one, and its spans point into the input. All others are allocated with a copy of the frame; the thread
 * that works on the event owns it. */
struct ws_event {
    sw_request req;
    pipeline_item item;
    ws_socket *socket; /* referred to while in flight */
    uint16_t type;
    sw_lane lane;
    sw_handler handler;
    sw_step step; /* the handler's, while step_after_sends() stands for it */
    effect pass;
    envelope env;
    delivery_list sends;    /* of sw_send() off the loop, until it is their turn */
    sw_frame *frames;       /* made by sw_frame_new(); a reference each */
    const sw_value *object; /* sw_frame_payload_object() */
    bool object_read, on_loop, left_lane, passing;
    sw_status result;
    const char *error_code, *error_text; /* found wrong before any handler; literals */
    char bytes[];                        /* the frame */
};

/* The event behind a request; NULL when the request is not a frame. */
static inline ws_event *ws_event_of(const sw_request *req)
{
    return req && req->kind == REQUEST_FRAME ? (ws_event *)(uintptr_t)req : NULL;
}

/* All of these on the socket's loop. */

/* A whole text message has come. `text` lives during the call; half characters in it may be replaced. */
void ws_event_take(ws_socket *s, char *text, size_t len);
/* Gives waiting events to a worker when it is their turn. */
void ws_event_pump(ws_socket *s);
/* Frees the events that still wait (the loops have stopped). */
void ws_event_drop_waiting(ws_socket *s);

/* ---- the time ---- */

/* The monotonic clock, without the time in which the loop could not run; kept in hl->now_ms. */
static inline int64_t hub_now(hub_loop *hl)
{
    int64_t now = sw_monotonic_ms();
    return hl->now_ms = now - loop_lost_ms(hl->loop, now);
}

#endif
