/* What the process asks of its allocator: jemalloc, where it is linked. Main thread, before there are others. */
#include "core/runtime/runtime.h"

#include <stddef.h>
#include <sys/types.h>

/* jemalloc's, where it is linked. */
extern int mallctl(const char *name, void *old, size_t *old_size, void *value, size_t size) __attribute__((weak));

enum { DECAY_MS = 2000 };

bool allocator_give_back(void)
{
    if (!mallctl)
        return false;
    bool on = true;
    ssize_t dirty = DECAY_MS, muzzy = 0;
    /* For arenas to come, and for the one that is there already. */
    bool set = mallctl("arenas.dirty_decay_ms", NULL, NULL, &dirty, sizeof dirty) == 0 &&
               mallctl("arenas.muzzy_decay_ms", NULL, NULL, &muzzy, sizeof muzzy) == 0;
    (void)mallctl("arena.0.dirty_decay_ms", NULL, NULL, &dirty, sizeof dirty);
    (void)mallctl("arena.0.muzzy_decay_ms", NULL, NULL, &muzzy, sizeof muzzy);
    return mallctl("background_thread", NULL, NULL, &on, sizeof on) == 0 && set;
}
