/* Module 0: the server's own routes for operators, beside those that http answers itself (ping, health, the socket). */
#ifndef CORE_ADMIN_CORE_MODULE_H
#define CORE_ADMIN_CORE_MODULE_H

#include "core/plugin/registry.h"

extern const sw_plugin CORE_MODULE;

sw_status get_metrics(sw_request *req);
sw_status get_openapi(sw_request *req);
sw_status get_plugins(sw_request *req);
sw_status post_plugin_enable(sw_request *req);
sw_status post_plugin_disable(sw_request *req);

/* "loaded", "enabled", "draining", "disabled", "quarantined". */
const char *module_state_name(int state);
/* What a switch of that module came to: { "name", "state" }, or the failure. */
sw_status answer_switched(sw_request *req, const char *name, sw_status status, const char *error);

#endif
