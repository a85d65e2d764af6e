/* Calls of the REST API, and what their answers mean. The code in the JSON counts: the HTTP status of a failure may be
 * 200, 400 or 401. Any worker. */
#include "feishu.h"
#include <stdio.h>
#include <string.h>

enum { URL_MAX = 1024, TEXT_MAX = 200, HTTP_UNAUTHORIZED = 401, HTTP_TOO_MANY = 429, CODE_TOO_MANY = 99991400 };
enum { ANSWER_MAX = 1 << 20 };

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

bool api_token_bad(const api_answer *a)
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

bool api_too_many(const api_answer *a)
{
    return a->http_status == HTTP_TOO_MANY || a->code == CODE_TOO_MANY;
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
