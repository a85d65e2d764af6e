/* Refusing a request that evhttp has not had: the answer, and the end of the connection. */
#ifndef CORE_HTTP_REFUSE_H
#define CORE_HTTP_REFUSE_H

#include "core/http/http_internal.h"

/* While the request is being read (CONN_IDLE, CONN_HEAD, CONN_BODY). `text` NULL: the status's own. */
void refuse_read(conn *c, int http_status, const char *code, const char *text);

#endif
