/* POST /api/integrations/feishu/:id/verify-callback: asks Feishu for a token with the stored credentials. The status is
 * always 200; the member ok tells what Feishu said. */
#include "feishu.h"
#include <string.h>

typedef struct {
    connector c;
    bool ok;
    const char *message, *detail; /* of a refusal; detail may be NULL */
    const char *note;
} outcome;

static void write_refusal(sw_json *out, const outcome *o)
{
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", false);
    sw_json_text(out, "message", o->message);
    if (o->detail)
        sw_json_text(out, "detail", o->detail);
    sw_json_object_end(out);
}

static sw_status write_success(sw_tx *tx, feishu *f, connector *c)
{
    SW_TRY(connector_set_verified(tx, c->id));
    SW_TRY(note(tx, c->id, "success", "verify_callback", "Callback verification succeeded"));
    supervise_changed_later(tx);
    sender_kick_later(tx);
    c->verified = true;
    c->verified_ms = c->updated_ms = sw_tx_now(tx);
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", true);
    sw_json_text(out, "message", "callback verified");
    sw_json_time(out, "verified_at", c->verified_ms);
    connector_write(out, "connector", c, client_status(f, c));
    sw_json_object_end(out);
    return SW_OK;
}

/* The verification counts only when the stored credentials are still those that were verified. */
static sw_status conclude(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    outcome *o = arg;
    connector now;

    SW_TRY(connector_named(f, sw_tx_request(tx), sw_tx_db(tx), o->c.id, &now));
    if (o->ok && (strcmp(now.app_id, o->c.app_id) != 0 || strcmp(now.app_secret, o->c.app_secret) != 0)) {
        o->ok = false;
        o->message = "failed to verify credentials with feishu";
        o->detail = o->note = "the credentials were changed meanwhile";
    }
    if (o->ok)
        return write_success(tx, f, &now);
    SW_TRY(note(tx, o->c.id, "error", "verify_callback", "%s", o->note));
    write_refusal(sw_tx_reply(tx, 200), o);
    return SW_OK;
}

static sw_status ask(sw_request *req, feishu *f, outcome *o)
{
    client_target target;
    api_answer a;
    const char *token = "";
    int64_t expire = 0;

    target_of(f, &o->c, &target);
    sw_status status = token_ask(req, &o->c, target.base, &a, &token, &expire);
    if (status != SW_OK || !a.http_status) {
        o->message = "failed to verify credentials with feishu";
        o->detail = status == SW_OK ? api_failure(req, &a) : "no call can be made now";
        o->note = sw_printf(req, "Feishu auth check failed: %s", o->detail);
    } else if (a.code != 0) {
        o->message = "feishu rejected app credentials";
        o->detail = api_failure(req, &a);
        o->note = sw_printf(req, "Feishu auth rejected credentials: %s", o->detail);
    } else {
        o->ok = true;
    }
    return o->ok || o->note ? SW_OK : SW_NO_MEMORY;
}

sw_status post_verify(sw_request *req)
{
    feishu *f = sw_request_state(req);
    outcome *o = sw_alloc(req, 1, sizeof *o);

    if (!o)
        return SW_NO_MEMORY;
    SW_TRY(connector_of_path(f, req, &o->c));
    if (connector_has_credentials(&o->c)) {
        SW_TRY(ask(req, f, o));
    } else {
        o->message = "app_id and app_secret are required before verification";
        o->note = "Missing app_id or app_secret";
    }
    return sw_write(req, conclude, o);
}
