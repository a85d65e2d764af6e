/* What the test reads: replies and frames with their JSON, and the descriptors they come by. */
#include "core/base/json.h"
#include "core/testhost/testhost.h"

#include <errno.h>
#include <poll.h>
#include <steward/host.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { JSON_DEPTH = 64, READ_BYTES = 16384 };

static void free_json(void *json)
{
    json_read_free(json);
}

sw_test_reply *reply_new(sw_test *t, int status, const char *body, size_t len, const char *headers, size_t headers_len)
{
    sw_test_reply *r = arena_alloc(&t->memory, sizeof *r);
    if (!r)
        return NULL;
    *r = (sw_test_reply){.status = status, .body_len = len};
    r->body = arena_strndup(&t->memory, body, len);
    r->headers = arena_strndup(&t->memory, headers, headers_len);
    if (!r->body || !r->headers)
        return NULL;
    r->json = json_read(body, len, JSON_DEPTH);
    if (r->json && !arena_defer(&t->memory, free_json, (void *)(uintptr_t)r->json)) {
        json_read_free(r->json);
        r->json = NULL;
    }
    return r;
}

bool fd_receive(int fd, buf *b, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - sw_monotonic_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        char *room = ready == 1 ? buf_reserve(b, READ_BYTES) : NULL;
        ssize_t n = room ? recv(fd, room, READ_BYTES, 0) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b->len += (size_t)n;
        return true;
    }
}

const char *sw_test_header(sw_test *t, const sw_test_reply *r, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = r->headers; *line;) {
        size_t whole = strcspn(line, "\r\n");
        if (whole > len && line[len] == ':' && strncasecmp(line, name, len) == 0) {
            const char *value = line + len + 1;
            value += strspn(value, " \t");
            const char *own = arena_strndup(&t->memory, value, (size_t)(line + whole - value));
            return own ? own : "";
        }
        line += whole;
        line += strspn(line, "\r\n");
    }
    return "";
}

/* ---- JSON by path ---- */

/* One member or index: up to the next dot. */
static const sw_value *step(const sw_value *v, const char *name, size_t len)
{
    char key[256];
    if (len >= sizeof key)
        return NULL;
    memcpy(key, name, len);
    key[len] = '\0';
    if (sw_value_type(v) != SW_JSON_ARRAY)
        return sw_value_get(v, key);
    size_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (key[i] < '0' || key[i] > '9' || index > 1000000)
            return NULL;
        index = index * 10 + (size_t)(key[i] - '0');
    }
    return len > 0 ? sw_value_at(v, index) : NULL;
}

const sw_value *sw_test_at(const sw_value *json, const char *path)
{
    while (json && *path) {
        size_t len = strcspn(path, ".");
        json = step(json, path, len);
        path += len + (path[len] == '.');
    }
    return json;
}

int64_t sw_test_int(const sw_value *json, const char *path, int64_t fallback)
{
    return sw_value_int(sw_test_at(json, path), fallback);
}

int sw_test_bool(const sw_value *json, const char *path, int fallback)
{
    return sw_value_bool(sw_test_at(json, path), fallback);
}

const char *sw_test_text(const sw_value *json, const char *path)
{
    size_t len;
    const char *text = sw_value_text(sw_test_at(json, path), &len);
    return text ? text : "";
}

size_t sw_test_count(const sw_value *json, const char *path)
{
    return sw_value_count(sw_test_at(json, path));
}
