/* POST /api/plugins/:name/enable: the reverse of disable. */
#include "core/plugin/core_module.h"

sw_status post_plugin_enable(sw_request *req)
{
    registry *r = req->host->rt->registry;
    const char *name = sw_path_text(req, "name");
    char error[512] = "";
    sw_status status = registry_enable(r, name, error, sizeof error);
    if (status == SW_NOT_FOUND)
        return sw_fail(req, status, NULL, "plugin not found");
    if (status != SW_OK)
        return sw_fail(req, status, NULL, "%s", error);
    write_switched(req, registry_find(r, name));
    return SW_OK;
}
