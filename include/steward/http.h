/* HTTP: what a route declares, and typed access to a request and its reply.
 *
 * Errors of parameters are sticky: the host keeps the first one. So read all parameters, and then call sw_check() once;
 * the 400 names the first one that was wrong. A function that reads never fails by itself: it returns its fallback. */
#ifndef STEWARD_HTTP_H
#define STEWARD_HTTP_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef enum { SW_GET = 1, SW_POST, SW_PUT, SW_PATCH, SW_DELETE } sw_method;

/* Whose requests the guard lets through to the handler. */
typedef enum {
    SW_PUBLIC = 1, /* anybody's; a valid token still gives a principal, a bad one is ignored */
    SW_SIGNED_IN,  /* those with any valid token */
    SW_HUMAN,      /* those of ADMIN or MEMBER; others get 403 */
    SW_ADMIN       /* those of ADMIN; others get 403 "admin access required" */
} sw_access;

enum {
    SW_ROUTE_LARGE_BODY = 1, /* bodies up to limits.large_body (8 MiB) instead of limits.body (1 MiB) */
    SW_ROUTE_RAW_BODY = 2    /* the body has any content type and is read with sw_body_raw(), not as JSON */
};

typedef struct {
    sw_method method;
    const char *path; /* "/api/messages/:id". A parameter is a whole segment. A path that has a literal
                         segment there is preferred, whatever its method. Usually it begins with /api/NAME */
    sw_access access;
    sw_lane lane;
    sw_handler handle;
    const char *summary;  /* one sentence, for `steward routes` and the OpenAPI document           */
    uint32_t flags;       /* SW_ROUTE_*, SW_WORK_*                                                 */
    const char *request;  /* an example of the body in one line, for the OpenAPI document; may be NULL */
    const char *response; /* an example of the body of a 2xx reply, in one line */
    size_t body_limit;    /* since 1.2: bytes that a body may have, when that is less than the limit above; a longer one
                             is refused with 413 before it is read. 0: the limit above */
} sw_route;

/* A path parameter that must be a positive id. Anything else is a sticky error, "invalid <name>". */
SW_EXPORT int64_t sw_path_id(sw_request *req, const char *name);
/* A path parameter as decoded text; "" when the path has no parameter of that name. */
SW_EXPORT const char *sw_path_text(sw_request *req, const char *name);

/* Query parameters are decoded and trimmed, and an empty one counts as absent. A number above `max` is read as `max`.
 * One below `min`, or a text that is not a number, is a sticky error, "invalid <name>". */
SW_EXPORT int64_t sw_query_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max);
/* A text that is longer than `max` bytes is a sticky error. */
SW_EXPORT const char *sw_query_text(sw_request *req, const char *name, size_t max, const char *fallback);
/* A time of RFC 3339 or in Unix milliseconds; returns Unix milliseconds. Anything else is a sticky error, "invalid
 * <name>". */
SW_EXPORT int64_t sw_query_time(sw_request *req, const char *name, int64_t fallback);
SW_EXPORT bool sw_query_has(sw_request *req, const char *name);

/* A request header, whose name is given in any case; NULL when absent. */
SW_EXPORT const char *sw_header(sw_request *req, const char *name);

/* The JSON body: the whole value, for arrays and nested objects. A missing or empty body reads as {}. Anything else
 * that is not one JSON text is a sticky error, "invalid request body". */
SW_EXPORT const sw_value *sw_body(sw_request *req);
/* Tells whether the member is there, even when it is null. All other functions that read take null as absent. */
SW_EXPORT bool sw_body_has(sw_request *req, const char *name);
/* A text of `min` to `max` bytes, as it came: it is not trimmed. Sticky errors: when it is missing and `min` is above
 * 0,
 * "<name> is required" (missing_field); when it is too long, "<name> must be at most N bytes" (field_too_long); when it
 * is too short, "<name> must be at least N bytes". */
SW_EXPORT const char *sw_body_text(sw_request *req, const char *name, size_t min, size_t max);
/* As sw_body_text(), but it returns `fallback`, which may be NULL, when the member is absent or null. */
SW_EXPORT const char *sw_body_text_or(sw_request *req, const char *name, size_t max, const char *fallback);
/* An integer. Returns `fallback` when it is absent or null, and `max` when it is larger. A number below `min`, another
 * type, or a number that does not fit an int64_t is a sticky error, "invalid <name>". For a number that must be there,
 * pass a fallback below `min` and compare with it. */
SW_EXPORT int64_t sw_body_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max);
/* true, false, or `fallback` when it is absent. Another type is a sticky error, "<name> must be a boolean". */
SW_EXPORT int sw_body_bool(sw_request *req, const char *name, int fallback);
/* Since 1.1. A time in Unix milliseconds, given as a text of RFC 3339, or as an integer of 0 or more that is in Unix
 * milliseconds already. Returns `fallback` when it is absent or null. Anything else, also "", is a sticky error,
 * "invalid <name>". */
SW_EXPORT int64_t sw_body_time(sw_request *req, const char *name, int64_t fallback);
/* The bytes of the body as they came. Its length is 0 when the request has no body. */
SW_EXPORT sw_str sw_body_raw(sw_request *req);

/* A sticky error that the handler makes itself; it is a 400 as those above. The first one counts. */
SW_EXPORT void sw_invalid(sw_request *req, const char *code, const char *format, ...) SW_PRINTF(3, 4);
/* SW_OK, or SW_INVALID with the first sticky error as the failure. */
SW_EXPORT SW_MUST_USE sw_status sw_check(sw_request *req);

/* Begins the reply. It is sent only when the handler or step ends with SW_OK; otherwise it is dropped, and the failure
 * is sent. A request has one reply, in compact JSON. A 204 has no body. */
SW_EXPORT sw_json *sw_reply_json(sw_request *req, int http_status);
SW_EXPORT void sw_reply_empty(sw_request *req, int http_status);
/* Replies with a body that is not JSON. The bytes are copied. */
SW_EXPORT void sw_reply_bytes(sw_request *req, int http_status, const char *content_type, const void *bytes,
                              size_t len);
/* Since 1.2. A reply whose body comes in pieces: events, or a long file. */
typedef struct {
    uint32_t size;            /* sizeof(sw_stream)                         */
    int http_status;          /* 0 means 200; it must be one with a body */
    const char *content_type; /* NULL means text/event-stream              */
    size_t max_queue;         /* bytes that may wait for the client; 0 means 256 KiB */
    /* After a write said SW_BUSY: half of the queue is free again. May be NULL. */
    void (*room)(void *arg);
    /* Called exactly once, when the reply is over. `complete`: everything was taken by the system for the client;
     * otherwise the client has left, was too slow (limits.reply_stall), or the server stops. May be NULL. */
    void (*ended)(void *arg, bool complete);
    void *arg; /* Both run on an event loop and must not block; hand on work with sw_task_run(). */
} sw_stream;

/* Begins a reply in pieces. Return SW_OK afterwards: then the head leaves, with the headers of sw_reply_header(). When
 * the handler or step fails instead, the client gets the failure, and `ended` is called. The stream outlives the
 * request; until it is over the connection takes no other request. The number that it returns names it, for any thread;
 * pieces may be written at once. 0 when there is no memory, when this is no HTTP request, or when it has a stream
 * already; then `ended` is not called. */
SW_EXPORT uint64_t sw_reply_stream(sw_request *req, const sw_stream *how);
/* Appends a piece, which is copied. Any thread; pieces of one thread stay in order. SW_BUSY: it would be more than
 * max_queue, or limits.memory is used up, so try again after room(); nothing of it was taken. SW_TOO_LARGE: it is
 * longer than max_queue by itself. SW_NOT_FOUND: the stream is over. */
SW_EXPORT SW_MUST_USE sw_status sw_stream_write(sw_host *host, uint64_t stream, const void *data, size_t len);
/* Ends it: what waits still leaves. Any thread; a stream that is over stays so. */
SW_EXPORT void sw_stream_end(sw_host *host, uint64_t stream);

/* Adds a response header. It cannot replace those that the server makes itself: Content-Type, Content-Length,
 * Connection, Date, Vary, X-Request-Id and those of CORS. A name or value with control characters is dropped and
 * logged. */
SW_EXPORT void sw_reply_header(sw_request *req, const char *name, const char *value);

SW_END_DECLS
#endif
