/* Api tokens. The server makes them here, stores them as HMAC-SHA-256 under a key of the data folder, and shows them as
 * a hint. Any thread but for token_publish(), which is part of a write step; nothing is kept. */
#include "users.h"

#include <stdio.h>
#include <string.h>

enum { HINT_FROM = 24 };

sw_status token_make(char out[USERS_TOKEN_SIZE])
{
    uint8_t random[32];

    SW_TRY(sw_random(random, sizeof random));
    memcpy(out, "ec_", 3);
    sw_base64url(random, sizeof random, out + 3);
    explicit_bzero(random, sizeof random);
    return SW_OK;
}

sw_status token_hash(sw_host *host, const char *token, size_t len, uint8_t out[32])
{
    return sw_keyed_hash(host, "api-token", token, len, out);
}

void token_hint(const char *token, char out[USERS_HINT_SIZE])
{
    size_t len = strlen(token);

    if (len < HINT_FROM)
        snprintf(out, USERS_HINT_SIZE, "configured");
    else
        snprintf(out, USERS_HINT_SIZE, "%.4s...%s", token, token + len - 4);
}

sw_status token_publish(sw_tx *tx, int64_t id, const char *name, sw_role role, const char *raw_token)
{
    sw_token_event event = {
        .user_id = id,
        .username = name,
        .role = role,
        .raw_token = raw_token,
        .at_ms = sw_tx_now(tx),
    };

    return sw_tx_publish(tx, SW_EVENT_TOKEN_CHANGED, &event, sizeof event);
}
