/* POST /api/users/agents adds an agent, PATCH /api/users/agents/:id/token gives it another api token, and POST
 * /api/users/agents/test-connection tells whether a token is an agent's. A worker checks the body, the writer decides
 * and stores. Tokens are made here, stored as HMAC-SHA-256 under a key of the data folder, and shown as a hint; only
 * the answer that made or changed one holds it. GET is in get_users.c, DELETE in users.c. */
#include "users.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN_UPDATED, SET_TOKEN };

static const sw_statement STATEMENTS[] = {
    [TOKEN_UPDATED] = {.name = "users_token_updated", .sql = "SELECT token_updated_ms FROM users WHERE id = ?1"},
    [SET_TOKEN] = {.name = "users_set_token",
                   .sql = "UPDATE users SET token_hash = ?2, token_hint = ?3, token_updated_ms = ?4"
                          " WHERE id = ?1 AND deleted_ms IS NULL"},
};

const sw_table TOKEN_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- api tokens ---- */

enum { HINT_FROM = 24 };

static sw_status token_make(char out[USERS_TOKEN_SIZE])
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

static void token_hint(const char *token, char out[USERS_HINT_SIZE])
{
    size_t len = strlen(token);

    if (len < HINT_FROM)
        snprintf(out, USERS_HINT_SIZE, "configured");
    else
        snprintf(out, USERS_HINT_SIZE, "%.4s...%s", token, token + len - 4);
}

static sw_status token_publish(sw_tx *tx, int64_t id, const char *name, sw_role role, const char *raw_token)
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

/* ---- what a body says. Errors are sticky: call sw_check() after the last field ---- */

static const char *field_agent_name(sw_request *req)
{
    const char *raw = sw_body_text(req, "username", 1, USERS_NAME_MAX);
    const char *name = field_trimmed(req, raw);

    if (*raw && !*name)
        sw_invalid(req, "missing_field", "username is required");
    if (*name && !name_readable(name))
        sw_invalid(req, "invalid_parameter", "username must not hold control characters or others that cannot be seen");
    return name;
}

static const char *field_kind(sw_request *req, const char *name, const char *fallback)
{
    const char *text = field_trimmed(req, sw_body_text_or(req, name, USERS_KIND_MAX, ""));

    if (!*text)
        return fallback;
    if (!name_readable(text))
        sw_invalid(req, "invalid_parameter", "%s must not hold control characters or others that cannot be seen", name);
    char *lower = sw_strdup(req, text);
    for (char *p = lower; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return lower ? lower : fallback;
}

/* NULL when it was not given. With `empty_is_absent`, an empty one counts as not given. */
static const char *field_api_token(sw_request *req, bool empty_is_absent)
{
    const char *token = sw_body_text_or(req, "api_token", USERS_TOKEN_MAX, NULL);

    if (!token || (!*token && empty_is_absent))
        return NULL;
    if (!*token)
        sw_invalid(req, "missing_field", "api_token is required");
    if (strlen(token) < USERS_TOKEN_MIN)
        sw_invalid(req, "invalid_parameter", "api_token must be at least %d bytes", USERS_TOKEN_MIN);
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p > '~') {
            sw_invalid(req, "invalid_parameter", "api_token must be visible ASCII");
            break;
        }
    return token;
}

/* ---- POST: only this answer holds the raw token ---- */

typedef struct {
    new_user user;
    const char *token;
    char made[USERS_TOKEN_SIZE];
    uint8_t hash[32];
    char hint[USERS_HINT_SIZE];
} registration;

static sw_status add_and_reply(sw_tx *tx, void *arg)
{
    registration *r = arg;
    sw_user same;

    /* The name is looked up first, so that the answer is always the same when both name and token are taken. */
    sw_status taken = store_by_name(sw_tx_db(tx), r->user.name, &same);
    if (taken == SW_OK)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "username already exists");
    if (taken != SW_NOT_FOUND)
        return taken;
    SW_TRY(store_add(tx, &r->user));
    sw_tx_user_changed(tx, r->user.id, false); /* its token may have been tried too early: forget that it was refused */
    sw_user_event event = {
        .user_id = r->user.id,
        .username = r->user.name,
        .role = r->user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_CREATED, &event, sizeof event));
    names_note(sw_tx_state(tx), r->user.name);
    SW_TRY(token_publish(tx, r->user.id, r->user.name, r->user.role, r->token));
    return user_reply(tx, 201, r->user.id, r->token);
}

sw_status post_agents(sw_request *req)
{
    registration *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    sw_reply_header(req, "Cache-Control", "no-store");
    r->user = (new_user){
        .name = field_agent_name(req),
        .role = SW_ROLE_AGENT,
        .password_hash = "",
        .agent_kind = field_kind(req, "agent_kind", "generic"),
        .runtime_kind = field_kind(req, "runtime_kind", "websocket"),
        .description = field_description(req),
        .token_hash = r->hash,
        .token_hint = r->hint,
    };
    r->token = field_api_token(req, true);
    SW_TRY(sw_check(req));

    if (!r->token) {
        SW_TRY(token_make(r->made));
        r->token = r->made;
    }
    SW_TRY(token_hash(sw_request_host(req), r->token, strlen(r->token), r->hash));
    token_hint(r->token, r->hint);
    return sw_write(req, add_and_reply, r);
}

/* ---- PATCH: once this has been answered, the old token is refused ---- */

typedef struct {
    int64_t id;
    const char *token;
    bool server_made;
    char made[USERS_TOKEN_SIZE];
    uint8_t hash[32];
    char hint[USERS_HINT_SIZE];
} rotation;

static sw_status set_token(sw_tx *tx, const rotation *r)
{
    return store_conflict(tx, sw_tx_exec(tx, &STATEMENTS[SET_TOKEN], NULL, "ibsi", r->id, (const void *)r->hash,
                                         (size_t)32, r->hint, sw_tx_now(tx)));
}

static sw_status token_updated(sw_db *db, int64_t id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[TOKEN_UPDATED], 0, &rows, "i", id);
    return store_one_number(begun, rows, ret_at_ms);
}

static sw_status reply(sw_tx *tx, const rotation *r)
{
    int64_t updated_ms;

    SW_TRY(token_updated(sw_tx_db(tx), r->id, &updated_ms));
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", true);
    sw_json_text(out, "message", "agent token updated");
    sw_json_int(out, "agent_id", r->id);
    if (r->server_made)
        sw_json_text(out, "api_token", r->token);
    sw_json_text(out, "token_hint", r->hint);
    sw_json_time(out, "token_updated_at", updated_ms);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status rotate_and_reply(sw_tx *tx, void *arg)
{
    const rotation *r = arg;
    sw_request *req = sw_tx_request(tx);
    sw_user agent, holder;

    sw_status found = store_by_id(sw_tx_db(tx), r->id, &agent);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "agent not found");
    SW_TRY(found);
    if (SW_ROLE_BIT(agent.role) & SW_ROLES_HUMAN)
        return sw_fail(req, SW_INVALID, NULL, "target user is not an agent");

    sw_status held = store_by_token(sw_tx_db(tx), r->hash, &holder);
    if (held == SW_OK) /* when it is its own current token, nothing changes and no socket closes */
        return holder.id == r->id ? reply(tx, r) : sw_fail(req, SW_CONFLICT, NULL, "api_token already in use");
    if (held != SW_NOT_FOUND)
        return held;
    SW_TRY(set_token(tx, r));
    sw_tx_user_changed(tx, r->id, true);
    SW_TRY(token_publish(tx, r->id, agent.name, agent.role, r->token));
    return reply(tx, r);
}

sw_status patch_agent_token(sw_request *req)
{
    rotation *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    sw_reply_header(req, "Cache-Control", "no-store");
    r->id = sw_path_id(req, "id");
    r->token = field_api_token(req, false);
    SW_TRY(sw_check(req));

    if (!r->token) {
        SW_TRY(token_make(r->made));
        r->token = r->made;
        r->server_made = true;
    }
    SW_TRY(token_hash(sw_request_host(req), r->token, strlen(r->token), r->hash));
    token_hint(r->token, r->hint);
    return sw_write(req, rotate_and_reply, r);
}

/* ---- POST …/test-connection: the status is always 200 ---- */

enum { ANY_LENGTH = 1 << 24 }; /* a token of any length is answered with 200 */

sw_status post_agents_test_connection(sw_request *req)
{
    const users_state *state = sw_request_state(req);
    const char *token = sw_body_text(req, "api_token", 1, ANY_LENGTH);
    size_t len = strlen(token);
    sw_status found = SW_NOT_FOUND;
    uint8_t hash[32];
    sw_user agent;

    if (!*field_trimmed(req, token))
        sw_invalid(req, "missing_field", "api_token is required");
    SW_TRY(sw_check(req));
    if (len >= USERS_TOKEN_MIN && len <= USERS_TOKEN_MAX) {
        SW_TRY(token_hash(state->host, token, len, hash));
        found = store_by_token(sw_request_db(req), hash, &agent);
    }
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;

    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", found == SW_OK);
    sw_json_text(out, "message", found == SW_OK ? "token accepted by backend" : "token is not registered to any agent");
    if (found == SW_OK) {
        sw_json_int(out, "agent_id", agent.id);
        sw_json_text(out, "agent_name", agent.name);
    }
    sw_json_object_end(out);
    return SW_OK;
}
