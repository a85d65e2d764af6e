/* Event socket.closed: when the last socket of a user has closed, notes when that user was seen last. */
#include "../users.h"

static sw_status note(sw_tx *tx, void *arg)
{
    const sw_socket_event *event = arg;

    return store_note_seen(tx, event->user_id, event->at_ms);
}

sw_status on_socket_closed(sw_request *req, const void *data)
{
    const sw_socket_event *event = data;

    if (!event->last)
        return SW_OK;
    sw_socket_event *kept = sw_alloc(req, 1, sizeof *kept);
    if (!kept)
        return SW_NO_MEMORY;
    *kept = *event;
    return sw_write(req, note, kept);
}
