/* Event socket.opened: notes when the user was seen, unless there is a note of the last minute. So a user who leaves
 * soon after is never shown as one who was not here. */
#include "../users.h"

enum { NOTE_EVERY_MS = 60 * 1000 };

static sw_status note(sw_tx *tx, void *arg)
{
    const sw_socket_event *event = arg;

    return store_note_seen(tx, event->user_id, event->at_ms);
}

sw_status on_socket_opened(sw_request *req, const void *data)
{
    const sw_socket_event *event = data;
    sw_socket_event *kept = sw_alloc(req, 1, sizeof *kept);
    int64_t noted_ms;

    if (!kept)
        return SW_NO_MEMORY;
    SW_TRY(store_last_seen(sw_request_db(req), event->user_id, &noted_ms));
    if (event->at_ms - noted_ms < NOTE_EVERY_MS)
        return SW_OK;
    *kept = *event;
    return sw_write(req, note, kept);
}
