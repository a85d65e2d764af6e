/* Puts events together that came in several frames. It does no I/O, and the caller brings the clock. Parts of an event
 * have the same message_id, which is an id of the transport, and may come in any order. Bytes are joined before text is
 * decoded, since a cut may fall inside a character. One thread at a time. */
#ifndef FEISHU_FRAGMENTS_H
#define FEISHU_FRAGMENTS_H

#include "link/feishu_frame.h"

enum {
    FRAGMENTS_GROUPS_MAX = 64,      /* open at once; the oldest makes room          */
    FRAGMENTS_PARTS_MAX = 1024,     /* of one event                                 */
    FRAGMENTS_BYTES_MAX = 8 << 20,  /* of one event                                 */
    FRAGMENTS_TOTAL_MAX = 32 << 20, /* of all that is open; the oldest makes room   */
    FRAGMENTS_TIMEOUT_MS = 10000    /* from the first part                          */
};

typedef struct fragments fragments;

typedef enum {
    FRAGMENTS_WHOLE = 1, /* *ret_payload is the event: the bytes of `f`, or joined ones that stay until the next call */
    FRAGMENTS_PART,      /* it is kept; more must come */
    FRAGMENTS_BAD /* sum or seq make no sense, or it is too large: it is dropped, and the platform sends it again */
} fragments_answer;

fragments *fragments_new(void);
void fragments_free(fragments *g);

/* Takes a data frame. The frame is whole when its sum is missing, 0 or 1. A repeated part replaces the first. */
fragments_answer fragments_add(fragments *g, const frame *f, int64_t now_ms, sw_str *ret_payload);
/* How many events are open, after those that took too long have been forgotten. */
size_t fragments_open(fragments *g, int64_t now_ms);

#endif
