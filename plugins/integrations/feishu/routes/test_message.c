/* POST /api/integrations/feishu/:id/test-message: really sends a message. The status is always 200; the member ok tells
 * whether it was sent. */
#include "feishu.h"
#include "words.h"
#include <string.h>

enum { TEXT_MAX = 8 * 1024 };

typedef struct {
    connector c;
    destination to;
    const char *text, *trace;
    bool ok;
    const char *message, *detail, *message_id;
} outcome;

static sw_status conclude(sw_tx *tx, void *arg)
{
    const outcome *o = arg;

    if (o->ok)
        SW_TRY(note(tx, o->c.id, "success", "test_message", "Test message sent (target=%s trace=%s message_id=%s)",
                    o->to.id, o->trace, o->message_id));
    else
        SW_TRY(note(tx, o->c.id, "error", "test_message", "%s%s%s", o->message, o->detail ? ": " : "",
                    o->detail ? o->detail : ""));
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", o->ok);
    sw_json_text(out, "message", o->message);
    if (o->ok) {
        sw_json_text(out, "trace_id", o->trace);
        sw_json_text(out, "message_id", o->message_id);
    } else if (o->detail) {
        sw_json_text(out, "detail", o->detail);
    }
    sw_json_object_end(out);
    return SW_OK;
}

static const char *body_of(sw_request *req, const outcome *o)
{
    sw_json *content = sw_json_new(req), *out = sw_json_new(req);
    size_t len = strlen(o->text);
    char uuid[37];

    if (sw_uuid(uuid) != SW_OK)
        return NULL;
    const char *text = outbox_text_content(content, o->text, &len, TEXT_MAX * 8);
    if (!text)
        return NULL;
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "receive_id", o->to.id);
    sw_json_text(out, "msg_type", "text");
    sw_json_text(out, "content", text);
    sw_json_text(out, "uuid", uuid);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

/* Makes one call, and one more with a new token when the old one is no longer good. */
static sw_status send(sw_request *req, feishu *f, outcome *o)
{
    char token[FEISHU_TOKEN_MAX + 1];
    client_target target;
    api_answer a = {.code = -1};
    const char *path = sw_printf(req, "/open-apis/im/v1/messages?receive_id_type=%s", o->to.type),
               *body = body_of(req, o);

    if (!path || !body)
        return SW_NO_MEMORY;
    target_of(f, &o->c, &target);
    for (int round = 0; round < 2; round++) {
        SW_TRY(token_get(req, &o->c, token, &a));
        if (a.code != 0)
            break;
        SW_TRY(api_call(req, "POST", target.base, path, token, body, &a));
        if (!a.token_bad)
            break;
        pthread_mutex_lock(&f->lock);
        token_bad(f, token);
        pthread_mutex_unlock(&f->lock);
    }
    const char *id = sw_value_text(sw_value_get(a.data, "message_id"), NULL);
    o->ok = a.code == 0 && a.http_status / 100 == 2;
    o->message_id = id ? id : "";
    if (!o->ok)
        o->detail = api_failure(req, &a);
    return SW_OK;
}

static void read_body(sw_request *req, outcome *o)
{
    size_t target_len = 0, text_len = 0;
    const sw_value *body = sw_body(req);
    const char *target = sw_value_text(sw_value_get(body, "target_chat_id"), &target_len);
    const char *text = sw_value_text(sw_value_get(body, "text"), &text_len);
    sw_str id = text_trim(target ? target : "", target_len), words = text_trim(text ? text : "", text_len);

    if (id.len > FEISHU_ID_MAX)
        sw_invalid(req, "field_too_long", "target_chat_id must be at most %d bytes", FEISHU_ID_MAX);
    if (words.len > TEXT_MAX)
        sw_invalid(req, "field_too_long", "text must be at most %d bytes", TEXT_MAX);
    const char *chat = id.len > 0 ? sw_strndup(req, id.at, id.len) : NULL;
    o->to = (destination){"chat_id", chat ? chat : "", ""};
    o->text = words.len > 0 ? sw_strndup(req, words.at, words.len) : "EchoCenter Feishu connector test message";
    o->trace = sw_printf(req, "feishu-test-%lld", (long long)sw_now_ms() * 1000000);
}

sw_status post_test_message(sw_request *req)
{
    feishu *f = sw_request_state(req);
    outcome *o = sw_alloc(req, 1, sizeof *o);

    if (!o)
        return SW_NO_MEMORY;
    SW_TRY(connector_of_path(f, req, &o->c));
    read_body(req, o);
    SW_TRY(sw_check(req));
    if (!o->text || !o->trace)
        return SW_NO_MEMORY;
    if (!*o->to.id)
        SW_TRY(destination_find(sw_request_db(req), &o->c, 0, true, &o->to));
    o->message = "test message not sent";
    if (!connector_has_credentials(&o->c))
        o->message = "app_id and app_secret are required";
    else if (!*o->to.id)
        o->message = "no target chat_id: give target_chat_id, or an allowed chat";
    else if (send(req, f, o) != SW_OK)
        o->detail = "no call can be made now";
    if (o->ok)
        o->message = "test message sent";
    return sw_write(req, conclude, o);
}
