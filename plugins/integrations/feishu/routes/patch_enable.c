/* PATCH /api/integrations/feishu/:id/enable: switches the connector on, which needs a verification before, or off. The
 * connection follows at once. */
#include "feishu.h"

typedef struct {
    int64_t id;
    bool enabled;
} wish;

static sw_status refused(sw_tx *tx, int64_t id)
{
    SW_TRY(note(tx, id, "error", "set_enabled", "Rejected enable because callback not verified"));
    sw_json *out = sw_tx_reply(tx, 400);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "error", "callback must be verified before enabling");
    sw_json_text(out, "code", "invalid_request");
    sw_json_text(out, "request_id", sw_request_id(sw_tx_request(tx)));
    sw_json_object_end(out);
    return SW_OK; /* a failure would undo the row of the log */
}

static sw_status set(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    const wish *w = arg;
    connector c;

    SW_TRY(connector_named(f, sw_tx_request(tx), sw_tx_db(tx), w->id, &c));
    if (w->enabled && !c.verified)
        return refused(tx, c.id);
    SW_TRY(connector_set_enabled(tx, c.id, w->enabled));
    SW_TRY(note(tx, c.id, "success", w->enabled ? "enable_connector" : "disable_connector", "%s",
                w->enabled ? "Feishu connector enabled" : "Feishu connector disabled"));
    c.enabled = w->enabled;
    c.updated_ms = sw_tx_now(tx);
    supervise_changed_later(tx);
    sender_kick_later(tx);
    connector_write(sw_tx_reply(tx, 200), NULL, &c, client_status(f, &c));
    return SW_OK;
}

sw_status patch_enable(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c;
    wish *w = sw_alloc(req, 1, sizeof *w);

    if (!w)
        return SW_NO_MEMORY;
    w->id = connector_path_id(req);
    SW_TRY(sw_check(req));
    const sw_value *body = sw_body(req), *enabled = sw_value_get(body, "enabled");
    if (body && (sw_value_type(body) != SW_JSON_OBJECT || (enabled && sw_value_type(enabled) != SW_JSON_BOOL)))
        sw_invalid(req, "invalid_request", "invalid request body");
    SW_TRY(sw_check(req));
    SW_TRY(connector_named(f, req, sw_request_db(req), w->id, &c));
    w->enabled = sw_value_bool(enabled, 0) != 0;
    return sw_write(req, set, w);
}
