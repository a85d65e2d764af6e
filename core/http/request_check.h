/* A request as bytes, checked before evhttp sees it: the head byte by byte, since evhttp 2.1 accepts too much, and the
 * framing of a chunked body, so that evhttp gets it only when it is whole and clean. Pure: no I/O, no allocation. */
#ifndef CORE_HTTP_REQUEST_CHECK_H
#define CORE_HTTP_REQUEST_CHECK_H

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
    HAS_WS_VERSION = 8192,
    HAS_CODING = 16384,         /* Content-Encoding */
    HAS_FORWARDED_HOST = 32768, /* X-Forwarded-Host */
    HAS_FORWARDED_ANY = 65536   /* X-Forwarded-For, -Host, -Proto … */
};

typedef struct {
    uint8_t method; /* HEAD_GET … */
    bool http10;
    bool keep_alive; /* 1.0: Connection begins with keep-alive, as evhttp reads it */
    bool close;      /* Connection holds close */
    bool upgrade;    /* Connection holds upgrade */
    bool chunked;
    bool expects;     /* 100-continue */
    bool coded;       /* Content-Encoding names one that is not identity */
    uint32_t present; /* HAS_… */
    sw_str target;    /* points into the head: path and query, perhaps behind a scheme and a host */
    sw_str host;      /* in the target: it counts in the place of Host (RFC 9112, 3.2.2); len 0: the target has none */
    sw_str path;      /* in the target; empty behind a host alone, which means "/" */
    uint64_t length;  /* Content-Length, 0 when there is none */
} request_head;

/* A head may hold no more, since evhttp makes three allocations for each header. */
enum { HEAD_HEADERS_MAX = 128 };

/* Checks a whole head of `len` bytes, its empty line included. 0, or the HTTP status to refuse it with and why. */
int head_check(const char *at, size_t len, request_head *ret, const char **ret_why);

/* Checks the bytes from `from` of a head that has not ended yet (those before were checked): what can never become a
 * head is refused at once. `from` 0 at first. 0, or a status as above. */
int head_check_partial(const char *at, size_t len, size_t from, const char **ret_why);

/* ---- a chunked body ---- */

typedef enum { CHUNK_MORE = 0, CHUNK_END, CHUNK_BAD, CHUNK_TOO_LARGE } chunk_answer;

/* Zeroed: the start of a body. */
typedef struct {
    uint8_t where;  /* enum chunk_place */
    uint8_t digits; /* of the size being read      */
    uint64_t left;  /* of the chunk; while its size is read: the size so far */
    uint64_t total; /* bytes of the body so far    */
    size_t ignored; /* bytes of extensions and trailers so far */
} chunk_walk;

/* Takes `len` more bytes. At CHUNK_END *ret_used says how many of them belong to the body. Sizes are hex digits alone:
 * no sign, no 0x. Extensions and trailers mean nothing here, but they are lines like those of a head. */
chunk_answer chunk_feed(chunk_walk *w, const char *bytes, size_t len, uint64_t limit, size_t *ret_used);
/* Puts the data of a whole body, which chunk_feed() has accepted, together at its beginning, and gives its length. */
size_t chunk_join(char *bytes, size_t len);

#endif
