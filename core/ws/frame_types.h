/* The frame types that have a name: what a module takes from clients, what it makes itself, and what the hub sends.
 * Frames are counted by them. */
#ifndef CORE_WS_FRAME_TYPES_H
#define CORE_WS_FRAME_TYPES_H

#include "core/runtime/runtime.h"
#include <steward/ws.h>

enum { FRAME_TYPES_MAX = 64 };

/* Written before the loops start, but for the counters. */
typedef struct {
    sw_frame_handler row; /* of the hub's own types only the name */
    size_t len;
    sw_host *host; /* NULL for the hub's own */
    _Atomic uint64_t in, out;
} frame_type;

typedef struct {
    frame_type all[FRAME_TYPES_MAX]; /* 0: every type that is not listed */
    unsigned count;
} frame_types;

void frame_types_init(frame_types *t);
/* Adds a module's row. Returns false with the error when there are too many, or another module has that type. */
bool frame_types_add(frame_types *t, sw_host *module, const sw_frame_handler *row, char *error, size_t error_size);
/* The index of the type with that name; 0 when it is not listed. Any thread, as the next. */
uint16_t frame_types_find(const frame_types *t, const char *name, size_t len);
/* The same for the type that a server-made JSON text begins with. */
uint16_t frame_types_of_text(const frame_types *t, const char *text, size_t len);
/* May clients send it? */
static inline bool frame_type_taken(const frame_type *t)
{
    return t->row.handle && t->row.roles != 0;
}

#endif
