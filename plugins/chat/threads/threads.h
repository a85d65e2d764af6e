/* threads/: the threads of a human with an agent or the Butler, and where a frame goes: whether its sender may write to
 * its target, and which thread it belongs to. */
#ifndef CHAT_THREADS_H
#define CHAT_THREADS_H

#include "chat.h"

enum { CHAT_TITLE_MAX = 200 }; /* of a thread that another plugin opens; the routes have the option title_max */

typedef struct {
    int64_t id, owner_id, peer_id, archived_ms, last_message_ms, created_ms, updated_ms; /* 0: never */
    const char *channel_kind, *title, *summary;
    bool is_pinned, is_default;
} thread_row;

/* ---- where a frame goes (conversation.c) ---- */

typedef struct {
    int64_t sender_id;
    sw_role sender_role;
    int64_t target_id;       /* 0: every human                                      */
    sw_role target_role;     /* 0 though there is a target_id: there is no such user */
    int64_t asked;           /* the conversation that was given, 0 when none was     */
    int64_t conversation_id; /* what was found: the thread, 0 when it is in none     */
} envelope;

/* May this frame be sent at all? `e->target_role` is known. */
fault envelope_check(const chat *c, const envelope *e);
/* On the loop: false when memory does not know (then ask the store). */
bool conversation_remembered(const chat *c, envelope *e, fault *ret_fault);
/* On a worker; fills the memory. *ret_missing: the pair has no default thread yet, or the agent is no guest yet in the
 * one that was given. */
sw_status conversation_read(const chat *c, sw_db *db, envelope *e, fault *ret_fault, bool *ret_missing);
/* In a write step: also makes the default thread, or the agent a guest. */
sw_status conversation_settle(const chat *c, sw_tx *tx, envelope *e, fault *ret_fault);
/* The pair's default thread, made now if there is none. */
sw_status conversation_default(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                               int64_t *ret_thread);
/* The thread of the human's latest CHAT to that peer, else the default one. */
sw_status conversation_latest(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                              int64_t *ret_thread);
/* A stored frame lies in this thread now; `by_owner`: the pair's answers go there from now on. */
sw_status conversation_touch(const chat *c, sw_tx *tx, const envelope *e, bool by_owner);

/* ---- what is remembered in memory (memory.c) ---- */

typedef struct cache cache;
typedef enum { CACHE_USER = 1, CACHE_THREAD, CACHE_PAIR, CACHE_GUEST } cache_kind;

/* USER (id, 0): role, 0. THREAD (id, 0): owner, peer. PAIR (human, peer): default thread, latest thread.
 * GUEST (thread, agent): 1, 0 when it is one. */
typedef struct {
    cache_kind kind;
    int64_t a, b;
} cache_key;

cache *cache_new(void);
void cache_free(cache *c);
bool cache_find(cache *c, cache_key key, int64_t ret_values[2]);
/* Taken before the store is read; cache_fill() does nothing when something changed meanwhile. */
uint64_t cache_ticket(cache *c, cache_key key);
void cache_fill(cache *c, cache_key key, int64_t first, int64_t second, uint64_t ticket);
/* At the commit of `tx`, before any reply leaves. */
sw_status cache_put_later(cache *c, sw_tx *tx, cache_key key, int64_t first, int64_t second);
sw_status cache_forget_user_later(cache *c, sw_tx *tx, int64_t user_id);
sw_status cache_clear_later(cache *c, sw_tx *tx);

/* ---- the rows of threads (conversation.c): reading works on any connection, writing in a write step ---- */

/* The columns that threads_next() reads. */
#define THREAD_COLUMNS                                                                                                 \
    "SELECT id, owner_id, peer_id, channel_kind, title, summary, is_pinned, is_default, archived_ms, last_message_ms," \
    " created_ms, updated_ms FROM chat_threads"

extern const sw_table THREAD_STATEMENTS;
sw_status thread_add(sw_tx *tx, thread_row *t);               /* sets id and times */
sw_status thread_touch(sw_tx *tx, int64_t id, int64_t at_ms); /* its newest message is of that time */
bool threads_next(sw_rows *rows, thread_row *ret);
/* One of the caller's own threads; else the failure is "conversation thread not found". */
sw_status thread_get_own(sw_request *req, sw_db *db, int64_t id, thread_row *ret);
/* The pair's default thread and that of the human's latest CHAT; 0 when there is none. */
sw_status pair_get(sw_db *db, int64_t owner_id, int64_t peer_id, int64_t *ret_default, int64_t *ret_latest);
/* The kind of thread that a peer of this role has, "" for humans. */
const char *thread_kind_of(sw_role peer_role);

/* ---- threads.c ---- */

extern const sw_table THREAD_LIST_STATEMENTS;
sw_status get_threads(sw_request *req);
sw_status post_threads(sw_request *req);
sw_status patch_thread(sw_request *req);

#endif
