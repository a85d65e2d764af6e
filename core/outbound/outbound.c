/* Start and stop of the outbound threads, the rule for addresses, and the public functions. */
#include "core/outbound/outbound.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct outbound *outbound_start(const char *ca_file, const char *proxy)
{
    struct outbound *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    o->http = http_client_start(ca_file, proxy);
    o->ws = ws_client_start(ca_file, proxy);
    if (!o->http || !o->ws) {
        outbound_stop(o);
        return NULL;
    }
    return o;
}

void outbound_halt(struct outbound *o)
{
    if (!o)
        return;
    if (o->stub.halt)
        o->stub.halt(o->stub.self);
    ws_client_halt(o->ws);
    http_client_halt(o->http);
}

void outbound_stop(struct outbound *o)
{
    if (!o)
        return;
    ws_client_stop(o->ws);
    http_client_stop(o->http);
    free(o);
}

bool outbound_is_loopback(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* Host and port of "host", "host:1", "[::1]:1"; no user info. */
static bool parse_authority(const char *at, size_t len, outbound_url *ret)
{
    const char *host = at, *end = at + len, *port = NULL;
    size_t host_len;

    if (memchr(at, '@', len))
        return false;
    if (len > 0 && at[0] == '[') {
        const char *close = memchr(at, ']', len);
        if (!close)
            return false;
        host = at + 1;
        host_len = (size_t)(close - host);
        port = close + 1 < end ? close + 1 : NULL;
        if (port && *port++ != ':')
            return false;
    } else {
        const char *colon = memchr(at, ':', len);
        host_len = colon ? (size_t)(colon - at) : len;
        port = colon ? colon + 1 : NULL;
    }
    if (host_len == 0 || host_len >= sizeof ret->host)
        return false;
    memcpy(ret->host, host, host_len);
    ret->host[host_len] = '\0';
    if (!port)
        return true;
    ret->port = 0;
    for (; port < end; port++) {
        if (*port < '0' || *port > '9' || ret->port > 65535)
            return false;
        ret->port = ret->port * 10 + (*port - '0');
    }
    return ret->port > 0 && ret->port <= 65535;
}

static bool has_scheme(const char *url, const char *scheme)
{
    size_t len = strlen(scheme);

    return strncasecmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

bool outbound_url_parse(const char *url, const char *secure, const char *plain, outbound_url *ret)
{
    outbound_url parsed = {0};

    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#')
            return false;
    parsed.tls = has_scheme(url, secure);
    if (!parsed.tls && !has_scheme(url, plain))
        return false;
    parsed.port = parsed.tls ? 443 : 80;
    const char *authority = url + strlen(parsed.tls ? secure : plain) + 3;
    size_t len = strcspn(authority, "/?");
    if (!parse_authority(authority, len, &parsed))
        return false;
    parsed.path = authority[len] ? authority + len : "/";
    if (!parsed.tls && !outbound_is_loopback(parsed.host))
        return false;
    *ret = parsed;
    return true;
}

/* ---- public ---- */

sw_status sw_http_start(sw_host *host, const sw_http_call *call, sw_http_done done, void *arg)
{
    struct outbound *o = host->rt->outbound;

    if (o && o->stub.http)
        return o->stub.http(o->stub.self, call, done, arg);
    return o ? http_client_call(o->http, call, done, arg) : SW_BUSY;
}

sw_status sw_ws_connect(sw_host *host, const sw_ws_call *call, void *arg, uint64_t *ret_handle)
{
    struct outbound *o = host->rt->outbound;

    return o && !o->stub.http ? ws_client_connect(o->ws, call, arg, ret_handle) : SW_BUSY;
}

bool sw_ws_send(sw_host *host, uint64_t handle, bool binary, const void *data, size_t len)
{
    struct outbound *o = host->rt->outbound;

    return o && ws_client_send(o->ws, handle, binary, data, len);
}

void sw_ws_close(sw_host *host, uint64_t handle, int code)
{
    struct outbound *o = host->rt->outbound;

    if (o)
        ws_client_close(o->ws, handle, code);
}

void sw_http_header(const sw_http_answer *answer, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);

    out[0] = '\0';
    for (const char *line = answer->headers; line && *line;) {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            value += strspn(value, " \t");
            size_t value_len = (size_t)(line + len - value);
            if (value_len >= out_size)
                value_len = out_size - 1;
            memcpy(out, value, value_len);
            out[value_len] = '\0';
        }
        line += len;
        line += strspn(line, "\r\n");
    }
}
