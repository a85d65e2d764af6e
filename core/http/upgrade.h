/* GET /api/ws: who asks, and is it a WebSocket handshake? Then ws takes the connection over. On the loop. */
#ifndef CORE_HTTP_UPGRADE_H
#define CORE_HTTP_UPGRADE_H

#include "core/http/exchange.h"

void upgrade_begin(exchange *x);
/* The provider has said who it is (or that it is nobody). */
void upgrade_resume(exchange *x);

#endif
