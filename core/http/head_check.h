/* The head of a request, checked byte by byte before evhttp sees it: what evhttp 2.1 accepts too freely is refused
 * here. Pure: no I/O, no allocation. */
#ifndef CORE_HTTP_HEAD_CHECK_H
#define CORE_HTTP_HEAD_CHECK_H

#include <steward/base.h>

/* The methods of a request; the first five are sw_method. */
enum { HEAD_GET = 1, HEAD_POST, HEAD_PUT, HEAD_PATCH, HEAD_DELETE, HEAD_HEAD, HEAD_OPTIONS };

/* "GET" …; "" for what is not a method. */
const char *http_method_name(unsigned method);

/* Which headers stand in the head: so that nobody searches for one that is missing. */
enum {
    HAS_HOST = 1,
    HAS_LENGTH = 2,
    HAS_TRANSFER = 4,
    HAS_AUTHORIZATION = 8,
    HAS_CONTENT_TYPE = 16,
    HAS_ORIGIN = 32,
    HAS_REQUEST_ID = 64,
    HAS_FORWARDED = 128, /* X-Forwarded-For */
    HAS_EXPECT = 256,
    HAS_CONNECTION = 512,
    HAS_UPGRADE = 1024,
    HAS_PREFLIGHT = 2048, /* Access-Control-Request-Method */
    HAS_WS_KEY = 4096,
    HAS_WS_VERSION = 8192
};

typedef struct {
    uint8_t method; /* HEAD_GET … */
    bool http10;
    bool keep_alive; /* 1.0: Connection begins with keep-alive, as evhttp reads it */
    bool close;      /* Connection holds close */
    bool upgrade;    /* Connection holds upgrade */
    bool chunked;
    bool expects;     /* 100-continue */
    uint16_t present; /* HAS_… */
    sw_str target;    /* points into the head: path and query */
    sw_str path;
    uint64_t length; /* Content-Length, 0 when there is none */
} request_head;

/* A head may hold no more, since evhttp makes three allocations for each header. */
enum { HEAD_HEADERS_MAX = 128 };

/* Checks a whole head of `len` bytes, its empty line included. 0, or the HTTP status to refuse it with and why. */
int head_check(const char *at, size_t len, request_head *ret, const char **ret_why);

/* Checks the bytes from `from` of a head that has not ended yet (those before were checked): what can never become a
 * head is refused at once. `from` 0 at first. 0, or a status as above. */
int head_check_partial(const char *at, size_t len, size_t from, const char **ret_why);

#endif
