/* What every frame has: who sends it, to whom, in which conversation. What a client says about itself is ignored. On
 * the thread of the frame: a worker, or the loop for stream pieces. */
#include "talk/talk.h"

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
