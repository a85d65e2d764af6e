/* Sending an answer: the head is written by hand and goes to the socket together with the body, in one call when the
 * socket takes it; evhttp only learns that the request is done. */
#ifndef CORE_HTTP_HTTP_REPLY_H
#define CORE_HTTP_HTTP_REPLY_H

#include "core/http/exchange.h"

typedef struct {
    int status;
    const char *content_type; /* for a body */
    const char *body;
    size_t len;
    void *owned; /* freed when the body has left; NULL: the body is static */
    const reply_header *headers;
    const char *lines; /* further header lines, complete; NULL: none */
    bool preflight;    /* the answer to one: exposes no headers */
    int retry_after;   /* seconds, 0: none, or 1 with a 503 or 429 */
} reply;

/* On the loop. Logs and counts, and ends the exchange. */
void reply_send(exchange *x, reply *r);

#endif
