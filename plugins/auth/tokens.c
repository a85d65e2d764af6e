/* Tokens: makes and checks JWTs, of HS256 alone, and turns a JWT or an api token into a principal for the host (the
 * service auth/1), which caches the answers.
 *
 * libjwt makes them. What is checked is read here: libjwt reads with a parser that aborts when memory runs out, and
 * looks neither at times nor at the types of claims. Nothing of a token is read before its signature is known to be
 * right. JWTs are made and checked on any thread; the secret never changes. The service runs on a worker. */
#include "auth.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/json.h>
#include <string.h>

/* The claims of a JWT whose signature, times and issuer are right. */
typedef struct {
    int64_t user_id;
    sw_role role;
    int64_t generation;
    int64_t expires_ms;
} jwt_claims;

enum {
    JWT_SIZE_MAX = 2048,
    SIGNATURE_LEN = 43 /* 32 bytes in base64url */
};

static const char ISSUER[] = "steward";
enum { SKEW_S = 60 }; /* how far the clock of another maker of tokens may be ahead, in iat and nbf */

/* HMAC-SHA-256 of "header.payload" in base64url, NUL-ended. */
static sw_status signature_of(const auth_state *state, const char *text, size_t len, char out[SIGNATURE_LEN + 2])
{
    uint8_t hash[32];
    SW_TRY(sw_hmac_sha256(state->secret, state->secret_len, text, len, hash));
    sw_base64url(hash, sizeof hash, out);
    return SW_OK;
}

/* ---- making ---- */

static bool add_claims(jwt_t *jwt, const auth_state *state, const sw_user *user)
{
    int64_t now_s = sw_now_ms() / 1000;
    int64_t life_s = sw_option_core_int(state->host, "auth.token_lifetime") / 1000;
    const char *epoch = sw_host_epoch(state->host);
    char jti[37];

    return sw_uuid(jti) == SW_OK && (!*epoch || jwt_add_grant(jwt, "epoch", epoch) == 0) &&
           jwt_add_grant_int(jwt, "user_id", (long)user->id) == 0 &&
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
        return SW_NO_MEMORY;
    *ret_token = copy;
    return SW_OK;
}

/* ---- checking ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding into `out`, which has room for as many bytes as the text has. false when it is not that. */
static bool decode(sw_str text, char *out, size_t *ret_len)
{
    uint32_t bits = 0;
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int value = sextet(text.at[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out[len++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
    }
    *ret_len = len;
    return text.len % 4 != 1;
}

/* A part of a token, which must be an object. SW_UNAUTHENTICATED when it is not. */
static sw_status read_part(sw_db *db, sw_str part, const sw_value **ret)
{
    char text[JWT_SIZE_MAX];
    size_t len;

    if (!decode(part, text, &len))
        return SW_UNAUTHENTICATED;
    sw_status status = sw_json_parse_db(db, text, len, ret);
    if (status != SW_OK)
        return status == SW_INVALID ? SW_UNAUTHENTICATED : status;
    return sw_value_type(*ret) == SW_JSON_OBJECT ? SW_OK : SW_UNAUTHENTICATED;
}

static bool is_text(const sw_value *object, const char *name, const char *text)
{
    const char *value = sw_value_text(sw_value_get(object, name), NULL);
    return value && strcmp(value, text) == 0;
}

typedef enum { CLAIM_ABSENT, CLAIM_INTEGER, CLAIM_WRONG } claim_kind;

/* A claim that is written as a JSON integer, not as a text, 1.0 or 1e9. */
static claim_kind integer_claim(const sw_value *claims, const char *name, int64_t *ret)
{
    const sw_value *v = sw_value_get(claims, name);

    if (!v)
        return CLAIM_ABSENT;
    if (sw_value_type(v) != SW_JSON_INT)
        return CLAIM_WRONG;
    *ret = sw_value_int(v, 0);
    return CLAIM_INTEGER;
}

/* A store that was restored has another epoch: whom a token of before names may be another one by now, or have another
 * password. In a store that was never restored there is no such claim. */
static bool epoch_fits(const auth_state *state, const sw_value *claims)
{
    const char *epoch = sw_host_epoch(state->host);
    return *epoch ? is_text(claims, "epoch", epoch) : !sw_value_get(claims, "epoch");
}

static bool times_fit(const sw_value *object, jwt_claims *claims)
{
    int64_t now_s = sw_now_ms() / 1000, exp, at;

    if (integer_claim(object, "exp", &exp) != CLAIM_INTEGER || exp <= now_s || exp > INT64_MAX / 1000)
        return false;
    claims->expires_ms = exp * 1000;
    at = 0;
    if (integer_claim(object, "nbf", &at) == CLAIM_WRONG || at > now_s + SKEW_S)
        return false;
    at = 0;
    return integer_claim(object, "iat", &at) != CLAIM_WRONG && at >= 0 && at <= now_s + SKEW_S;
}

static bool claims_fit(const sw_value *object, jwt_claims *claims)
{
    const char *role = sw_value_text(sw_value_get(object, "role"), NULL);

    if (!is_text(object, "iss", ISSUER) || !role)
        return false;
    claims->role = sw_role_of(role);
    claims->generation = 1;
    return claims->role && integer_claim(object, "user_id", &claims->user_id) == CLAIM_INTEGER && claims->user_id > 0 &&
           integer_claim(object, "ver", &claims->generation) != CLAIM_WRONG && times_fit(object, claims);
}

/* A header that demands an extension we do not know makes the token invalid (RFC 7515, 4.1.11). */
static bool header_fits(const sw_value *header)
{
    return is_text(header, "alg", "HS256") && !sw_value_get(header, "crit");
}

/* SW_UNAUTHENTICATED when it is not a JWT of this server, or is not valid now. */
static sw_status jwt_check(const auth_state *state, sw_db *db, const char *token, size_t len, jwt_claims *ret)
{
    char signature[SIGNATURE_LEN + 2];
    const sw_value *header, *object;
    jwt_claims claims = {0};

    if (len <= SIGNATURE_LEN || len > JWT_SIZE_MAX || token[len - SIGNATURE_LEN - 1] != '.')
        return SW_UNAUTHENTICATED;
    size_t signed_len = len - SIGNATURE_LEN - 1;
    const char *dot = memchr(token, '.', signed_len);
    if (!dot)
        return SW_UNAUTHENTICATED;
    SW_TRY(signature_of(state, token, signed_len, signature));
    if (!sw_equal_secret(signature, token + signed_len + 1, SIGNATURE_LEN))
        return SW_UNAUTHENTICATED;
    SW_TRY(read_part(db, (sw_str){token, (size_t)(dot - token)}, &header));
    SW_TRY(read_part(db, (sw_str){dot + 1, (size_t)(token + signed_len - dot - 1)}, &object));
    if (!header_fits(header) || !epoch_fits(state, object) || !claims_fit(object, &claims))
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

    SW_TRY(jwt_check(state, db, token, len, &claims));
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
