/* Replies of <steward/http.h>, and JSON in a request's memory. On the thread that runs the request. */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/runtime/runtime.h"
#include "core/runtime/writer.h"

#include <string.h>
#include <strings.h>

static sw_json *begin(sw_request *req, int http_status)
{
    json_done(&req->reply);
    json_init(&req->reply, request_reply_limit(req));
    req->http_status = http_status;
    req->content_type = NULL;
    return &req->reply;
}

sw_json *sw_reply_json(sw_request *req, int http_status)
{
    return begin(req, http_status);
}

void sw_reply_empty(sw_request *req, int http_status)
{
    begin(req, http_status);
}

void sw_reply_bytes(sw_request *req, int http_status, const char *content_type, const void *bytes, size_t len)
{
    sw_json *reply = begin(req, http_status);
    buf_add(&reply->out, bytes, len);
    req->content_type = arena_strndup(&req->arena, content_type, strlen(content_type));
}

/* No control characters: a line end would begin a header of the caller's choice. */
static bool clean(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* Those that the host makes itself: a second one would contradict it. */
static bool of_the_host(const char *name)
{
    static const char *const NAMES[] = {"Content-Type", "Content-Length", "Transfer-Encoding", "Connection",
                                        "Date",         "Vary",           "X-Request-Id",      NULL};
    for (unsigned i = 0; NAMES[i]; i++)
        if (strcasecmp(NAMES[i], name) == 0)
            return true;
    return strncasecmp(name, "Access-Control-", strlen("Access-Control-")) == 0;
}

void sw_reply_header(sw_request *req, const char *name, const char *value)
{
    if (name && of_the_host(name)) {
        log_warn(req->host->name, "the response header %s is the server's own, and was dropped", name);
        return;
    }
    if (!name || !value || *name == '\0' || strpbrk(name, ": ") || !clean(name) || !clean(value)) {
        log_warn(req->host->name, "a response header with control characters was dropped");
        return;
    }
    reply_header *h = arena_alloc(&req->arena, sizeof *h);
    if (!h)
        return;
    h->name = arena_strndup(&req->arena, name, strlen(name));
    h->value = arena_strndup(&req->arena, value, strlen(value));
    if (!h->name || !h->value)
        return;
    reply_header **at = &req->headers; /* in the order given */
    while (*at)
        at = &(*at)->next;
    *at = h;
}

/* ---- JSON in the request's memory ---- */

static void end_writer(void *arg)
{
    json_done(arg);
}

/* Never NULL: without memory it is json_none(), so that no call needs a check. */
static sw_json *new_writer(arena *a, size_t limit)
{
    sw_json *j = arena_alloc(a, sizeof *j);
    if (!j || !arena_defer(a, end_writer, j))
        return json_none();
    json_init(j, limit);
    return j;
}

sw_json *sw_json_new(sw_request *req)
{
    return new_writer(&req->arena, request_reply_limit(req));
}

sw_json *sw_json_new_tx(sw_tx *tx)
{
    return new_writer(tx->arena, request_reply_limit(tx->req));
}

const sw_value *sw_json_parse(sw_request *req, const char *text, size_t len)
{
    json_refusal why;
    return json_read_in(&req->arena, text, len, &why);
}

const sw_value *sw_json_parse_tx(sw_tx *tx, const char *text, size_t len)
{
    json_refusal why;
    return json_read_in(tx->arena, text, len, &why);
}
