/* What becomes of an event, as one step on the writer, all or nothing. A message that is seen for the first time, is
 * allowed and within the rate is posted to the Butler; the log tells why another one goes no further. A click on a card
 * decides its request, and the answer to the person travels in the ack. The tables of what came, and of the threads
 * that Feishu chats are, stand here too. */
#include "core/common/utf8.h"
#include "feishu.h"
#include "out/card.h"
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RAW_MAX = 1 << 20,     /* of the event's JSON that is kept                           */
    PIECE_MAX = 60 * 1000, /* bytes of one CHAT; a payload may hold 64 KiB               */
    RATE_WINDOW_MS = 60 * 1000,
    TITLE_ID_MAX = 40
};

static const char DECISION[] = "feishu_auth_decision";
static const char APPROVED[] = "APPROVED";

/* ---- the tables: what came in, each message once, and the threads of chats ---- */

enum { ADD, OUTCOME, RATE, OF_CONVERSATION, NEWEST, THREAD_FIND, THREAD_SET };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "inbound_add",
             .sql = "INSERT INTO feishu_inbound (connector_id, message_id, chat_id, feishu_user_id, outcome,"
                    " raw_payload, at_ms, people) VALUES (?1, ?2, ?3, ?4, 'taken', ?5, ?6, ?7)"},
    [OUTCOME] = {.name = "inbound_outcome",
                 .sql = "UPDATE feishu_inbound SET outcome = ?2, conversation_id = ?3 WHERE id = ?1"},
    [RATE] = {.name = "inbound_rate",
              .sql = "SELECT count(*) FROM feishu_inbound WHERE connector_id = ?1 AND feishu_user_id = ?2"
                     " AND at_ms > ?3 AND at_ms <= ?4 AND outcome = 'accepted'"},
    [OF_CONVERSATION] = {.name = "inbound_of_conversation",
                         .sql = "SELECT chat_id, feishu_user_id, message_id, people FROM feishu_inbound"
                                " WHERE conversation_id = ?2 AND connector_id = ?1 AND outcome = 'accepted'"
                                " ORDER BY id DESC LIMIT 1"},
    [NEWEST] = {.name = "inbound_newest",
                .sql = "SELECT chat_id, feishu_user_id, message_id, people FROM feishu_inbound WHERE connector_id = ?1"
                       " AND outcome = 'accepted' ORDER BY id DESC LIMIT 256"},
    [THREAD_FIND] = {.name = "thread_find",
                     .sql = "SELECT conversation_id FROM feishu_threads WHERE chat_id = ?1 AND user_id = ?2"},
    [THREAD_SET] = {.name = "thread_set",
                    .sql = "INSERT INTO feishu_threads (chat_id, user_id, conversation_id) VALUES (?1, ?2, ?3)"
                           " ON CONFLICT (chat_id, user_id) DO UPDATE SET conversation_id = ?3"},
};

const sw_table INBOUND_STATEMENTS = SW_TABLE(STATEMENTS);

/* SW_CONFLICT when that message has been taken before. The event is kept as it came, without the verification token:
 * who may read the store must not be able to make events. */
static sw_status inbound_add(sw_tx *tx, int64_t connector_id, const arrival *a, int64_t *ret_id)
{
    const event *e = &a->e;
    size_t raw_len = a->len <= RAW_MAX ? a->len : 0;
    const event_person *p = &e->person;
    size_t people_size = strlen(p->user_id) + strlen(p->open_id) + strlen(p->union_id) + 3;
    char *raw = sw_tx_alloc(tx, 1, raw_len + 1), *people = sw_tx_alloc(tx, 1, people_size);

    if (!raw || !people)
        return SW_NO_MEMORY;
    snprintf(people, people_size, "%s\n%s\n%s", p->user_id, p->open_id, p->union_id);
    memcpy(raw, a->payload, raw_len);
    json_mask(raw, raw_len, "token");
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "issstis", connector_id, e->message_id, e->chat_id,
                      event_person_id(p), (const char *)raw, raw_len, sw_tx_now(tx), people));
    *ret_id = sw_tx_last_id(tx);
    return SW_OK;
}

static sw_status inbound_outcome(sw_tx *tx, int64_t id, const char *outcome, int64_t conversation_id)
{
    return sw_tx_exec(tx, &STATEMENTS[OUTCOME], NULL, "isi", id, outcome, conversation_id);
}

/* How many messages of that person have been accepted in the last minute. A row that seems to be of later is of a clock
 * that has been set back. */
static sw_status accepted_lately(sw_db *db, int64_t connector_id, const char *user, int64_t now_ms, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[RATE], 0, &rows, "isii", connector_id, user, now_ms - RATE_WINDOW_MS, now_ms));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

static origin origin_read(const sw_rows *rows)
{
    return (origin){sw_rows_text(rows, 0), sw_rows_text(rows, 1), sw_rows_text(rows, 2), sw_rows_text(rows, 3)};
}

sw_status inbound_origin(sw_db *db, int64_t connector_id, int64_t conversation_id, origin *ret)
{
    sw_rows *rows = NULL;
    origin found = {"", "", "", ""};

    SW_TRY(sw_db_query(db, &STATEMENTS[OF_CONVERSATION], 0, &rows, "ii", connector_id, conversation_id));
    bool any = sw_rows_next(rows);
    if (any)
        found = origin_read(rows);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status inbound_origin_listed(sw_db *db, const connector *c, origin *ret)
{
    sw_rows *rows = NULL;
    origin found = {"", "", "", ""};
    bool any = false;

    SW_TRY(sw_db_query(db, &STATEMENTS[NEWEST], 0, &rows, "i", c->id));
    while (!any && sw_rows_next(rows)) {
        found = origin_read(rows);
        any = origin_listed(c, &found);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

bool origin_listed(const connector *c, const origin *o)
{
    if (*c->chats)
        return list_has(c->chats, o->chat_id);
    return list_meets(c->people, o->people) || list_has(c->people, o->user_id);
}

/* Which thread of that user with the Butler a Feishu chat is; 0 when it has none yet. */
static sw_status thread_find(sw_db *db, const char *chat_id, int64_t user_id, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREAD_FIND], 0, &rows, "si", chat_id, user_id));
    int64_t found = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = found;
    return SW_OK;
}

static sw_status thread_set(sw_tx *tx, const char *chat_id, int64_t user_id, int64_t conversation_id)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_SET], NULL, "sii", chat_id, user_id, conversation_id);
}

/* The administrator in whose name the bridge speaks; SW_NOT_FOUND when there is none. */
static sw_status bridge_admin(feishu *f, sw_db *db, sw_user *ret)
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

/* ---- a message: may it pass? ---- */

typedef struct {
    feishu *f;
    sw_tx *tx;
    const connector *c;
    const event *e;
    int64_t row;      /* of feishu_inbound */
    const char *text; /* what the Butler is told */
} message;

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
    if (!connector_open_to_somebody(c))
        return "nobody_allowed";
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

    SW_TRY(accepted_lately(sw_tx_db(m->tx), m->c->id, event_person_id(&m->e->person), sw_tx_now(m->tx), &count));
    *ret_over = count >= m->c->rate;
    return SW_OK;
}

/* ---- a message: to the Butler ---- */

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
    sw_status added = inbound_add(tx, c.id, a, &m.row);
    if (added == SW_CONFLICT)
        return SW_OK; /* seen before */
    SW_TRY(added);
    return consider(&m);
}

/* ---- a click: its answer ---- */

typedef struct {
    const char *type, *text; /* of the toast */
    const card_result *card; /* NULL when the card stays as it is */
} reply;

/* The arrival owns the answer. */
static sw_status answer(sw_tx *tx, arrival *a, const reply *r)
{
    sw_json *out = sw_json_new_tx(tx);

    sw_json_object_begin(out, NULL);
    sw_json_object_begin(out, "toast");
    sw_json_text(out, "type", r->type);
    sw_json_text(out, "content", r->text);
    sw_json_object_end(out);
    if (r->card) {
        sw_json_object_begin(out, "card");
        sw_json_text(out, "type", "raw");
        card_write_result(out, "data", r->card);
        sw_json_object_end(out);
    }
    sw_json_object_end(out);
    sw_str written = sw_json_str(out);
    free(a->answer);
    a->answer = written.at ? strdup(written.at) : NULL;
    return a->answer ? SW_OK : SW_NO_MEMORY;
}

static sw_status say(sw_tx *tx, arrival *a, const char *type, const char *text)
{
    return answer(tx, a, &(reply){.type = type, .text = text});
}

/* ---- a click: who may decide ---- */

/* Why this person may not decide here; NULL when they may. */
static const char *objection(const connector *c, const event *e)
{
    if (!c->enabled)
        return "the connector is disabled";
    if (!connector_token_good(c, e->token))
        return "invalid token";
    if (!event_person_listed(c->people, &e->person))
        return "not on the user whitelist";
    if (*c->chats && !list_has(c->chats, e->chat_id))
        return "chat not allowed";
    return NULL;
}

/* ---- a click: the decision ---- */

static const char *responder(const event *e)
{
    if (*e->name)
        return e->name;
    return *e->person.open_id ? e->person.open_id : event_person_id(&e->person);
}

static sw_status answer_decided(sw_tx *tx, arrival *a, const sw_approval *now, sw_decision decision)
{
    bool approved = strcmp(now->status, APPROVED) == 0;
    card_result card = {.action_id = now->action_id,
                        .status = now->status,
                        .who = now->decided_by,
                        .at_ms = now->decided_ms ? now->decided_ms : sw_tx_now(tx),
                        .already = decision != SW_DECIDED};
    reply r = {.type = "info", .text = "该授权已处理", .card = &card};

    if (decision == SW_DECIDED) {
        r.type = "success";
        r.text = approved ? "已批准，开始执行" : "已拒绝执行";
    } else if (decision == SW_DECISION_EXPIRED) {
        r.text = "该授权已过期";
        card.already = false;
        card.at_ms = now->expires_ms;
    }
    return answer(tx, a, &r);
}

static sw_status decide(sw_tx *tx, arrival *a, const connector *c)
{
    feishu *f = a->f;
    const event *e = &a->e;
    sw_user admin = {.size = sizeof admin};
    sw_decision decision = SW_DECISION_UNKNOWN;
    sw_approval now = {.size = sizeof now};

    if (!*e->action_id)
        return say(tx, a, "error", "缺少 action_id");
    if (bridge_admin(f, sw_tx_db(tx), &admin) != SW_OK)
        return say(tx, a, "error", "管理员身份解析失败");
    sw_answer given = {.size = sizeof given,
                       .action_id = e->action_id,
                       .approved = e->approved,
                       .user_id = admin.id,
                       .responder_name = responder(e),
                       .channel = "feishu",
                       .command_sha256 = *e->command_sha256 ? e->command_sha256 : NULL};
    if (SW_HAS(f->approvals, decide_command))
        SW_TRY(f->approvals->decide_command(f->approvals_self, tx, &given, &decision, &now));
    else
        SW_TRY(f->approvals->decide(f->approvals_self, tx, given.action_id, given.approved, given.user_id,
                                    given.responder_name, given.channel, &decision, &now));
    switch (decision) {
    case SW_DECISION_OTHER_COMMAND:
        SW_TRY(note(tx, c->id, "error", "ws_auth_card_decision", "Rejected action_id=%s: another command under this id",
                    e->action_id));
        return say(tx, a, "error", "该请求编号现在对应另一条指令，请在控制台查看");
    case SW_DECISION_UNKNOWN:
        return say(tx, a, "error", "没有这个授权请求");
    case SW_DECISION_FORBIDDEN:
        return say(tx, a, "error", "管理员身份解析失败");
    case SW_DECISION_NOTED: /* the card keeps its buttons: one of them may still end it */
        SW_TRY(note(tx, c->id, "success", "ws_auth_card_decision", "action_id=%s decision=approved, another is needed",
                    e->action_id));
        return say(tx, a, "success", "已批准，还需另一位管理员批准");
    case SW_DECIDED:
        SW_TRY(note(tx, c->id, "success", "ws_auth_card_decision", "action_id=%s decision=%s", e->action_id,
                    e->approved ? "approved" : "rejected"));
        return answer_decided(tx, a, &now, decision);
    default:
        return answer_decided(tx, a, &now, decision);
    }
}

sw_status decision_step(sw_tx *tx, void *arg)
{
    arrival *a = arg;
    const event *e = &a->e;
    connector c;
    sw_status found = connector_newest(a->f, sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND)
        return say(tx, a, "error", "连接器不存在");
    SW_TRY(found);
    if (!e->has_value)
        return say(tx, a, "error", "无效的卡片提交");
    if (strcmp(e->action, DECISION) != 0)
        return say(tx, a, "info", "未识别的卡片动作");
    const char *why = objection(&c, e);
    if (!why)
        return decide(tx, a, &c);
    SW_TRY(note(tx, c.id, "error", "ws_auth_card_decision", "Rejected action_id=%s from feishu_user=%s: %s",
                e->action_id, event_person_id(&e->person), why));
    return say(tx, a, "error", "你没有审批权限，请在控制台批准");
}
