/* The limiter of logins decides who may try a password now, who must wait, and who is refused.
 *
 * Failures are counted for each user at each address, for each address, and for each user over all addresses. Only as
 * many attempts are in the hash lane as it has threads for, and the others wait here, and the address that has had no
 * turn for longest comes first. A user who signed in lately from the same address is *known*: the failures of others do
 * not concern it, and it has places of its own, so that no crowd of strangers keeps it out. Memory is bounded: what was
 * touched longest ago is forgotten. Any thread may call; the lock is held for a short time, and no call waits. */
#ifndef AUTH_LOGIN_LIMITER_H
#define AUTH_LOGIN_LIMITER_H

#include "login_table.h"

typedef struct login_limiter login_limiter;

typedef struct {
    uint32_t failures;         /* of one user at one address in a minute, before it is refused; 0: it never is */
    uint32_t address_failures; /* the same of one address */
    uint32_t user_failures;    /* the same of one user over all addresses; those who are known are not refused */
    uint32_t at_once;          /* attempts of one address that may be in the hash lane */
    uint32_t places;           /* attempts of all addresses that may be, but for those who are known */
    uint32_t waiting;          /* attempts of one address that may wait */
    uint32_t remembered;       /* how many addresses, users and users at addresses are remembered */
    int64_t known_for_ms;      /* how long after a right password one is known */
} login_rules;

/* An attempt: what it is counted under, and what the limiter has found out about it. Zeroed but for the keys when it
 * comes first. */
typedef struct {
    uint8_t address[LOGIN_KEY_SIZE];
    uint8_t pair[LOGIN_KEY_SIZE]; /* the user at the address */
    uint8_t name[LOGIN_KEY_SIZE]; /* the user, wherever */
    bool known;
    bool promised; /* it has waited, and its turn has come */
} login_try;

typedef enum {
    LOGIN_ADMITTED = 1, /* try the password; limiter_leave() must follow      */
    LOGIN_WAIT,         /* limiter_park() must follow                         */
    LOGIN_REFUSED,      /* *ret_retry_s says when to come again               */
    LOGIN_BUSY          /* there is no room to remember it                    */
} login_answer;

typedef enum {
    LOGIN_PASSED = 1, /* the password was right      */
    LOGIN_FAILED,     /* it was wrong                */
    LOGIN_UNTRIED     /* no password was tried       */
} login_outcome;

/* Whose turn it is: `handle` is what it was parked with. */
typedef struct {
    uint64_t handle;
    login_try who;
} login_turn;

/* NULL when there is no memory. */
login_limiter *limiter_new(const login_rules *rules);
void limiter_free(login_limiter *l);

/* May this attempt go on? Notes in it whether it is known. After LOGIN_REFUSED, ask whose turn it is. */
login_answer limiter_enter(login_limiter *l, login_try *who, int64_t now_ms, int *ret_retry_s);
/* Puts the attempt in a line; then ask whose turn it is. When it comes back, `promised` must be set. false when no line
 * has room: it has a place and comes back at once. */
bool limiter_park(login_limiter *l, const login_try *who, uint64_t handle, int64_t now_ms);
/* The attempt is over; then ask whose turn it is. */
void limiter_leave(login_limiter *l, const login_try *who, login_outcome outcome, int64_t now_ms);
/* An attempt without name or password counts as a failure of its address, unless somebody there is known. Returns for
 * how many seconds the address is refused already, or 0. */
int limiter_wrong(login_limiter *l, const uint8_t address[LOGIN_KEY_SIZE], int64_t now_ms);

/* Whose turn is it now? Gives a place to one that waits; ask until it is false. */
bool limiter_turn(login_limiter *l, int64_t now_ms, login_turn *ret);
/* That one is gone and will not come. */
void limiter_pass(login_limiter *l, const login_turn *turn, int64_t now_ms);

#endif
