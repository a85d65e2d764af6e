/* Service "auth/1": turns a token into a principal. Exactly one enabled plugin provides it. The host caches its
 * answers: good ones until the user changes, bad ones for two seconds. */
#ifndef STEWARD_SERVICE_AUTH_H
#define STEWARD_SERVICE_AUTH_H

#include <steward/db.h>
#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size; /* sizeof(sw_auth_service) */
    bool waits;    /* it asks another machine, so that it is called on the slow lane and not on a worker */
    /* Fills all of *ret, whose size the caller has set. SW_UNAUTHENTICATED: nobody has this token. Any other status but
     * SW_OK is a failure of the provider, and the client gets 503. */
    sw_status (*authenticate)(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret);
    /* For a provider that must ask another machine about some tokens alone. For these, `authenticate`, which cannot
     * wait, says SW_OK with role 0. Then the host calls this on the slow lane, with a request that belongs to the
     * provider: with it, it can wait (sw_http_wait), read JSON and query. So no other token waits for that machine, and
     * `waits` stays false. It answers as `authenticate` does, but always with a role. It must not move, write, defer or
     * reply. NULL when `authenticate` decides on every token. */
    sw_status (*ask)(void *self, sw_request *req, const char *token, size_t len, sw_principal *ret);
} sw_auth_service;

SW_END_DECLS
#endif
