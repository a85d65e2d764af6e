/* Reading text/event-stream: lines, then fields, then events. No I/O; the caller's thread. The reader owns its buffers.
 */
#include "core/common/buf.h"

#include <stdlib.h>
#include <steward/outbound.h>
#include <string.h>

enum { EVENT_MAX = 1 << 20 };

struct sw_sse {
    buf line, data, type, id;
    bool begun;      /* the first line is past, so no byte order mark can come */
    bool after_cr;   /* a line feed here belongs to the line that has ended */
    bool has_data;   /* a field "data" has come, though it may be empty */
    sw_status fault; /* SW_OK, or why nothing more is read */
    size_t max;
};

sw_sse *sw_sse_new(size_t max_event)
{
    sw_sse *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->max = max_event ? max_event : EVENT_MAX;
    return s;
}

void sw_sse_free(sw_sse *s)
{
    if (!s)
        return;
    buf_done(&s->line);
    buf_done(&s->data);
    buf_done(&s->type);
    buf_done(&s->id);
    free(s);
}

static void give(sw_sse *s, void (*each)(void *arg, const sw_sse_event *event), void *arg)
{
    const char *type = s->type.len ? buf_text(&s->type) : "message", *id = s->id.len ? buf_text(&s->id) : "";
    const char *data = buf_text(&s->data);
    if (!type || !id || !data)
        s->fault = SW_NO_MEMORY;
    else
        each(arg, &(sw_sse_event){
                      .size = sizeof(sw_sse_event), .event = type, .data = data, .data_len = s->data.len, .id = id});
}

/* The empty line: what has been gathered is an event, unless it has no data. */
static void end_event(sw_sse *s, void (*each)(void *arg, const sw_sse_event *event), void *arg)
{
    if (s->has_data)
        give(s, each, arg);
    s->has_data = false;
    buf_clear(&s->data);
    buf_clear(&s->type);
}

static void put(buf *to, const char *value, size_t len)
{
    buf_clear(to);
    buf_add(to, value, len);
}

static void take_field(sw_sse *s, const char *name, size_t name_len, const char *value, size_t len)
{
    if (name_len == 4 && memcmp(name, "data", 4) == 0) {
        if (s->has_data)
            buf_add(&s->data, "\n", 1);
        buf_add(&s->data, value, len);
        s->has_data = true;
    } else if (name_len == 5 && memcmp(name, "event", 5) == 0) {
        put(&s->type, value, len);
    } else if (name_len == 2 && memcmp(name, "id", 2) == 0 && !memchr(value, '\0', len)) {
        put(&s->id, value, len);
    } /* "retry" is for who connects again; what else there is, is to be ignored */
    if (s->data.failed || s->type.failed || s->id.failed)
        s->fault = SW_NO_MEMORY;
    else if (s->data.len > s->max)
        s->fault = SW_TOO_LARGE;
}

static void take_line(sw_sse *s, void (*each)(void *arg, const sw_sse_event *event), void *arg)
{
    const char *line = s->line.at;
    size_t len = s->line.len;
    if (!s->begun && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    s->begun = true;
    if (len == 0) {
        end_event(s, each, arg);
    } else if (line[0] != ':') {
        const char *colon = memchr(line, ':', len);
        size_t name_len = colon ? (size_t)(colon - line) : len;
        const char *value = colon ? colon + 1 : line + len;
        size_t value_len = (size_t)(line + len - value);
        if (value_len > 0 && *value == ' ') {
            value++;
            value_len--;
        }
        take_field(s, line, name_len, value, value_len);
    }
    buf_clear(&s->line);
}

sw_status sw_sse_feed(sw_sse *s, const void *data, size_t len, void (*each)(void *arg, const sw_sse_event *event),
                      void *arg)
{
    const char *at = data, *end = at + len;
    while (at < end && s->fault == SW_OK) {
        if (s->after_cr && *at == '\n') {
            s->after_cr = false;
            at++;
            continue;
        }
        s->after_cr = false;
        const char *stop = at;
        while (stop < end && *stop != '\r' && *stop != '\n')
            stop++;
        buf_add(&s->line, at, (size_t)(stop - at));
        if (s->line.failed)
            s->fault = SW_NO_MEMORY;
        else if (s->line.len > s->max + 16) /* the field's name */
            s->fault = SW_TOO_LARGE;
        else if (stop < end) {
            s->after_cr = *stop == '\r';
            stop++;
            take_line(s, each, arg);
        }
        at = stop;
    }
    return s->fault;
}
