/* Lines are written into a buffer of the loop, which the sweep, or the next line that does not fit, hands to the log.
 * On the loop. */
#include "core/http/exchange.h"

#include "core/base/log.h"
#include "core/common/utf8.h"
#include "core/http/conn.h"
#include "core/http/put.h"
#include <string.h>

enum { PATH_MAX_LOGGED = 512, LINE_MAX = 2 * PATH_MAX_LOGGED + 1024 };

/* Milliseconds with three places. */
static char *put_ms(char *at, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
    at = put_number(at, us / 1000);
    *at++ = '.';
    *at++ = (char)('0' + us / 100 % 10);
    *at++ = (char)('0' + us / 10 % 10);
    *at++ = (char)('0' + us % 10);
    return at;
}

/* Without what could end a JSON text; control characters cannot come this far, but a name might hold anything. */
static char *put_safe(char *at, const char *text, size_t len, bool json)
{
    len = utf8_cut(text, len, PATH_MAX_LOGGED);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (json && (c == '"' || c == '\\'))
            *at++ = '\\';
        *at++ = (unsigned char)c < 32 || c == 127 ? '?' : c;
    }
    return at;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static const char *method_of(const exchange *x)
{
    return x->method ? http_method_name(x->method) : "-";
}

typedef struct {
    const exchange *x;
    sw_str path, user;
    const char *address;
    int status;
    size_t bytes;
    int64_t took_ns;
} entry;

static char *write_text(char *at, const loop_clock *clock, const entry *e)
{
    at = PUT(put(at, clock->stamp, 24), " info access ");
    at = PUT(put_text(at, method_of(e->x)), " ");
    at = PUT(put_safe(at, e->path.at, e->path.len, false), " ");
    at = PUT(put_number(at, (uint64_t)e->status), " ");
    at = PUT(put_number(at, e->bytes), " ");
    at = PUT(put_ms(at, e->took_ns), " ");
    at = PUT(put_text(at, e->address), " ");
    at = PUT(put(at, e->x->id, e->x->id_len), " ");
    return PUT(put_safe(at, e->user.at, e->user.len, false), "\n");
}

static char *write_json(char *at, const loop_clock *clock, const entry *e)
{
    at = put(PUT(at, "{\"time\":\""), clock->stamp, 24);
    at = put_text(PUT(at, "\",\"level\":\"info\",\"part\":\"access\",\"method\":\""), method_of(e->x));
    at = put_safe(PUT(at, "\",\"path\":\""), e->path.at, e->path.len, true);
    at = put_number(PUT(at, "\",\"status\":"), (uint64_t)e->status);
    at = put_number(PUT(at, ",\"bytes\":"), e->bytes);
    at = put_ms(PUT(at, ",\"ms\":"), e->took_ns);
    at = put_text(PUT(at, ",\"address\":\""), e->address);
    at = put(PUT(at, "\",\"request_id\":\""), e->x->id, e->x->id_len);
    at = put_safe(PUT(at, "\",\"user\":\""), e->user.at, e->user.len, true);
    return PUT(at, "\"}\n");
}

void access_log_add(const exchange *x, int status, size_t bytes, int64_t took_ns)
{
    http_loop *l = x->home;
    if (!l->server->settings.access_log || !log_wanted(SW_LOG_INFO))
        return;
    const char *user = x->req.who.role ? x->req.who.name : "-";
    entry e = {
        .x = x,
        .path = x->path.at ? x->path : (sw_str){"-", 1},
        .user = {user, strlen(user)},
        .address = x->req.address[0] ? x->req.address : "-",
        .status = status,
        .bytes = bytes,
        .took_ns = took_ns,
    };
    if (sizeof l->log - l->log_len < LINE_MAX)
        access_log_flush(l);
    char *at = l->log + l->log_len;
    char *end = log_current_format() == LOG_JSON ? write_json(at, &l->clock, &e) : write_text(at, &l->clock, &e);
    l->log_len += (size_t)(end - at);
    conn_timer(l);
}

void access_log_flush(http_loop *l)
{
    if (l->log_len > 0)
        log_raw(l->log, l->log_len);
    l->log_len = 0;
}
