/* Service "auth/1": turns a token into a principal. Exactly one enabled plugin provides it. The host caches
 * what it says (good ones until the user changes, bad ones for two seconds). */
#ifndef STEWARD_SERVICE_AUTH_H
#define STEWARD_SERVICE_AUTH_H

#include <steward/db.h>
#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size; /* sizeof(sw_auth_service) */
    bool waits;    /* it asks another machine: called on the slow lane, not on a worker */
    /* SW_UNAUTHENTICATED: not a token of anybody's. Anything else but SW_OK is a failure of the provider
     * (answered as 503). Fills all of *ret (size is set by the caller). */
    sw_status (*authenticate)(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret);
    /* For a provider that must ask another machine about some tokens: `authenticate`, which has no way to wait, says
     * SW_OK with role 0 ("ask"), and the host then calls this on the slow lane, with a request of the provider's own
     * to wait (sw_http_wait), read JSON and query with. So no other token waits for that machine; `waits` stays false.
     * Answers as `authenticate`, but with a role; must not move, write, defer or reply. NULL: `authenticate` tells. */
    sw_status (*ask)(void *self, sw_request *req, const char *token, size_t len, sw_principal *ret);
} sw_auth_service;

SW_END_DECLS
#endif
