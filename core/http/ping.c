#include "core/http/ping.h"

#include "core/http/http_reply.h"

void ping_answer(exchange *x)
{
    static const char PONG[] = "{\"message\":\"pong\"}";
    reply r = {.status = 200, .content_type = "application/json", .body = PONG, .len = sizeof PONG - 1};
    reply_send(x, &r);
}

sw_status ping_handle(sw_request *req)
{
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "message", "pong");
    sw_json_object_end(j);
    return SW_OK;
}
