/* From an HTTP request that was found to be a good upgrade to an open socket. */
#include "core/base/crypto.h"
#include "core/base/str.h"
#include "core/common/buf.h"
#include "core/http/uri.h"
#include "core/ws/hub.h"
#include "core/ws/ws_connection.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { HEAD_MAX = 512, ACCEPT_LEN = 28, KEY_LEN = 24 };

static void accept_of(const char *key, char out[ACCEPT_LEN + 1])
{
    char text[KEY_LEN + sizeof GUID];
    uint8_t digest[20];
    int len = snprintf(text, sizeof text, "%.*s%s", KEY_LEN, key, GUID);
    sha1(text, (size_t)len, digest);
    out[base64(digest, sizeof digest, out)] = '\0';
}

/* The value of a query parameter, decoded and trimmed into `out`. Returns false when it is absent, empty, or too long
 * for a value that could be right (then *ret_long). */
static bool query_value(const char *query, const char *name, char *out, size_t size, bool *ret_long)
{
    sw_str raw;
    char text[128];
    *ret_long = false;
    if (!uri_query_find(str_of(query), name, &raw))
        return false;
    *ret_long = raw.len > sizeof text;
    if (*ret_long)
        return false;
    sw_str value = str_trim((sw_str){text, uri_decode(raw, true, text)});
    *ret_long = value.len >= size || memchr(value.at, '\0', value.len);
    if (*ret_long)
        return false;
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return value.len > 0;
}

/* As everywhere: what is above the largest number is cut to it. */
static bool read_since(const char *text, int64_t *ret)
{
    if (text[strspn(text, "0123456789")] != '\0')
        return false;
    if (!str_int(str_of(text), ret))
        *ret = INT64_MAX;
    return true;
}

/* Returns false when since_id is not a number from 0 on. */
static bool read_query(const char *query, ws_opening *o)
{
    char value[32];
    bool too_long;
    o->since = -1;
    o->hello = query_value(query, "hello", value, sizeof value, &too_long) &&
               (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
    if (query_value(query, "since_id", value, sizeof value, &too_long))
        return read_since(value, &o->since);
    return !too_long;
}

static bool offers_deflate(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *offers = evhttp_find_header(headers, "Sec-WebSocket-Extensions");
    return offers && deflate_offered(str_of(offers));
}

/* The 101; its length. */
static size_t write_head(char head[HEAD_MAX], const http_upgrade *up, const char *key, bool deflate)
{
    char accept[ACCEPT_LEN + 1];
    accept_of(key, accept);
    int len = snprintf(head, HEAD_MAX,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n%s%s%s%.64s\r\n\r\n",
                       accept, up->token_in_protocol ? "Sec-WebSocket-Protocol: bearer\r\n" : "",
                       deflate ? "Sec-WebSocket-Extensions: " DEFLATE_ANSWER "\r\n" : "",
                       "X-Request-Id: ", up->request_id ? up->request_id : "");
    return len > 0 && len < HEAD_MAX ? (size_t)len : 0;
}

void hub_upgrade(loop *l, struct evhttp_request *request, const http_upgrade *up)
{
    hub_loop *hl = l->ws;
    struct hub *h = hl->hub;
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *key = evhttp_find_header(headers, "Sec-WebSocket-Key");
    char head[HEAD_MAX];
    ws_opening o = {.connection = evhttp_request_get_connection(request), .up = up, .head = head};
    hub_now(hl);
    if (!read_query(up->query ? up->query : "", &o)) {
        http_refuse(l, request, SW_INVALID, "invalid_parameter", "invalid since_id");
        return;
    }
    sw_str trimmed = str_trim(str_of(key));
    if (!key || trimmed.len != KEY_LEN) {
        http_refuse(l, request, SW_INVALID, NULL, "invalid Sec-WebSocket-Key");
        return;
    }
    bool full = h->o.sockets > 0 && atomic_load(&h->open) >= h->o.sockets;
    if (full || atomic_load(&h->stopping)) {
        http_refuse(l, request, SW_BUSY, NULL, full ? "too many sockets" : "the server is shutting down");
        return;
    }
    o.deflate = h->o.compression && hl->deflate && offers_deflate(request);
    o.head_len = write_head(head, up, trimmed.at, o.deflate);
    if (!ws_connection_open(hl, &o)) {
        http_refuse(l, request, SW_NO_MEMORY, NULL, NULL);
        return;
    }
    /* The request lives as long as the connection: what it holds is not needed any more. */
    evhttp_clear_headers(headers);
}
