/* limits.memory. Any thread. */
#ifndef CORE_HTTP_MEMORY_H
#define CORE_HTTP_MEMORY_H

#include "core/http/http_internal.h"

/* Adds up what the loops count. */
void memory_look(http_server *h);
/* Is more in use than allowed? Such requests as bring a body are refused then. */
bool memory_over(const http_server *h);

#endif
