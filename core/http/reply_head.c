#include "core/http/reply_head.h"

#include "core/http/put.h"
#include <string.h>

static const struct {
    int status;
    const char *line;
} STATUS_LINES[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {201, "HTTP/1.1 201 Created\r\n"},
    {202, "HTTP/1.1 202 Accepted\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {401, "HTTP/1.1 401 Unauthorized\r\n"},
    {403, "HTTP/1.1 403 Forbidden\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {409, "HTTP/1.1 409 Conflict\r\n"},
    {410, "HTTP/1.1 410 Gone\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {414, "HTTP/1.1 414 URI Too Long\r\n"},
    {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {417, "HTTP/1.1 417 Expectation Failed\r\n"},
    {426, "HTTP/1.1 426 Upgrade Required\r\n"},
    {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {500, "HTTP/1.1 500 Internal Server Error\r\n"},
    {501, "HTTP/1.1 501 Not Implemented\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_status(char *at, int status)
{
    for (size_t i = 0; i < sizeof STATUS_LINES / sizeof *STATUS_LINES; i++)
        if (STATUS_LINES[i].status == status)
            return put_text(at, STATUS_LINES[i].line);
    at = put_number(PUT(at, "HTTP/1.1 "), (uint64_t)(status >= 100 && status <= 999 ? status : 500));
    return PUT(at, " -\r\n");
}

static char *put_header(char *at, const char *name, const char *value)
{
    at = PUT(put_text(at, name), ": ");
    return PUT(put_text(at, value), "\r\n");
}

/* What an Origin of the list, or any with *, is told. */
static char *put_cors(char *at, const exchange *x, bool preflight)
{
    const cors_rules *rules = x->home->server->cors;
    if (!x->origin)
        return at;
    at = put_header(at, "Access-Control-Allow-Origin", x->origin);
    /* "*" never goes with credentials: only origins that are named may have them. */
    if (rules->credentials && x->origin[0] != '*')
        at = PUT(at, "Access-Control-Allow-Credentials: true\r\n");
    if (preflight)
        return at;
    return PUT(at, "Access-Control-Expose-Headers: X-Total-Count, X-Request-Id, X-Truncated, Idempotency-Replayed\r\n");
}

size_t reply_head_bound(const exchange *x, const reply *r)
{
    size_t sum = 1024 + (r->lines ? strlen(r->lines) : 0) + (x->origin ? strlen(x->origin) : 0) +
                 (x->allow ? strlen(x->allow) : 0) + (r->content_type ? strlen(r->content_type) : 0);
    for (const reply_header *h = r->headers; h; h = h->next)
        sum += strlen(h->name) + strlen(h->value) + 4;
    return sum;
}

/* What a status demands. */
static char *put_demanded(char *at, const exchange *x, const reply *r)
{
    if (r->status == 401)
        at = PUT(at, "WWW-Authenticate: Bearer\r\n");
    if (x->allow)
        at = put_header(at, "Allow", x->allow);
    if (r->retry_after > 0 || r->status == 503 || r->status == 429) {
        at = put_number(PUT(at, "Retry-After: "), r->retry_after > 0 ? (uint64_t)r->retry_after : 1);
        at = PUT(at, "\r\n");
    }
    return at;
}

size_t reply_head_write(const exchange *x, const reply *r, bool close, bool keep_alive, char *out)
{
    const loop_clock *clock = &x->home->clock;
    bool no_body = r->status == 204 || r->status == 304;
    char *at = put_status(out, r->status);
    if (!no_body && r->len > 0)
        at = put_header(at, "Content-Type", r->content_type);
    if (!no_body)
        at = PUT(put_number(PUT(at, "Content-Length: "), r->len), "\r\n");
    at = put(at, clock->date, clock->date_len);
    at = put(PUT(at, "X-Request-Id: "), x->id, x->id_len);
    at = PUT(at, "\r\n");
    if (!x->home->server->cors->any_origin)
        at = PUT(at, "Vary: Origin\r\n");
    at = put_cors(at, x, r->preflight);
    at = put_demanded(at, x, r);
    for (const reply_header *h = r->headers; h; h = h->next)
        at = put_header(at, h->name, h->value);
    if (r->lines)
        at = put_text(at, r->lines);
    if (close)
        at = PUT(at, "Connection: close\r\n");
    else if (keep_alive)
        at = PUT(at, "Connection: keep-alive\r\n");
    at = PUT(at, "\r\n");
    return (size_t)(at - out);
}
