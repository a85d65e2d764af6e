/* Service "auth/1": turns a token into a principal. Exactly one enabled plugin provides it. The host caches
 * what it says (good ones until the user changes, bad ones for two seconds). */
#ifndef STEWARD_SERVICE_AUTH_H
#define STEWARD_SERVICE_AUTH_H

#include <steward/db.h>
#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size;   /* sizeof(sw_auth_service) */
    bool waits;      /* it asks another machine: called on the slow lane, not on a worker */
    /* SW_UNAUTHENTICATED: not a token of anybody's. Anything else but SW_OK is a failure of the provider
     * (answered as 503). Fills all of *ret (size is set by the caller). */
    sw_status (*authenticate)(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret);
} sw_auth_service;

SW_END_DECLS
#endif
