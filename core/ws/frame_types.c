/* The list of frame types. Filled by the main thread before the loops start, read by all threads afterwards. */
#include "core/ws/frame_types.h"

#include <stdio.h>
#include <string.h>

static uint16_t add(frame_types *t, const char *name)
{
    frame_type *type = &t->all[t->count];
    type->row.type = name;
    type->len = strlen(name);
    return (uint16_t)t->count++;
}

void frame_types_init(frame_types *t)
{
    static const char *const OF_THE_HUB[] = {"", "HELLO", "ACK", "ERROR", "SHUTDOWN"};
    for (size_t i = 0; i < sizeof OF_THE_HUB / sizeof *OF_THE_HUB; i++)
        add(t, OF_THE_HUB[i]);
}

bool frame_types_add(frame_types *t, sw_host *module, const sw_frame_handler *row, char *error, size_t error_size)
{
    uint16_t i = frame_types_find(t, row->type, strlen(row->type));
    if (i == 0 && t->count == FRAME_TYPES_MAX) {
        snprintf(error, error_size, "%s: too many frame types", module->name);
        return false;
    }
    if (i == 0)
        i = add(t, row->type);
    frame_type *type = &t->all[i];
    if (type->host) {
        snprintf(error, error_size, "%s and %s both take the frame type %s", type->host->name, module->name, row->type);
        return false;
    }
    type->row = *row;
    type->host = module;
    return true;
}

uint16_t frame_types_find(const frame_types *t, const char *name, size_t len)
{
    for (unsigned i = 1; i < t->count; i++)
        if (t->all[i].len == len && memcmp(t->all[i].row.type, name, len) == 0)
            return (uint16_t)i;
    return 0;
}

uint16_t frame_types_of_text(const frame_types *t, const char *text, size_t len)
{
    static const char HEAD[] = "{\"type\":\"";
    size_t head = sizeof HEAD - 1;
    if (len <= head || memcmp(text, HEAD, head) != 0)
        return 0;
    const char *end = memchr(text + head, '"', len - head);
    return end ? frame_types_find(t, text + head, (size_t)(end - text) - head) : 0;
}
