/* auth: login, its limits, and what a token means.
 *
 * plugin.c is the front door. routes/post_login.c is the login. login_limiter.c decides who may try a password now,
 * by what login_table.c remembers. tokens.c makes and checks JWTs, and turns a token into a principal. */
#ifndef AUTH_H
#define AUTH_H

#include "login_limiter.h"

#include <stdatomic.h>
#include <steward/plugin.h>
#include <steward/service/auth.h>
#include <steward/service/users.h>

/* Made by start(), freed by stop(). In between only the atomics change, and what is inside the limiter. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    unsigned char *secret; /* of the JWTs */
    size_t secret_len;
    login_limiter *limiter;
    _Atomic bool first_login; /* the initial admin has logged in since the start */
    _Atomic uint64_t failures, refusals;
} auth_state;

/* tokens.c. The token lives in the request's memory. */
sw_status jwt_make(const auth_state *state, sw_request *req, const sw_user *user, const char **ret_token);
extern const sw_auth_service AUTH_SERVICE;

sw_status post_login(sw_request *req);

#endif
