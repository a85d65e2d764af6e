/* A WebSocket client that notes what it is told, and servers that follow a script. */
#ifndef TESTS_UNIT_OUTBOUND_WS_CLIENT_FIXTURE_H
#define TESTS_UNIT_OUTBOUND_WS_CLIENT_FIXTURE_H

#include "core/outbound/outbound.h"
#include "tests/unit/outbound/server.h"

static test_server server;
static ws_client *client;
static uint64_t handle;
static _Atomic int opened, received, ended;
static char message[70000], error[256], status[64], text[64], code[64];
static size_t message_len;
static bool message_binary;
static sw_ws_end why;
static char proxy[64];

static inline void on_opened(void *arg, uint64_t h)
{
    (void)arg;
    ck_assert_uint_eq(h, handle);
    opened++;
}

static inline void on_message(void *arg, uint64_t h, bool binary, const void *data, size_t len)
{
    (void)arg, (void)h;
    message_len = len < sizeof message ? len : sizeof message;
    memcpy(message, data, message_len);
    message_binary = binary;
    received++;
}

static inline void on_ended(void *arg, uint64_t h, const sw_ws_end *end)
{
    (void)arg;
    ck_assert_uint_eq(h, handle);
    why = *end;
    snprintf(error, sizeof error, "%s", end->error);
    snprintf(status, sizeof status, "%s", end->handshake_status);
    snprintf(text, sizeof text, "%s", end->handshake_message);
    snprintf(code, sizeof code, "%s", end->handshake_code);
    ended++;
}

static inline sw_ws_call call_to(const char *path)
{
    static char url[256];

    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", server.port, path);
    return (sw_ws_call){.size = sizeof(sw_ws_call),
                        .url = url,
                        .timeout_ms = 3000,
                        .opened = on_opened,
                        .message = on_message,
                        .ended = on_ended};
}

static inline void begin(void (*script)(test_server *s, int fd))
{
    opened = received = ended = 0;
    test_server_start(&server, script);
    client = ws_client_start("", proxy);
    ck_assert_ptr_nonnull(client);
}

static inline void dial(const char *path)
{
    sw_ws_call call = call_to(path);

    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
}

static inline void end(void)
{
    ws_client_stop(client);
    test_server_stop(&server);
    ck_assert_int_eq(ended, 1);
}

/* ---- scripts ---- */

/* Sends back what comes, until the end; notes it. */
static inline void echo(test_server *s, int fd)
{
    static char data[70000];
    size_t len = 0;
    int first;

    if (!test_ws_accept(s, fd))
        return;
    while ((first = test_ws_read(fd, data, &len)) >= 0) {
        snprintf(s->seen, sizeof s->seen, "%02x %zu", (unsigned)first, len);
        if ((first & 0x0f) == 8) {
            snprintf(s->seen, sizeof s->seen, "close %d",
                     len >= 2 ? (unsigned char)data[0] << 8 | (unsigned char)data[1] : 0);
            test_ws_send(fd, 0x88, data, len);
            return;
        }
        test_ws_send(fd, first, data, len);
    }
}

static inline void send_parts(test_server *s, int fd)
{
    if (!test_ws_accept(s, fd))
        return;
    test_ws_send(fd, 0x02, "one ", 4);
    test_ws_send(fd, 0x89, "ping", 4);
    test_ws_send(fd, 0x00, "two ", 4);
    test_ws_send(fd, 0x80, "three", 5);
    size_t len = 0;
    if (test_ws_read(fd, s->seen, &len) != 0x8a)
        s->seen[0] = '\0';
    test_ws_send(fd, 0x88, "\x03\xe9", 2);
    (void)test_ws_read(fd, s->request, &len);
}

static inline void send_too_much(test_server *s, int fd)
{
    static char much[2000];
    size_t len = 0;

    if (!test_ws_accept(s, fd))
        return;
    test_ws_send(fd, 0x82, much, sizeof much);
    if (test_ws_read(fd, much, &len) == 0x88)
        snprintf(s->seen, sizeof s->seen, "%d", (unsigned char)much[0] << 8 | (unsigned char)much[1]);
}

static inline void refuse(test_server *s, int fd)
{
    if (test_read_head(s, fd))
        test_write_text(fd, "HTTP/1.1 403 Forbidden\r\nHandshake-Status: 514\r\nHandshake-Msg: too many\r\n"
                            "Handshake-Autherrcode: 1000040350\r\nContent-Length: 0\r\n\r\n");
}

static inline void never_answer(test_server *s, int fd)
{
    (void)test_read_head(s, fd);
    (void)test_read(fd, s->seen, 1);
}

static inline void never_close(test_server *s, int fd)
{
    static char data[1000];

    if (!test_ws_accept(s, fd))
        return;
    while (test_read(fd, data, 1))
        continue;
}

static inline void drop(test_server *s, int fd)
{
    (void)test_ws_accept(s, fd);
}

#endif
