/* Where a frame goes. First who may write to whom: humans and Butler to anybody, an agent to humans and Butler. Then
 * which thread it belongs to: the one that was given when it is right, else the one where the human spoke last, else
 * the pair's default thread. An agent has no place in the thread of another, but as a guest: Butler wrote to it there.
 *
 * The same question is answered on three threads: on the loop from memory alone (conversation_remembered), on a worker
 * from the store (conversation_read), and in a write step, which also makes the thread (conversation_settle). So here
 * are the rules, and the rows of threads, pairs and guests; memory.c keeps what stream pieces need of them. */
#include "threads/threads.h"

#include <string.h>

/* ---- the tables: reading works on any connection, writing in a write step ---- */

enum { THREAD_ADD, THREAD_GET, THREAD_TOUCH, PAIR_GET, PAIR_SET, GUEST_GET, GUEST_ADD };

static const sw_statement STATEMENTS[] = {
    [THREAD_ADD] =
        {.name = "thread_add",
         .sql = "INSERT INTO chat_threads (owner_id, peer_id, channel_kind, title, is_default, created_ms, updated_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"},
    [THREAD_GET] = {.name = "thread_get", .sql = THREAD_COLUMNS " WHERE id = ?1"},
    [THREAD_TOUCH] = {.name = "thread_touch", .sql = "UPDATE chat_threads SET last_message_ms = ?2 WHERE id = ?1"},
    [PAIR_GET] =
        {.name = "pair_get",
         .sql = "SELECT default_thread_id, latest_thread_id FROM chat_pairs WHERE owner_id = ?1 AND peer_id = ?2"},
    [PAIR_SET] =
        {.name = "pair_set",
         .sql =
             "INSERT INTO chat_pairs (owner_id, peer_id, default_thread_id, latest_thread_id) VALUES (?1, ?2, ?3, ?4)"
             " ON CONFLICT (owner_id, peer_id) DO UPDATE SET default_thread_id = ?3, latest_thread_id = ?4"},
    [GUEST_GET] = {.name = "guest_get", .sql = "SELECT 1 FROM chat_guests WHERE thread_id = ?1 AND agent_id = ?2"},
    [GUEST_ADD] = {.name = "guest_add", .sql = "INSERT INTO chat_guests (thread_id, agent_id) VALUES (?1, ?2)"},
};

const sw_table THREAD_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status thread_add(sw_tx *tx, thread_row *t)
{
    t->created_ms = t->updated_ms = sw_tx_now(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[THREAD_ADD], NULL, "iissii", t->owner_id, t->peer_id, t->channel_kind, t->title,
                      (int64_t)t->is_default, t->created_ms));
    t->id = sw_tx_last_id(tx);
    return SW_OK;
}

bool threads_next(sw_rows *rows, thread_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (thread_row){
        .id = sw_rows_int(rows, 0),
        .owner_id = sw_rows_int(rows, 1),
        .peer_id = sw_rows_int(rows, 2),
        .channel_kind = sw_rows_text(rows, 3),
        .title = sw_rows_text(rows, 4),
        .summary = sw_rows_text(rows, 5),
        .is_pinned = sw_rows_int(rows, 6) != 0,
        .is_default = sw_rows_int(rows, 7) != 0,
        .archived_ms = sw_rows_int(rows, 8),
        .last_message_ms = sw_rows_int(rows, 9),
        .created_ms = sw_rows_int(rows, 10),
        .updated_ms = sw_rows_int(rows, 11),
    };
    return true;
}

/* SW_NOT_FOUND. */
static sw_status thread_get(sw_db *db, int64_t id, thread_row *ret)
{
    sw_rows *rows = NULL;
    thread_row found;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREAD_GET], 0, &rows, "i", id));
    bool any = threads_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status thread_get_own(sw_request *req, sw_db *db, int64_t id, thread_row *ret)
{
    sw_status found = thread_get(db, id, ret);

    if (found == SW_NOT_FOUND || (found == SW_OK && ret->owner_id != sw_request_principal(req)->user_id))
        return sw_fail(req, SW_NOT_FOUND, NULL, "conversation thread not found");
    return found;
}

sw_status thread_touch(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_TOUCH], NULL, "ii", id, at_ms);
}

sw_status pair_get(sw_db *db, int64_t owner_id, int64_t peer_id, int64_t *ret_default, int64_t *ret_latest)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[PAIR_GET], 0, &rows, "ii", owner_id, peer_id));
    bool any = sw_rows_next(rows);
    int64_t first = any ? sw_rows_int(rows, 0) : 0, latest = any ? sw_rows_int(rows, 1) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret_default = first;
    *ret_latest = latest;
    return SW_OK;
}

static sw_status pair_set(sw_tx *tx, int64_t owner_id, int64_t peer_id, int64_t default_thread, int64_t latest)
{
    return sw_tx_exec(tx, &STATEMENTS[PAIR_SET], NULL, "iiii", owner_id, peer_id, default_thread, latest);
}

static sw_status guest_get(sw_db *db, int64_t thread_id, int64_t agent_id, bool *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[GUEST_GET], 0, &rows, "ii", thread_id, agent_id));
    *ret = sw_rows_next(rows);
    return sw_rows_done(rows);
}

static sw_status guest_add(sw_tx *tx, int64_t thread_id, int64_t agent_id)
{
    return sw_tx_exec(tx, &STATEMENTS[GUEST_ADD], NULL, "ii", thread_id, agent_id);
}

/* ---- the rules ---- */

const char *thread_kind_of(sw_role peer_role)
{
    if (peer_role == SW_ROLE_BUTLER)
        return "butler_direct";
    return peer_role == SW_ROLE_AGENT ? "agent_direct" : "";
}

fault envelope_check(const chat *c, const envelope *e)
{
    if (e->target_id == 0) {
        bool may = e->sender_role != SW_ROLE_AGENT || sw_option_bool(c->host, "agent_broadcast");
        return may ? FAULT_NONE : FAULT_TARGET_REQUIRED;
    }
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

/* What a given thread is to a frame. Between Butler and an agent, or two agents, a thread is right when one of the two
 * takes part in it, since the human's wish came from there: the sender's own in any case, and then the agent that hears
 * of it becomes a guest there. Butler may write in the target's. An agent may do so only as a guest: else it could
 * write into any human's thread with Butler whose number it guesses. */
typedef enum { THREAD_WRONG, THREAD_RIGHT, THREAD_INVITES, THREAD_FOR_GUESTS } thread_place;

static thread_place place_in(const envelope *e, int64_t owner_id, int64_t peer_id)
{
    int64_t human, peer;

    if (threaded(e, &human, &peer))
        return owner_id == human && peer_id == peer ? THREAD_RIGHT : THREAD_WRONG;
    if (!role_system(e->sender_role) || !role_system(e->target_role))
        return THREAD_WRONG;
    if (peer_id == e->sender_id)
        return e->target_role == SW_ROLE_AGENT ? THREAD_INVITES : THREAD_RIGHT;
    if (peer_id != e->target_id)
        return THREAD_WRONG;
    return e->sender_role == SW_ROLE_BUTLER ? THREAD_RIGHT : THREAD_FOR_GUESTS;
}

/* The agent of whom it matters whether it is a guest; 0: of nobody. */
static int64_t guest_of(const envelope *e, thread_place place)
{
    return place == THREAD_INVITES ? e->target_id : place == THREAD_FOR_GUESTS ? e->sender_id : 0;
}

static cache_key key_of_thread(int64_t id)
{
    return (cache_key){CACHE_THREAD, id, 0};
}

static cache_key key_of_guest(int64_t thread, int64_t agent)
{
    return (cache_key){CACHE_GUEST, thread, agent};
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

/* Of guests only those that are some are remembered. */
static bool asked_remembered(const chat *c, envelope *e, fault *ret_fault)
{
    int64_t v[2];

    if (!cache_find(c->cache, key_of_thread(e->asked), v))
        return false;
    thread_place place = place_in(e, v[0], v[1]);
    if (guest_of(e, place) && !cache_find(c->cache, key_of_guest(e->asked, guest_of(e, place)), v))
        return false;
    if (place == THREAD_WRONG)
        *ret_fault = FAULT_CONVERSATION;
    e->conversation_id = e->asked;
    return true;
}

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
    if (e->asked)
        return asked_remembered(c, e, ret_fault);
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

/* The place of the thread that was given; `ret->id` stays 0 when there is none. */
static sw_status asked_get(sw_db *db, const envelope *e, thread_row *ret, thread_place *ret_place)
{
    sw_status found = thread_get(db, e->asked, ret);

    *ret_place = found == SW_OK ? place_in(e, ret->owner_id, ret->peer_id) : THREAD_WRONG;
    return found == SW_NOT_FOUND ? SW_OK : found;
}

static bool asked_is_right(thread_place place, bool guest)
{
    return place == THREAD_RIGHT || place == THREAD_INVITES || (place == THREAD_FOR_GUESTS && guest);
}

/* *ret_missing: right, but its target is no guest yet. */
static sw_status read_asked(const chat *c, sw_db *db, envelope *e, fault *ret_fault, bool *ret_missing)
{
    uint64_t ticket = cache_ticket(c->cache, key_of_thread(e->asked));
    thread_row t = {.id = 0};
    thread_place place = THREAD_WRONG;
    bool guest = false;

    SW_TRY(asked_get(db, e, &t, &place));
    if (t.id)
        cache_fill(c->cache, key_of_thread(t.id), t.owner_id, t.peer_id, ticket);
    if (guest_of(e, place)) {
        cache_key key = key_of_guest(t.id, guest_of(e, place));
        ticket = cache_ticket(c->cache, key);
        SW_TRY(guest_get(db, t.id, guest_of(e, place), &guest));
        if (guest)
            cache_fill(c->cache, key, 1, 0, ticket);
    }
    if (asked_is_right(place, guest))
        e->conversation_id = e->asked;
    else
        *ret_fault = FAULT_CONVERSATION;
    *ret_missing = place == THREAD_INVITES && !guest;
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
        return read_asked(c, db, e, ret_fault, ret_missing);
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

/* "Butler", or "NAME chat". */
static sw_status default_title(const chat *c, sw_tx *tx, int64_t peer_id, sw_role peer_role, char **ret)
{
    static const char BUTLER[] = "Butler", CHAT[] = " chat";
    sw_user peer = {.size = sizeof peer, .name = ""};

    if (peer_role != SW_ROLE_BUTLER)
        SW_TRY(c->users->by_id(c->users_self, sw_tx_db(tx), peer_id, &peer));
    size_t len = strlen(peer.name);
    char *title = sw_tx_alloc(tx, 1, len + sizeof BUTLER + sizeof CHAT);
    if (!title)
        return SW_NO_MEMORY;
    memcpy(title, peer.name, len);
    if (peer_role == SW_ROLE_BUTLER)
        memcpy(title, BUTLER, sizeof BUTLER);
    else
        memcpy(title + len, CHAT, sizeof CHAT);
    *ret = title;
    return SW_OK;
}

sw_status conversation_default(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                               int64_t *ret_thread)
{
    int64_t first, latest;

    SW_TRY(pair_get(sw_tx_db(tx), human_id, peer_id, &first, &latest));
    if (!first) {
        char *title = NULL;
        SW_TRY(default_title(c, tx, peer_id, peer_role, &title));
        thread_row t = {
            .owner_id = human_id,
            .peer_id = peer_id,
            .channel_kind = thread_kind_of(peer_role),
            .title = title,
            .is_default = true,
        };
        SW_TRY(thread_add(tx, &t));
        SW_TRY(remember_pair(c, tx, human_id, peer_id, t.id, latest));
        first = t.id;
    }
    *ret_thread = first;
    return SW_OK;
}

sw_status conversation_latest(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                              int64_t *ret_thread)
{
    int64_t first = 0, latest = 0;

    SW_TRY(pair_get(sw_tx_db(tx), human_id, peer_id, &first, &latest));
    *ret_thread = latest;
    return latest ? SW_OK : conversation_default(c, tx, human_id, peer_id, peer_role, ret_thread);
}

/* The role of the one of the two who is not a human. */
static sw_role peer_role(const envelope *e, int64_t human)
{
    return human == e->sender_id ? e->target_role : e->sender_role;
}

static sw_status settle_asked(const chat *c, sw_tx *tx, envelope *e, fault *ret_fault)
{
    thread_row t = {.id = 0};
    thread_place place = THREAD_WRONG;
    bool guest = false;

    SW_TRY(asked_get(sw_tx_db(tx), e, &t, &place));
    if (guest_of(e, place))
        SW_TRY(guest_get(sw_tx_db(tx), t.id, guest_of(e, place), &guest));
    if (!asked_is_right(place, guest)) {
        *ret_fault = FAULT_CONVERSATION;
        return SW_OK;
    }
    e->conversation_id = e->asked;
    if (place != THREAD_INVITES || guest)
        return SW_OK;
    SW_TRY(guest_add(tx, e->asked, e->target_id));
    return cache_put_later(c->cache, tx, key_of_guest(e->asked, e->target_id), 1, 0);
}

sw_status conversation_settle(const chat *c, sw_tx *tx, envelope *e, fault *ret_fault)
{
    sw_db *db = sw_tx_db(tx);
    int64_t human, peer, first = 0, latest = 0;

    *ret_fault = FAULT_NONE;
    e->conversation_id = 0;
    if (e->asked)
        return settle_asked(c, tx, e, ret_fault);
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
