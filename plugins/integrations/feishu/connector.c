/* The connector as the API shows and takes it. Any thread: it works on the caller's copy. */
#include "feishu.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = FEISHU_SECRET_MAX, URL_MAX = 2048, ITEM_MAX = 128, ITEMS_MAX = 1000, RATE_MAX = 1000000 };

connector connector_default(void)
{
    return (connector){.name = "Feishu Butler Connector",
                       .app_id = "",
                       .app_secret = "",
                       .verification_token = "",
                       .encrypt_key = "",
                       .prefix = "",
                       .callback_url = "",
                       .chats = "",
                       .people = "",
                       .allow_dm = true,
                       .allow_group = true,
                       .ignore_bots = true,
                       .rate = 30};
}

bool connector_has_credentials(const connector *c)
{
    return *c->app_id && *c->app_secret;
}

bool connector_token_good(const connector *c, const char *token)
{
    size_t len = strlen(token), wanted = strlen(c->verification_token);

    if (len == 0 || wanted == 0)
        return true;
    return len == wanted && sw_equal_secret(token, c->verification_token, len);
}

/* ---- writing ---- */

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

void connector_write(sw_json *out, const char *key, const connector *c, const char *status)
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

/* ---- taking: names in snake or camel case; members of a wrong type are ignored ---- */

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

void connector_take(sw_request *req, connector *c, const sw_value *body)
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
    if (c->rate <= 0)
        sw_invalid(req, "invalid_parameter", "rate_limit_per_minute must be > 0");
    if (c->rate > RATE_MAX)
        c->rate = RATE_MAX;
}

static bool differs(const char *a, const char *b)
{
    return !text_same((sw_str){a, strlen(a)}, (sw_str){b, strlen(b)});
}

bool connector_reset_needed(const connector *before, const connector *after)
{
    return differs(before->app_id, after->app_id) || differs(before->verification_token, after->verification_token) ||
           differs(before->callback_url, after->callback_url) || strcmp(before->app_secret, after->app_secret) != 0 ||
           strcmp(before->encrypt_key, after->encrypt_key) != 0;
}

int64_t connector_path_id(sw_request *req)
{
    const char *text = sw_path_text(req, "id");
    int64_t id = 0;

    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || at - text >= 18) {
            id = 0;
            break;
        }
        id = id * 10 + (*at - '0');
    }
    if (id <= 0)
        sw_invalid(req, "invalid_parameter", "invalid connector id");
    return id;
}
