/* Where a frame goes. First who may write to whom: humans and Butler to anybody, an agent to humans and Butler. Then
 * which thread it belongs to: the one that was given when it is right, else the one where the human spoke last, else
 * the pair's default thread.
 *
 * The same question is answered on three threads: on the loop from memory alone (conversation_remembered), on a worker
 * from the store (conversation_read), and in a write step, which also makes the thread (conversation_settle). */
#include "threads/threads.h"

fault envelope_check(const chat *c, const envelope *e)
{
    if (e->target_id == 0)
        return e->sender_role == SW_ROLE_AGENT ? FAULT_TARGET_REQUIRED : FAULT_NONE;
    if (e->target_role == 0)
        return FAULT_UNKNOWN_TARGET;
    if (e->target_id == e->sender_id && role_system(e->sender_role))
        return FAULT_TO_ITSELF;
    if (e->sender_role == SW_ROLE_AGENT && e->target_role == SW_ROLE_AGENT &&
        !sw_option_bool(c->host, "allow_agent_to_agent"))
        return FAULT_AGENT_TO_AGENT;
    return FAULT_NONE;
}

/* A human on one side, an agent or the Butler on the other: such pairs have threads. */
static bool threaded(const envelope *e, int64_t *ret_human, int64_t *ret_peer)
{
    if (role_human(e->sender_role) && role_system(e->target_role)) {
        *ret_human = e->sender_id;
        *ret_peer = e->target_id;
        return true;
    }
    if (role_system(e->sender_role) && role_human(e->target_role)) {
        *ret_human = e->target_id;
        *ret_peer = e->sender_id;
        return true;
    }
    return false;
}

/* Between Butler and an agent, a thread is right when one of the two takes part in it: the human's wish came from
 * there. */
static bool thread_fits(const envelope *e, int64_t owner_id, int64_t peer_id)
{
    int64_t human, peer;

    if (threaded(e, &human, &peer))
        return owner_id == human && peer_id == peer;
    if (role_system(e->sender_role) && role_system(e->target_role))
        return peer_id == e->sender_id || peer_id == e->target_id;
    return false;
}

static cache_key key_of_thread(int64_t id)
{
    return (cache_key){CACHE_THREAD, id, 0};
}

static cache_key key_of_pair(int64_t human, int64_t peer)
{
    return (cache_key){CACHE_PAIR, human, peer};
}

/* Where a frame without a conversation goes; 0 when the pair needs a default thread first. */
static int64_t unasked(const envelope *e, int64_t default_thread, int64_t latest)
{
    return role_human(e->sender_role) || !latest ? default_thread : latest;
}

/* ---- from memory ---- */

bool conversation_remembered(const chat *c, envelope *e, fault *ret_fault)
{
    int64_t human, peer, v[2];

    *ret_fault = FAULT_NONE;
    e->conversation_id = 0;
    if (e->target_id != 0 && e->target_role == 0) {
        if (!cache_find(c->cache, (cache_key){CACHE_USER, e->target_id, 0}, v))
            return false;
        e->target_role = (sw_role)v[0];
    }
    *ret_fault = envelope_check(c, e);
    if (*ret_fault)
        return true;
    if (e->asked) {
        if (!cache_find(c->cache, key_of_thread(e->asked), v))
            return false;
        if (!thread_fits(e, v[0], v[1]))
            *ret_fault = FAULT_CONVERSATION;
        e->conversation_id = e->asked;
        return true;
    }
    if (!threaded(e, &human, &peer))
        return true;
    if (!cache_find(c->cache, key_of_pair(human, peer), v))
        return false;
    e->conversation_id = unasked(e, v[0], v[1]);
    return e->conversation_id != 0;
}

/* ---- from the store, on a worker ---- */

static sw_status read_user(const chat *c, sw_db *db, int64_t id, sw_role *ret)
{
    cache_key key = {CACHE_USER, id, 0};
    uint64_t ticket = cache_ticket(c->cache, key);
    sw_user user = {.size = sizeof user};
    sw_status found = c->users->by_id(c->users_self, db, id, &user);

    if (found == SW_OK)
        cache_fill(c->cache, key, (int64_t)user.role, 0, ticket);
    else if (found != SW_NOT_FOUND)
        return found;
    *ret = found == SW_OK ? user.role : (sw_role)0;
    return SW_OK;
}

static sw_status read_asked(const chat *c, sw_db *db, envelope *e, fault *ret_fault)
{
    uint64_t ticket = cache_ticket(c->cache, key_of_thread(e->asked));
    thread_row t;
    sw_status found = thread_get(db, e->asked, &t);

    if (found == SW_OK)
        cache_fill(c->cache, key_of_thread(t.id), t.owner_id, t.peer_id, ticket);
    else if (found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK && thread_fits(e, t.owner_id, t.peer_id))
        e->conversation_id = e->asked;
    else
        *ret_fault = FAULT_CONVERSATION;
    return SW_OK;
}

sw_status conversation_read(const chat *c, sw_db *db, envelope *e, fault *ret_fault, bool *ret_missing)
{
    int64_t human, peer, first = 0, latest = 0;

    *ret_missing = false;
    e->conversation_id = 0;
    if (e->target_id != 0)
        SW_TRY(read_user(c, db, e->target_id, &e->target_role));
    *ret_fault = envelope_check(c, e);
    if (*ret_fault)
        return SW_OK;
    if (e->asked)
        return read_asked(c, db, e, ret_fault);
    if (!threaded(e, &human, &peer))
        return SW_OK;
    uint64_t ticket = cache_ticket(c->cache, key_of_pair(human, peer));
    SW_TRY(pair_get(db, human, peer, &first, &latest));
    cache_fill(c->cache, key_of_pair(human, peer), first, latest, ticket);
    e->conversation_id = unasked(e, first, latest);
    *ret_missing = e->conversation_id == 0;
    return SW_OK;
}

/* ---- in a write step ---- */

static sw_status remember_pair(const chat *c, sw_tx *tx, int64_t human, int64_t peer, int64_t first, int64_t latest)
{
    SW_TRY(pair_set(tx, human, peer, first, latest));
    return cache_put_later(c->cache, tx, key_of_pair(human, peer), first, latest);
}

sw_status conversation_default(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                               int64_t *ret_thread)
{
    int64_t first, latest;

    SW_TRY(pair_get(sw_tx_db(tx), human_id, peer_id, &first, &latest));
    if (!first) {
        thread_row t = {
            .owner_id = human_id,
            .peer_id = peer_id,
            .channel_kind = thread_kind_of(peer_role),
            .title = peer_role == SW_ROLE_BUTLER ? "Butler" : "Agent conversation",
            .is_default = true,
        };
        SW_TRY(thread_add(tx, &t));
        SW_TRY(remember_pair(c, tx, human_id, peer_id, t.id, latest));
        first = t.id;
    }
    *ret_thread = first;
    return SW_OK;
}

/* The role of the one of the two who is not a human. */
static sw_role peer_role(const envelope *e, int64_t human)
{
    return human == e->sender_id ? e->target_role : e->sender_role;
}

sw_status conversation_settle(const chat *c, sw_tx *tx, envelope *e, fault *ret_fault)
{
    sw_db *db = sw_tx_db(tx);
    int64_t human, peer, first = 0, latest = 0;
    thread_row t;

    *ret_fault = FAULT_NONE;
    e->conversation_id = 0;
    if (e->asked) {
        sw_status found = thread_get(db, e->asked, &t);
        if (found != SW_OK && found != SW_NOT_FOUND)
            return found;
        if (found == SW_OK && thread_fits(e, t.owner_id, t.peer_id))
            e->conversation_id = e->asked;
        else
            *ret_fault = FAULT_CONVERSATION;
        return SW_OK;
    }
    if (!threaded(e, &human, &peer))
        return SW_OK;
    SW_TRY(pair_get(db, human, peer, &first, &latest));
    e->conversation_id = unasked(e, first, latest);
    if (!e->conversation_id)
        SW_TRY(conversation_default(c, tx, human, peer, peer_role(e, human), &e->conversation_id));
    return SW_OK;
}

sw_status conversation_touch(const chat *c, sw_tx *tx, const envelope *e, bool by_owner)
{
    int64_t human, peer, first, latest;

    if (!e->conversation_id)
        return SW_OK;
    SW_TRY(thread_touch(tx, e->conversation_id, sw_tx_now(tx)));
    if (!by_owner || !threaded(e, &human, &peer))
        return SW_OK;
    SW_TRY(pair_get(sw_tx_db(tx), human, peer, &first, &latest));
    if (latest == e->conversation_id)
        return SW_OK;
    return remember_pair(c, tx, human, peer, first, e->conversation_id);
}
