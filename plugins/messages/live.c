/* Tells everybody of a stored message: humans by a frame, other plugins by an event, and the users plugin by the
 * sender's latest report. In the write step; all of it leaves after the commit. */
#include "messages.h"

#include <string.h>

sw_status message_announce(sw_tx *tx, const message *m, bool by_frame)
{
    const sw_principal *sender = sw_request_principal(sw_tx_request(tx));
    sw_message_event event = {
        .id = m->id,
        .agent_id = m->agent_id.at,
        .level = m->level,
        .content = m->content.at,
        .at_ms = m->at_ms,
        .sender_id = sender->user_id,
        .by_frame = by_frame,
    };
    sw_audience humans = {.size = sizeof humans, .roles = SW_ROLES_HUMAN};
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    sw_json *out = sw_frame_json(frame);
    sw_json_text(out, "type", "SYSTEM_LOG");
    sw_json_int(out, "sender_id", sender->user_id);
    sw_json_text(out, "sender_name", sender->name);
    sw_json_text(out, "sender_role", sw_role_name(sender->role));
    message_write(out, "payload", m);
    sw_json_time(out, "timestamp", m->at_ms);
    sw_tx_send(tx, frame, &humans);
    return sw_tx_publish(tx, SW_EVENT_MESSAGE_STORED, &event, sizeof event);
}

sw_status message_report(sw_tx *tx, const message *m)
{
    const messages_state *state = sw_tx_state(tx);
    const sw_principal *sender = sw_request_principal(sw_tx_request(tx));

    return state->users->note_report(state->users_self, tx, sender->user_id, m->content.at);
}
