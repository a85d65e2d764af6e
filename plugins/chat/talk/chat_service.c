/* The service chat/1, for other plugins: a CHAT is posted as if its sender had sent the frame. In the caller's write
 * step; `self` is chat's state, since the step that calls may be another plugin's. */
#include "core/common/utf8.h"
#include "talk/talk.h"

#include <string.h>

static sw_status find_sender(const chat *c, sw_tx *tx, posting *p)
{
    sw_user user = {.size = sizeof user};

    SW_TRY(c->users->by_id(c->users_self, sw_tx_db(tx), p->envelope.sender_id, &user));
    p->envelope.sender_role = user.role;
    p->sender_name = user.name;
    return SW_OK;
}

/* The rules of a socket: the payload must be valid JSON, and at most as long as ws.payload, as decoded text or as
 * other JSON stands. */
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
        .envelope = {.sender_id = what->sender_id, .target_id = what->target_id, .asked = what->conversation_id},
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

/* Cuts at the longest title, between two characters. */
static char *cut_title(sw_tx *tx, const char *title)
{
    size_t len = utf8_cut(title, strlen(title), CHAT_TITLE_MAX);
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
        .channel_kind = thread_kind_of(peer.role),
        .title = cut_title(tx, title),
    };
    if (!t.title)
        return SW_NO_MEMORY;
    SW_TRY(thread_add(tx, &t));
    *ret_id = t.id;
    return SW_OK;
}

const sw_chat_service CHAT_SERVICE = {.size = sizeof CHAT_SERVICE, .post = post, .open_thread = open_thread};
