/* Connections, from accept to the last byte, and what those of a loop share: the time, the memory they may take,
 * whether more of them are accepted, and the timer that looks after them. All on their loop, but for memory_over(). */
#ifndef CORE_HTTP_CONN_H
#define CORE_HTTP_CONN_H

#include "core/http/http_internal.h"

/* evhttp's bufferevent callback: every connection begins here. */
struct bufferevent *conn_accept(struct event_base *base, void *entrance_);
/* The connection behind a bufferevent whose callbacks are those of http; NULL when they are not. */
conn *conn_of(struct bufferevent *bev);
/* Puts the callbacks of http in the place of evhttp's: what can be read goes to http_server.read. */
void conn_wrap(conn *c);
/* Other callbacks for reading and writing; conn_of() still knows it. */
void conn_watch(conn *c, bufferevent_data_cb readable, bufferevent_data_cb drained);

/* While somebody else works for the client: what it sends next is left where it is, and its end is noticed. In
 * CONN_WORK `left` is told of that, once; in other states the connection ends. `drained` may be NULL. */
void conn_watch_end(conn *c, bufferevent_data_cb drained, void (*left)(conn *c));
void conn_unwatch(conn *c);

/* Begins (or begins anew) a time limit; DEADLINES: none. */
void conn_deadline(conn *c, int which);
/* Bytes of a reply that the client has not taken: ours and those in the socket, which takes more only when much of it
 * is free again. */
size_t conn_unsent(const conn *c);
/* Notes how much that is, and begins the time in which it must get less. */
void conn_mark_unsent(conn *c);
/* Its reply has left: back to waiting for a request, and on with what has come of the next one already. */
void conn_next(conn *c);

/* ---- limits.memory ---- */

/* Counts `bytes` against it in the place of what was counted before. */
void conn_charge(conn *c, size_t bytes);
/* Reading stops until memory is there again. */
void conn_pause(conn *c);
void conn_resume(conn *c);
/* Is more in use than allowed? Requests that bring a body are refused then. Any thread. */
bool memory_over(const http_server *h);

/* ---- the end ---- */

/* Ends it after the last reply: at once, or when what the client still sends has been read and thrown away. */
void conn_finish(conn *c);
/* Ends it now. Not while an exchange is at work. */
void conn_free(conn *c);

/* ---- a loop ---- */

/* Its events: new connections, and the timer. Before the loops run; false: no memory. */
bool conn_loop_open(http_loop *l);
/* After evhttp has freed the connections: frees their structs. */
void conn_loop_close(http_loop *l);
/* The time, on entering a callback of the loop. Cheap: coarse clocks, and texts are made anew only when they change. */
void tick(http_loop *l);
/* Looks after the loop's connections in 100 ms. */
void conn_timer(http_loop *l);
/* No further connection for now. `ms`: not before that has passed (EMFILE). */
void accept_pause(http_loop *l, int64_t ms);
/* Hands the lines of the access log that the loop has gathered to the log. */
void conn_flush_log(http_loop *l);

#endif
