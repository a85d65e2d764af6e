/* Memory of one piece of work, see arena.h. One thread at a time; whoever has the arena owns all of it. */
#include "core/base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
/* A function of its own: gcc takes poisoning for a read of memory that nobody has written. */
__attribute__((noinline)) static void poison(void *at, size_t len)
{
    __asan_poison_memory_region(at, len);
}
#define POISON(at, len)   poison((at), (len))
#define UNPOISON(at, len) __asan_unpoison_memory_region((at), (len))
enum { GAP = 16 }; /* between two pieces, so that a run over the end is seen */
#else
#define POISON(at, len)   ((void)(at), (void)(len))
#define UNPOISON(at, len) ((void)(at), (void)(len))
enum { GAP = 0 };
#endif

enum { ALIGN = alignof(max_align_t), FIRST_BLOCK = 2048, LARGEST_BLOCK = 64 * 1024 };

struct arena_block {
    arena_block *next;
    size_t size; /* with this head */
    alignas(max_align_t) char bytes[];
};

struct arena_deferred {
    arena_deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

void arena_init(arena *a, size_t limit)
{
    *a = (arena){.limit = limit};
}

/* A block with room for `need` bytes. One that is larger than a usual block stands behind the newest, whose free
 * part stays in use. */
static char *block_add(arena *a, size_t need)
{
    size_t size = !a->blocks ? FIRST_BLOCK : 2 * a->blocks->size;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (need > SIZE_MAX / 2)
        return NULL;
    size_t least = sizeof(arena_block) + need;
    bool large = least > size;
    if (large)
        size = least;
    if (a->limit != 0 && size > a->limit - a->total) {
        if (least > a->limit - a->total)
            return NULL;
        size = a->limit - a->total;
    }
    arena_block *block = malloc(size);
    if (!block) {
        a->lacking = true;
        return NULL;
    }
    memset(block, 0, sizeof *block);
    block->size = size;
    a->total += size;
    POISON(block->bytes, size - sizeof *block);
    if (large && a->blocks) {
        block->next = a->blocks->next;
        a->blocks->next = block;
        return block->bytes;
    }
    block->next = a->blocks;
    a->blocks = block;
    a->at = block->bytes + need;
    a->end = (char *)block + size;
    return block->bytes;
}

/* The place of `size` bytes, not cleared. */
static char *piece(arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t need = (size + (size == 0) + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    char *at = a->at;
    if (at && need <= (size_t)(a->end - at))
        a->at += need;
    else
        at = block_add(a, need);
    if (at)
        UNPOISON(at, size);
    return at;
}

void *arena_alloc(arena *a, size_t size)
{
    char *at = piece(a, size);
    if (at)
        memset(at, 0, size);
    return at;
}

char *arena_strndup(arena *a, const char *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = piece(a, len + 1);
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *arena_vprintf(arena *a, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(small, sizeof small, format, args);
    char *text = NULL;
    if (len >= 0 && (size_t)len < sizeof small)
        text = arena_strndup(a, small, (size_t)len);
    else if (len >= 0) {
        text = piece(a, (size_t)len + 1);
        if (text)
            vsnprintf(text, (size_t)len + 1, format, again);
    }
    va_end(again);
    return text;
}

char *arena_printf(arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}

int arena_defer(arena *a, void (*fn)(void *arg), void *arg)
{
    arena_deferred *d = arena_alloc(a, sizeof *d);
    if (!d)
        return 0;
    *d = (arena_deferred){.next = a->deferred, .fn = fn, .arg = arg};
    a->deferred = d;
    return 1;
}

void arena_done(arena *a)
{
    if (!a)
        return;
    while (a->deferred) {
        arena_deferred d = *a->deferred;
        a->deferred = d.next;
        d.fn(d.arg);
    }
    for (arena_block *block = a->blocks, *next; block; block = next) {
        next = block->next;
        UNPOISON(block, block->size);
        free(block);
    }
    arena_init(a, a->limit);
}
