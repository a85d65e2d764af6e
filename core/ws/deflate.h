/* permessage-deflate (RFC 7692) without context takeover: the streams belong to a loop, sockets keep nothing. */
#ifndef CORE_WS_DEFLATE_H
#define CORE_WS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/base.h>

typedef struct deflater deflater;

/* Streams are made at first use. Returns NULL when there is no memory. */
deflater *deflater_new(void);
void deflater_free(deflater *d);

typedef enum { INFLATE_OK = 0, INFLATE_BAD, INFLATE_TOO_LARGE, INFLATE_NO_MEMORY } inflate_result;

/* A message without its 00 00 FF FF tail → *ret (free()). At most `max` bytes come out. */
inflate_result deflater_inflate(deflater *d, const uint8_t *at, size_t len, size_t max, uint8_t **ret, size_t *ret_len);
/* The reverse. Returns NULL when there is no memory, or when it would not become smaller. free(). */
uint8_t *deflater_deflate(deflater *d, const uint8_t *at, size_t len, size_t *ret_len);

/* Does a Sec-WebSocket-Extensions header offer something that we can do? The answer to it is always DEFLATE_ANSWER. */
bool deflate_offered(sw_str header);
#define DEFLATE_ANSWER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

#endif
