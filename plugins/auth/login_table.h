/* What is remembered of addresses, of user names, and of users at addresses: their failed logins, and the attempts that
 * run or wait. A table of fixed size, which forgets what was touched longest ago and what no attempt needs. The limiter
 * owns its tables and guards them by its lock; time is passed in, so that a test can set it. */
#ifndef AUTH_LOGIN_TABLE_H
#define AUTH_LOGIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOGIN_FAILURES_MAX = 64, LOGIN_KEY_SIZE = 16 };

typedef enum { LOGIN_ADDRESS = 1, LOGIN_PAIR, LOGIN_NAME } login_kind;

typedef struct login_entry {
    struct login_entry *chain; /* the next one of its bucket */
    struct login_entry *newer, *older;
    uint8_t key[LOGIN_KEY_SIZE];
    login_kind kind;
    uint32_t failures;      /* how many at_ms[] holds; the oldest is overwritten first */
    uint32_t next;          /* where in at_ms[] the next failure goes */
    uint32_t level;         /* refusals so far: 1, 2, 4 … seconds */
    uint32_t running;       /* attempts between enter and leave */
    uint32_t promised;      /* attempts that were given a place and have not come yet */
    uint32_t held;          /* how many of both have a place that is counted here */
    uint32_t waiting;       /* attempts in a line */
    uint64_t turn;          /* which of all turns its last one was */
    int64_t known_until_ms; /* it signed in lately */
    int64_t refused_until_ms;
    int64_t moved_ms; /* when running or promised changed last */
    int64_t at_ms[LOGIN_FAILURES_MAX];
} login_entry;

typedef struct {
    login_entry *entries, **buckets;
    uint32_t count, used, bucket_count;
    login_entry *newest, *oldest;
} login_table;

/* false: no memory. */
bool table_init(login_table *t, uint32_t count);
void table_done(login_table *t);
/* The entry of that key, now the newest; NULL when there is none. Keys are parts of a SHA-256. */
login_entry *table_find(login_table *t, const uint8_t key[LOGIN_KEY_SIZE]);
/* The same, made when there is none. NULL when every entry is busy. */
login_entry *table_touch(login_table *t, const uint8_t key[LOGIN_KEY_SIZE], login_kind kind);

/* ---- failures: after `max` within a minute an entry is refused, each time for longer, until a minute has passed
 * without a failure; with `max` 0 it never is ---- */

void failures_note(login_entry *e, uint32_t max, int64_t now_ms);
void failures_forgive(login_entry *e);
/* How many attempts may run at once, `at_once` at most, so that nobody passes the limit by trying in parallel. */
uint32_t failures_room(const login_entry *e, uint32_t max, uint32_t at_once, int64_t now_ms);
/* For how many more seconds it is refused; 0 when it is not. */
int failures_refused_s(const login_entry *e, int64_t now_ms);

#endif
