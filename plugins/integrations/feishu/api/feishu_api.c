/* Calls of the REST API, and what their answers mean: the code in the JSON counts, since the HTTP status of a failure
 * may be 200, 400 or 401. The tenant_access_token, which is cached until five minutes before its end, fetched by one
 * task at a time, and forgotten when the platform says that it is no longer good. And the survey, which asks who this
 * app's bot is and how many connections the app has. What waits runs on the slow lane; the caches stand under the lock.
 */
#include "feishu.h"
#include "words.h"
#include <stdio.h>
#include <string.h>

enum { URL_MAX = 1024, TEXT_MAX = 200, ANSWER_MAX = 1 << 20 };
enum { HTTP_UNAUTHORIZED = 401, HTTP_TOO_MANY = 429, HTTP_SERVER_ERROR = 500 };
enum {
    MARGIN_S = 300, /* before the end of a token */
    EXPIRE_MAX_S = 24 * 3600,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 60000,
    REFUSED_RETRY_MS = 60000,
    SURVEY_RETRY_MS = 60000
};

static const char TOKEN_PATH[] = "/open-apis/auth/v3/tenant_access_token/internal";
static const char BOT_PATH[] = "/open-apis/bot/v3/info";
static const char COUNT_PATH[] = "/open-apis/event/v1/connection";

/* Does the answer say that the token is no longer good? */
static bool token_refused(const api_answer *a)
{
    switch (a->code) {
    case 99991661:
    case 99991663:
    case 99991664:
    case 99991668:
    case 99991671:
        return true;
    default:
        return a->http_status == HTTP_UNAUTHORIZED;
    }
}

/* Does it say to come back later: too many calls of this app, too many messages in one chat from all apps together,
 * flow control, or a fault inside the platform? */
static bool comes_too_fast(const api_answer *a)
{
    switch (a->code) {
    case 99991400:
    case 230020:
    case 11232:
    case 2200:
        return true;
    default:
        return a->http_status == HTTP_TOO_MANY;
    }
}

void api_read(sw_request *req, const sw_http_answer *answer, api_answer *ret)
{
    *ret = (api_answer){.http_status = answer->status, .code = -1, .text = "unknown", .unsent = answer->unsent};
    if (!answer->status) {
        ret->text = answer->error ? answer->error : "it could not be sent now";
        return;
    }
    ret->root = sw_json_parse(req, answer->body, answer->body_len);
    const char *text = sw_value_text(sw_value_get(ret->root, "msg"), NULL);
    ret->code = sw_value_int(sw_value_get(ret->root, "code"), -1);
    ret->data = sw_value_get(ret->root, "data");
    ret->token_bad = token_refused(ret);
    ret->too_many = comes_too_fast(ret);
    if (text && *text)
        ret->text = text;
}

sw_status api_call(sw_request *req, const char *method, const char *base, const char *path, const char *token,
                   const char *body, api_answer *ret)
{
    char url[URL_MAX], *authorization = sw_printf(req, "Authorization: Bearer %s", token ? token : "");
    const char *headers[] = {"Content-Type: application/json; charset=utf-8", token ? authorization : NULL, NULL};
    sw_http_answer answer = {.size = sizeof answer};

    if (!authorization || snprintf(url, sizeof url, "%s%s", base, path) >= (int)sizeof url)
        return SW_INTERNAL;
    sw_http_call call = {.size = sizeof call,
                         .method = method,
                         .url = url,
                         .headers = headers,
                         .body = body,
                         .body_len = body ? strlen(body) : 0,
                         .timeout_ms = (int)sw_option_int(sw_request_host(req), "api_timeout"),
                         .max_answer = ANSWER_MAX};
    SW_TRY(sw_http_wait(req, &call, &answer));
    api_read(req, &answer, ret);
    return SW_OK;
}

const char *api_failure(sw_request *req, const api_answer *a)
{
    const char *text;

    if (!a->http_status)
        text = sw_printf(req, "%.*s", TEXT_MAX, a->text);
    else if (a->http_status / 100 == 2)
        text = sw_printf(req, "code=%lld msg=%.*s", (long long)a->code, TEXT_MAX, a->text);
    else
        text =
            sw_printf(req, "code=%lld msg=%.*s http_status=%d", (long long)a->code, TEXT_MAX, a->text, a->http_status);
    return text ? text : "out of memory";
}

/* ---- the cached token, under the lock ---- */

static bool token_cached(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], int64_t now_ms, char out[FEISHU_TOKEN_MAX + 1])
{
    const token_cache *t = &f->token;

    if (now_ms >= t->fresh_until_ms || memcmp(t->key, key, sizeof t->key) != 0)
        return false;
    memcpy(out, t->text, sizeof t->text);
    return true;
}

void token_bad(feishu *f, const char *text)
{
    if (strcmp(f->token.text, text) == 0)
        f->token.fresh_until_ms = 0;
}

static void keep(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], const char *text, int64_t expire_s)
{
    token_cache *t = &f->token;
    int64_t margin = expire_s >= 2 * MARGIN_S ? MARGIN_S : expire_s / 2;

    snprintf(t->text, sizeof t->text, "%s", text);
    memcpy(t->key, key, sizeof t->key);
    t->fresh_until_ms = sw_monotonic_ms() + (expire_s - margin) * 1000;
    t->failures = 0;
    t->retry_ms = 0;
    t->told[0] = '\0';
}

/* ---- asking for a token ---- */

sw_status token_ask(sw_request *req, const connector *c, const char *base, api_answer *ret_answer,
                    const char **ret_token, int64_t *ret_expire_s)
{
    sw_json *out = sw_json_new(req);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "app_id", c->app_id);
    sw_json_text(out, "app_secret", c->app_secret);
    sw_json_object_end(out);
    const char *body = sw_json_str(out).at;
    if (!body)
        return SW_NO_MEMORY;
    SW_TRY(api_call(req, "POST", base, TOKEN_PATH, NULL, body, ret_answer));
    const char *token = sw_value_text(sw_value_get(ret_answer->root, "tenant_access_token"), NULL);
    int64_t expire = sw_value_int(sw_value_get(ret_answer->root, "expire"), 0);
    bool good = token && *token && strlen(token) <= FEISHU_TOKEN_MAX && !strpbrk(token, "\r\n \t");
    *ret_token = ret_answer->code == 0 && good ? token : "";
    *ret_expire_s = expire > 0 && expire < EXPIRE_MAX_S ? expire : expire > 0 ? EXPIRE_MAX_S : 0;
    if (ret_answer->code == 0 && !good) {
        ret_answer->code = -1;
        ret_answer->text = "the answer holds no token";
    }
    return SW_OK;
}

sw_status token_get(sw_request *req, const connector *c, char out[FEISHU_TOKEN_MAX + 1], api_answer *ret_answer)
{
    feishu *f = sw_request_state(req);
    client_target target;
    const char *token = "";
    int64_t expire = 0;

    target_of(f, c, &target);
    *ret_answer = (api_answer){.text = ""};
    pthread_mutex_lock(&f->lock);
    bool cached = token_cached(f, target.key, sw_monotonic_ms(), out);
    pthread_mutex_unlock(&f->lock);
    if (cached)
        return SW_OK;
    SW_TRY(token_ask(req, c, target.base, ret_answer, &token, &expire));
    if (ret_answer->code != 0)
        return SW_OK;
    snprintf(out, FEISHU_TOKEN_MAX + 1, "%s", token);
    pthread_mutex_lock(&f->lock);
    keep(f, target.key, token, expire);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

/* ---- the task that fetches one for the sender ---- */

/* Whether the platform has refused the credentials: asking again soon would not help. */
static bool refused(const api_answer *a)
{
    return a->http_status && a->http_status < HTTP_SERVER_ERROR && a->code > 0 && !a->too_many;
}

static void fetch_failed(feishu *f, int64_t connector_id, const api_answer *a, const char *text)
{
    token_cache *t = &f->token;
    int64_t wait = refused(a) ? REFUSED_RETRY_MS : link_backoff(RETRY_FIRST_MS, t->failures, RETRY_MAX_MS);

    t->failures++;
    t->retry_ms = sw_monotonic_ms() + wait;
    if (strcmp(t->told, text) == 0)
        return;
    snprintf(t->told, sizeof t->told, "%s", text);
    sw_log(f->host, SW_LOG_WARN, "no access token: %s", text);
    note_later(f, connector_id, "error", "ws_outbound", "Send failed: no access token: %s", text);
}

static sw_status fetch(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c = connector_default();
    char token[FEISHU_TOKEN_MAX + 1];
    api_answer a = {.code = -1, .text = "the connector cannot be read"};
    sw_status status = connector_newest(f, sw_request_db(req), &c);

    if (status == SW_OK && connector_has_credentials(&c))
        status = token_get(req, &c, token, &a);
    const char *text = status == SW_OK ? api_failure(req, &a) : "not now";
    pthread_mutex_lock(&f->lock);
    f->token.asking = false;
    if (status != SW_OK || a.code != 0)
        fetch_failed(f, c.id, &a, text);
    sender_look(f, true);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

static void token_wanted(feishu *f, int64_t now_ms)
{
    token_cache *t = &f->token;

    if (t->asking || now_ms < t->retry_ms)
        return;
    t->asking = sw_task_run(f->host, SW_LANE_SLOW, fetch, 0);
    if (!t->asking)
        t->retry_ms = now_ms + RETRY_FIRST_MS;
}

bool token_ready(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], int64_t now_ms, char out[FEISHU_TOKEN_MAX + 1])
{
    if (token_cached(f, key, now_ms, out))
        return true;
    token_wanted(f, now_ms);
    return false;
}

/* ---- the survey: a mention of the bot is told from others by its id, and its own messages are not heard; each event
 * goes to one of the app's connections ---- */

static sw_status ask_bot(sw_request *req, feishu *f, const client_target *target, const char *token)
{
    api_answer a;

    SW_TRY(api_call(req, "GET", target->base, BOT_PATH, token, NULL, &a));
    const char *open_id = sw_value_text(sw_value_get(sw_value_get(a.root, "bot"), "open_id"), NULL);
    pthread_mutex_lock(&f->lock);
    bool current = memcmp(f->client.target.key, target->key, sizeof target->key) == 0;
    if (a.code == 0 && current && open_id && strlen(open_id) <= FEISHU_ID_MAX) {
        snprintf(f->bot.open_id, sizeof f->bot.open_id, "%s", open_id);
        f->bot.known = true;
    }
    if (a.token_bad)
        token_bad(f, token);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

static sw_status count_connections(sw_request *req, feishu *f, const client_target *target, const char *token)
{
    api_answer a;

    SW_TRY(api_call(req, "GET", target->base, COUNT_PATH, token, NULL, &a));
    int64_t count = a.code == 0 ? sw_value_int(sw_value_get(a.data, "online_instance_cnt"), 0) : 0;
    if (count > 1) {
        sw_log(f->host, SW_LOG_WARN, "%lld connections of this app are open: each gets a part of the events",
               (long long)count);
        note_later(f, target->connector_id, "error", "ws_connections",
                   "%lld connections of this app are open: events go to one of them at random", (long long)count);
    }
    return SW_OK;
}

static sw_status survey(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c = connector_default();
    client_target target;
    char token[FEISHU_TOKEN_MAX + 1];
    api_answer a = {.code = -1};
    sw_status status = connector_newest(f, sw_request_db(req), &c);

    target_of(f, &c, &target);
    pthread_mutex_lock(&f->lock);
    bool known = f->bot.known, open = f->client.phase == CLIENT_OPEN;
    uint64_t attempt = f->client.attempt;
    pthread_mutex_unlock(&f->lock);
    if (status == SW_OK && target.wanted)
        status = token_get(req, &c, token, &a);
    if (status == SW_OK && a.code == 0 && !known)
        status = ask_bot(req, f, &target, token);
    if (status == SW_OK && a.code == 0 && open)
        status = count_connections(req, f, &target, token);
    pthread_mutex_lock(&f->lock);
    f->bot.asking = false;
    if (status == SW_OK && open)
        f->bot.counted_for = attempt;
    f->bot.retry_ms = sw_monotonic_ms() + SURVEY_RETRY_MS;
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

void survey_wanted(feishu *f, int64_t now_ms)
{
    bot_info *b = &f->bot;
    bool counted = f->client.phase != CLIENT_OPEN || b->counted_for == f->client.attempt;

    if (b->asking || (b->known && counted) || (now_ms < b->retry_ms && (!b->known || counted)))
        return;
    b->asking = sw_task_run(f->host, SW_LANE_SLOW, survey, 0);
}
