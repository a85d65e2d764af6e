/* What a handler reads of its request: path, query, headers, and the JSON body: <steward/http.h>. On whichever thread
 * runs the handler; what is decoded lies in the memory of the request. */
#include "core/base/str.h"
#include "core/common/utf8.h"
#include "core/http/exchange.h"
#include "core/http/uri.h"
#include <steward/host.h>
#include <string.h>

/* Decoded, in the request's memory; NULL: not UTF-8, or no memory. */
static const char *decode(exchange *x, sw_str raw, bool plus, size_t *ret_len)
{
    char *text = arena_alloc(&x->req.arena, raw.len + 1);
    if (!text)
        return NULL;
    size_t len = uri_decode(raw, plus, text);
    text[len] = '\0';
    *ret_len = len;
    return utf8_valid(text, len) && !memchr(text, '\0', len) ? text : NULL;
}

static void invalid(sw_request *req, const char *name)
{
    sw_invalid(req, "invalid_parameter", "invalid %s", name);
}

/* ---- the path ---- */

static bool path_value(const exchange *x, const char *name, sw_str *ret)
{
    for (unsigned i = 0; x && x->route && i < x->route->param_count; i++)
        if (str_equal(x->route->params[i], name)) {
            *ret = x->values[i];
            return true;
        }
    return false;
}

const char *sw_path_text(sw_request *req, const char *name)
{
    exchange *x = exchange_of(req);
    sw_str raw;
    size_t len;
    if (!path_value(x, name, &raw))
        return "";
    const char *text = decode(x, raw, false, &len);
    if (!text)
        invalid(req, name);
    return text ? text : "";
}

int64_t sw_path_id(sw_request *req, const char *name)
{
    int64_t id = 0;
    const char *text = sw_path_text(req, name);
    bool digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    if (!digits || !str_int(str_of(text), &id) || id <= 0) {
        invalid(req, name);
        return 0;
    }
    return id;
}

/* ---- the query ---- */

/* The trimmed value; at NULL: absent, empty or (then sticky) no UTF-8. NUL-ended. */
static sw_str query_value(sw_request *req, const char *name)
{
    exchange *x = exchange_of(req);
    sw_str raw;
    size_t len;
    if (!x || !uri_query_find(x->query, name, &raw) || raw.len == 0)
        return (sw_str){NULL, 0};
    const char *text = decode(x, raw, true, &len);
    if (!text) {
        invalid(req, name);
        return (sw_str){NULL, 0};
    }
    sw_str value = str_trim((sw_str){text, len});
    if (value.len == 0)
        return (sw_str){NULL, 0};
    ((char *)(uintptr_t)value.at)[value.len] = '\0'; /* what was trimmed; the memory is the arena's */
    return value;
}

/* A whole number; one that no int64 holds is as large (or small) as there is. */
static bool read_int(sw_str text, int64_t *ret)
{
    size_t sign = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    if (text.len == sign)
        return false;
    for (size_t i = sign; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    if (text.at[0] == '+')
        text = (sw_str){text.at + 1, text.len - 1};
    if (!str_int(text, ret))
        *ret = text.at[0] == '-' ? INT64_MIN : INT64_MAX;
    return true;
}

int64_t sw_query_int(sw_request *req, const char *name, int64_t fallback, int64_t min, int64_t max)
{
    sw_str value = query_value(req, name);
    int64_t n;
    if (!value.at)
        return fallback;
    if (!read_int(value, &n) || n < min) {
        invalid(req, name);
        return fallback;
    }
    return n > max ? max : n;
}

const char *sw_query_text(sw_request *req, const char *name, size_t max, const char *fallback)
{
    sw_str value = query_value(req, name);
    if (!value.at)
        return fallback;
    if (value.len > max) {
        sw_invalid(req, "field_too_long", "%s must be at most %zu bytes", name, max);
        return fallback;
    }
    return value.at;
}

int64_t sw_query_time(sw_request *req, const char *name, int64_t fallback)
{
    sw_str value = query_value(req, name);
    int64_t ms;
    if (!value.at)
        return fallback;
    if (strspn(value.at, "0123456789") == value.len && str_int(value, &ms))
        return ms;
    /* "…08+08:00" that was not encoded has a space where its plus was. */
    char *zone = value.len > 6 ? (char *)(uintptr_t)value.at + value.len - 6 : NULL;
    if (zone && *zone == ' ' && zone[3] == ':')
        *zone = '+';
    if (sw_time_parse(value.at, value.len, &ms))
        return ms;
    invalid(req, name);
    return fallback;
}

bool sw_query_has(sw_request *req, const char *name)
{
    return query_value(req, name).at != NULL;
}

/* ---- headers ---- */

const char *sw_header(sw_request *req, const char *name)
{
    exchange *x = exchange_of(req);
    return x && x->ev ? http_header(x->ev, name) : NULL;
}

/* ---- the body ---- */

sw_str sw_body_raw(sw_request *req)
{
    exchange *x = exchange_of(req);
    return x && x->body.at ? x->body : (sw_str){"", 0};
}

/* The detail says what is wrong and where: of a thousand log lines it names the one. */
static void refuse_body(sw_request *req, const json_refusal *why)
{
    if (req->sticky.status != SW_OK)
        return; /* the first one counts */
    if (why->fault == JSON_NO_MEMORY) {
        req->sticky.status = SW_NO_MEMORY;
        return;
    }
    sw_invalid(req, "invalid_request", "invalid request body");
    const char *fault = json_fault_text(why->fault);
    req->sticky.detail =
        why->element > 0 ? sw_printf(req, "element %zu of the array: %s, at byte %zu", why->element, fault, why->byte)
                         : sw_printf(req, "%s, at byte %zu", fault, why->byte);
}

const sw_value *sw_body(sw_request *req)
{
    exchange *x = exchange_of(req);
    if (!x)
        return NULL;
    if (!x->tree_read) {
        sw_str raw = sw_body_raw(req);
        json_refusal why;
        x->tree = json_read_in(&req->arena, raw.len ? raw.at : "{}", raw.len ? raw.len : 2, &why);
        x->tree_read = true;
        if (!x->tree)
            refuse_body(req, &why);
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
