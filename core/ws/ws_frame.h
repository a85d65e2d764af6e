/* A frame being built, then immutable: encoded once, counted, shared by every socket and loop that sends it. And the
 * types of frames that have a name: what a module takes from clients, what it makes itself, and what the hub sends.
 * Frames are counted by them. */
#ifndef CORE_WS_WS_FRAME_H
#define CORE_WS_WS_FRAME_H

#include "core/base/json.h"
#include "core/runtime/runtime.h"
#include "core/ws/deflate.h"
#include <stdatomic.h>
#include <steward/ws.h>

/* ---- types ---- */

enum { FRAME_TYPES_MAX = 64 };

/* Written before the loops start, but for the counters. */
typedef struct {
    sw_frame_handler row; /* of the hub's own types only the name */
    size_t len;
    sw_host *host; /* NULL for the hub's own */
    _Atomic uint64_t in, out;
} frame_type;

typedef struct {
    frame_type all[FRAME_TYPES_MAX]; /* 0: every type that is not listed; its row is that of "*", if a module has one */
    unsigned count;
} frame_types;

void frame_types_init(frame_types *t);
/* The name is a module's, whether or not that module runs: nobody else's frames may bear it. */
void frame_types_reserve(frame_types *t, const char *name);
/* Adds a module's row. Returns false with the error when there are too many, or another module has that type. */
bool frame_types_add(frame_types *t, sw_host *module, const sw_frame_handler *row, char *error, size_t error_size);
/* The index of the type with that name; 0 when it is not listed. Any thread. */
uint16_t frame_types_find(const frame_types *t, const char *name, size_t len);
/* Is it of the form that a row "*" takes: [A-Z][A-Z0-9_]*? */
bool frame_type_formed(const char *name, size_t len);
/* May clients send it? */
static inline bool frame_type_taken(const frame_type *t)
{
    return t->row.handle && t->row.roles != 0;
}

/* ---- frames ---- */

typedef struct {
    size_t len;
    uint8_t bytes[];
} frame_image;

struct sw_frame {
    _Atomic uint32_t refs;
    sw_json json;          /* room for the header, then the JSON text */
    struct sw_frame *next; /* of the event or page it belongs to, while that lives */
    const uint8_t *wire;   /* header and text, in json.out; NULL until sealed */
    size_t wire_len;
    _Atomic(frame_image *) packed; /* the same compressed; made by the first loop that needs it. Owned */
    int64_t id, tag;
    uint32_t flags;
    uint16_t type; /* its place among the types */
    bool failed;   /* no memory or too large: it goes nowhere */
};

/* A frame with one reference and an open envelope object. Never NULL: without memory it is frame_none(). */
sw_frame *frame_new(size_t limit);
/* The frame that stands for none. It has failed, its writer takes nothing, and it may be used as any other, but for
 * what is written directly: its members and lists. */
sw_frame *frame_none(void);
/* Has it failed for want of memory? Else it was too large. */
bool frame_lacks_memory(const sw_frame *f);
sw_frame *frame_ref(sw_frame *f);
void frame_unref(sw_frame *f);
/* Closes the envelope and puts the header before it; must be called before the frame is shared. A second call does
 * nothing. Returns false when the frame has failed. */
bool frame_seal(sw_frame *f, const frame_types *types);
/* The compressed image; NULL when the plain one must be sent. Any loop, with its own deflater. */
const frame_image *frame_packed(sw_frame *f, deflater *d);

/* Frames in order, a reference each. */
typedef struct {
    sw_frame *first, **last;
    int64_t last_id; /* the highest */
} frame_list;

void frame_list_init(frame_list *l);
/* Takes over a reference. */
void frame_list_add(frame_list *l, sw_frame *f);
/* The first; NULL when the list is empty. The reference becomes the caller's. */
sw_frame *frame_list_take(frame_list *l);
void frame_list_clear(frame_list *l);

#endif
