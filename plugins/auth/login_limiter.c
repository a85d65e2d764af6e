/* The limiter of logins: the places in the hash lane, who has one, and who waits for one.
 *
 * Any thread calls in: workers when a login arrives, threads of the hash lane when one has ended. One mutex guards all
 * of it, and is held only for work in memory. Time is passed in, so that a test can set it. */
#include "login_limiter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* An attempt whose request ended before its next step (because its lane was full) never comes back. Its place is
     * free again after this time, which is longer than the whole queue of the hash lane takes, or of the workers. */
    LOST_RUNNING_MS = 60 * 1000,
    LOST_PROMISED_MS = 5 * 1000,
    /* Places of those who are known. With those of the others they stay below the hash lane's 64, so that logins never
     * fill it. */
    KNOWN_PLACES = 16,
    STRANGER_PLACES_MAX = 32,
    /* Attempts that wait, of all addresses; of those who are not known; of addresses that have one waiting already. */
    POOL_SIZE = 2048,
    STRANGERS_WAITING = POOL_SIZE / 8 * 7,
    FURTHER_WAITING = POOL_SIZE / 8 * 6
};

/* The lines, in the order in which they are served. */
enum { KNOWN_LINE = 0, OTHER_LINE, LINES };

/* A place in a line; `next` is an index into the pool, 0 behind the last. */
typedef struct {
    login_turn turn;
    uint32_t next;
} waiting_place;

typedef struct {
    uint32_t first, last, count;
} waiting_line;

/* What an attempt is counted under. */
typedef struct {
    login_entry *address, *pair, *name;
} entries;

struct login_limiter {
    pthread_mutex_t lock;
    login_rules rules;
    login_table table;
    login_table known;   /* of addresses and pairs: only who signs in gets into it, so nobody else pushes one out */
    waiting_place *pool; /* pool[0] is not used */
    uint32_t free_place;
    waiting_line lines[LINES];
    uint32_t held_known, held_others; /* places that are taken or promised */
    uint64_t turns;                   /* given so far to those who are not known */
    int64_t swept_ms;
};

/* ---- making and freeing ---- */

login_limiter *limiter_new(const login_rules *rules)
{
    login_limiter *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->rules = *rules;
    if (l->rules.places > STRANGER_PLACES_MAX)
        l->rules.places = STRANGER_PLACES_MAX;
    pthread_mutex_init(&l->lock, NULL);
    l->pool = calloc(POOL_SIZE + 1, sizeof *l->pool);
    if (!l->pool || !table_init(&l->table, rules->remembered) || !table_init(&l->known, rules->remembered)) {
        limiter_free(l);
        return NULL;
    }
    for (uint32_t i = 1; i < POOL_SIZE; i++)
        l->pool[i].next = i + 1;
    l->free_place = 1;
    return l;
}

void limiter_free(login_limiter *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    table_done(&l->table);
    table_done(&l->known);
    free(l->pool);
    free(l);
}

/* ---- who is known ---- */

static bool is_known(login_limiter *l, const uint8_t key[LOGIN_KEY_SIZE], int64_t now_ms)
{
    const login_entry *e = table_find(&l->known, key);

    return e && e->known_until_ms > now_ms;
}

static void make_known(login_limiter *l, const uint8_t key[LOGIN_KEY_SIZE], login_kind kind, int64_t now_ms)
{
    login_entry *e = l->rules.known_for_ms > 0 ? table_touch(&l->known, key, kind) : NULL;

    if (e)
        e->known_until_ms = now_ms + l->rules.known_for_ms;
}

/* ---- places ---- */

/* Where the place of an attempt is counted: those who are known have theirs for themselves, whatever others do at their
 * address. */
static login_entry *holder_of(const entries *e, const login_try *who)
{
    return who->known ? e->pair : e->address;
}

static uint32_t *held_of(login_limiter *l, const login_entry *holder)
{
    return holder->kind == LOGIN_PAIR ? &l->held_known : &l->held_others;
}

/* Takes the places of lost attempts back. */
static void heal(login_limiter *l, login_entry *e, int64_t now_ms)
{
    int64_t idle_ms = now_ms - e->moved_ms;

    if (!(e->running && idle_ms > LOST_RUNNING_MS) && !(!e->running && e->promised && idle_ms > LOST_PROMISED_MS))
        return;
    *held_of(l, e) -= e->held;
    e->running = e->promised = e->held = 0;
}

/* Lost attempts may hold every place. The whole table is searched for them, and so once a second at most. */
static bool full(login_limiter *l, bool known, int64_t now_ms)
{
    const uint32_t *held = known ? &l->held_known : &l->held_others;
    uint32_t places = known ? KNOWN_PLACES : l->rules.places;

    if (*held >= places && now_ms - l->swept_ms >= 1000) {
        l->swept_ms = now_ms;
        for (uint32_t i = 0; i < l->table.used; i++)
            heal(l, &l->table.entries[i], now_ms);
    }
    return *held >= places;
}

/* Counts an attempt under its address (unless it is known), its user there, and its user. */
static void count_in(login_limiter *l, const entries *e, const login_try *who, bool running, int64_t now_ms)
{
    login_entry *all[] = {who->known ? NULL : e->address, e->pair, who->known ? NULL : e->name};

    for (int i = 0; i < 3; i++)
        if (all[i]) {
            *(running ? &all[i]->running : &all[i]->promised) += 1;
            all[i]->moved_ms = now_ms;
        }
    holder_of(e, who)->held++;
    ++*held_of(l, holder_of(e, who));
    if (!who->known)
        e->address->turn = e->name->turn = ++l->turns;
}

static void count_out(login_limiter *l, const login_try *who, bool running, int64_t now_ms)
{
    const uint8_t *keys[] = {who->known ? NULL : who->address, who->pair, who->known ? NULL : who->name};

    for (int i = 0; i < 3; i++) {
        login_entry *e = keys[i] ? table_find(&l->table, keys[i]) : NULL;
        uint32_t *count = !e ? NULL : running ? &e->running : &e->promised;
        if (!e || *count == 0) /* it was taken back as lost */
            continue;
        --*count;
        e->moved_ms = now_ms;
        if (e->held > 0 && e->kind == (who->known ? LOGIN_PAIR : LOGIN_ADDRESS)) {
            e->held--;
            --*held_of(l, e);
        }
    }
}

static uint32_t busy(const login_entry *e)
{
    return e->running + e->promised;
}

/* Is there a place for it, and does it keep within its limits then? */
static bool fits(login_limiter *l, const entries *e, const login_try *who, int64_t now_ms)
{
    const login_rules *r = &l->rules;

    if (busy(e->pair) >= failures_room(e->pair, r->failures, r->at_once, now_ms) || full(l, who->known, now_ms))
        return false;
    return who->known || (busy(e->address) < failures_room(e->address, r->address_failures, r->at_once, now_ms) &&
                          busy(e->name) < failures_room(e->name, r->user_failures, UINT32_MAX, now_ms));
}

/* ---- entering ---- */

/* A further entry of the same attempt, which must not push the earlier ones out of the table. */
static login_entry *touch_beside(login_limiter *l, login_entry *a, login_entry *b, const uint8_t *key, login_kind kind,
                                 int64_t now_ms)
{
    a->waiting++;
    b->waiting++;
    login_entry *e = table_touch(&l->table, key, kind);
    a->waiting--;
    b->waiting--;
    if (e)
        heal(l, e, now_ms);
    return e;
}

static bool touch_address(login_limiter *l, const login_try *who, int64_t now_ms, entries *ret)
{
    ret->address = table_touch(&l->table, who->address, LOGIN_ADDRESS);
    if (ret->address)
        heal(l, ret->address, now_ms);
    return ret->address != NULL;
}

static bool touch_rest(login_limiter *l, const login_try *who, int64_t now_ms, entries *e)
{
    e->pair = touch_beside(l, e->address, e->address, who->pair, LOGIN_PAIR, now_ms);
    e->name = e->pair ? touch_beside(l, e->address, e->pair, who->name, LOGIN_NAME, now_ms) : NULL;
    return e->name != NULL;
}

static bool touch_all(login_limiter *l, const login_try *who, int64_t now_ms, entries *ret)
{
    return touch_address(l, who, now_ms, ret) && touch_rest(l, who, now_ms, ret);
}

static login_answer refuse(int seconds, int *ret_retry_s)
{
    *ret_retry_s = seconds;
    return LOGIN_REFUSED;
}

static bool may_wait(const login_limiter *l, const entries *e, const login_try *who)
{
    uint32_t others = l->lines[OTHER_LINE].count, own = holder_of(e, who)->waiting;

    return l->free_place && own < l->rules.waiting &&
           (who->known || others < (own > 0 ? FURTHER_WAITING : STRANGERS_WAITING));
}

static login_answer enter(login_limiter *l, login_try *who, int64_t now_ms, int *ret_retry_s)
{
    bool promised = who->promised;
    entries e = {0};

    if (promised)
        count_out(l, who, false, now_ms);
    else
        who->known = is_known(l, who->pair, now_ms);
    who->promised = false;
    if (!touch_address(l, who, now_ms, &e))
        return LOGIN_BUSY;
    /* Before anything else is remembered of it: who is refused can push nobody out of the table. */
    int seconds = who->known ? 0 : failures_refused_s(e.address, now_ms);
    if (seconds)
        return refuse(seconds, ret_retry_s);
    if (!touch_rest(l, who, now_ms, &e))
        return LOGIN_BUSY;
    seconds = failures_refused_s(e.pair, now_ms);
    if (!who->known && failures_refused_s(e.name, now_ms) > seconds)
        seconds = failures_refused_s(e.name, now_ms);
    if (seconds)
        return refuse(seconds, ret_retry_s);
    bool others_wait = !who->known && l->lines[OTHER_LINE].count > 0;
    if ((!promised && others_wait) || !fits(l, &e, who, now_ms))
        return may_wait(l, &e, who) ? LOGIN_WAIT : refuse(1, ret_retry_s);
    count_in(l, &e, who, true, now_ms);
    return LOGIN_ADMITTED;
}

login_answer limiter_enter(login_limiter *l, login_try *who, int64_t now_ms, int *ret_retry_s)
{
    pthread_mutex_lock(&l->lock);
    login_answer answer = enter(l, who, now_ms, ret_retry_s);
    pthread_mutex_unlock(&l->lock);
    return answer;
}

/* ---- waiting ---- */

static void put_last(login_limiter *l, waiting_line *line, uint32_t at)
{
    l->pool[at].next = 0;
    *(line->count ? &l->pool[line->last].next : &line->first) = at;
    line->last = at;
    line->count++;
}

/* Takes the place behind `before` (0: the first) out of the line. */
static uint32_t take_from(login_limiter *l, waiting_line *line, uint32_t before)
{
    uint32_t *link = before ? &l->pool[before].next : &line->first, at = *link;

    *link = l->pool[at].next;
    if (line->last == at)
        line->last = before;
    line->count--;
    return at;
}

bool limiter_park(login_limiter *l, const login_try *who, uint64_t handle, int64_t now_ms)
{
    entries e = {0};

    pthread_mutex_lock(&l->lock);
    uint32_t at = l->free_place;
    bool touched = touch_all(l, who, now_ms, &e);
    if (touched && at) {
        l->free_place = l->pool[at].next;
        l->pool[at].turn = (login_turn){.handle = handle, .who = *who};
        holder_of(&e, who)->waiting++;
        put_last(l, &l->lines[who->known ? KNOWN_LINE : OTHER_LINE], at);
    } else if (touched) {
        count_in(l, &e, who, false, now_ms);
    }
    pthread_mutex_unlock(&l->lock);
    return touched && at;
}

/* Does it come before the best so far? The address that has had no turn for longest comes first, so that one which has
 * none yet waits for nobody who had his; of several such ones, whose name has had none. But before all of them those
 * are sent away who are refused by now. */
static bool comes_before(const entries *e, const entries *best, int64_t now_ms)
{
    if (!best->address || failures_refused_s(best->address, now_ms))
        return !best->address;
    if (e->address->turn != best->address->turn)
        return e->address->turn < best->address->turn || failures_refused_s(e->address, now_ms);
    return e->name->turn < best->name->turn;
}

/* Which of a line may go on now, and what stands before it there. 0: nobody. */
static uint32_t choose(login_limiter *l, const waiting_line *line, int64_t now_ms, uint32_t *ret_before)
{
    entries best = {0};
    uint32_t chosen = 0;

    for (uint32_t before = 0, at = line->first; at; before = at, at = l->pool[at].next) {
        const login_try *who = &l->pool[at].turn.who;
        entries e = {0};
        if (!touch_all(l, who, now_ms, &e) || !comes_before(&e, &best, now_ms) || !fits(l, &e, who, now_ms))
            continue;
        best = e;
        chosen = at;
        *ret_before = before;
        if (who->known)
            break;
    }
    return chosen;
}

static bool give_turn(login_limiter *l, waiting_line *line, int64_t now_ms, login_turn *ret)
{
    uint32_t before = 0, at = choose(l, line, now_ms, &before);
    entries e = {0};

    if (!at || !touch_all(l, &l->pool[at].turn.who, now_ms, &e))
        return false;
    *ret = l->pool[at].turn;
    (void)take_from(l, line, before);
    l->pool[at].next = l->free_place;
    l->free_place = at;
    holder_of(&e, &ret->who)->waiting--;
    count_in(l, &e, &ret->who, false, now_ms);
    return true;
}

bool limiter_turn(login_limiter *l, int64_t now_ms, login_turn *ret)
{
    bool found = false;

    pthread_mutex_lock(&l->lock);
    for (int line = KNOWN_LINE; line < LINES && !found; line++)
        if (l->lines[line].count && !full(l, line == KNOWN_LINE, now_ms))
            found = give_turn(l, &l->lines[line], now_ms, ret);
    pthread_mutex_unlock(&l->lock);
    return found;
}

void limiter_pass(login_limiter *l, const login_turn *turn, int64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    count_out(l, &turn->who, false, now_ms);
    pthread_mutex_unlock(&l->lock);
}

/* ---- the end of an attempt ---- */

static void note(login_limiter *l, const uint8_t key[LOGIN_KEY_SIZE], uint32_t max, int64_t now_ms)
{
    login_entry *e = table_find(&l->table, key);

    if (e)
        failures_note(e, max, now_ms);
}

void limiter_leave(login_limiter *l, const login_try *who, login_outcome outcome, int64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    count_out(l, who, true, now_ms);
    if (outcome == LOGIN_FAILED) {
        note(l, who->pair, l->rules.failures, now_ms);
        note(l, who->address, l->rules.address_failures, now_ms);
        note(l, who->name, l->rules.user_failures, now_ms);
    }
    if (outcome == LOGIN_PASSED) {
        login_entry *pair = table_find(&l->table, who->pair);
        if (pair)
            failures_forgive(pair);
        make_known(l, who->pair, LOGIN_PAIR, now_ms);
        make_known(l, who->address, LOGIN_ADDRESS, now_ms);
    }
    pthread_mutex_unlock(&l->lock);
}

int limiter_wrong(login_limiter *l, const uint8_t address[LOGIN_KEY_SIZE], int64_t now_ms)
{
    int seconds = 0;

    pthread_mutex_lock(&l->lock);
    login_entry *e = is_known(l, address, now_ms) ? NULL : table_touch(&l->table, address, LOGIN_ADDRESS);
    if (e)
        seconds = failures_refused_s(e, now_ms);
    if (e && !seconds)
        failures_note(e, l->rules.address_failures, now_ms);
    pthread_mutex_unlock(&l->lock);
    return seconds;
}
