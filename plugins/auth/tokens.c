/* Tokens: makes and checks JWTs, of HS256 alone, and turns a JWT or an api token into a principal for the host (the
 * service auth/1), which caches the answers.
 *
 * libjwt checks the signature. It does not look at times, at the types of claims, or at whether the payload is an
 * object, so that all of this is done here. JWTs are made and checked on any thread; the secret never changes. The
 * service runs on a worker. */
#include "auth.h"

#include <errno.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The claims of a JWT whose signature, times and issuer are right. */
typedef struct {
    int64_t user_id;
    sw_role role;
    int64_t generation;
    int64_t expires_ms;
} jwt_claims;

enum { JWT_SIZE_MAX = 2048 };

static const char ISSUER[] = "steward";
enum { SKEW_S = 60 }; /* how far the clock of another maker of tokens may be ahead, in iat and nbf */

/* ---- making ---- */

static bool add_claims(jwt_t *jwt, const auth_state *state, const sw_user *user)
{
    int64_t now_s = sw_now_ms() / 1000;
    int64_t life_s = sw_option_core_int(state->host, "auth.token_lifetime") / 1000;
    char jti[37];

    return sw_uuid(jti) == SW_OK && jwt_add_grant_int(jwt, "user_id", (long)user->id) == 0 &&
           jwt_add_grant(jwt, "role", sw_role_name(user->role)) == 0 && jwt_add_grant(jwt, "iss", ISSUER) == 0 &&
           jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
           jwt_add_grant_int(jwt, "exp", (long)(now_s + (life_s > 0 ? life_s : 1))) == 0 &&
           jwt_add_grant(jwt, "jti", jti) == 0 && jwt_add_grant_int(jwt, "ver", (long)user->generation) == 0 &&
           jwt_set_alg(jwt, JWT_ALG_HS256, state->secret, (int)state->secret_len) == 0;
}

sw_status jwt_make(const auth_state *state, sw_request *req, const sw_user *user, const char **ret_token)
{
    jwt_t *jwt = NULL;
    char *text = NULL, *copy = NULL;

    if (jwt_new(&jwt) == 0 && add_claims(jwt, state, user))
        text = jwt_encode_str(jwt);
    if (text)
        copy = sw_strdup(req, text);
    free(text);
    jwt_free(jwt);
    if (!copy)
        return SW_INTERNAL;
    *ret_token = copy;
    return SW_OK;
}

/* ---- checking ---- */

typedef enum { CLAIM_ABSENT, CLAIM_INTEGER, CLAIM_WRONG } claim_kind;

/* A claim that is written as a JSON integer, not as a text, 1.0 or 1e9. libjwt's own getter reads a text or a real as
 * 0. */
static claim_kind integer_claim(jwt_t *jwt, const char *name, int64_t *ret)
{
    char *text = jwt_get_grants_json(jwt, name), *end;

    if (!text)
        return CLAIM_ABSENT;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool good = errno == 0 && end != text && *end == '\0';
    free(text);
    if (!good)
        return CLAIM_WRONG;
    *ret = value;
    return CLAIM_INTEGER;
}

static bool times_fit(jwt_t *jwt, jwt_claims *claims)
{
    int64_t now_s = sw_now_ms() / 1000, exp, at;

    if (integer_claim(jwt, "exp", &exp) != CLAIM_INTEGER || exp <= now_s || exp > INT64_MAX / 1000)
        return false;
    claims->expires_ms = exp * 1000;
    at = 0;
    if (integer_claim(jwt, "nbf", &at) == CLAIM_WRONG || at > now_s + SKEW_S)
        return false;
    at = 0;
    return integer_claim(jwt, "iat", &at) != CLAIM_WRONG && at >= 0 && at <= now_s + SKEW_S;
}

static bool claims_fit(jwt_t *jwt, jwt_claims *claims)
{
    const char *issuer = jwt_get_grant(jwt, "iss"), *role = jwt_get_grant(jwt, "role");

    if (!issuer || strcmp(issuer, ISSUER) != 0 || !role)
        return false;
    claims->role = sw_role_of(role);
    claims->generation = 1;
    return claims->role && integer_claim(jwt, "user_id", &claims->user_id) == CLAIM_INTEGER && claims->user_id > 0 &&
           integer_claim(jwt, "ver", &claims->generation) != CLAIM_WRONG && times_fit(jwt, claims);
}

/* A header that demands an extension we do not know makes the token invalid (RFC 7515, 4.1.11). */
static bool header_fits(jwt_t *jwt)
{
    char *critical = jwt_get_headers_json(jwt, "crit");
    const char *algorithm =
        jwt_get_header(jwt, "alg"); /* libjwt accepts it in any case, the standard in upper case alone */

    free(critical);
    return !critical && jwt_get_alg(jwt) == JWT_ALG_HS256 && algorithm && strcmp(algorithm, "HS256") == 0;
}

/* SW_UNAUTHENTICATED when it is not a JWT of this server, or is not valid now. */
static sw_status jwt_check(const auth_state *state, const char *token, size_t len, jwt_claims *ret)
{
    char text[JWT_SIZE_MAX + 1];
    jwt_claims claims = {0};
    jwt_t *jwt = NULL;

    if (len == 0 || len > JWT_SIZE_MAX || memchr(token, '\0', len))
        return SW_UNAUTHENTICATED;
    memcpy(text, token, len);
    text[len] = '\0';
    if (jwt_decode(&jwt, text, state->secret, (int)state->secret_len) != 0)
        return SW_UNAUTHENTICATED;
    bool good = header_fits(jwt) && claims_fit(jwt, &claims);
    jwt_free(jwt);
    if (!good)
        return SW_UNAUTHENTICATED;
    *ret = claims;
    return SW_OK;
}

/* ---- the service auth/1 ---- */

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
