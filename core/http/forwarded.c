/* Whence a request comes and where it means to go. What X-Forwarded-For and X-Forwarded-Host say is believed of trusted
 * proxies alone. On the loop of the exchange, which owns all of it. */
#include "core/http/forwarded.h"

#include "core/base/log.h"
#include "core/base/str.h"
#include "core/http/cors.h"
#include "core/http/rate.h"
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

static const char *header(const exchange *x, const char *name)
{
    const char *value = http_header(x->ev, name);
    return value ? value : "";
}

/* ---- the client ---- */

/* The addresses from the last one backwards: the first that is not a trusted proxy is the client. A proxy adds to the
 * end, so what stands before an untrusted address is only a claim. Several headers count as one list. */
typedef struct {
    address found;
    bool ended; /* an untrusted address, or something that is not an address */
} walk;

static void walk_value(walk *w, const http_settings *s, const char *value)
{
    const char *end = value + strlen(value);
    while (!w->ended && end > value) {
        const char *begin = end;
        while (begin > value && begin[-1] != ',')
            begin--;
        sw_str piece = str_trim((sw_str){begin, (size_t)(end - begin)});
        address a;
        if (address_parse_forwarded(piece.at, piece.len, &a)) {
            w->found = a;
            w->ended = !address_in(&a, s->trusted, s->trusted_count);
        } else {
            w->ended = true;
        }
        end = begin > value ? begin - 1 : value;
    }
}

/* Somebody forgot an option, perhaps, and all clients of the proxy count as one. Once, since a stranger may send these
 * headers as well. */
static void warn_of_proxy(const exchange *x)
{
    http_server *h = x->home->server;
    if (x->conn->by->door || atomic_exchange_explicit(&h->warned_of_proxy, true, memory_order_relaxed))
        return;
    log_warn(
        "http",
        "%s sends X-Forwarded headers and is not listed in server.trusted_proxies, so they are not believed; if it "
        "is your reverse proxy, list it: until then all its clients count as one address, and share its limits",
        x->conn->peer_text);
}

uint32_t client_find(exchange *x)
{
    const conn *c = x->conn;
    const http_settings *s = &x->home->server->settings;
    if (!c->trusted && (x->present & HAS_FORWARDED_ANY))
        warn_of_proxy(x);
    if (!c->trusted || !(x->present & HAS_FORWARDED))
        return c->slot;
    walk w = {.found = c->peer};
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(x->ev);
    const struct evkeyval *h;
    TAILQ_FOREACH_REVERSE(h, headers, evkeyvalq, next)
    {
        if (!w.ended && strcasecmp(h->key, "X-Forwarded-For") == 0)
            walk_value(&w, s, h->value);
    }
    address_format(&w.found, x->address);
    x->req.address = x->address;
    return rates_slot(x->home->server->rates, &w.found);
}

/* ---- the host that is asked ---- */

/* Of a whole URL as the target, or of Host. */
static sw_str host_given(const exchange *x)
{
    return x->host.len ? x->host : str_of(header(x, "Host"));
}

/* What a trusted proxy says that it was asked, the first of a chain of them; empty when it says nothing. */
static sw_str host_forwarded(const exchange *x)
{
    sw_str first = {"", 0};
    if (x->conn->trusted && (x->present & HAS_FORWARDED_HOST)) {
        sw_str list = str_of(header(x, "X-Forwarded-Host"));
        (void)str_next(&list, ',', &first);
    }
    return first;
}

/* The name of "host:port", without the port and the dot of the root; empty when anything but a port follows it. */
static sw_str name_of(sw_str host)
{
    const char *end = host.len && host.at[0] == '[' ? memchr(host.at, ']', host.len) : NULL;
    const char *colon = end ? end + 1 : memchr(host.at, ':', host.len);
    size_t len = colon ? (size_t)(colon - host.at) : host.len;
    for (size_t i = len; i < host.len; i++)
        if (i == len ? host.at[i] != ':' : host.at[i] < '0' || host.at[i] > '9')
            return (sw_str){host.at, 0};
    len -= len > 0 && host.at[len - 1] == '.';
    return (sw_str){host.at, len};
}

static bool same_text(sw_str a, sw_str b)
{
    return a.len > 0 && a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* "host" is any port of it, "host:port" that one, "*.host" every name below it. */
static bool host_is(const char *listed, sw_str host)
{
    sw_str wanted = str_of(listed), name = name_of(host), wanted_name = name_of(wanted);
    size_t scope = wanted_name.len > 2 && strncmp(listed, "*.", 2) == 0 ? wanted_name.len - 1 : 0;
    if (wanted_name.len < wanted.len && wanted.at[wanted_name.len] == ':')
        return same_text(wanted, host);
    if (scope > 0)
        return name.len > scope && same_text((sw_str){name.at + name.len - scope, scope}, (sw_str){listed + 1, scope});
    return same_text(wanted_name, name);
}

/* Who asks from this machine, by its address, whether the server is alive. */
static bool is_local_check(const exchange *x, sw_str host)
{
    address a;
    bool check = x->route && (x->route->kind == ROUTE_PING || x->route->kind == ROUTE_HEALTH);
    sw_str name = name_of(host);
    return check && address_is_loopback(&x->conn->peer) &&
           (address_parse_forwarded(name.at, name.len, &a) || str_equal_nocase(name, "localhost"));
}

bool host_served(const exchange *x)
{
    const http_settings *s = &x->home->server->settings;
    if (s->host_count == 0 || x->conn->by->door)
        return true;
    sw_str forwarded = host_forwarded(x), host = forwarded.len ? forwarded : host_given(x);
    for (size_t i = 0; i < s->host_count; i++)
        if (host_is(s->hosts[i], host))
            return true;
    return is_local_check(x, host);
}

/* ---- the Origin ---- */

/* Any host of a chain will do: a browser lets no page write these headers. */
static bool origin_is_forwarded(const exchange *x, sw_str origin)
{
    if (!x->conn->trusted || !(x->present & HAS_FORWARDED_HOST))
        return false;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(x->ev);
    for (const struct evkeyval *h = headers->tqh_first; h; h = h->next.tqe_next) {
        sw_str list = str_of(strcasecmp(h->key, "X-Forwarded-Host") == 0 ? h->value : ""), piece;
        while (str_next(&list, ',', &piece))
            if (same_text(origin, name_of(piece)))
                return true;
    }
    return false;
}

bool origin_allowed(const exchange *x)
{
    if (!(x->present & HAS_ORIGIN))
        return true;
    const char *origin = header(x, "Origin"), *scheme = strstr(origin, "://");
    sw_str name = name_of(str_of(scheme ? scheme + 3 : "")), host = host_given(x);
    const cors_rules *rules = x->home->server->cors;
    if (same_text(name, name_of(host)) || origin_is_forwarded(x, name) || rules->any_origin ||
        cors_origin_listed(rules, origin))
        return true;
    sw_str forwarded = host_forwarded(x);
    log_info("http",
             "refused the Origin %s, which is not the host that is asked (Host %.*s%s%.*s) nor in cors.allowed_origins",
             origin, (int)host.len, host.at, forwarded.len ? ", X-Forwarded-Host " : "", (int)forwarded.len,
             forwarded.at);
    return false;
}
