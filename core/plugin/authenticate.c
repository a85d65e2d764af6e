/* Tokens into principals, through the one plugin that provides auth/1. */
#include "core/plugin/module.h"

#include <string.h>

/* A provider that waits for another machine is called here as well, on a worker: such a one should keep its own bound
 * on how long it waits; the principal cache keeps most requests away from it. */
sw_status registry_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    const registry *r = rt->registry;
    const module *m = r->auth;
    if (!m || m->host.status != MODULE_ENABLED || !r->auth_service.authenticate)
        return SW_UNAVAILABLE;
    *ret = (sw_principal){.size = sizeof *ret};
    sw_status status = r->auth_service.authenticate(m->host.state, db, token, len, ret);
    ret->name[sizeof ret->name - 1] = '\0';
    return status;
}
