/* Talks to the directory: two questions in JSON over HTTP, to which the host adds TLS, time limits and proxies.
 *
 *   POST URL/bind   {"name","password"}   200 {"name","groups":[…]}, 401, 429
 *   POST URL/find   {"name"}              200 {"name","groups":[…]}, 404
 *
 * Called on the slow lane, where a handler may wait. No name and no password gets into a log line. */
#include "directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- whether it answers ---- */

static void answers(directory *d)
{
    if (atomic_exchange(&d->down_since_ms, 0))
        sw_log(d->host, SW_LOG_INFO, "the directory answers again");
}

static sw_status down(directory *d, const char *why)
{
    int64_t since = 0;

    if (atomic_compare_exchange_strong(&d->down_since_ms, &since, sw_now_ms()))
        sw_log(d->host, SW_LOG_WARN, "the directory gives no answer: %s", why);
    return SW_UNAVAILABLE;
}

/* ---- what an answer says ---- */

static sw_role role_of(const sw_host *host, const sw_value *groups)
{
    bool member = !sw_option_item(host, "member_groups", 0); /* an empty list: everybody whom the directory knows */

    for (size_t i = 0; i < sw_value_count(groups); i++) {
        const char *group = sw_value_text(sw_value_at(groups, i), NULL);
        if (!group)
            continue;
        if (sw_option_has(host, "admin_groups", group))
            return SW_ROLE_ADMIN;
        member = member || sw_option_has(host, "member_groups", group);
    }
    return member ? SW_ROLE_MEMBER : 0;
}

static sw_status read_person(directory *d, sw_request *req, const sw_http_answer *answer, person *ret)
{
    const sw_value *told = sw_json_parse(req, answer->body, answer->body_len);
    size_t len = 0;
    const char *name = sw_value_text(sw_value_get(told, "name"), &len);

    if (!name || len == 0 || len > NAME_MAX_BYTES || strlen(name) != len)
        return down(d, "an answer without a name");
    snprintf(ret->name, sizeof ret->name, "%s", name);
    ret->role = role_of(d->host, sw_value_get(told, "groups"));
    answers(d);
    return SW_OK;
}

/* ---- asking ---- */

/* SW_OK: there is an answer with a status. */
static sw_status ask(directory *d, sw_request *req, const char *path, sw_json *question, sw_http_answer *ret)
{
    sw_str body = sw_json_str(question);
    const char *credential = sw_option_text(d->host, "credential");
    const char *headers[] = {
        "Content-Type: application/json",
        /* So that the directory can lock out who guesses, and not this server. */
        sw_printf(req, "X-Forwarded-For: %s", *sw_request_address(req) ? sw_request_address(req) : "127.0.0.1"),
        *credential ? sw_printf(req, "Authorization: Bearer %s", credential) : NULL,
        NULL,
    };
    sw_http_call call = {
        .size = sizeof call,
        .method = "POST",
        .url = sw_printf(req, "%s%s", sw_option_text(d->host, "url"), path),
        .headers = headers,
        .body = body.at,
        .body_len = body.len,
        .timeout_ms = (int)sw_option_int(d->host, "timeout"),
        .max_answer = (size_t)sw_option_int(d->host, "max_answer"),
    };

    if (!body.at || !call.url || !headers[1])
        return SW_NO_MEMORY;
    *ret = (sw_http_answer){.size = sizeof *ret};
    sw_status status = sw_http_wait(req, &call, ret);
    if (status == SW_INVALID)
        return down(d, "url must be https, or http to a loopback host");
    SW_TRY(status);
    return ret->status ? SW_OK : down(d, ret->error);
}

static sw_status unexpected(directory *d, sw_request *req, const sw_http_answer *answer)
{
    const char *why = sw_printf(req, "HTTP %d", answer->status);

    return down(d, why ? why : "an error");
}

static int retry_after_s(const sw_http_answer *answer)
{
    char text[16];

    sw_http_header(answer, "Retry-After", text, sizeof text);
    long seconds = strtol(text, NULL, 10);
    return seconds > 0 && seconds < 3600 ? (int)seconds : 1;
}

sw_status client_bind(directory *d, sw_request *req, const char *name, const char *password, person *ret,
                      int *ret_retry_s)
{
    sw_json *question = sw_json_new(req);
    sw_http_answer answer;

    sw_json_object_begin(question, NULL);
    sw_json_text(question, "name", name);
    sw_json_text(question, "password", password);
    sw_json_object_end(question);
    SW_TRY(ask(d, req, "/bind", question, &answer));
    switch (answer.status) {
    case 200:
        return read_person(d, req, &answer, ret);
    case 401:
        answers(d);
        return SW_UNAUTHENTICATED;
    case 429:
        answers(d);
        *ret_retry_s = retry_after_s(&answer);
        return SW_RATE_LIMITED;
    default:
        return unexpected(d, req, &answer);
    }
}

sw_status client_find(directory *d, sw_request *req, const char *name, person *ret)
{
    sw_json *question = sw_json_new(req);
    sw_http_answer answer;

    sw_json_object_begin(question, NULL);
    sw_json_text(question, "name", name);
    sw_json_object_end(question);
    SW_TRY(ask(d, req, "/find", question, &answer));
    switch (answer.status) {
    case 200:
        return read_person(d, req, &answer, ret);
    case 404:
        answers(d);
        return SW_NOT_FOUND;
    default:
        return unexpected(d, req, &answer);
    }
}
