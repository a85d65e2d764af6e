/* GET /api/users/ops/…: OpenHands is not offered. With these constants EchoCenter's page says "disabled". On the loop.
 */
#include "users.h"

sw_status get_ops_status(sw_request *req)
{
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "enabled", false);
    sw_json_bool(out, "worker_reachable", false);
    sw_json_text(out, "worker_mode", "");
    sw_json_text(out, "service_url", "");
    sw_json_int(out, "managed_agent_id", 0);
    sw_json_text(out, "managed_agent_name", "");
    sw_json_int(out, "node_count", 0);
    sw_json_int(out, "ssh_key_count", 0);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status get_ops_list(sw_request *req)
{
    sw_json *out = sw_reply_json(req, 200);

    sw_json_array_begin(out, NULL);
    sw_json_array_end(out);
    return SW_OK;
}
