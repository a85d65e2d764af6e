/* The read connections of all lanes. Any thread; short lock. */
#ifndef CORE_RUNTIME_READERS_H
#define CORE_RUNTIME_READERS_H

#include "core/runtime/runtime.h"

bool readers_add(runtime *rt, sw_db *db);
/* Before the connection is closed. */
void readers_remove(runtime *rt, sw_db *db);
/* How many reads have been running since `before_ms` (monotonic) or longer. */
unsigned readers_since(runtime *rt, int64_t before_ms);
/* Ends those. Returns how many. */
unsigned readers_interrupt(runtime *rt, int64_t before_ms);

#endif
