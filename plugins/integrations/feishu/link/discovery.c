/* Asks the service where to connect, and connects. Every attempt has an address of its own. A task on the slow lane. */
#include "feishu.h"
#include <stdio.h>
#include <string.h>

static const char PATH[] = "/callback/ws/endpoint";

enum { TIMEOUT_MS = 15000, ANSWER_MAX = 64 * 1024 };

static const char *body_of(sw_request *req, const connector *c)
{
    sw_json *out = sw_json_new(req);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "AppID", c->app_id);
    sw_json_text(out, "AppSecret", c->app_secret);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

/* Is that attempt still the latest? Under the lock. */
static bool current(const feishu *f, uint64_t attempt)
{
    return f->client.phase == CLIENT_ASKING && f->client.attempt == attempt;
}

static void failed(feishu *f, uint64_t attempt, link_end how, const char *error)
{
    pthread_mutex_lock(&f->lock);
    if (current(f, attempt))
        client_ended(f, how, error);
    pthread_mutex_unlock(&f->lock);
}

/* Writes the message of a failure, for the log. `text` is the service's: it is cut here, and the log takes control
 * characters out. */
static link_end explain(int64_t code, const char *text, char out[FEISHU_ERROR_MAX])
{
    link_end how = link_class_of_endpoint(code);
    const char *what = how == LINK_CROWDED   ? "too many connections of this app"
                       : how == LINK_REFUSED ? "rejected by the service"
                                             : "the service is busy";

    snprintf(out, FEISHU_ERROR_MAX, "endpoint: %s (code %lld: %.120s)", what, (long long)code, text);
    return how;
}

/* Reads the address and the configuration. On false `error` and *ret_how say why there are none. */
static bool read_answer(sw_request *req, const sw_http_answer *a, const char **ret_url, const sw_value **ret_config,
                        char error[FEISHU_ERROR_MAX], link_end *ret_how)
{
    *ret_how = LINK_FAILED;
    if (a->status != 200) {
        if (a->status)
            snprintf(error, FEISHU_ERROR_MAX, "endpoint: HTTP status %d", a->status);
        else
            snprintf(error, FEISHU_ERROR_MAX, "endpoint: %s", a->error);
        return false;
    }
    const sw_value *root = sw_json_parse(req, a->body, a->body_len);
    const sw_value *data = sw_value_get(root, "data");
    int64_t code = sw_value_int(sw_value_get(root, "code"), -1);
    const char *text = sw_value_text(sw_value_get(root, "msg"), NULL);
    if (sw_value_type(root) != SW_JSON_OBJECT || sw_value_type(sw_value_get(root, "code")) != SW_JSON_INT) {
        snprintf(error, FEISHU_ERROR_MAX, "endpoint: the answer is no such JSON");
        return false;
    }
    if (code != 0) {
        *ret_how = explain(code, text ? text : "", error);
        return false;
    }
    *ret_url = sw_value_text(sw_value_get(data, "URL"), NULL);
    *ret_config = sw_value_get(data, "ClientConfig");
    if (*ret_url && **ret_url)
        return true;
    snprintf(error, FEISHU_ERROR_MAX, "endpoint: the answer holds no address");
    return false;
}

static void dial(feishu *f, uint64_t attempt, const char *url, const sw_value *settings)
{
    char host[ADDRESS_MAX];
    sw_ws_call call = CLIENT_CALLS;
    client *c = &f->client;

    call.url = url;
    address_host(url, host);
    pthread_mutex_lock(&f->lock);
    if (current(f, attempt)) {
        link_config_take(&c->config, settings);
        c->service = address_service(url);
        c->phase = CLIENT_OPENING;
        c->closing_ms = 0;
        c->pong[0] = '\0';
        sw_status status = sw_ws_connect(f->host, &call, f, &c->handle);
        if (status == SW_INVALID)
            client_ended(f, LINK_FAILED, "endpoint: the address is not allowed (wss, or a loopback host)");
        else if (status != SW_OK)
            client_ended(f, LINK_FAILED, "no connection can be made now");
        else
            sw_log(f->host, SW_LOG_DEBUG, "opening a connection to %s", host);
    }
    pthread_mutex_unlock(&f->lock);
}

sw_status discover(sw_request *req)
{
    feishu *f = sw_request_state(req);
    uint64_t attempt = (uint64_t)sw_request_tag(req);
    connector c;
    client_target target;
    char error[FEISHU_ERROR_MAX], url[ADDRESS_MAX + sizeof PATH];
    const char *address = NULL;
    const sw_value *settings = NULL;
    link_end how = LINK_FAILED;
    sw_http_answer answer = {.size = sizeof answer};
    static const char *const HEADERS[] = {"Content-Type: application/json", "locale: zh", NULL};

    if (connector_newest(f, sw_request_db(req), &c) != SW_OK) {
        failed(f, attempt, LINK_FAILED, "the connector cannot be read");
        return SW_OK;
    }
    target_of(f, &c, &target);
    snprintf(url, sizeof url, "%s%s", target.base, PATH);
    const char *body = body_of(req, &c);
    sw_http_call call = {.size = sizeof call,
                         .method = "POST",
                         .url = url,
                         .headers = HEADERS,
                         .body = body,
                         .body_len = body ? strlen(body) : 0,
                         .timeout_ms = TIMEOUT_MS,
                         .max_answer = ANSWER_MAX};
    pthread_mutex_lock(&f->lock);
    bool wanted = current(f, attempt) && memcmp(f->client.target.key, target.key, sizeof target.key) == 0;
    pthread_mutex_unlock(&f->lock);
    if (!wanted) /* the next look begins anew */
        failed(f, attempt, LINK_FAILED, "the connector has changed");
    else if (!body || sw_http_wait(req, &call, &answer) != SW_OK)
        failed(f, attempt, LINK_FAILED, "endpoint: cannot be asked now");
    else if (read_answer(req, &answer, &address, &settings, error, &how))
        dial(f, attempt, address, settings);
    else
        failed(f, attempt, how, error);
    return SW_OK;
}
