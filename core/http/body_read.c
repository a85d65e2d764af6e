/* The JSON body of a request, for handlers: <steward/http.h>. On whichever thread runs the handler. */
#include "core/http/exchange.h"
#include <steward/host.h>
#include <string.h>

sw_str sw_body_raw(sw_request *req)
{
    exchange *x = exchange_of(req);
    return x && x->body.at ? x->body : (sw_str){"", 0};
}

const sw_value *sw_body(sw_request *req)
{
    exchange *x = exchange_of(req);
    if (!x)
        return NULL;
    if (!x->tree_read) {
        sw_str raw = sw_body_raw(req);
        x->tree = raw.len ? sw_json_parse(req, raw.at, raw.len) : sw_json_parse(req, "{}", 2);
        x->tree_read = true;
        if (!x->tree)
            sw_invalid(req, "invalid_request", "invalid request body");
    }
    return x->tree;
}

/* The member, NULL: absent or null. A body that is no object is a sticky error. */
static const sw_value *member(sw_request *req, const char *name)
{
    const sw_value *body = sw_body(req);
    if (body && sw_value_type(body) != SW_JSON_OBJECT) {
        sw_invalid(req, "invalid_request", "invalid request body");
        return NULL;
    }
    const sw_value *v = body ? sw_value_get(body, name) : NULL;
    return v && sw_value_type(v) != SW_JSON_NULL ? v : NULL;
}

bool sw_body_has(sw_request *req, const char *name)
{
    const sw_value *body = sw_body(req);
    return body && sw_value_get(body, name);
}

/* The text of a member that is there; NULL after a sticky error. */
static const char *text_of(sw_request *req, const sw_value *v, const char *name, size_t max, size_t *ret_len)
{
    size_t len;
    const char *text = sw_value_text(v, &len);
    if (!text) {
        sw_invalid(req, "invalid_parameter", "%s must be a string", name);
        return NULL;
    }
    if (len > max) {
        sw_invalid(req, "field_too_long", "%s must be at most %zu bytes", name, max);
        return NULL;
    }
    if (strlen(text) != len) {
        sw_invalid(req, "invalid_parameter", "%s must not hold a NUL character", name);
        return NULL;
    }
    *ret_len = len;
    return text;
}

const char *sw_body_text(sw_request *req, const char *name, size_t min, size_t max)
{
    const sw_value *v = member(req, name);
    size_t len = 0;
    const char *text = v ? text_of(req, v, name, max, &len) : "";
    if (!text)
        return "";
    if (len == 0 && min > 0)
        sw_invalid(req, "missing_field", "%s is required", name);
    else if (len < min)
        sw_invalid(req, "invalid_parameter", "%s must be at least %zu bytes", name, min);
    return text;
}

const char *sw_body_text_or(sw_request *req, const char *name, size_t max, const char *fallback)
{
    const sw_value *v = member(req, name);
    size_t len;
    const char *text = v ? text_of(req, v, name, max, &len) : fallback;
    return text || !v ? text : "";
}

int64_t sw_body_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max)
{
    const sw_value *v = member(req, name);
    if (!v)
        return fallback;
    /* A number that no int64 holds reads as real: neither it nor 1.5 is an integer. */
    int64_t n = sw_value_int(v, 0);
    if (sw_value_type(v) != SW_JSON_INT || n < min) {
        sw_invalid(req, "invalid_parameter", "invalid %s", name);
        return fallback;
    }
    return n > max ? max : n;
}

int64_t sw_body_time(sw_request *req, const char *name, int64_t fallback)
{
    const sw_value *v = member(req, name);
    size_t len = 0;
    if (!v)
        return fallback;
    int64_t ms = sw_value_int(v, -1);
    if (ms >= 0)
        return ms;
    const char *text = sw_value_text(v, &len);
    if (text && sw_time_parse(text, len, &ms))
        return ms;
    sw_invalid(req, "invalid_parameter", "invalid %s", name);
    return fallback;
}

int sw_body_bool(sw_request *req, const char *name, int fallback)
{
    const sw_value *v = member(req, name);
    if (!v)
        return fallback;
    if (sw_value_type(v) != SW_JSON_BOOL) {
        sw_invalid(req, "invalid_parameter", "%s must be a boolean", name);
        return fallback;
    }
    return sw_value_bool(v, fallback);
}
