/* CHAT_STREAM and CHAT_STREAM_END are never stored. The loop relays them from what memory knows. What memory does not
 * know is read on a worker; only a pair that has no thread at all yet goes through the writer.
 *
 * A type that nobody knows, of an agent or Butler, takes the same way, but that no thread is made for it. */
#include "talk/talk.h"

#include <string.h>

static const char STREAM[] = "CHAT_STREAM", END[] = "CHAT_STREAM_END";

typedef struct {
    posting posting;
    const char *type;
    uint32_t flags;
    bool other; /* of no stream, but of a type that nobody knows */
} piece;

static void write_piece(sw_frame *frame, const piece *p)
{
    const posting *post = &p->posting;
    chat_row row = {
        .type = p->type,
        .local_id = post->local_id,
        .sender_id = post->envelope.sender_id,
        .sender_name = post->sender_name,
        .sender_role = sw_role_name(post->envelope.sender_role),
        .receiver_id = post->envelope.target_id,
        .conversation_id = post->envelope.conversation_id,
        .payload = post->payload,
        .stream_id = post->stream_id,
        .at_ms = sw_now_ms(),
    };
    frame_write_chat(sw_frame_json(frame), &row);
    sw_frame_mark(frame, 0, p->flags, 0);
}

static sw_status relay(sw_request *req, const piece *p)
{
    const envelope *e = &p->posting.envelope;
    int64_t users[2] = {e->target_id, e->sender_id};
    sw_audience to = {.size = sizeof to, .users = users, .user_count = role_human(e->sender_role) ? 2 : 1};
    sw_frame *frame = sw_frame_new(req);

    if (!frame)
        return SW_NO_MEMORY;
    if (!e->target_id)
        to = (sw_audience){.size = sizeof to, .roles = SW_ROLES_HUMAN};
    write_piece(frame, p);
    sw_send(req, frame, &to);
    return SW_OK;
}

static sw_status relay_tx(sw_tx *tx, void *arg)
{
    piece *p = arg;
    chat *c = sw_tx_state(tx);
    envelope *e = &p->posting.envelope;

    SW_TRY(conversation_settle(c, tx, e, &p->posting.fault));
    if (p->posting.fault)
        return fault_fail(sw_tx_request(tx), p->posting.fault);
    sw_frame *frame = sw_frame_new_tx(tx);
    if (!frame)
        return SW_NO_MEMORY;
    write_piece(frame, p);
    return deliver_users(tx, frame, e->target_id, role_human(e->sender_role) ? e->sender_id : 0);
}

static bool is(sw_str type, const char *name)
{
    return type.len == strlen(name) && memcmp(type.at, name, type.len) == 0;
}

/* Reads the frame anew, since a frame that moves from the loop to a worker is another copy. The end may have no
 * payload, and it is never dropped: a page would wait for it for ever. */
static sw_status piece_of_frame(sw_request *req, piece **ret)
{
    sw_str type = sw_frame_type(req);
    bool end = is(type, END), stream = is(type, STREAM);
    piece *p = sw_alloc(req, 1, sizeof *p);

    if (!p)
        return SW_NO_MEMORY;
    *p = (piece){.flags = end ? 0 : SW_FRAME_DROPPABLE, .other = !end && !stream};
    p->type = stream ? STREAM : end ? END : sw_strndup(req, type.at, type.len);
    if (!p->type)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &p->posting));
    if (!p->posting.payload.at && stream)
        return payload_missing(req);
    *ret = p;
    return SW_OK;
}

static sw_status look_up(sw_request *req)
{
    piece *p = NULL;
    bool missing = false;

    SW_TRY(piece_of_frame(req, &p));
    SW_TRY(conversation_read(sw_request_state(req), sw_request_db(req), &p->posting.envelope, &p->posting.fault,
                             &missing));
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what sw_fail() gives is never SW_OK */
    if (p->posting.fault)
        return fault_fail(req, p->posting.fault);
    return missing && !p->other ? sw_write(req, relay_tx, p) : relay(req, p);
}

sw_status on_stream(sw_request *req)
{
    piece *p = NULL;

    SW_TRY(piece_of_frame(req, &p));
    if (!conversation_remembered(sw_request_state(req), &p->posting.envelope, &p->posting.fault))
        return sw_move(req, SW_LANE_WORKER, look_up);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as above */
    return p->posting.fault ? fault_fail(req, p->posting.fault) : relay(req, p);
}

/* What the server's plugins and today's dashboards mean by these names, no agent may say, also where the plugin is not
 * there. Types of plugins that are there never come here. */
static bool imitates(sw_str type)
{
    static const char *const OF_OTHERS[] = {"SYSTEM", "SYSTEM_LOG", "USER_STATUS_UPDATE"};

    for (size_t i = 0; i < sizeof OF_OTHERS / sizeof OF_OTHERS[0]; i++)
        if (is(type, OF_OTHERS[i]))
            return true;
    return false;
}

sw_status on_other_type(sw_request *req)
{
    if (!sw_option_bool(sw_request_host(req), "relay_unknown") || imitates(sw_frame_type(req)))
        return sw_fail(req, SW_INVALID, "unknown_type", "unknown frame type");
    return on_stream(req);
}
