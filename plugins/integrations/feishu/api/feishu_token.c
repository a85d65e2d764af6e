/* The tenant_access_token. It is cached until five minutes before its end, fetched by one task at a time, and forgotten
 * when the platform says that it is no longer good. */
#include "feishu.h"
#include <stdio.h>
#include <string.h>

enum {
    MARGIN_S = 300,
    EXPIRE_MAX_S = 24 * 3600,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 60000,
    REFUSED_RETRY_MS = 60000
};
enum { HTTP_SERVER_ERROR = 500 };

static const char PATH[] = "/open-apis/auth/v3/tenant_access_token/internal";

/* ---- the cache, under the lock ---- */

bool token_cached(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], int64_t now_ms, char out[FEISHU_TOKEN_MAX + 1])
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

/* ---- asking ---- */

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
    SW_TRY(api_call(req, "POST", base, PATH, NULL, body, ret_answer));
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
    return a->http_status && a->http_status < HTTP_SERVER_ERROR && a->code > 0 && !api_too_many(a);
}

static void failed(feishu *f, int64_t connector_id, const api_answer *a, const char *text)
{
    token_cache *t = &f->token;
    int64_t wait = RETRY_FIRST_MS;

    for (unsigned i = 0; i < t->failures && wait < RETRY_MAX_MS; i++)
        wait *= 2;
    if (refused(a))
        wait = REFUSED_RETRY_MS;
    t->failures++;
    t->retry_ms = sw_monotonic_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
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
        failed(f, c.id, &a, text);
    pthread_mutex_unlock(&f->lock);
    sender_kick(f);
    return SW_OK;
}

void token_wanted(feishu *f, int64_t now_ms)
{
    token_cache *t = &f->token;

    if (t->asking || now_ms < t->retry_ms)
        return;
    t->asking = sw_task_run(f->host, SW_LANE_SLOW, fetch, 0);
    if (!t->asking)
        t->retry_ms = now_ms + RETRY_FIRST_MS;
}
