/* An exchange: one request and its answer. It begins as a sw_request, so handlers and steps run on it.
 *
 * The loop makes it, guards it and hands it to a lane; from then on it belongs to the thread that runs it. What evhttp
 * knows of the request (headers, target, body) stays untouched by the loop meanwhile, so any of these threads may read
 * it. request_finish() brings it home by the loop's mailbox, where the answer is sent and the exchange ends.
 *
 * http_record.c notes what became of it, request_read.c is what a handler reads of it. */
#ifndef CORE_HTTP_EXCHANGE_H
#define CORE_HTTP_EXCHANGE_H

#include "core/http/http_internal.h"

enum { REQUEST_ID_MAX = 64 };

struct exchange {
    sw_request req;              /* first */
    TAILQ_ENTRY(exchange) entry; /* in home->busy or home->spare */
    http_loop *home;
    conn *conn;
    struct evhttp_request *ev; /* NULL when the request was refused before evhttp had it */
    const route *route;        /* NULL when none was found (yet) */
    uint8_t method;            /* HEAD_GET … */
    bool busy;
    sw_host *owner;              /* whose request it is again when the provider has asked; NULL while it is not lent */
    void (*resume)(exchange *x); /* what the loop does when it has come home, instead of answering; NULL: it answers */
    bool token_in_protocol;
    bool tree_read;
    bool waits_mailed;          /* `waits` is under way */
    mail waits;                 /* to the loop, when the answer comes later: watch for the client's end */
    _Atomic uint64_t waits_for; /* the handle of that answer */
    struct stream *stream;      /* the body of the reply, NULL when it is in the request */
    uint32_t present;           /* HAS_… */
    uint32_t slot;              /* of the client's address, see rate.h */
    sw_status outcome;
    int status;         /* the HTTP status of a refusal that no sw_status stands for, else 0 */
    sw_str path, query; /* in evhttp's copy of the target, encoded; query.at is NULL when there is none */
    sw_str host;        /* there as well, and counts in the place of Host; empty when the target begins with its path */
    sw_str values[ROUTE_PARAMS_MAX];
    sw_str token;         /* of Authorization or the query, encoded as it came */
    sw_str body;          /* in evhttp's input buffer, in one piece */
    const char *origin;   /* the Origin when it is to be told "yes" */
    const char *allow;    /* for a 405 */
    const char *lines;    /* further header lines of a refusal; static */
    const sw_value *tree; /* the body, read */
    int64_t started_ns;
    size_t id_len;
    char id[REQUEST_ID_MAX + 1];
    char address[ADDRESS_TEXT]; /* of the client, behind proxies */
};

/* On the loop. NULL: no memory. The connection is CONN_WORK from then on. */
exchange *exchange_new(conn *c, struct evhttp_request *ev);
/* On the loop, when nobody works on it any more. */
void exchange_free(exchange *x);
/* The exchange behind a request; NULL for a frame or a task. */
exchange *exchange_of(const sw_request *req);

/* Hands it to a lane. On the loop; when the lane is full it is answered with 503. */
void exchange_submit(exchange *x, sw_lane lane, sw_handler handler);
/* Runs a handler of the loop's lane here and now. */
void exchange_run(exchange *x, sw_handler handler);
/* Answers with a failure. On the loop. `code` NULL: the status's own. */
void exchange_fail(exchange *x, sw_status status, const char *code, const char *text);
/* The same with an HTTP status that no sw_status stands for. */
void exchange_refuse(exchange *x, int http_status, const char *code, const char *text);
/* Sends what the outcome is. On the loop; ends the exchange. */
void exchange_answer(exchange *x);

/* X-Request-Id: the caller's own when it is sane, else one of ours. `given` may be NULL. On the loop. */
void exchange_name(exchange *x, const char *given);
/* Sets x->origin: what Access-Control-Allow-Origin says to that Origin, or NULL when it says nothing. `origin` must
 * live until the answer is sent. On the loop. */
void exchange_take_origin(exchange *x, const char *origin);
/* The prefix of the loop's own ids: random, so that restarts do not repeat them. */
bool exchange_names_open(http_loop *l, unsigned index);

/* ---- the answer: the head is written by hand and goes to the socket together with the body, in one call when the
 * socket takes it; evhttp only learns that the request is done ---- */

typedef struct {
    int status;
    const char *content_type; /* for a body */
    const char *body;
    size_t len;
    void *owned; /* freed when the body has left; NULL when the body is static */
    const reply_header *headers;
    const char *lines;     /* further header lines, complete; or NULL */
    bool preflight;        /* the answer to one: exposes no headers */
    int retry_after;       /* seconds; 0: none, but 1 with a 503 or 429 */
    struct stream *stream; /* the body comes in pieces instead */
} reply;

/* On the loop. Logs and counts, and ends the exchange. */
void reply_send(exchange *x, reply *r);

/* ---- http_record.c ---- */

/* Notes an exchange that has been answered: a line of the access log, and the counts of its route. On the loop. */
void record_exchange(const exchange *x, int status, size_t bytes, int64_t took_ns);

#endif
