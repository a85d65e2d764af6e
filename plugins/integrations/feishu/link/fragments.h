/* Puts events together that came in several frames. Sans-IO: the caller brings the clock. Parts share a message_id (a
 * transport id) and may come in any order; bytes are joined before text is decoded, since a cut may fall inside a
 * character. One thread at a time. */
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
    FRAGMENTS_WHOLE = 1, /* *ret_payload is the event: f's own bytes, or the joined ones until the next call */
    FRAGMENTS_PART,      /* kept; more must come                                                             */
    FRAGMENTS_BAD        /* sum or seq make no sense, or it is too large: dropped (the platform sends it again) */
} fragments_answer;

fragments *fragments_new(void);
void fragments_free(fragments *g);

/* Takes a data frame. A sum that is missing, 0 or 1: the frame is whole. A repeated part replaces the first. */
fragments_answer fragments_add(fragments *g, const frame *f, int64_t now_ms, sw_str *ret_payload);
/* Groups that are open, after forgetting those past their time. */
size_t fragments_open(fragments *g, int64_t now_ms);

#endif
