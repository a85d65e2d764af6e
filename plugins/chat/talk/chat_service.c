/* The services chat/1 and approvals/1. `self` is chat's state: the step that calls may be another plugin's. */
#include "store.h"

#include <string.h>

static sw_status find_sender(const chat *c, sw_tx *tx, posting *p)
{
    sw_user user = {.size = sizeof user};

    SW_TRY(c->users->by_id(c->users_self, sw_tx_db(tx), p->route.sender_id, &user));
    p->route.sender_role = user.role;
    p->sender_name = user.name;
    return SW_OK;
}

/* As a socket would: valid JSON, text decoded or other JSON as it stands up to ws.payload. */
static sw_status check_payload(const chat *c, sw_tx *tx, posting *p)
{
    size_t len = p->payload.len;
    const sw_value *value = sw_json_parse_tx(tx, p->payload.at, p->payload.len);

    if (!value)
        return SW_INVALID;
    if (sw_value_type(value) == SW_JSON_TEXT)
        (void)sw_value_text(value, &len);
    int64_t max = sw_option_core_int(c->host, "ws.payload");
    if (max > 0 && len > (size_t)max)
        return SW_INVALID;
    question_look(p, value);
    return SW_OK;
}

enum { SW_CHAT_POST_FIRST = offsetof(sw_chat_post, source) + sizeof(char *) }; /* what ABI 1.0 has of it */

static sw_str str_of(const char *text)
{
    return (sw_str){text, text ? strlen(text) : 0};
}

static sw_status post(void *self, sw_tx *tx, const sw_chat_post *what, int64_t *ret_id, int64_t *ret_at_ms)
{
    chat *c = self;

    if (what->size < SW_CHAT_POST_FIRST)
        return SW_INTERNAL;
    posting p = {
        .route = {.sender_id = what->sender_id, .target_id = what->target_id, .asked = what->conversation_id},
        .local_id = str_of(what->local_id),
        .payload = {what->payload, what->payload_len},
        .source = str_of(what->source),
    };
    if (what->local_id && (!*what->local_id || p.local_id.len > CHAT_LOCAL_ID_MAX))
        return SW_INVALID;
    if (!what->payload || what->target_id < 0)
        return SW_INVALID;
    SW_TRY(check_payload(c, tx, &p));
    SW_TRY(find_sender(c, tx, &p));
    SW_TRY(post_chat(c, tx, &p));
    if (ret_id)
        *ret_id = p.id;
    if (ret_at_ms)
        *ret_at_ms = p.at_ms;
    return SW_OK;
}

/* No character is cut. */
static char *cut_title(sw_tx *tx, const char *title)
{
    size_t len = strlen(title);

    if (len > CHAT_TITLE_MAX)
        for (len = CHAT_TITLE_MAX; len > 0 && ((unsigned char)title[len] & 0xc0) == 0x80;)
            len--;
    char *copy = sw_tx_alloc(tx, 1, len + 1);
    if (copy)
        memcpy(copy, title, len);
    return copy;
}

static sw_status open_thread(void *self, sw_tx *tx, int64_t owner_id, int64_t peer_id, const char *title,
                             int64_t *ret_id)
{
    chat *c = self;
    sw_user owner = {.size = sizeof owner}, peer = {.size = sizeof peer};

    SW_TRY(c->users->by_id(c->users_self, sw_tx_db(tx), owner_id, &owner));
    SW_TRY(c->users->by_id(c->users_self, sw_tx_db(tx), peer_id, &peer));
    if (!role_human(owner.role) || !role_system(peer.role))
        return SW_INVALID;
    thread_row t = {
        .owner_id = owner_id,
        .peer_id = peer_id,
        .channel_kind = peer.role == SW_ROLE_BUTLER ? "butler_direct" : "agent_direct",
        .title = cut_title(tx, title),
    };
    if (!t.title)
        return SW_NO_MEMORY;
    SW_TRY(thread_add(tx, &t));
    *ret_id = t.id;
    return SW_OK;
}

const sw_chat_service CHAT_SERVICE = {.size = sizeof CHAT_SERVICE, .post = post, .open_thread = open_thread};

enum { SW_APPROVAL_FIRST = offsetof(sw_approval, decided_ms) + sizeof(int64_t) }; /* what ABI 1.0 has of it */

/* As much of it as the caller's headers know. */
static sw_status give(const sw_approval *whole, sw_approval *ret)
{
    uint32_t size = ret->size < sizeof *whole ? ret->size : (uint32_t)sizeof *whole;

    if (size < SW_APPROVAL_FIRST)
        return SW_INTERNAL;
    memcpy(ret, whole, size);
    ret->size = size;
    return SW_OK;
}

static sw_status tell(const approval *a, sw_approval *ret, int64_t now_ms)
{
    sw_approval whole = {
        .approval_id = a->id,
        .action_id = a->action_id,
        .status = approval_status(a, now_ms),
        .decided_by = a->responder_name,
        .command = a->command,
        .reason = a->reason,
        .target_agent_name = a->target_agent_name,
        .channel = a->channel,
        .expires_ms = a->expires_ms,
        .decided_ms = a->decided_ms,
    };
    return give(&whole, ret);
}

/* Of a request that is not there. */
static sw_status tell_unknown(const char *action_id, sw_approval *ret)
{
    sw_approval whole = {
        .action_id = action_id,
        .status = "",
        .decided_by = "",
        .command = "",
        .reason = "",
        .target_agent_name = "",
        .channel = "",
    };
    return give(&whole, ret);
}

static sw_status decide_for(void *self, sw_tx *tx, const char *action_id, bool approved, int64_t user_id,
                            const char *responder_name, const char *channel, sw_decision *ret_decision,
                            sw_approval *ret)
{
    answer a = {
        .action_id = action_id,
        .approved = approved,
        .user_id = user_id,
        .responder_name = responder_name,
        .channel = channel,
    };
    SW_TRY(decide(self, tx, &a));
    *ret_decision = a.outcome;
    if (!ret)
        return SW_OK;
    return a.outcome == SW_DECISION_UNKNOWN ? tell_unknown(action_id, ret) : tell(&a.now, ret, sw_tx_now(tx));
}

static sw_status find(void *self, sw_db *db, const char *action_id, sw_approval *ret)
{
    approval a;

    (void)self;
    SW_TRY(approval_by_action(db, action_id, &a));
    return tell(&a, ret, sw_now_ms());
}

const sw_approvals_service APPROVALS_SERVICE = {
    .size = sizeof APPROVALS_SERVICE,
    .decide = decide_for,
    .find = find,
};
