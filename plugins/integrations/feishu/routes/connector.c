/* The routes of the connector: it is shown, made, changed, verified and switched. Each body is read on a worker and
 * written in one step, so that two at once do not undo each other; to verify, the slow lane waits for Feishu. */
#include "feishu.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

static const char NOBODY[] =
    "an enabled connector needs somebody on user_whitelist or allowed_chat_ids, or allow_everyone";

enum { TEXT_MAX = FEISHU_SECRET_MAX, URL_MAX = 2048, ITEM_MAX = 128, ITEMS_MAX = 1000, RATE_MAX = 1000000 };

/* ---- showing it ---- */

static void write_secret(sw_json *out, const char *key, const char *has_key, const char *secret)
{
    char masked[TEXT_MAX + 8];

    mask_secret(secret, masked);
    sw_json_text(out, key, masked);
    sw_json_bool(out, has_key, *secret != '\0');
}

static void write_list(sw_json *out, const char *key, const char *list)
{
    sw_json_array_begin(out, key);
    while (*list) {
        size_t len = strcspn(list, "\n");
        sw_json_textn(out, NULL, list, len);
        list += len + (list[len] == '\n');
    }
    sw_json_array_end(out);
}

/* Writes the connector with masked secrets. `status` is what client_status() says. */
static void connector_write(sw_json *out, const char *key, const connector *c, const char *status)
{
    sw_json_object_begin(out, key);
    sw_json_int(out, "id", c->id);
    sw_json_text(out, "connector_name", c->name);
    sw_json_bool(out, "enabled", c->enabled);
    sw_json_text(out, "status", status);
    sw_json_text(out, "app_id", c->app_id);
    write_secret(out, "app_secret", "has_app_secret", c->app_secret);
    write_secret(out, "verification_token", "has_verification_token", c->verification_token);
    write_secret(out, "encrypt_key", "has_encrypt_key", c->encrypt_key);
    sw_json_bool(out, "allow_dm", c->allow_dm);
    sw_json_bool(out, "allow_group_mention", c->allow_group);
    sw_json_bool(out, "mention_required", c->mention_required);
    sw_json_text(out, "prefix_command", c->prefix);
    sw_json_bool(out, "ignore_bot_messages", c->ignore_bots);
    sw_json_int(out, "rate_limit_per_minute", c->rate);
    write_list(out, "allowed_chat_ids", c->chats);
    write_list(out, "user_whitelist", c->people);
    sw_json_bool(out, "allow_everyone", c->allow_everyone);
    sw_json_text(out, "callback_url", c->callback_url);
    sw_json_bool(out, "callback_verified", c->verified);
    if (c->verified_ms)
        sw_json_time(out, "last_verified_at", c->verified_ms);
    else
        sw_json_null(out, "last_verified_at");
    if (c->id) {
        sw_json_time(out, "created_at", c->created_ms);
        sw_json_time(out, "updated_at", c->updated_ms);
    }
    sw_json_object_end(out);
}

/* ---- taking it from a body: names in snake or camel case; members of a wrong type are ignored ---- */

typedef struct {
    sw_request *req;
    const sw_value *body;
} reader;

/* The member under the first of its names that is there. */
static const sw_value *member(const reader *r, const char *snake, const char *camel)
{
    const sw_value *v = sw_value_get(r->body, snake);

    return v ? v : sw_value_get(r->body, camel);
}

static void take_text(const reader *r, const char *snake, const char *camel, size_t max, const char **field)
{
    size_t len = 0;
    const char *text = sw_value_text(member(r, snake, camel), &len);

    if (!text)
        return;
    sw_str trimmed = text_trim(text, len);
    if (memchr(trimmed.at, '\0', trimmed.len)) {
        sw_invalid(r->req, "invalid_request", "%s must not hold a NUL character", snake);
        return;
    }
    if (trimmed.len > max) {
        sw_invalid(r->req, "field_too_long", "%s must be at most %zu bytes", snake, max);
        return;
    }
    const char *copy = sw_strndup(r->req, trimmed.at, trimmed.len);
    if (copy)
        *field = copy;
}

/* A dashboard sends back what it was shown: a mask means that the secret stays as it was. */
static void take_secret(const reader *r, const char *snake, const char *camel, const char **field)
{
    char masked[TEXT_MAX + 8];
    const char *given = *field;

    take_text(r, snake, camel, TEXT_MAX, &given);
    mask_secret(*field, masked);
    if (!*masked || strcmp(given, masked) != 0)
        *field = given;
}

static void take_bool(const reader *r, const char *snake, const char *camel, bool *field)
{
    const sw_value *v = member(r, snake, camel);
    size_t len = 0;
    const char *text = sw_value_text(v, &len);

    if (text)
        *field = text_same(text_trim(text, len), (sw_str){"true", 4});
    else
        *field = sw_value_bool(v, *field) != 0;
}

static void take_int(const reader *r, const char *snake, const char *camel, int64_t *field)
{
    const sw_value *v = member(r, snake, camel);
    const char *text = sw_value_text(v, NULL);
    char *end = NULL;

    if (text) {
        sw_str trimmed = text_trim(text, strlen(text));
        char digits[24] = "";
        if (trimmed.len == 0 || trimmed.len >= sizeof digits)
            return;
        memcpy(digits, trimmed.at, trimmed.len);
        long long value = strtoll(digits, &end, 10);
        if (*end == '\0')
            *field = value;
    } else if (sw_value_type(v) == SW_JSON_REAL) {
        double value = sw_value_double(v, 0);
        *field = value > -1e15 && value < 1e15 ? (int64_t)value : RATE_MAX + 1;
    } else {
        *field = sw_value_int(v, *field);
    }
}

typedef struct {
    const reader *r;
    const char *name;
    char *at; /* the list so far; there is room for all items */
    size_t len, count;
} list_maker;

static void add_item(list_maker *m, sw_str item)
{
    char one[ITEM_MAX + 1];

    item = text_trim(item.at, item.len);
    if (item.len == 0)
        return;
    if (item.len > ITEM_MAX || memchr(item.at, '\n', item.len) || memchr(item.at, '\0', item.len)) {
        sw_invalid(m->r->req, "invalid_request", "%s holds an item that is no id", m->name);
        return;
    }
    memcpy(one, item.at, item.len);
    one[item.len] = '\0';
    if (list_has(m->at, one))
        return;
    if (++m->count > ITEMS_MAX) {
        sw_invalid(m->r->req, "invalid_request", "%s must hold at most %d items", m->name, ITEMS_MAX);
        return;
    }
    if (m->len > 0)
        m->at[m->len++] = '\n';
    memcpy(m->at + m->len, item.at, item.len);
    m->len += item.len;
    m->at[m->len] = '\0';
}

static void take_list(const reader *r, const char *snake, const char *camel, const char **field)
{
    const sw_value *v = member(r, snake, camel);
    size_t len = 0;
    const char *text = sw_value_text(v, &len);

    if (!text && sw_value_type(v) != SW_JSON_ARRAY)
        return;
    list_maker m = {.r = r, .name = snake, .at = sw_alloc(r->req, ITEMS_MAX + 2, ITEM_MAX + 1)};
    if (!m.at)
        return;
    while (text && len > 0) {
        const char *comma = memchr(text, ',', len);
        size_t part = comma ? (size_t)(comma - text) : len;
        add_item(&m, (sw_str){text, part});
        text += part + (comma ? 1 : 0);
        len -= part + (comma ? 1 : 0);
    }
    for (size_t i = 0; i < sw_value_count(v) && m.count <= ITEMS_MAX; i++) {
        size_t item_len = 0;
        const char *item = sw_value_text(sw_value_at(v, i), &item_len);
        if (item)
            add_item(&m, (sw_str){item, item_len});
    }
    *field = m.at;
}

/* Takes the members of a body. Errors are sticky. */
static void connector_take(sw_request *req, connector *c, const sw_value *body)
{
    const reader r = {.req = req, .body = body};

    take_text(&r, "connector_name", "connectorName", TEXT_MAX, &c->name);
    take_text(&r, "app_id", "appId", FEISHU_ID_MAX, &c->app_id);
    take_secret(&r, "app_secret", "appSecret", &c->app_secret);
    take_secret(&r, "verification_token", "verificationToken", &c->verification_token);
    take_secret(&r, "encrypt_key", "encryptKey", &c->encrypt_key);
    take_bool(&r, "allow_dm", "allowDm", &c->allow_dm);
    take_bool(&r, "allow_group_mention", "allowGroupMention", &c->allow_group);
    take_bool(&r, "mention_required", "mentionRequired", &c->mention_required);
    take_text(&r, "prefix_command", "prefixCommand", TEXT_MAX, &c->prefix);
    take_bool(&r, "ignore_bot_messages", "ignoreBotMessages", &c->ignore_bots);
    take_int(&r, "rate_limit_per_minute", "rateLimitPerMinute", &c->rate);
    take_text(&r, "callback_url", "callbackUrl", URL_MAX, &c->callback_url);
    take_list(&r, "allowed_chat_ids", "allowedChatIds", &c->chats);
    take_list(&r, "user_whitelist", "userWhitelist", &c->people);
    take_bool(&r, "allow_everyone", "allowEveryone", &c->allow_everyone);
    if (c->rate <= 0)
        sw_invalid(req, "invalid_parameter", "rate_limit_per_minute must be > 0");
    if (c->rate > RATE_MAX)
        c->rate = RATE_MAX;
}

static bool differs(const char *a, const char *b)
{
    return !text_same((sw_str){a, strlen(a)}, (sw_str){b, strlen(b)});
}

/* Whether `after` must be verified again. */
static bool connector_reset_needed(const connector *before, const connector *after)
{
    return differs(before->app_id, after->app_id) || differs(before->verification_token, after->verification_token) ||
           differs(before->callback_url, after->callback_url) || strcmp(before->app_secret, after->app_secret) != 0 ||
           strcmp(before->encrypt_key, after->encrypt_key) != 0;
}

/* ---- GET /api/integrations/feishu: its defaults (id 0) before there is one ---- */

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

/* ---- POST /api/integrations/feishu: a new connector, which counts from now on ---- */

static sw_status add_step(sw_tx *tx, void *arg)
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
    return sw_write(req, add_step, c);
}

/* ---- PATCH /api/integrations/feishu/:id: changes what the body names ---- */

static sw_status reset_verification(sw_tx *tx, connector *c)
{
    c->verified = c->enabled = false;
    c->verified_ms = 0;
    return note(tx, c->id, "info", "callback_verification_reset",
                "Callback verification reset due to callback auth config change");
}

static sw_status change_step(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    sw_request *req = sw_tx_request(tx);
    const int64_t *id = arg;
    connector before, c;

    SW_TRY(connector_named(f, req, sw_tx_db(tx), *id, &before));
    c = before;
    connector_take(req, &c, sw_body(req));
    if (before.enabled && connector_open_to_somebody(&before) && !connector_open_to_somebody(&c))
        sw_invalid(req, "invalid_request", "%s", NOBODY);
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
    SW_TRY(connector_of_path(f, req, &c));
    *id = c.id;
    const sw_value *body = sw_body(req);
    if (body && sw_value_type(body) != SW_JSON_OBJECT)
        sw_invalid(req, "invalid_request", "invalid request body");
    SW_TRY(sw_check(req));
    return sw_write(req, change_step, id);
}

/* ---- POST /api/integrations/feishu/:id/verify-callback: asks for a token with the stored credentials ---- */

/* The status is always 200; the member ok tells what Feishu said. */
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
static sw_status verify_step(sw_tx *tx, void *arg)
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

static sw_status ask_feishu(sw_request *req, feishu *f, outcome *o)
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
        SW_TRY(ask_feishu(req, f, o));
    } else {
        o->message = "app_id and app_secret are required before verification";
        o->note = "Missing app_id or app_secret";
    }
    return sw_write(req, verify_step, o);
}

/* ---- PATCH /api/integrations/feishu/:id/enable: on, which needs a verification before, or off; the connection follows
 * at once ---- */

typedef struct {
    int64_t id;
    bool enabled;
} wish;

static sw_status refuse_enable(sw_tx *tx, int64_t id, const char *why, const char *error)
{
    SW_TRY(note(tx, id, "error", "set_enabled", "Rejected enable because %s", why));
    sw_json *out = sw_tx_reply(tx, 400);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "error", error);
    sw_json_text(out, "code", "invalid_request");
    sw_json_text(out, "request_id", sw_request_id(sw_tx_request(tx)));
    sw_json_object_end(out);
    return SW_OK; /* a failure would undo the row of the log */
}

static sw_status switch_step(sw_tx *tx, void *arg)
{
    feishu *f = sw_tx_state(tx);
    const wish *w = arg;
    connector c;

    SW_TRY(connector_named(f, sw_tx_request(tx), sw_tx_db(tx), w->id, &c));
    if (w->enabled && !c.verified)
        return refuse_enable(tx, c.id, "callback not verified", "callback must be verified before enabling");
    if (w->enabled && !connector_open_to_somebody(&c))
        return refuse_enable(tx, c.id, "nobody is listed", NOBODY);
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
    return sw_write(req, switch_step, w);
}
