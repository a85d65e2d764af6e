/* A CHAT, from its frame or from another plugin (chat/1) until it is stored and delivered. A worker checks the form of
 * the frame; the write step post_chat() decides and stores, and is the same for both. Here is also what other frames
 * need of that: what every frame has, and to whom frames go. */
#include "core/common/utf8.h"
#include "talk/talk.h"

#include <string.h>

/* ---- what every frame has: what a client says about itself is ignored. On the thread of the frame, a worker, or the
 * loop for stream pieces ---- */

sw_status posting_of_frame(sw_request *req, posting *ret)
{
    const sw_principal *who = sw_request_principal(req);

    *ret = (posting){
        .envelope =
            {
                .sender_id = who->user_id,
                .sender_role = who->role,
                .target_id = sw_frame_target(req),
                .asked = sw_frame_conversation(req),
            },
        .sender_name = who->name,
        .local_id = sw_frame_local_id(req),
        .payload = sw_frame_payload(req),
        .stream_id = sw_frame_stream_id(req),
        .opened_ms = who->opened_ms,
        .by_frame = true,
    };
    if (ret->local_id.at && (ret->local_id.len == 0 || ret->local_id.len > CHAT_LOCAL_ID_MAX))
        return sw_fail(req, SW_INVALID, "invalid_frame", "local_id must have 1 to %d bytes", CHAT_LOCAL_ID_MAX);
    return SW_OK;
}

sw_status payload_missing(sw_request *req)
{
    return sw_fail(req, SW_INVALID, "invalid_frame", "payload is required");
}

/* ---- to whom the frames of a write step go ---- */

sw_status deliver_users(sw_tx *tx, sw_frame *frame, int64_t first, int64_t second)
{
    int64_t *users = sw_tx_alloc(tx, 2, sizeof *users);
    uint32_t count = 0;

    if (!users)
        return SW_NO_MEMORY;
    if (first)
        users[count++] = first;
    if (second && second != first)
        users[count++] = second;
    sw_audience to = {.size = sizeof to, .users = users, .user_count = count};
    sw_tx_send(tx, frame, &to);
    return SW_OK;
}

void deliver_humans(sw_tx *tx, sw_frame *frame)
{
    sw_audience to = {.size = sizeof to, .roles = SW_ROLES_HUMAN};
    sw_tx_send(tx, frame, &to);
}

typedef struct {
    sw_tx *tx;
    int64_t *ids;
    size_t count, room;
    bool failed;
} id_list;

static bool add_admin(void *arg, const sw_user *user)
{
    id_list *list = arg;

    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        int64_t *ids = sw_tx_alloc(list->tx, room, sizeof *ids);
        if (!ids) {
            list->failed = true;
            return false;
        }
        if (list->count)
            memcpy(ids, list->ids, list->count * sizeof *ids);
        list->ids = ids;
        list->room = room;
    }
    list->ids[list->count++] = user->id;
    return true;
}

sw_status deliver_admins(const chat *c, sw_tx *tx, const int64_t **ret, size_t *ret_count)
{
    id_list list = {.tx = tx};

    SW_TRY(c->users->each_admin(c->users_self, sw_tx_db(tx), add_admin, &list));
    if (list.failed)
        return SW_NO_MEMORY;
    *ret = list.ids;
    *ret_count = list.count;
    return SW_OK;
}

/* ---- Butler's internal questions to an agent: relayed at once, never stored and never monitored, but counted and
 * logged. They pass through the writer all the same, so that they keep their place among that socket's stored frames.
 * ---- */

static const char PREFIX[] = "[RUNTIME-QUESTION]";

/* `value` is the parsed payload. */
static void question_look(posting *p, const sw_value *value)
{
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    p->text = (sw_str){NULL, 0};
    if (text && len >= sizeof PREFIX - 1 && memcmp(text, PREFIX, sizeof PREFIX - 1) == 0)
        p->text = (sw_str){text, len};
}

static bool question_is(const posting *p)
{
    return p->text.at && p->envelope.sender_role == SW_ROLE_BUTLER && p->envelope.target_role == SW_ROLE_AGENT;
}

typedef struct {
    chat *chat;
    int64_t agent_id;
    size_t len;
    char sha256[65];
} question_note;

static void question_count(void *state, void *arg)
{
    (void)state;
    const question_note *note = arg;

    atomic_fetch_add_explicit(&note->chat->questions, 1, memory_order_relaxed);
    sw_log(note->chat->host, SW_LOG_INFO, "internal question to agent %lld: %zu bytes, sha256 %s",
           (long long)note->agent_id, note->len, note->sha256);
}

static sw_status question_relay(chat *c, sw_tx *tx, posting *p)
{
    uint8_t hash[32];
    question_note *note = sw_tx_alloc(tx, 1, sizeof *note);
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!note || !frame)
        return SW_NO_MEMORY;
    *note = (question_note){.chat = c, .agent_id = p->envelope.target_id, .len = p->text.len};
    sw_sha256(p->text.at, p->text.len, hash);
    sw_hex(hash, sizeof hash, note->sha256);

    chat_row row = {
        .type = TYPE_CHAT,
        .local_id = p->local_id,
        .sender_id = p->envelope.sender_id,
        .sender_name = p->sender_name,
        .sender_role = sw_role_name(p->envelope.sender_role),
        .receiver_id = p->envelope.target_id,
        .conversation_id = p->envelope.conversation_id,
        .payload = p->payload,
        .stream_id = p->stream_id,
        .at_ms = sw_tx_now(tx),
    };
    frame_write_chat(sw_frame_json(frame), &row);
    SW_TRY(deliver_users(tx, frame, p->envelope.target_id, 0));
    sw_tx_on_commit(tx, question_count, note);
    p->at_ms = row.at_ms;
    if (p->by_frame)
        sw_tx_ack(tx, 0, row.at_ms);
    return SW_OK;
}

/* ---- the write step ---- */

static sw_status refused(const posting *p)
{
    return fault_status(p->fault);
}

static sw_status find_target(const chat *c, sw_tx *tx, envelope *e)
{
    sw_user user = {.size = sizeof user};

    e->target_role = (sw_role)0;
    if (!e->target_id)
        return SW_OK;
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), e->target_id, &user);
    if (found == SW_OK)
        e->target_role = user.role;
    return found == SW_NOT_FOUND ? SW_OK : found;
}

static bool monitored(const envelope *e)
{
    return (e->sender_role == SW_ROLE_BUTLER && e->target_role == SW_ROLE_AGENT) ||
           (e->sender_role == SW_ROLE_AGENT && e->target_role == SW_ROLE_BUTLER);
}

static void write_monitor(sw_json *out, const chat_row *row, int64_t agent_id, int64_t admin_id)
{
    sw_json_text(out, "type", "BUTLER_AGENT_MESSAGE");
    frame_write_sender(out, row->sender_id, row->sender_name, row->sender_role);
    sw_json_int(out, "target_id", admin_id);
    sw_json_object_begin(out, "payload");
    sw_json_int(out, "agent_id", agent_id);
    sw_json_text(out, "type", row->type);
    sw_json_int(out, "id", row->id);
    sw_json_int(out, "sender_id", row->sender_id);
    sw_json_text(out, "sender_role", row->sender_role);
    sw_json_text(out, "sender_name", row->sender_name);
    sw_json_raw(out, "payload", row->payload.at, row->payload.len);
    sw_json_time(out, "timestamp", row->at_ms);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", row->at_ms);
}

/* Each connected ADMIN sees what Butler and the agents say, in a frame of its own. */
static sw_status send_monitor(const chat *c, sw_tx *tx, const envelope *e, const chat_row *row)
{
    const int64_t *admins = NULL;
    size_t count = 0;
    int64_t agent = e->sender_role == SW_ROLE_AGENT ? e->sender_id : e->target_id;

    SW_TRY(deliver_admins(c, tx, &admins, &count));
    for (size_t i = 0; i < count; i++) {
        if (!sw_user_online(c->host, admins[i]))
            continue;
        sw_frame *frame = sw_frame_new_tx(tx);
        if (!frame)
            return SW_NO_MEMORY;
        write_monitor(sw_frame_json(frame), row, agent, admins[i]);
        SW_TRY(deliver_users(tx, frame, admins[i], 0));
    }
    return SW_OK;
}

static sw_status send_chat(sw_tx *tx, const envelope *e, const chat_row *row)
{
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    frame_write_chat(sw_frame_json(frame), row);
    sw_frame_mark(frame, row->id, 0, 0);
    if (e->target_id)
        return deliver_users(tx, frame, e->target_id, role_human(e->sender_role) ? e->sender_id : 0);
    deliver_humans(tx, frame);
    return SW_OK;
}

/* A NUL-ended copy for the event. */
static const char *text_of(sw_tx *tx, sw_str s)
{
    char *copy = sw_tx_alloc(tx, 1, s.len + 1);
    if (copy && s.len)
        memcpy(copy, s.at, s.len);
    return copy;
}

static sw_status publish(sw_tx *tx, const envelope *e, const chat_row *row)
{
    sw_chat_event event = {
        .id = row->id,
        .conversation_id = row->conversation_id,
        .sender_id = row->sender_id,
        .receiver_id = row->receiver_id,
        .sender_role = e->sender_role,
        .receiver_role = e->target_role,
        .type = row->type,
        .payload = text_of(tx, row->payload),
        .source = text_of(tx, row->source),
        .at_ms = row->at_ms,
    };
    if (!event.payload || !event.source)
        return SW_NO_MEMORY;
    return sw_tx_publish(tx, SW_EVENT_CHAT_STORED, &event, sizeof event);
}

static sw_status store_and_send(chat *c, sw_tx *tx, posting *p, const uint8_t *digest)
{
    const envelope *e = &p->envelope;
    chat_row row = {
        .type = TYPE_CHAT,
        .local_id = p->local_id,
        .sender_id = e->sender_id,
        .sender_name = p->sender_name,
        .sender_role = sw_role_name(e->sender_role),
        .receiver_id = e->target_id,
        .conversation_id = e->conversation_id,
        .asked_conversation = e->asked,
        .payload = p->payload,
        .source = p->source,
        .stream_id = p->stream_id,
        .digest = digest,
        .recovered = true,
    };
    SW_TRY(row_add(tx, &row));
    SW_TRY(conversation_touch(c, tx, e, role_human(e->sender_role)));
    SW_TRY(publish(tx, e, &row));
    SW_TRY(send_chat(tx, e, &row));
    if (monitored(e))
        SW_TRY(send_monitor(c, tx, e, &row));
    p->id = row.id;
    p->at_ms = row.at_ms;
    if (p->by_frame)
        sw_tx_ack(tx, row.id, row.at_ms);
    return SW_OK;
}

static sw_status post_chat(chat *c, sw_tx *tx, posting *p)
{
    uint8_t digest[32];
    int64_t first = 0;

    p->fault = FAULT_NONE;
    SW_TRY(find_target(c, tx, &p->envelope));
    if (p->local_id.at && !question_is(p)) {
        SW_TRY(repeat_find(tx, p, TYPE_CHAT, digest, &first));
        if (first)
            return repeat_answer(tx, p, first);
        if (p->fault)
            return refused(p);
    }
    p->fault = envelope_check(c, &p->envelope);
    if (p->fault)
        return refused(p);
    SW_TRY(conversation_settle(c, tx, &p->envelope, &p->fault));
    if (p->fault)
        return refused(p);
    if (question_is(p))
        return question_relay(c, tx, p);
    return store_and_send(c, tx, p, p->local_id.at ? digest : NULL);
}

/* ---- the frame CHAT, from anyone, on a worker ---- */

static sw_status store_frame(sw_tx *tx, void *arg)
{
    posting *p = arg;
    sw_status status = post_chat(sw_tx_state(tx), tx, p);

    return p->fault ? fault_fail(sw_tx_request(tx), p->fault) : status;
}

sw_status on_chat(sw_request *req)
{
    posting *p = sw_alloc(req, 1, sizeof *p);

    if (!p)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, p));
    if (!p->payload.at)
        return payload_missing(req);
    if (p->envelope.sender_role == SW_ROLE_BUTLER && p->payload.at[0] == '"')
        question_look(p, sw_json_parse(req, p->payload.at, p->payload.len));
    return sw_write(req, store_frame, p);
}

/* ---- the service chat/1: as if the sender had sent the frame. In the caller's write step; `self` is chat's state,
 * since the step that calls may be another plugin's ---- */

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
    if (!memchr(p->payload.at, '\\', p->payload.len))
        return SW_OK;
    sw_json *mended = sw_json_new_tx(tx); /* half characters leave it as U+FFFD, as from a socket */
    sw_json_raw(mended, NULL, p->payload.at, p->payload.len);
    p->payload = sw_json_str(mended);
    return p->payload.at ? SW_OK : SW_NO_MEMORY;
}

enum { SW_CHAT_POST_FIRST = offsetof(sw_chat_post, source) + sizeof(char *) }; /* what ABI 1.0 has of it */

static sw_str str_of(const char *text)
{
    return (sw_str){text, text ? strlen(text) : 0};
}

sw_status posting_of_service(const chat *c, sw_tx *tx, const sw_chat_post *what, posting *ret)
{
    if (what->size < SW_CHAT_POST_FIRST)
        return SW_INTERNAL;
    *ret = (posting){
        .envelope = {.sender_id = what->sender_id, .target_id = what->target_id, .asked = what->conversation_id},
        .local_id = str_of(what->local_id),
        .payload = {what->payload, what->payload_len},
        .source = str_of(what->source),
        /* Every row is older than a socket that will open then. */
        .opened_ms = SW_HAS(what, local_id_anew) && what->local_id_anew ? INT64_MAX : 0,
    };
    if (what->local_id && (!*what->local_id || ret->local_id.len > CHAT_LOCAL_ID_MAX))
        return SW_INVALID;
    if (!what->payload || what->target_id < 0)
        return SW_INVALID;
    SW_TRY(check_payload(c, tx, ret));
    return find_sender(c, tx, ret);
}

static sw_status post(void *self, sw_tx *tx, const sw_chat_post *what, int64_t *ret_id, int64_t *ret_at_ms)
{
    chat *c = self;
    posting p;

    SW_TRY(posting_of_service(c, tx, what, &p));
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
