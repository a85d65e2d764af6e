/* POST /api/messages: stores one message or an array of them. The answer leaves when they are durable; then everybody
 * sees them live. */
#include "../messages.h"
#include "core/common/visible_text.h"

#include <string.h>

static const char ROUTE[] = "POST /api/messages";

typedef struct {
    message *messages;
    size_t count;
    bool array;
    bool own;         /* the last one is of an agent, under its own name */
    const char *key;  /* NULL when there is none */
    uint8_t hash[32]; /* of the body, when there is a key */
} posting;

/* ---- on the writer ---- */

static void reply(sw_tx *tx, const posting *p)
{
    sw_json *out = sw_tx_reply(tx, 201);

    if (!p->array) {
        message_write(out, NULL, &p->messages[0]);
        return;
    }
    sw_json_array_begin(out, NULL);
    for (size_t i = 0; i < p->count; i++)
        message_write(out, NULL, &p->messages[i]);
    sw_json_array_end(out);
}

/* The same body was stored under this key. So the first answer is this body with the ids and the time of then. */
static sw_status replay(sw_tx *tx, posting *p, const stored_key *first)
{
    if (memcmp(first->hash, p->hash, sizeof p->hash) != 0)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "idempotency key reused with another body");
    for (size_t i = 0; i < p->count; i++) {
        p->messages[i].id = first->first_id + (int64_t)i;
        p->messages[i].at_ms = first->at_ms;
    }
    reply(tx, p);
    sw_reply_header(sw_tx_request(tx), "Idempotency-Replayed", "true");
    return SW_OK;
}

static sw_status remember(sw_tx *tx, const posting *p)
{
    stored_key key = {.status = 201, .count = (int64_t)p->count, .at_ms = sw_tx_now(tx)};

    memcpy(key.hash, p->hash, sizeof key.hash);
    key.first_id = p->count > 0 ? p->messages[0].id : 0;
    return store_key_put(tx, sw_request_principal(sw_tx_request(tx))->user_id, ROUTE, p->key, &key);
}

/* The ids follow one another, since nobody else writes meanwhile. */
static sw_status store(sw_tx *tx, posting *p)
{
    for (size_t i = 0; i < p->count; i++)
        SW_TRY(store_add(tx, &p->messages[i]));
    if (p->own && p->count > 0)
        SW_TRY(message_report(tx, &p->messages[p->count - 1]));
    return p->key ? remember(tx, p) : SW_OK;
}

/* The statements come first. Eight megabytes of frames and reply take a while, and a time limit that strikes then
 * interrupts no statement. */
static sw_status store_and_reply(sw_tx *tx, void *arg)
{
    posting *p = arg;
    stored_key first;

    if (p->key) {
        int64_t user_id = sw_request_principal(sw_tx_request(tx))->user_id;
        sw_status found = store_key_find(tx, user_id, ROUTE, p->key, &first);
        if (found != SW_NOT_FOUND)
            return found == SW_OK ? replay(tx, p, &first) : found;
    }
    SW_TRY(store(tx, p));
    for (size_t i = 0; i < p->count; i++)
        SW_TRY(message_announce(tx, &p->messages[i], false));
    reply(tx, p);
    return SW_OK;
}

/* ---- on a worker ---- */

static sw_status read_key(sw_request *req, posting *p)
{
    p->key = sw_header(req, "Idempotency-Key");
    if (!p->key)
        return SW_OK;
    size_t len = strlen(p->key);
    bool fits = len >= 1 && len <= MESSAGES_KEY_MAX;
    for (size_t i = 0; fits && i < len; i++)
        fits = p->key[i] > ' ' && p->key[i] <= '~';
    if (!fits)
        return sw_fail(req, SW_INVALID, "invalid_parameter", "Idempotency-Key must be 1 to %d visible ASCII characters",
                       MESSAGES_KEY_MAX);
    sw_str body = sw_body_raw(req);
    sw_sha256(body.at ? body.at : "", body.len, p->hash);
    return SW_OK;
}

/* Only arrays may be larger than other bodies. */
static sw_status check_size(sw_request *req, const posting *p)
{
    int64_t max = sw_option_core_int(sw_request_host(req), "limits.body");

    if (!p->array && max > 0 && sw_body_raw(req).len > (size_t)max)
        return sw_fail(req, SW_TOO_LARGE, NULL, "the body must be at most %lld bytes", (long long)max);
    if (p->count > MESSAGES_PER_POST)
        return sw_fail(req, SW_TOO_LARGE, NULL, "an array holds at most %d messages", MESSAGES_PER_POST);
    return SW_OK;
}

static sw_status refuse(sw_request *req, const posting *p, size_t i, sw_status status, const char *why)
{
    sw_fail(req, status, status == SW_INVALID ? "invalid_parameter" : NULL, "%s", why);
    if (p->array)
        sw_fail_detail(req, "message %zu of the array", i + 1);
    return status;
}

/* Whoever reads a log must see who speaks. (Half a character has become U+FFFD.) */
static bool readable(sw_str name)
{
    return !visible_changes(name.at, name.len, VISIBLE_ONE_LINE) && !visible_blank(name.at, name.len) &&
           !strstr(name.at, "\xEF\xBF\xBD");
}

/* Nobody speaks as Butler but itself, whatever the options; nor does a human as an agent. */
static sw_status check_name(sw_request *req, const posting *p, size_t i, bool free_choice)
{
    const messages_state *state = sw_request_state(req);
    sw_role sender = sw_request_principal(req)->role, of_name = (sw_role)0;

    if (!readable(p->messages[i].agent_id))
        return refuse(req, p, i, SW_INVALID, "agent_id must not hold half characters, or others that cannot be seen");
    if (state->users->size < offsetof(sw_users_service, name_of_system) + sizeof state->users->name_of_system)
        return SW_OK;
    SW_TRY(state->users->name_of_system(state->users_self, sw_request_db(req), p->messages[i].agent_id.at, &of_name));
    if (of_name == SW_ROLE_BUTLER)
        return refuse(req, p, i, SW_FORBIDDEN, "agent_id is the name of Butler, or may be taken for it");
    if (of_name == SW_ROLE_AGENT && !free_choice && sender != SW_ROLE_BUTLER)
        return refuse(req, p, i, SW_FORBIDDEN, "agent_id is the name of an agent");
    return SW_OK;
}

static sw_status check_sender(sw_request *req, posting *p)
{
    const sw_principal *who = sw_request_principal(req);
    bool free_choice = sw_option_bool(sw_request_host(req), "any_agent_id");
    size_t len = strlen(who->name);

    for (size_t i = 0; i < p->count; i++) {
        const sw_str *named = &p->messages[i].agent_id;
        bool same = named->len == len && memcmp(named->at, who->name, len) == 0;
        if (!same && who->role == SW_ROLE_AGENT && !free_choice)
            return refuse(req, p, i, SW_FORBIDDEN, "an agent must give its own name as agent_id");
        if (!same || (SW_ROLES_SYSTEM & SW_ROLE_BIT(who->role)) == 0)
            SW_TRY(check_name(req, p, i, free_choice));
        p->own = same && (SW_ROLES_SYSTEM & SW_ROLE_BIT(who->role)) != 0;
    }
    return SW_OK;
}

static sw_status read_messages(sw_request *req, posting *p, const sw_value *body)
{
    p->messages = sw_alloc(req, p->count > 0 ? p->count : 1, sizeof *p->messages);
    if (!p->messages)
        return SW_NO_MEMORY;
    for (size_t i = 0; i < p->count; i++)
        SW_TRY(message_read(req, p->array ? sw_value_at(body, i) : body, p->array ? i + 1 : 0, &p->messages[i]));
    return SW_OK;
}

sw_status post_messages(sw_request *req)
{
    const sw_value *body = sw_body(req);
    posting *p = sw_alloc(req, 1, sizeof *p);

    SW_TRY(sw_check(req));
    if (!p)
        return SW_NO_MEMORY;
    p->array = sw_value_type(body) == SW_JSON_ARRAY;
    p->count = p->array ? sw_value_count(body) : 1;
    if (!p->array && sw_value_type(body) != SW_JSON_OBJECT)
        return sw_fail(req, SW_INVALID, NULL, "invalid request body");
    SW_TRY(check_size(req, p));
    SW_TRY(read_messages(req, p, body));
    SW_TRY(check_sender(req, p));
    SW_TRY(read_key(req, p));
    return sw_write(req, store_and_reply, p);
}
