/* Follows the framing of a chunked body, so that evhttp gets it only when it is whole and clean. Pure. */
#ifndef CORE_HTTP_CHUNK_WALK_H
#define CORE_HTTP_CHUNK_WALK_H

#include <steward/base.h>

typedef enum { CHUNK_MORE = 0, CHUNK_END, CHUNK_BAD, CHUNK_TOO_LARGE } chunk_answer;

/* Zeroed: the start of a body. */
typedef struct {
    uint8_t where;  /* chunk_place of chunk_walk.c */
    uint8_t digits; /* of the size being read      */
    uint64_t left;  /* of the chunk; while its size is read: the size so far */
    uint64_t total; /* bytes of the body so far    */
} chunk_walk;

/* Takes `len` more bytes. At CHUNK_END *ret_used says how many of them belong to the body. Sizes are hex digits alone:
 * no sign, no 0x, no extension; trailers are refused, since evhttp would mix them with the headers. */
chunk_answer chunk_feed(chunk_walk *w, const char *bytes, size_t len, uint64_t limit, size_t *ret_used);

#endif
