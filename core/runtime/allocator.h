/* What the process asks of its allocator. */
#ifndef CORE_RUNTIME_ALLOCATOR_H
#define CORE_RUNTIME_ALLOCATOR_H

#include <stdbool.h>

/* With jemalloc: memory that is free goes back to the system within seconds, also in a process that then does nothing
 * (a thread of jemalloc's own sees to it). Before other threads start. false: another allocator, which keeps it. */
bool allocator_give_back(void);

#endif
