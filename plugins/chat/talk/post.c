/* A CHAT is stored, then delivered. In a write step: the same for frames/chat.c and for the service chat/1. */
#include "talk/talk.h"

#include <string.h>

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
        frame_write_monitor(sw_frame_json(frame), row, agent, admins[i]);
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

sw_status post_chat(chat *c, sw_tx *tx, posting *p)
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
