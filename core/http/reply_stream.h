/* Replies whose body comes in pieces, from any thread: <steward/http.h>, sw_reply_stream(). */
#ifndef CORE_HTTP_REPLY_STREAM_H
#define CORE_HTTP_REPLY_STREAM_H

#include "core/http/conn.h"

typedef struct stream stream;

/* All streams of one server: what a handle names. NULL: no memory. */
struct streams *streams_new(void);
/* When none is open any more. */
void streams_free(struct streams *all);

/* A stream of that module, for a request that is answered on that loop: written from now on, sent when it is begun.
 * `how` is complete. `*ret_handle` is its number. NULL: no memory. Any thread. */
stream *stream_new(const sw_stream *how, sw_host *host, http_loop *home, bool chunked, uint64_t *ret_handle);
/* The request has ended: without its claim the stream is over. A function for arena_defer(). */
void stream_request_ended(void *stream_);
/* It never was: as above, and `ended` is not called. */
void stream_undo(stream *s);

/* ---- on the loop of its connection ---- */

/* Its request is about to end, and the reply to begin. */
void stream_claim(stream *s);
/* After that: the head of the reply is in the output, or has left, and the body follows. The stream keeps the
 * connection until its end; then on(c) goes on with it, unless it ends with the stream. `without_body`: of a HEAD. */
void stream_begin(stream *s, conn *c, bool without_body, void (*on)(conn *c));
/* Or: the head could not be sent. */
void stream_lost(stream *s);

#endif
