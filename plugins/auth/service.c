/* Service "auth/1": turns a JWT or an api token into a principal. It runs on a worker; the host caches its answers. */
#include "auth.h"

#include <stdio.h>

static bool looks_like_jwt(const char *token, size_t len)
{
    unsigned dots = 0;

    for (size_t i = 0; i < len; i++)
        dots += token[i] == '.';
    return dots == 2;
}

static sw_status unauthenticated(sw_status status)
{
    return status == SW_NOT_FOUND ? SW_UNAUTHENTICATED : status;
}

static void fill(sw_principal *ret, const sw_user *user)
{
    ret->role = user->role;
    ret->user_id = user->id;
    snprintf(ret->name, sizeof ret->name, "%s", user->name);
}

/* The user must exist, with the generation and the role that the token says: both come from the database. */
static sw_status by_jwt(const auth_state *state, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    jwt_claims claims;
    sw_user user = {.size = sizeof user};

    SW_TRY(jwt_check(state, token, len, &claims));
    SW_TRY(unauthenticated(state->users->by_id(state->users_self, db, claims.user_id, &user)));
    if (user.generation != claims.generation || user.role != claims.role)
        return SW_UNAUTHENTICATED;
    fill(ret, &user);
    ret->by_api_token = false;
    ret->expires_ms = claims.expires_ms;
    return SW_OK;
}

static sw_status by_api_token(const auth_state *state, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    sw_user user = {.size = sizeof user};

    SW_TRY(unauthenticated(state->users->by_api_token(state->users_self, db, token, len, &user)));
    fill(ret, &user);
    ret->by_api_token = true;
    ret->expires_ms = 0;
    return SW_OK;
}

/* What is not a valid JWT may still be an api token, since a caller may have chosen one with two dots. */
static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    const auth_state *state = self;

    if (looks_like_jwt(token, len)) {
        sw_status status = by_jwt(state, db, token, len, ret);
        if (status != SW_UNAUTHENTICATED)
            return status;
    }
    return by_api_token(state, db, token, len, ret);
}

const sw_auth_service AUTH_SERVICE = {
    .size = sizeof AUTH_SERVICE,
    .waits = false,
    .authenticate = authenticate,
};
