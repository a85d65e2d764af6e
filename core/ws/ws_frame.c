/* Frames that the server sends, and the list of types that frames have. A frame is built by one thread, sealed, and
 * only then shared and counted: any thread may give up its reference. The list is filled by the main thread before the
 * loops start, and read by all threads afterwards. */
#include "core/ws/ws_frame.h"

#include "core/ws/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512, PACK_MIN = 256 };

static uint16_t type_of_text(const frame_types *t, const char *text, size_t len);

/* What is given when there is no memory for a frame: one for all threads, which nobody may write to, so that it is
 * known wherever it turns up. */
static const struct sw_frame NO_FRAME = {
    .refs = 1,
    .json = {.out = {.failed = true, .no_memory = true}},
    .failed = true,
};

sw_frame *frame_new(size_t limit)
{
    sw_frame *f = calloc(1, sizeof *f);
    if (!f)
        return frame_none();
    atomic_init(&f->refs, 1);
    json_init(&f->json, limit);
    if (buf_reserve(&f->json.out, FIRST_ROOM))
        f->json.out.len = CODEC_HEADER_MAX;
    sw_json_object_begin(&f->json, NULL);
    return f;
}

sw_frame *frame_none(void)
{
    return (sw_frame *)(uintptr_t)&NO_FRAME;
}

bool frame_lacks_memory(const sw_frame *f)
{
    return f->json.out.no_memory;
}

sw_json *sw_frame_json(sw_frame *frame)
{
    return &frame->json;
}

void sw_frame_mark(sw_frame *frame, int64_t id, uint32_t flags, int64_t tag)
{
    if (frame->failed)
        return;
    frame->id = id;
    frame->flags = flags;
    frame->tag = tag;
}

sw_frame *frame_ref(sw_frame *f)
{
    if (f != &NO_FRAME)
        atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void frame_unref(sw_frame *f)
{
    if (!f || f == &NO_FRAME || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(atomic_load_explicit(&f->packed, memory_order_relaxed));
    json_done(&f->json);
    free(f);
}

bool frame_seal(sw_frame *f, const frame_types *types)
{
    if (f->wire || f->failed)
        return !f->failed;
    sw_json_object_end(&f->json);
    if (json_failed(&f->json)) {
        f->failed = true;
        return false;
    }
    uint8_t header[CODEC_HEADER_MAX];
    char *text = f->json.out.at + CODEC_HEADER_MAX;
    size_t len = f->json.out.len - CODEC_HEADER_MAX;
    size_t size = codec_header(header, OP_TEXT, false, len);
    memcpy(text - size, header, size);
    f->wire = (const uint8_t *)text - size;
    f->wire_len = size + len;
    f->type = type_of_text(types, text, len);
    return true;
}

const frame_image *frame_packed(sw_frame *f, deflater *d)
{
    frame_image *image = atomic_load_explicit(&f->packed, memory_order_acquire);
    if (image)
        return image->len > 0 ? image : NULL;
    if (!d || f->wire_len < PACK_MIN)
        return NULL;
    const uint8_t *text = (const uint8_t *)f->json.out.at + CODEC_HEADER_MAX;
    size_t len = 0;
    uint8_t *packed = deflater_deflate(d, text, f->json.out.len - CODEC_HEADER_MAX, &len);
    image = malloc(sizeof *image + CODEC_HEADER_MAX + len);
    if (!image) {
        free(packed);
        return NULL;
    }
    image->len = 0; /* not worth it: remembered too */
    if (packed) {
        size_t size = codec_header(image->bytes, OP_TEXT, true, len);
        memcpy(image->bytes + size, packed, len);
        image->len = size + len;
    }
    free(packed);
    frame_image *before = NULL;
    if (!atomic_compare_exchange_strong_explicit(&f->packed, &before, image, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        free(image); /* another loop was first */
        image = before;
    }
    return image->len > 0 ? image : NULL;
}

/* ---- lists of frames ---- */

void frame_list_init(frame_list *l)
{
    *l = (frame_list){.first = NULL};
    l->last = &l->first;
}

void frame_list_add(frame_list *l, sw_frame *f)
{
    f->next = NULL;
    *l->last = f;
    l->last = &f->next;
    if (f->id > l->last_id)
        l->last_id = f->id;
}

sw_frame *frame_list_take(frame_list *l)
{
    sw_frame *f = l->first;
    if (!f)
        return NULL;
    l->first = f->next;
    if (!l->first)
        l->last = &l->first;
    f->next = NULL;
    return f;
}

void frame_list_clear(frame_list *l)
{
    for (sw_frame *f; (f = frame_list_take(l));)
        frame_unref(f);
}

/* ---- types ---- */

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

static bool takes_others(const char *name)
{
    return strcmp(name, "*") == 0;
}

void frame_types_reserve(frame_types *t, const char *name)
{
    if (!takes_others(name) && frame_types_find(t, name, strlen(name)) == 0 && t->count < FRAME_TYPES_MAX)
        add(t, name);
}

bool frame_types_add(frame_types *t, sw_host *module, const sw_frame_handler *row, char *error, size_t error_size)
{
    bool others = takes_others(row->type);
    uint16_t i = others ? 0 : frame_types_find(t, row->type, strlen(row->type));
    if (!others && i == 0 && t->count == FRAME_TYPES_MAX) {
        snprintf(error, error_size, "%s: too many frame types", module->name);
        return false;
    }
    if (!others && i == 0)
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

bool frame_type_formed(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool capital = name[i] >= 'A' && name[i] <= 'Z';
        if (!capital && (i == 0 || (name[i] != '_' && (name[i] < '0' || name[i] > '9'))))
            return false;
    }
    return len > 0;
}

/* The type that a server-made JSON text begins with. Any thread. */
static uint16_t type_of_text(const frame_types *t, const char *text, size_t len)
{
    static const char HEAD[] = "{\"type\":\"";
    size_t head = sizeof HEAD - 1;
    if (len <= head || memcmp(text, HEAD, head) != 0)
        return 0;
    const char *end = memchr(text + head, '"', len - head);
    return end ? frame_types_find(t, text + head, (size_t)(end - text) - head) : 0;
}
