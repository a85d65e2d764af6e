/* Which thread a frame belongs to: the one that was given when it is right, else the one where the human spoke last,
 * else the pair's default thread. */
#include "store.h"

static cache_key key_of_thread(int64_t id)
{
    return (cache_key){CACHE_THREAD, id, 0};
}

static cache_key key_of_pair(int64_t human, int64_t peer)
{
    return (cache_key){CACHE_PAIR, human, peer};
}

/* Where a frame without a conversation goes; 0: the pair needs a default thread first. */
static int64_t unasked(const route *r, int64_t default_thread, int64_t latest)
{
    return role_human(r->sender_role) || !latest ? default_thread : latest;
}

/* ---- from memory ---- */

bool conversation_remembered(const chat *c, route *r, fault *ret_fault)
{
    int64_t human, peer, v[2];

    *ret_fault = FAULT_NONE;
    r->conversation_id = 0;
    if (r->target_id != 0 && r->target_role == 0) {
        if (!cache_find(c->cache, (cache_key){CACHE_USER, r->target_id, 0}, v))
            return false;
        r->target_role = (sw_role)v[0];
    }
    *ret_fault = rules_route(c, r);
    if (*ret_fault)
        return true;
    if (r->asked) {
        if (!cache_find(c->cache, key_of_thread(r->asked), v))
            return false;
        if (!rules_thread(r, v[0], v[1]))
            *ret_fault = FAULT_CONVERSATION;
        r->conversation_id = r->asked;
        return true;
    }
    if (!route_threaded(r, &human, &peer))
        return true;
    if (!cache_find(c->cache, key_of_pair(human, peer), v))
        return false;
    r->conversation_id = unasked(r, v[0], v[1]);
    return r->conversation_id != 0;
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

static sw_status read_asked(const chat *c, sw_db *db, route *r, fault *ret_fault)
{
    uint64_t ticket = cache_ticket(c->cache, key_of_thread(r->asked));
    thread_row t;
    sw_status found = thread_get(db, r->asked, &t);

    if (found == SW_OK)
        cache_fill(c->cache, key_of_thread(t.id), t.owner_id, t.peer_id, ticket);
    else if (found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK && rules_thread(r, t.owner_id, t.peer_id))
        r->conversation_id = r->asked;
    else
        *ret_fault = FAULT_CONVERSATION;
    return SW_OK;
}

sw_status conversation_read(const chat *c, sw_db *db, route *r, fault *ret_fault, bool *ret_missing)
{
    int64_t human, peer, first = 0, latest = 0;

    *ret_missing = false;
    r->conversation_id = 0;
    if (r->target_id != 0)
        SW_TRY(read_user(c, db, r->target_id, &r->target_role));
    *ret_fault = rules_route(c, r);
    if (*ret_fault)
        return SW_OK;
    if (r->asked)
        return read_asked(c, db, r, ret_fault);
    if (!route_threaded(r, &human, &peer))
        return SW_OK;
    uint64_t ticket = cache_ticket(c->cache, key_of_pair(human, peer));
    SW_TRY(pair_get(db, human, peer, &first, &latest));
    cache_fill(c->cache, key_of_pair(human, peer), first, latest, ticket);
    r->conversation_id = unasked(r, first, latest);
    *ret_missing = r->conversation_id == 0;
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
        bool butler = peer_role == SW_ROLE_BUTLER;
        thread_row t = {
            .owner_id = human_id,
            .peer_id = peer_id,
            .channel_kind = butler ? "butler_direct" : "agent_direct",
            .title = butler ? "Butler" : "Agent conversation",
            .is_default = true,
        };
        SW_TRY(thread_add(tx, &t));
        SW_TRY(remember_pair(c, tx, human_id, peer_id, t.id, latest));
        first = t.id;
    }
    *ret_thread = first;
    return SW_OK;
}

/* The one of the two that is no human. */
static sw_role peer_role(const route *r, int64_t human)
{
    return human == r->sender_id ? r->target_role : r->sender_role;
}

sw_status conversation_settle(const chat *c, sw_tx *tx, route *r, fault *ret_fault)
{
    sw_db *db = sw_tx_db(tx);
    int64_t human, peer, first = 0, latest = 0;
    thread_row t;

    *ret_fault = FAULT_NONE;
    r->conversation_id = 0;
    if (r->asked) {
        sw_status found = thread_get(db, r->asked, &t);
        if (found != SW_OK && found != SW_NOT_FOUND)
            return found;
        if (found == SW_OK && rules_thread(r, t.owner_id, t.peer_id))
            r->conversation_id = r->asked;
        else
            *ret_fault = FAULT_CONVERSATION;
        return SW_OK;
    }
    if (!route_threaded(r, &human, &peer))
        return SW_OK;
    SW_TRY(pair_get(db, human, peer, &first, &latest));
    r->conversation_id = unasked(r, first, latest);
    if (!r->conversation_id)
        SW_TRY(conversation_default(c, tx, human, peer, peer_role(r, human), &r->conversation_id));
    return SW_OK;
}

sw_status conversation_touch(const chat *c, sw_tx *tx, const route *r, bool by_owner)
{
    int64_t human, peer, first, latest;

    if (!r->conversation_id)
        return SW_OK;
    SW_TRY(thread_touch(tx, r->conversation_id, sw_tx_now(tx)));
    if (!by_owner || !route_threaded(r, &human, &peer))
        return SW_OK;
    SW_TRY(pair_get(sw_tx_db(tx), human, peer, &first, &latest));
    if (latest == r->conversation_id)
        return SW_OK;
    return remember_pair(c, tx, human, peer, first, r->conversation_id);
}
