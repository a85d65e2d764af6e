/* A WebSocket client for tests (RFC 6455, the client's half): text frames out, masked; whole messages in. */
#include "core/base/files.h"
#include "core/testhost/testhost.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 64 * 1024 * 1024, CONTROL_MAX = 125, WS_PONG = 10, WS_PING = 9, WS_CLOSE = 8, WS_TEXT = 1 };

struct sw_test_socket {
    sw_test_socket *next;
    sw_test *t;
    int fd;      /* -1: ended */
    int code;    /* of the server's close frame */
    buf in;      /* what has come and was not taken */
    buf message; /* fragments of an unfinished one */
};

/* A frame that has come whole. */
typedef struct {
    unsigned opcode;
    bool fin;
    const char *at;
    size_t len, whole; /* whole: with its header */
} ws_frame;

static bool fail(sw_test_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    return false;
}

static bool send_frame(sw_test_socket *s, unsigned opcode, const char *bytes, size_t len)
{
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)}, *mask;
    size_t used = 2;
    if (len < 126) {
        head[1] = (uint8_t)(0x80 | len);
    } else {
        size_t width = len < 65536 ? 2 : 8;
        head[1] = (uint8_t)(0x80 | (width == 2 ? 126 : 127));
        for (size_t i = 0; i < width; i++)
            head[used++] = (uint8_t)((uint64_t)len >> (8 * (width - 1 - i)));
    }
    mask = head + used;
    if (s->fd < 0 || sw_random(mask, 4) != SW_OK)
        return false;
    char *masked = malloc(len + 1);
    for (size_t i = 0; masked && i < len; i++)
        masked[i] = (char)((uint8_t)bytes[i] ^ mask[i % 4]);
    bool sent = masked && send_whole(s->fd, head, used + 4) && send_whole(s->fd, masked, len);
    free(masked);
    return sent || fail(s);
}

/* ---- opening ---- */

static void write_upgrade(buf *out, const char *token, const char *query)
{
    buf_printf(out,
               "GET /api/ws%s%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGVzdCBob3N0IHNvY2tldA==\r\n",
               query ? "?" : "", query ? query : "");
    if (*token)
        buf_printf(out, "Authorization: Bearer %s\r\n", token);
    buf_add_text(out, "\r\n");
}

/* Takes the head of the answer; what follows it are frames. */
static bool read_upgrade(sw_test_socket *s)
{
    int64_t until = sw_monotonic_ms() + CALL_TIMEOUT_MS;
    char *end = NULL;
    while (!end && fd_receive(s->fd, &s->in, until)) {
        buf_add(&s->in, "", 1);
        s->in.len -= !s->in.failed;
        end = s->in.failed ? NULL : strstr(s->in.at, "\r\n\r\n");
    }
    if (!end)
        return host_fail(s->t, "no answer to the upgrade came");
    if (strncmp(s->in.at, "HTTP/1.1 101 ", 13) != 0)
        return host_fail(s->t, "refused: %.*s: %.200s", (int)strcspn(s->in.at, "\r"), s->in.at, end + 4);
    size_t used = (size_t)(end + 4 - s->in.at);
    memmove(s->in.at, s->in.at + used, s->in.len - used);
    s->in.len -= used;
    return true;
}

sw_test_socket *sw_test_ws_open(sw_test *t, const sw_test_user *who, const char *query)
{
    char token[TOKEN_TEXT] = "";
    if (!t->running || (who && (!t->own_users || !user_token(who, token)))) {
        (void)host_fail(t, !t->running ? "the host does not run" : "that user cannot be signed in here");
        return NULL;
    }
    sw_test_socket *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->t = t;
    buf_init(&s->in, MESSAGE_MAX);
    buf_init(&s->message, MESSAGE_MAX);
    s->next = t->sockets;
    t->sockets = s;
    s->fd = folder_connect(t);
    buf out;
    buf_init(&out, 0);
    write_upgrade(&out, token, query);
    bool open = s->fd >= 0 && !out.failed && send_whole(s->fd, out.at, out.len) && read_upgrade(s);
    buf_done(&out);
    if (!open)
        (void)fail(s);
    return open ? s : NULL;
}

bool sw_test_ws_send(sw_test_socket *s, const char *text)
{
    return send_frame(s, WS_TEXT, text, strlen(text));
}

/* ---- reading ---- */

/* The first frame of the input, when it is there whole. */
static bool take_frame(const sw_test_socket *s, ws_frame *ret)
{
    const uint8_t *at = (const uint8_t *)s->in.at;
    size_t used = 2;
    if (s->in.len < used)
        return false;
    uint64_t len = at[1] & 0x7F;
    size_t width = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (s->in.len < used + width)
        return false;
    if (width) {
        len = 0;
        for (size_t i = 0; i < width; i++)
            len = len << 8 | at[used + i];
        used += width;
    }
    if (len > MESSAGE_MAX || s->in.len < used + len)
        return false;
    *ret = (ws_frame){.opcode = at[0] & 0x0F,
                      .fin = (at[0] & 0x80) != 0,
                      .at = s->in.at + used,
                      .len = (size_t)len,
                      .whole = used + (size_t)len};
    return true;
}

static void drop_frame(sw_test_socket *s, size_t whole)
{
    memmove(s->in.at, s->in.at + whole, s->in.len - whole);
    s->in.len -= whole;
}

static void answer_close(sw_test_socket *s, const ws_frame *f)
{
    s->code = f->len >= 2 ? (uint8_t)f->at[0] << 8 | (uint8_t)f->at[1] : 1005;
    (void)send_frame(s, WS_CLOSE, f->at, f->len < 2 ? 0 : 2);
    (void)fail(s);
}

/* A frame into the message; the message when it is whole. */
static const sw_test_reply *handle_frame(sw_test_socket *s, const ws_frame *f)
{
    if (f->opcode == WS_CLOSE) {
        answer_close(s, f);
    } else if (f->opcode == WS_PING) {
        (void)send_frame(s, WS_PONG, f->at, f->len < CONTROL_MAX ? f->len : CONTROL_MAX);
    } else if (f->opcode != WS_PONG) {
        buf_add(&s->message, f->at, f->len);
        if (f->fin && !s->message.failed) {
            const char *text = s->message.len ? s->message.at : "";
            const sw_test_reply *r = reply_new(s->t, 200, text, s->message.len, "", 0);
            buf_clear(&s->message);
            return r;
        }
    }
    return NULL;
}

const sw_test_reply *sw_test_ws_next(sw_test_socket *s, int timeout_ms)
{
    int64_t until = sw_monotonic_ms() + timeout_ms;
    while (s->fd >= 0) {
        ws_frame f;
        while (take_frame(s, &f)) {
            const sw_test_reply *r = handle_frame(s, &f);
            drop_frame(s, f.whole);
            if (r)
                return r;
        }
        if (s->fd >= 0 && !fd_receive(s->fd, &s->in, until)) {
            if (sw_monotonic_ms() < until)
                (void)fail(s);
            break;
        }
    }
    (void)host_fail(s->t, s->fd >= 0 ? "no frame came in time" : "the socket has ended");
    return NULL;
}

int sw_test_ws_code(const sw_test_socket *s)
{
    return s->code;
}

/* The struct stays until the host ends, since a test may still ask it for its code. */
void sw_test_ws_close(sw_test_socket *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        (void)send_frame(s, WS_CLOSE, "\x03\xE8", 2);
    (void)fail(s);
}

void sockets_free(sw_test *t)
{
    for (sw_test_socket *s = t->sockets, *next; s; s = next) {
        next = s->next;
        sw_test_ws_close(s);
        buf_done(&s->in);
        buf_done(&s->message);
        free(s);
    }
    t->sockets = NULL;
}
