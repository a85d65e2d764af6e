/* The head of a reply, as bytes. */
#ifndef CORE_HTTP_REPLY_HEAD_H
#define CORE_HTTP_REPLY_HEAD_H

#include "core/http/http_reply.h"

/* More than reply_head_write() will need. */
size_t reply_head_bound(const exchange *x, const reply *r);
/* Writes it; gives its length. `keep_alive`: say so (HTTP/1.0). */
size_t reply_head_write(const exchange *x, const reply *r, bool close, bool keep_alive, char *out);

#endif
