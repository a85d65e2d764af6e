/* GET /api/integrations/feishu: the connector; its defaults (id 0) before there is one. */
#include "feishu.h"

sw_status get_connector(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c = connector_default();
    sw_status found = connector_newest(f, sw_request_db(req), &c);

    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    connector_write(sw_reply_json(req, 200), NULL, &c, client_status(f, &c));
    return SW_OK;
}
