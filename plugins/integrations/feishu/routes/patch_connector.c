/* PATCH /api/integrations/feishu/:id: changes what the body names. It reads and writes in one step, so that two at once
 * do not undo each other. */
#include "feishu.h"

static sw_status reset_verification(sw_tx *tx, connector *c)
{
    c->verified = c->enabled = false;
    c->verified_ms = 0;
    return note(tx, c->id, "info", "callback_verification_reset",
                "Callback verification reset due to callback auth config change");
}

static sw_status change(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    sw_request *req = sw_tx_request(tx);
    const int64_t *id = arg;
    connector before, c;

    SW_TRY(connector_named(f, req, sw_tx_db(tx), *id, &before));
    c = before;
    connector_take(req, &c, sw_body(req));
    SW_TRY(sw_check(req));
    if (connector_reset_needed(&before, &c))
        SW_TRY(reset_verification(tx, &c));
    SW_TRY(connector_change(f, tx, &c));
    SW_TRY(note(tx, c.id, "info", "update_connector", "Feishu connector updated"));
    supervise_changed_later(tx);
    sender_kick_later(tx);
    connector_write(sw_tx_reply(tx, 200), NULL, &c, client_status(f, &c));
    return SW_OK;
}

sw_status patch_connector(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c;
    int64_t *id = sw_alloc(req, 1, sizeof *id);

    if (!id)
        return SW_NO_MEMORY;
    *id = connector_path_id(req);
    SW_TRY(sw_check(req));
    SW_TRY(connector_named(f, req, sw_request_db(req), *id, &c));
    const sw_value *body = sw_body(req);
    if (body && sw_value_type(body) != SW_JSON_OBJECT)
        sw_invalid(req, "invalid_request", "invalid request body");
    SW_TRY(sw_check(req));
    return sw_write(req, change, id);
}
