/* The time, as one turn of a loop sees it. */
#ifndef CORE_HTTP_TICK_H
#define CORE_HTTP_TICK_H

#include "core/http/http_internal.h"

/* On entering a callback of the loop. Cheap: coarse clocks, texts are made anew only when they change. */
void tick(http_loop *l);

#endif
