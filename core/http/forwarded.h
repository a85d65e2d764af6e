/* Whence a request comes and where it means to go: the client behind trusted proxies, the host that is asked, the
 * Origin of the page that asks. On the loop. */
#ifndef CORE_HTTP_FORWARDED_H
#define CORE_HTTP_FORWARDED_H

#include "core/http/exchange.h"

/* Sets the address of an exchange from X-Forwarded-For, when the peer is a trusted proxy. Gives the slot under which
 * its requests are counted. */
uint32_t client_find(exchange *x);
/* Does server.hosts list the host that is asked, or list none at all? */
bool host_served(const exchange *x);
/* Is the Origin, if there is one, that of the host that is asked, or listed in cors.allowed_origins? When not, a line
 * of the log says which Origin was refused for which host. */
bool origin_allowed(const exchange *x);

#endif
