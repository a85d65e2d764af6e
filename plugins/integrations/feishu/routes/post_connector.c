/* POST /api/integrations/feishu: makes a new connector, which counts from now on. */
#include "feishu.h"

static sw_status add(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    connector *c = arg;

    SW_TRY(connector_add(f, tx, c));
    SW_TRY(note(tx, c->id, "success", "create_connector", "Feishu connector created"));
    supervise_changed_later(tx);
    connector_write(sw_tx_reply(tx, 201), NULL, c, client_status(f, c));
    return SW_OK;
}

sw_status post_connector(sw_request *req)
{
    const sw_value *body = sw_body(req);
    connector *c = sw_alloc(req, 1, sizeof *c);

    if (!c)
        return SW_NO_MEMORY;
    *c = connector_default();
    if (body && sw_value_type(body) != SW_JSON_OBJECT)
        sw_invalid(req, "invalid_request", "invalid request body");
    SW_TRY(sw_check(req));
    connector_take(req, c, body);
    SW_TRY(sw_check(req));
    return sw_write(req, add, c);
}
