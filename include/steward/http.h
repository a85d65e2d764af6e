/* HTTP: what a route declares, and typed access to a request and its reply.
 *
 * Parameter errors are sticky: read them all, then check once. The first culprit is named in the
 * 400. Reading never fails by itself; it gives the fallback. */
#ifndef STEWARD_HTTP_H
#define STEWARD_HTTP_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef enum { SW_GET = 1, SW_POST, SW_PUT, SW_PATCH, SW_DELETE } sw_method;

/* Who gets through the guard before the handler runs. */
typedef enum {
    SW_PUBLIC = 1, /* anybody; a valid token still gives a principal, a bad one is ignored */
    SW_SIGNED_IN,  /* any valid token                                                      */
    SW_HUMAN,      /* ADMIN or MEMBER, else 403                                            */
    SW_ADMIN       /* role ADMIN, else 403 "admin access required"                         */
} sw_access;

enum {
    SW_ROUTE_LARGE_BODY = 1, /* bodies up to limits.large_body (8 MiB) instead of limits.body (1 MiB) */
    SW_ROUTE_RAW_BODY = 2    /* no JSON: any content type, read with sw_body_raw()                    */
};

typedef struct {
    sw_method method;
    const char *path; /* "/api/messages/:id"; a parameter is one whole segment, and a segment that is written
                         out goes before it, whatever the method. By custom it begins with /api/NAME          */
    sw_access access;
    sw_lane lane;
    sw_handler handle;
    const char *summary;  /* one sentence, for `steward routes` and the OpenAPI document           */
    uint32_t flags;       /* SW_ROUTE_*                                                            */
    const char *request;  /* one-line example of the body, NULL: none; for the OpenAPI document    */
    const char *response; /* one-line example of the 2xx body                                      */
} sw_route;

/* A path parameter as a positive id; anything else is a sticky "invalid <name>". */
SW_EXPORT int64_t sw_path_id(sw_request *req, const char *name);
/* A path parameter as decoded text; "" when there is none of that name. */
SW_EXPORT const char *sw_path_text(sw_request *req, const char *name);

/* Query parameters, decoded and trimmed; an empty one counts as absent. A number above `max` is cut
 * to it; below `min`, or no number: sticky "invalid <name>". */
SW_EXPORT int64_t sw_query_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max);
/* Longer than `max` bytes: sticky. */
SW_EXPORT const char *sw_query_text(sw_request *req, const char *name, size_t max, const char *fallback);
/* RFC 3339 or Unix milliseconds, as Unix milliseconds; neither: sticky "invalid <name>". */
SW_EXPORT int64_t sw_query_time(sw_request *req, const char *name, int64_t fallback);
SW_EXPORT bool sw_query_has(sw_request *req, const char *name);

/* A request header (any case), NULL when absent. */
SW_EXPORT const char *sw_header(sw_request *req, const char *name);

/* The JSON body. A missing or empty body reads as {}; anything else that is not one JSON text is a
 * sticky "invalid request body". sw_body() is the whole value, for arrays and nested objects. */
SW_EXPORT const sw_value *sw_body(sw_request *req);
/* Is the member there, also as null? The other readers take null as absent. */
SW_EXPORT bool sw_body_has(sw_request *req, const char *name);
/* Text of min..max bytes, as it came: not trimmed. Missing with min > 0: sticky "<name> is required" (missing_field);
 * too long:
 * "<name> must be at most N bytes" (field_too_long); too short: "<name> must be at least N bytes". */
SW_EXPORT const char *sw_body_text(sw_request *req, const char *name, size_t min, size_t max);
/* As sw_body_text, but absent or null gives `fallback`, which may be NULL. */
SW_EXPORT const char *sw_body_text_or(sw_request *req, const char *name, size_t max, const char *fallback);
/* An integer; absent or null: `fallback`; above `max`: cut to it; below `min`, another type, or no
 * int64_t: sticky "invalid <name>". One that must be there: take a fallback below `min`, and look for it. */
SW_EXPORT int64_t sw_body_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max);
/* true, false, or `fallback` when absent; another type is sticky "<name> must be a boolean". */
SW_EXPORT int sw_body_bool(sw_request *req, const char *name, int fallback);
/* Since 1.1. A time as Unix milliseconds: an RFC 3339 text, or an integer of 0 and above that is one already; absent or
 * null: `fallback`; anything else, "" too: sticky "invalid <name>". */
SW_EXPORT int64_t sw_body_time(sw_request *req, const char *name, int64_t fallback);
/* The body's bytes, as they came; none for a request without a body. */
SW_EXPORT sw_str sw_body_raw(sw_request *req);

/* A sticky 400 of the handler's own making, like those above. The first one counts. */
SW_EXPORT void sw_invalid(sw_request *req, const char *code, const char *format, ...) SW_PRINTF(3, 4);
/* SW_OK, or SW_INVALID with the first sticky error as the failure. */
SW_EXPORT SW_MUST_USE sw_status sw_check(sw_request *req);

/* The reply, sent only when the handler or step ends with SW_OK; otherwise it is dropped and the
 * failure is sent. One per request; 204 has no body. Compact JSON. */
SW_EXPORT sw_json *sw_reply_json(sw_request *req, int http_status);
SW_EXPORT void sw_reply_empty(sw_request *req, int http_status);
/* Another body: `bytes` are copied. */
SW_EXPORT void sw_reply_bytes(sw_request *req, int http_status, const char *content_type, const void *bytes,
                              size_t len);
/* Adds a response header, in the place of none: those that the server makes (Content-Type, Content-Length, Connection,
 * Date, Vary, X-Request-Id, CORS) are its own. Names and values with control characters are dropped and logged. */
SW_EXPORT void sw_reply_header(sw_request *req, const char *name, const char *value);

SW_END_DECLS
#endif
