/* An exchange: one request and its answer. It begins as a sw_request, so handlers and steps run on it.
 *
 * The loop makes it, guards it and hands it to a lane; from then on it belongs to the thread that runs it. What evhttp
 * knows of the request (headers, target, body) stays untouched by the loop meanwhile, so any of these threads may read
 * it. request_finish() brings it home by the loop's mailbox, where the answer is sent and the exchange ends. */
#ifndef CORE_HTTP_EXCHANGE_H
#define CORE_HTTP_EXCHANGE_H

#include "core/http/http_internal.h"

enum { REQUEST_ID_MAX = 64 };

struct exchange {
    sw_request req;              /* first */
    TAILQ_ENTRY(exchange) entry; /* in home->busy or home->spare */
    http_loop *home;
    conn *conn;
    struct evhttp_request *ev; /* NULL: the request was refused before evhttp had it */
    const route *route;        /* NULL: none was found (yet) */
    uint8_t method;            /* HEAD_GET … */
    bool busy;
    sw_host *owner; /* whose request it is again when the provider has asked; NULL: it is not lent */
    bool upgrading; /* a WebSocket whose token is being looked up */
    bool token_in_protocol;
    bool tree_read;
    uint16_t present; /* HAS_… */
    sw_status outcome;
    int status;         /* HTTP status of a refusal that no sw_status stands for, 0: none */
    sw_str path, query; /* in evhttp's copy of the target, encoded; query.at NULL: none */
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
/* The exchange behind a request; NULL: a frame or a task. */
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

#endif
