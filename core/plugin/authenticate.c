/* Tokens into principals, through the one plugin that provides auth/1. */
#include "core/plugin/module.h"

#include "core/crash/crash_scope.h"

#include <string.h>

static void end_name(sw_principal *ret)
{
    ret->name[sizeof ret->name - 1] = '\0';
}

/* On a worker, or on a slow one when the provider waits for another machine. */
sw_status registry_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    const registry *r = rt->registry;
    const module *m = r->auth;
    if (!m || m->host.status != MODULE_ENABLED || !r->auth_service.authenticate)
        return SW_UNAVAILABLE;
    *ret = (sw_principal){.size = sizeof *ret};
    crash_scope before = crash_enter(&m->host, "service", "authenticate", NULL);
    sw_status status = r->auth_service.authenticate(m->host.state, db, token, len, ret);
    crash_leave(before);
    end_name(ret);
    return status;
}

sw_status registry_ask(sw_request *req, const char *token, size_t len, sw_principal *ret)
{
    const registry *r = req->host->rt->registry;
    const module *m = r->auth;
    if (!m || m->host.status != MODULE_ENABLED)
        return SW_UNAVAILABLE;
    *ret = (sw_principal){.size = sizeof *ret};
    crash_scope before = crash_enter(&m->host, "service", "ask", NULL);
    sw_status status = r->auth_service.ask(m->host.state, req, token, len, ret);
    crash_leave(before);
    end_name(ret);
    return status;
}
