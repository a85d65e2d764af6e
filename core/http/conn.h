/* Connections: from accept to the last byte. All on their loop. */
#ifndef CORE_HTTP_CONN_H
#define CORE_HTTP_CONN_H

#include "core/http/http_internal.h"

/* evhttp's bufferevent callback: every connection begins here. */
struct bufferevent *conn_accept(struct event_base *base, void *http_loop_);
/* The connection behind a bufferevent whose callbacks are http's; NULL: they are somebody else's. */
conn *conn_of(struct bufferevent *bev);
/* Puts http's callbacks in the place of evhttp's. */
void conn_wrap(conn *c);
/* Other callbacks for reading and writing; conn_of() still knows it. */
void conn_watch(conn *c, bufferevent_data_cb readable, bufferevent_data_cb drained);

/* Begins (or begins anew) a time limit; DEADLINES: none. */
void conn_deadline(conn *c, int which);
/* Bytes of a reply that the client has not taken: ours and those in the socket, which takes more only when much of it
 * is free again. */
size_t conn_unsent(const conn *c);
/* Back to waiting for a request. */
void conn_idle(conn *c);
/* Counts `bytes` against limits.memory in the place of what was counted before. */
void conn_charge(conn *c, size_t bytes);
/* Reading stops until memory is there again. */
void conn_pause(conn *c);
void conn_resume(conn *c);

/* Ends it after the last reply: at once, or when what the client still sends has been read and thrown away. */
void conn_finish(conn *c);
/* Ends it now. Not while an exchange is at work. */
void conn_free(conn *c);

/* Every 100 ms while there is something to look after: deadlines, memory, accepting. */
void conn_sweep(http_loop *l);
/* Asks for that. */
void conn_timer(http_loop *l);
void conn_timer_fired(evutil_socket_t fd, short what, void *http_loop_);
/* The event that looks at newly accepted connections. */
void conn_newborn(evutil_socket_t fd, short what, void *http_loop_);
/* Frees the structs of ended connections. */
void conn_bury(http_loop *l, unsigned keep);

#endif
