/* A message, as one step on the writer, all or nothing: it is seen for the first time, allowed, within the rate, and
 * posted to the Butler. The log tells the reason why another one goes no further. */
#include "core/common/utf8.h"
#include "feishu.h"
#include "words.h"
#include <string.h>

enum {
    RAW_MAX = 1 << 20,     /* of the event's JSON that is kept                           */
    PIECE_MAX = 60 * 1000, /* bytes of one CHAT; a payload may hold 64 KiB               */
    RATE_WINDOW_MS = 60 * 1000,
    TITLE_ID_MAX = 40
};

typedef struct {
    feishu *f;
    sw_tx *tx;
    const connector *c;
    const event *e;
    int64_t row;      /* of feishu_inbound */
    const char *text; /* what the Butler is told */
} message;

/* ---- filters ---- */

/* Why the message may not pass; NULL when it may. The order is part of the contract. */
static const char *filter(const connector *c, const event *e)
{
    if (e->from_self || (c->ignore_bots && e->from_bot))
        return "bot_message_ignored";
    if (e->is_group && !c->allow_group)
        return "group_message_disabled";
    if (!e->is_group && !c->allow_dm)
        return "dm_disabled";
    if (e->is_group && c->mention_required && !e->mentioned)
        return "mention_required";
    if (*c->chats && !list_has(c->chats, e->chat_id))
        return "chat_not_allowed";
    if (*c->people && !event_person_listed(c->people, &e->person))
        return "user_not_whitelisted";
    return *e->text ? NULL : "empty_text";
}

/* The text behind the prefix. NULL, with a reason, when the message must not pass; the reason is "" when nothing is
 * left, which the log need not tell. */
static const char *strip_prefix(sw_tx *tx, const connector *c, const char *text, const char **ret_reason)
{
    size_t prefix = strlen(c->prefix);

    if (prefix == 0)
        return text;
    if (strncmp(text, c->prefix, prefix) != 0) {
        *ret_reason = "prefix_not_matched";
        return NULL;
    }
    sw_str rest = text_trim(text + prefix, strlen(text + prefix));
    if (rest.len == 0) {
        *ret_reason = "";
        return NULL;
    }
    char *own = sw_tx_alloc(tx, 1, rest.len + 1);
    if (own)
        memcpy(own, rest.at, rest.len);
    return own;
}

static sw_status over_rate(const message *m, bool *ret_over)
{
    int64_t count = 0;

    SW_TRY(inbound_rate(sw_tx_db(m->tx), m->c->id, event_person_id(&m->e->person), sw_tx_now(m->tx) - RATE_WINDOW_MS,
                        &count));
    *ret_over = count >= m->c->rate;
    return SW_OK;
}

/* ---- to the Butler ---- */

sw_status bridge_admin(feishu *f, sw_db *db, sw_user *ret)
{
    sw_user user = {.size = sizeof user};
    sw_status found = f->users->by_name(f->users_self, db, "admin", &user);

    if (found == SW_OK && user.role != SW_ROLE_ADMIN)
        found = SW_NOT_FOUND;
    if (found == SW_NOT_FOUND)
        found = f->users->first_admin(f->users_self, db, &user);
    if (found == SW_OK)
        *ret = user;
    return found;
}

static const char *source_of(const message *m)
{
    sw_json *out = sw_json_new_tx(m->tx);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "kind", "feishu");
    sw_json_text(out, "user_id", event_person_id(&m->e->person));
    sw_json_text(out, "chat_id", m->e->chat_id);
    sw_json_text(out, "message_id", m->e->message_id);
    sw_json_bool(out, "is_group", m->e->is_group);
    sw_json_bool(out, "mentioned", m->e->mentioned);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

/* Each Feishu chat is a thread of the bridge admin: so an answer finds its way back, also when several chats talk at
 * once. *ret is 0, the default thread, when there is no chat or the chat service has no threads. `anew` makes another.
 */
static sw_status thread_of(const message *m, int64_t admin, int64_t butler, bool anew, int64_t *ret)
{
    const sw_chat_service *chat = m->f->chat;
    char title[TITLE_ID_MAX + 16] = "Feishu ";

    *ret = 0;
    if (!*m->e->chat_id || chat->size < offsetof(sw_chat_service, open_thread) + sizeof chat->open_thread)
        return SW_OK;
    if (!anew)
        SW_TRY(thread_find(sw_tx_db(m->tx), m->e->chat_id, admin, ret));
    if (*ret)
        return SW_OK;
    strncat(title, m->e->chat_id, TITLE_ID_MAX);
    SW_TRY(chat->open_thread(m->f->chat_self, m->tx, admin, butler, title, ret));
    return thread_set(m->tx, m->e->chat_id, admin, *ret);
}

/* Bytes of the next piece: not over the limit, no character cut. */
static size_t piece(const char *text, size_t left)
{
    size_t len = utf8_cut(text, left, PIECE_MAX);

    return len > 0 ? len : PIECE_MAX;
}

static sw_status post_pieces(const message *m, int64_t admin, int64_t butler, int64_t thread, const char *source)
{
    size_t left = strlen(m->text);

    for (const char *at = m->text; left > 0;) {
        size_t len = piece(at, left);
        sw_json *payload = sw_json_new_tx(m->tx);
        int64_t id, at_ms;
        sw_json_textn(payload, NULL, at, len);
        sw_str written = sw_json_str(payload);
        if (!written.at)
            return SW_NO_MEMORY;
        sw_chat_post post = {.size = sizeof post,
                             .sender_id = admin,
                             .target_id = butler,
                             .conversation_id = thread,
                             .payload = written.at,
                             .payload_len = written.len,
                             .source = source};
        SW_TRY(m->f->chat->post(m->f->chat_self, m->tx, &post, &id, &at_ms));
        at += len;
        left -= len;
    }
    return SW_OK;
}

static sw_status route(const message *m)
{
    sw_db *db = sw_tx_db(m->tx);
    sw_user admin = {.size = sizeof admin}, butler = {.size = sizeof butler};
    const char *source = source_of(m);
    int64_t thread = 0;

    if (!source)
        return SW_NO_MEMORY;
    if (bridge_admin(m->f, db, &admin) != SW_OK) {
        sw_log(m->f->host, SW_LOG_ERROR, "admin user not found");
        return SW_INTERNAL;
    }
    if (m->f->users->butler(m->f->users_self, db, &butler) != SW_OK) {
        sw_log(m->f->host, SW_LOG_ERROR, "invalid butler user id");
        return SW_INTERNAL;
    }
    SW_TRY(thread_of(m, admin.id, butler.id, false, &thread));
    sw_status posted = post_pieces(m, admin.id, butler.id, thread, source);
    if (posted == SW_INVALID && thread) { /* the thread is gone, or belongs to another user by now */
        SW_TRY(thread_of(m, admin.id, butler.id, true, &thread));
        posted = post_pieces(m, admin.id, butler.id, thread, source);
    }
    SW_TRY(posted);
    SW_TRY(inbound_outcome(m->tx, m->row, "accepted", thread));
    return note(m->tx, m->c->id, "success", "ws_routed", "Accepted inbound WS message %s from feishu_user=%s chat=%s",
                m->e->message_id, event_person_id(&m->e->person), m->e->chat_id);
}

/* ---- the step ---- */

static sw_status refuse(const message *m, const char *reason)
{
    SW_TRY(inbound_outcome(m->tx, m->row, *reason ? reason : "empty_text", 0));
    return *reason ? note(m->tx, m->c->id, "info", "ws_filtered", "%s", reason) : SW_OK;
}

static sw_status consider(message *m)
{
    const char *reason = filter(m->c, m->e);
    bool over = false;

    if (!reason) {
        m->text = strip_prefix(m->tx, m->c, m->e->text, &reason);
        if (!m->text && !reason)
            return SW_NO_MEMORY;
    }
    if (!reason) {
        SW_TRY(over_rate(m, &over));
        reason = over ? "rate_limited" : NULL;
    }
    return reason ? refuse(m, reason) : route(m);
}

sw_status accept_step(sw_tx *tx, void *arg)
{
    arrival *a = arg;
    feishu *f = a->f;
    connector c;
    message m = {.f = f, .tx = tx, .c = &c, .e = &a->e};
    sw_status found = connector_newest(f, sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    if (!connector_token_good(&c, a->e.token))
        return note(tx, c.id, "error", "ws_auth", "Rejected WS event due to invalid token");
    if (!c.enabled || !*a->e.message_id)
        return SW_OK;
    sw_status added = inbound_add(tx, c.id, &a->e, a->payload, a->len <= RAW_MAX ? a->len : 0, &m.row);
    if (added == SW_CONFLICT)
        return SW_OK; /* seen before */
    SW_TRY(added);
    return consider(&m);
}
