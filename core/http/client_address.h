/* Who the client is, behind trusted proxies. */
#ifndef CORE_HTTP_CLIENT_ADDRESS_H
#define CORE_HTTP_CLIENT_ADDRESS_H

#include "core/http/exchange.h"

/* Sets the address of an exchange from X-Forwarded-For, when the peer is a trusted proxy. Gives the slot under which
 * its requests are counted. On the loop. */
uint32_t client_find(exchange *x);

#endif
