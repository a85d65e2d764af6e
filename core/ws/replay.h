/* What a socket that asked for HELLO, recovery or a greeting gets when: the decisions, without any I/O.
 *
 * OPENING  HELLO is being made.
 * ROWS     stored rows are read in pages. Unstored frames are dropped. Stored ones that arrive are dropped too, since a
 *          later page reads them; but while `holding` they are kept: for the first page, and for a last one after a
 *          page that came to the end while frames were being dropped. So the last page and what is held meet.
 * GREET    what the socket must be told besides; frames that arrive are held. When they become too many, stored ones
 * are dropped until the greeting is out, and read after it: ROWS again, and the rest of the greeting. LIVE     frames
 * pass, but for stored ones that the pages had. */
#ifndef CORE_WS_REPLAY_H
#define CORE_WS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { REPLAY_LIVE = 0, REPLAY_OPENING, REPLAY_ROWS, REPLAY_GREET } replay_phase;

typedef struct {
    replay_phase phase;
    bool recover; /* since_id was given (and, after HELLO, can be served) */
    bool greet;
    bool holding;  /* see above */
    bool missed;   /* a stored frame was dropped; ROWS: since the page was begun */
    int64_t since; /* -1: none */
    int64_t last;  /* the highest id that the pages gave, or since */
} replay;

typedef enum { LIVE_SEND = 1, LIVE_HOLD, LIVE_DROP } live_verdict;

/* The socket registers. `hello`: HELLO was asked for (since >= 0 asks too). Gives the first phase. */
replay_phase replay_begin(replay *r, bool hello, int64_t since, bool greet);
/* A frame for this socket's audience arrives. `id` 0: unstored. */
live_verdict replay_live(replay *r, int64_t id);
/* HELLO is out. */
replay_phase replay_hello(replay *r, bool recovered);
/* A page is being asked for. */
void replay_page_begin(replay *r);
/* A page has come; `last` its highest id, 0: it was empty. *ret_drop_held: what is held is in later pages. */
replay_phase replay_page(replay *r, int64_t last, bool more, bool *ret_drop_held);
/* Too much is held. false: it cannot be read again (without recovery); else throw away what is held. */
bool replay_overflow(replay *r);
/* A page of the greeting has come. ROWS: read on first, then the greeting goes on. */
replay_phase replay_greeted(replay *r, bool more);
/* Must a held frame with this id still be sent? */
static inline bool replay_wanted(const replay *r, int64_t id)
{
    return id == 0 || id > r->last;
}

#endif
