/* RFC 6455, sans-IO: takes the bytes of a client, gives messages and control frames; writes frame headers.
 *
 * Small whole frames are handed out where they lie, unmasked in place. Longer ones and fragments are gathered in a
 * buffer that exists only while a message is incomplete. */
#ifndef CORE_WS_CODEC_H
#define CORE_WS_CODEC_H

#include "core/common/utf8.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CODEC_MORE = 0, /* nothing to report: more bytes are needed */
    CODEC_TEXT,     /* a whole message                          */
    CODEC_PING,
    CODEC_PONG,
    CODEC_CLOSE, /* code (1005 when none was given); at/len is the reason */
    CODEC_FAIL   /* the rules are broken: close with code; feed nothing more */
} codec_kind;

typedef struct {
    codec_kind kind;
    bool compressed; /* TEXT: still to be inflated, its UTF-8 is not checked yet */
    bool frame;      /* a frame's header was taken: for counting */
    uint16_t code;
    const char *reason; /* FAIL: a literal */
    uint8_t *at;        /* in `data`, or in the codec until codec_message_done() */
    size_t len;
} codec_event;

typedef struct {
    size_t message_max; /* bytes of all fragments together, as they come */
    bool deflate;       /* permessage-deflate was agreed on */
} codec_rules;

/* Valid on zeroed memory. */
typedef struct {
    uint8_t *message; /* owned; what has come of an incomplete message */
    uint32_t len, cap;
    uint64_t left; /* payload bytes of the open frame that are still to come */
    uint8_t mask[4];
    uint8_t mask_at;
    bool in_frame, fin; /* a data frame whose payload is gathered */
    bool in_message, compressed;
    utf8_state text;
} codec;

/* Takes a part of `data` (which it unmasks in place): up to one event. Returns how many bytes it took; 0 with MORE: it
 * needs at least *ret_want bytes in one piece (more than `len`). After a TEXT call codec_message_done(). */
size_t codec_feed(codec *c, const codec_rules *rules, uint8_t *data, size_t len, codec_event *out, size_t *ret_want);
/* Gives the memory of a gathered message back. */
void codec_message_done(codec *c);
/* Bytes it holds now. */
static inline size_t codec_held(const codec *c)
{
    return c->cap;
}
void codec_done(codec *c);

enum { CODEC_HEADER_MAX = 10, CODEC_CONTROL_MAX = 125 };

typedef enum { OP_CONTINUE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 } codec_op;

/* The header of an unfragmented server frame; its length. */
size_t codec_header(uint8_t out[CODEC_HEADER_MAX], codec_op op, bool compressed, size_t len);
/* A whole control frame (2..127 bytes); its length. */
size_t codec_control(uint8_t out[2 + CODEC_CONTROL_MAX], codec_op op, const void *payload, size_t len);
/* A whole close frame, without a code for 1005. The reason is cut to what fits. Returns its length. */
size_t codec_close_frame(uint8_t out[2 + CODEC_CONTROL_MAX], uint16_t code, const char *reason);

#endif
