/* GET /api/ws, once its token is known: the origin, the handshake; then ws takes the connection over. On the loop. */
#include "core/http/own_routes.h"

#include "core/base/str.h"
#include "core/http/conn.h"
#include "core/http/forwarded.h"
#include "core/runtime/thread.h"
#include <string.h>
#include <strings.h>

static const char *header(const exchange *x, const char *name)
{
    const char *value = http_header(x->ev, name);
    return value ? value : "";
}

/* Browsers send credentials of a user who is signed in elsewhere, so a JWT is bound to known origins; an api token is
 * not: whoever has it may use it. */
static bool comes_from_known_page(const exchange *x)
{
    return !x->home->server->settings.check_origin || x->req.who.by_api_token || origin_allowed(x);
}

static bool holds_word(const char *list, const char *word)
{
    sw_str left = str_of(list), piece;
    while (str_next(&left, ',', &piece))
        if (str_equal_nocase(piece, word))
            return true;
    return false;
}

/* 16 bytes in base64: 22 digits and "==". */
static bool key_valid(const char *key)
{
    for (int i = 0; i < 22; i++) {
        char c = key[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
        if (!digit)
            return false;
    }
    return strcmp(key + 22, "==") == 0;
}

/* true: a handshake of RFC 6455; else it is answered. */
static bool is_handshake(exchange *x)
{
    const conn *c = x->conn;
    if (c->head.length > 0 || c->head.chunked) {
        exchange_refuse(x, 400, "invalid_request", "a WebSocket handshake has no body");
        return false;
    }
    bool asked =
        x->method == HEAD_GET && !c->head.http10 && c->head.upgrade && holds_word(header(x, "Upgrade"), "websocket");
    if (!asked || strcmp(header(x, "Sec-WebSocket-Version"), "13") != 0) {
        x->lines = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        exchange_refuse(x, 426, "invalid_request", asked ? "the WebSocket version must be 13" : "this is a WebSocket");
        return false;
    }
    if (!key_valid(header(x, "Sec-WebSocket-Key"))) {
        exchange_refuse(x, 400, "invalid_request", "malformed Sec-WebSocket-Key");
        return false;
    }
    return true;
}

void upgrade_take_over(exchange *x)
{
    http_server *h = x->home->server;
    conn *c = x->conn;
    if (atomic_load_explicit(&h->rt->draining, memory_order_relaxed)) {
        exchange_fail(x, SW_BUSY, NULL, "the server is shutting down");
        return;
    }
    if (!comes_from_known_page(x)) {
        exchange_fail(x, SW_FORBIDDEN, NULL, "origin not allowed");
        return;
    }
    if (!is_handshake(x))
        return;
    if (!h->take_over) {
        exchange_fail(x, SW_NOT_FOUND, NULL, "not found");
        return;
    }
    int64_t took = now_ns() - x->started_ns;
    http_upgrade up = {
        .who = &x->req.who,
        .generation = x->req.generation,
        .address = x->req.address,
        .request_id = x->id,
        .query = x->query.at ? x->query.at : "",
        .token_in_protocol = x->token_in_protocol,
    };
    conn_deadline(c, DEADLINES);
    conn_charge(c, 0);
    c->state = CONN_TAKEN;
    h->take_over(x->home->loop, x->ev, &up);
    if (c->work != x)
        return; /* refused */
    if (c->state == CONN_DEAD)
        x->path = (sw_str){NULL, 0}; /* it has ended already, and evhttp's copy with it */
    record_exchange(x, 101, 0, took);
    exchange_free(x);
    c->work = NULL;
}

void http_refuse(loop *l, struct evhttp_request *request, sw_status status, const char *code, const char *text)
{
    conn *c = conn_of(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)));
    (void)l;
    if (!c || c->state != CONN_TAKEN || !c->work)
        return;
    c->close_after = true;
    c->linger_after = true;
    exchange_fail(c->work, status, code, text);
}
