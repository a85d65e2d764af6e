/* Tokens. They have the form of a JWT with the claims of the contract, since dashboards read `exp` from them; but
 * nothing here believes what a token says: it is looked up, as a whole, by its hash. So a session can be ended at once,
 * and a copy of the database holds no token. */
#include "directory.h"

#include <string.h>

/* base64url of {"alg":"HS256","typ":"JWT"} */
static const char HEAD[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

enum { HEAD_LEN = sizeof HEAD - 1, SIGNATURE_LEN = 43 };

void token_hash(const char *token, size_t len, uint8_t out[HASH_SIZE])
{
    sw_sha256(token, len, out);
}

static sw_status write_claims(sw_tx *tx, const sw_user *user, int64_t expires_ms, sw_str *ret)
{
    sw_json *out = sw_json_new_tx(tx);
    char id[37];

    SW_TRY(sw_uuid(id));
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "user_id", user->id);
    sw_json_text(out, "role", sw_role_name(user->role));
    sw_json_text(out, "iss", "steward");
    sw_json_int(out, "iat", sw_tx_now(tx) / 1000);
    sw_json_int(out, "exp", expires_ms / 1000);
    sw_json_text(out, "jti", id);
    sw_json_int(out, "ver", user->generation);
    sw_json_object_end(out);
    *ret = sw_json_str(out);
    return ret->at ? SW_OK : SW_NO_MEMORY;
}

/* The key is this plugin's own: what it signs is no token to another provider that may take its place. */
sw_status token_make(sw_tx *tx, const sw_user *user, int64_t expires_ms, const char **ret_token,
                     uint8_t ret_hash[HASH_SIZE])
{
    sw_str claims;
    uint8_t mac[32];

    SW_TRY(write_claims(tx, user, expires_ms, &claims));
    char *token = sw_tx_alloc(tx, 1, HEAD_LEN + 4 * (claims.len / 3 + 1) + 1 + SIGNATURE_LEN + 1);
    if (!token)
        return SW_NO_MEMORY;
    memcpy(token, HEAD, HEAD_LEN);
    sw_base64url((const uint8_t *)claims.at, claims.len, token + HEAD_LEN);
    size_t len = strlen(token);
    SW_TRY(sw_keyed_hash(sw_tx_host(tx), "session", token, len, mac));
    token[len] = '.';
    sw_base64url(mac, sizeof mac, token + len + 1);
    token_hash(token, strlen(token), ret_hash);
    *ret_token = token;
    return SW_OK;
}
