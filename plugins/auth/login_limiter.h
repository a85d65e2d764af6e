/* The limiter of logins decides who may try a password now, who must wait, and who is refused.
 *
 * Failures are counted for each user at each address, and for each address. An address has only few attempts in the
 * hash lane at the same time. Its other attempts wait here, in order, so that one address can neither fill the lane nor
 * pass the limit by trying in parallel. Memory is bounded: what was touched longest ago is forgotten. Any thread may
 * call; the lock is held for a short time, and no call waits. */
#ifndef AUTH_LOGIN_LIMITER_H
#define AUTH_LOGIN_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct login_limiter login_limiter;

typedef struct {
    uint32_t failures;         /* of one user at one address in a minute, before it is refused; 0: it never is */
    uint32_t address_failures; /* the same of one address */
    uint32_t at_once;          /* attempts of one address that may be in the hash lane */
    uint32_t waiting;          /* attempts of one address that may wait */
    uint32_t remembered;       /* how many addresses, and users at addresses, are remembered */
} login_rules;

enum { LOGIN_FAILURES_MAX = 64, LOGIN_KEY_SIZE = 16 };

/* What an attempt is counted under: its address, and its user at that address. Both are in one table. */
typedef struct {
    uint8_t address[LOGIN_KEY_SIZE];
    uint8_t user[LOGIN_KEY_SIZE];
} login_key;

typedef enum {
    LOGIN_ADMITTED = 1, /* try the password; limiter_leave() must follow      */
    LOGIN_WAIT,         /* limiter_park() must follow                         */
    LOGIN_REFUSED,      /* *ret_retry_s says when to come again               */
    LOGIN_BUSY          /* all places are taken                               */
} login_answer;

typedef enum {
    LOGIN_PASSED = 1, /* the password was right      */
    LOGIN_FAILED,     /* it was wrong                */
    LOGIN_UNTRIED     /* no password was tried       */
} login_outcome;

/* NULL when there is no memory. */
login_limiter *limiter_new(const login_rules *rules);
void limiter_free(login_limiter *l);

/* May this attempt go on? `woken` says that it has waited, and was woken by a handle that limiter_leave() or
 * limiter_next() returned. When a woken attempt is refused, or finds all places taken, call limiter_next(). */
login_answer limiter_enter(login_limiter *l, const login_key *key, bool woken, int64_t now_ms, int *ret_retry_s);
/* Puts the attempt in the line of its address. false when it need not wait any more: wake the handle at once. */
bool limiter_park(login_limiter *l, const login_key *key, uint64_t handle, int64_t now_ms);
/* The attempt is over. Returns the handle to wake, or 0 when nobody waits. */
uint64_t limiter_leave(login_limiter *l, const login_key *key, login_outcome outcome, int64_t now_ms);
/* The attempt that was woken has been refused or is gone: returns the next handle to wake, or 0. `unused` says that it
 * never came to limiter_enter(). */
uint64_t limiter_next(login_limiter *l, const login_key *key, bool unused, int64_t now_ms);

#endif
