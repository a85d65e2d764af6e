/* Butler's internal questions to an agent are relayed at once, never stored and never monitored, but counted and
 * logged. They pass through the writer all the same, so that they keep their place among that socket's stored frames.
 */
#include "talk/talk.h"

#include <string.h>

static const char PREFIX[] = "[RUNTIME-QUESTION]";

void question_look(posting *p, const sw_value *value)
{
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    p->text = (sw_str){NULL, 0};
    if (text && len >= sizeof PREFIX - 1 && memcmp(text, PREFIX, sizeof PREFIX - 1) == 0)
        p->text = (sw_str){text, len};
}

bool question_is(const posting *p)
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

sw_status question_relay(chat *c, sw_tx *tx, posting *p)
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
