/* Where a frame goes. First who may write to whom: humans and Butler to anybody, an agent to humans and Butler. Then
 * which thread it belongs to: the one that was given when it is right, else the one where the human spoke last, else
 * the pair's default thread.
 *
 * The same question is answered on three threads: on the loop from memory alone (conversation_remembered), on a worker
 * from the store (conversation_read), and in a write step, which also makes the thread (conversation_settle). So here
 * are the rules, the rows of threads and pairs, and what memory keeps of them for stream pieces. */
#include "threads/threads.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- the tables: reading works on any connection, writing in a write step ---- */

enum { THREAD_ADD, THREAD_GET, THREAD_TOUCH, PAIR_GET, PAIR_SET };

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

/* ---- memory: which role a user has, whose a thread is, and which thread a pair talks in ----
 *
 * It is a fixed table of sets with a few places each, so its size is bounded, and a miss costs one read on a worker.
 * Changes are made at the commit, before the reply leaves, and raise the set's version. A worker that read the store
 * before such a change finds another version and does not fill. Any thread; locks are held for a few instructions. */

enum { SETS = 2048, PLACES = 4, LOCKS = 64 };

typedef enum { CACHE_USER = 1, CACHE_THREAD, CACHE_PAIR } cache_kind;

/* USER (id, 0): role, 0. THREAD (id, 0): owner, peer. PAIR (human, peer): default thread, latest thread. */
typedef struct {
    cache_kind kind;
    int64_t a, b;
} cache_key;

typedef struct {
    cache_key key; /* kind 0: the place is free */
    int64_t values[2];
} place;

typedef struct {
    place places[PLACES];
    uint64_t version;
    unsigned next; /* the place that is given away next */
} set;

struct cache {
    pthread_mutex_t locks[LOCKS]; /* lock N guards the sets whose number is N modulo LOCKS */
    set sets[SETS];
};

cache *cache_new(void)
{
    cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    return c;
}

void cache_free(cache *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    free(c);
}

static unsigned set_of(cache_key key)
{
    uint64_t h = (uint64_t)key.a * 0x9e3779b97f4a7c15u ^ (uint64_t)key.b * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)key.kind;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return (unsigned)(h >> 40) % SETS;
}

static set *enter(cache *c, unsigned index)
{
    pthread_mutex_lock(&c->locks[index % LOCKS]);
    return &c->sets[index];
}

static void leave(cache *c, unsigned index)
{
    pthread_mutex_unlock(&c->locks[index % LOCKS]);
}

static place *place_of(set *s, cache_key key)
{
    for (unsigned i = 0; i < PLACES; i++) {
        place *p = &s->places[i];
        if (p->key.kind == key.kind && p->key.a == key.a && p->key.b == key.b)
            return p;
    }
    return NULL;
}

static bool cache_find(cache *c, cache_key key, int64_t ret_values[2])
{
    unsigned index = set_of(key);
    const place *p = place_of(enter(c, index), key);

    if (p) {
        ret_values[0] = p->values[0];
        ret_values[1] = p->values[1];
    }
    leave(c, index);
    return p != NULL;
}

/* Taken before the store is read; cache_fill() does nothing when something changed meanwhile. */
static uint64_t cache_ticket(cache *c, cache_key key)
{
    unsigned index = set_of(key);
    uint64_t version = enter(c, index)->version;

    leave(c, index);
    return version;
}

static void place_set(set *s, cache_key key, int64_t first, int64_t second)
{
    place *p = place_of(s, key);
    if (!p) {
        p = &s->places[s->next];
        s->next = (s->next + 1) % PLACES;
    }
    *p = (place){key, {first, second}};
}

static void cache_fill(cache *c, cache_key key, int64_t first, int64_t second, uint64_t ticket)
{
    unsigned index = set_of(key);
    set *s = enter(c, index);

    if (s->version == ticket)
        place_set(s, key, first, second);
    leave(c, index);
}

/* ---- at the commit ---- */

typedef struct {
    cache *cache;
    cache_key key;
    int64_t values[2];
    bool forget;
} change;

static void change_apply(void *state, void *arg)
{
    (void)state;
    const change *ch = arg;
    unsigned index = set_of(ch->key);
    set *s = enter(ch->cache, index);

    s->version++;
    if (ch->forget) {
        place *p = place_of(s, ch->key);
        if (p)
            *p = (place){.key = {.kind = 0}};
    } else {
        place_set(s, ch->key, ch->values[0], ch->values[1]);
    }
    leave(ch->cache, index);
}

static sw_status change_later(sw_tx *tx, change what)
{
    change *ch = sw_tx_alloc(tx, 1, sizeof *ch);
    if (!ch)
        return SW_NO_MEMORY;
    *ch = what;
    sw_tx_on_commit(tx, change_apply, ch);
    return SW_OK;
}

static sw_status cache_put_later(cache *c, sw_tx *tx, cache_key key, int64_t first, int64_t second)
{
    return change_later(tx, (change){.cache = c, .key = key, .values = {first, second}});
}

sw_status cache_forget_user_later(cache *c, sw_tx *tx, int64_t user_id)
{
    return change_later(tx, (change){.cache = c, .key = {CACHE_USER, user_id, 0}, .forget = true});
}

static void clear_apply(void *state, void *arg)
{
    (void)state;
    cache *c = arg;

    for (unsigned i = 0; i < SETS; i++) {
        set *s = enter(c, i);
        for (unsigned n = 0; n < PLACES; n++)
            s->places[n] = (place){.key = {.kind = 0}};
        s->version++;
        leave(c, i);
    }
}

sw_status cache_clear_later(cache *c, sw_tx *tx)
{
    sw_tx_on_commit(tx, clear_apply, c);
    return SW_OK;
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
