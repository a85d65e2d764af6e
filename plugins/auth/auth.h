/* auth: login, its limits, and what a token means.
 *
 * plugin.c is the front door; routes/post_login.c the login; gate.c who may try a password now; table.c what the gate
 * remembers; jwt.c makes and checks JWTs; service.c turns a token into a principal. */
#ifndef AUTH_H
#define AUTH_H

#include "gate.h"

#include <stdatomic.h>
#include <steward/plugin.h>
#include <steward/service/auth.h>
#include <steward/service/users.h>

/* Made by start(), freed by stop(); only the numbers and what the gate guards change in between. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    unsigned char *secret; /* of the JWTs */
    size_t secret_len;
    gate *gate;
    _Atomic bool first_login; /* the initial admin has logged in since the start */
    _Atomic uint64_t failures, refusals;
} auth_state;

/* The claims of a JWT whose signature, times and issuer are right. */
typedef struct {
    int64_t user_id;
    sw_role role;
    int64_t generation;
    int64_t expires_ms;
} jwt_claims;

enum { JWT_SIZE_MAX = 2048 };

/* jwt.c. The token lives in the request's memory. */
sw_status jwt_make(const auth_state *state, sw_request *req, const sw_user *user, const char **ret_token);
/* SW_UNAUTHENTICATED: not a JWT of ours, or not one that is valid now. */
sw_status jwt_check(const auth_state *state, const char *token, size_t len, jwt_claims *ret);

/* keys.c: the keys of an attempt, as the gate counts it. */
void attempt_keys(const char *username, const char *address, gate_key *ret);

extern const sw_auth_service AUTH_SERVICE;

sw_status post_login(sw_request *req);

#endif
