/* CHAT_STREAM and CHAT_STREAM_END: never stored, relayed on the loop from what memory knows. A miss is read on a
 * worker; only a pair that has no thread at all yet goes through the writer. */
#include "chat.h"

#include <string.h>

static const char END[] = "CHAT_STREAM_END";

typedef struct {
    posting posting;
    const char *type;
    uint32_t flags;
} piece;

static void write_piece(sw_frame *frame, const piece *p)
{
    const posting *post = &p->posting;
    chat_row row = {
        .type = p->type,
        .local_id = post->local_id,
        .sender_id = post->route.sender_id,
        .sender_name = post->sender_name,
        .sender_role = sw_role_name(post->route.sender_role),
        .receiver_id = post->route.target_id,
        .conversation_id = post->route.conversation_id,
        .payload = post->payload,
        .stream_id = post->stream_id,
        .at_ms = sw_now_ms(),
    };
    frame_write_chat(sw_frame_json(frame), &row);
    sw_frame_mark(frame, 0, p->flags, 0);
}

static sw_status relay(sw_request *req, const piece *p)
{
    const route *r = &p->posting.route;
    int64_t users[2] = {r->target_id, r->sender_id};
    sw_audience to = {.size = sizeof to, .users = users, .user_count = role_human(r->sender_role) ? 2 : 1};
    sw_frame *frame = sw_frame_new(req);

    if (!frame)
        return SW_NO_MEMORY;
    if (!r->target_id)
        to = (sw_audience){.size = sizeof to, .roles = SW_ROLES_HUMAN};
    write_piece(frame, p);
    sw_send(req, frame, &to);
    return SW_OK;
}

static sw_status relay_tx(sw_tx *tx, void *arg)
{
    piece *p = arg;
    chat *c = sw_tx_state(tx);
    route *r = &p->posting.route;

    SW_TRY(conversation_settle(c, tx, r, &p->posting.fault));
    if (p->posting.fault)
        return fault_fail(sw_tx_request(tx), p->posting.fault);
    sw_frame *frame = sw_frame_new_tx(tx);
    if (!frame)
        return SW_NO_MEMORY;
    write_piece(frame, p);
    return deliver_users(tx, frame, r->target_id, role_human(r->sender_role) ? r->sender_id : 0);
}

/* What the frame is, read anew: a frame that moves from the loop to a worker is another copy. The end may have no
 * payload, and is never dropped: a page would wait for it for ever. */
static sw_status piece_of_frame(sw_request *req, piece **ret)
{
    sw_str type = sw_frame_type(req);
    bool end = type.len == sizeof END - 1 && memcmp(type.at, END, type.len) == 0;
    piece *p = sw_alloc(req, 1, sizeof *p);

    if (!p)
        return SW_NO_MEMORY;
    p->type = end ? END : "CHAT_STREAM";
    p->flags = end ? 0 : SW_FRAME_DROPPABLE;
    SW_TRY(posting_of_frame(req, &p->posting));
    if (!p->posting.payload.at && !end)
        return payload_missing(req);
    *ret = p;
    return SW_OK;
}

static sw_status look_up(sw_request *req)
{
    piece *p = NULL;
    bool missing = false;

    SW_TRY(piece_of_frame(req, &p));
    SW_TRY(
        conversation_read(sw_request_state(req), sw_request_db(req), &p->posting.route, &p->posting.fault, &missing));
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what sw_fail() gives is never SW_OK */
    if (p->posting.fault)
        return fault_fail(req, p->posting.fault);
    return missing ? sw_write(req, relay_tx, p) : relay(req, p);
}

sw_status on_stream(sw_request *req)
{
    piece *p = NULL;

    SW_TRY(piece_of_frame(req, &p));
    if (!conversation_remembered(sw_request_state(req), &p->posting.route, &p->posting.fault))
        return sw_move(req, SW_LANE_WORKER, look_up);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as above */
    return p->posting.fault ? fault_fail(req, p->posting.fault) : relay(req, p);
}
