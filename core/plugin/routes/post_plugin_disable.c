/* POST /api/plugins/:name/disable: its routes answer 404 and its events end, until the next start or enable. */
#include "core/plugin/core_module.h"

void write_switched(sw_request *req, const sw_host *m)
{
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "name", m->name);
    sw_json_text(out, "state", module_state_name(m->status));
    sw_json_object_end(out);
}

sw_status post_plugin_disable(sw_request *req)
{
    registry *r = req->host->rt->registry;
    const char *name = sw_path_text(req, "name");
    char error[256] = "";
    sw_status status = registry_disable(r, name, error, sizeof error);
    if (status == SW_NOT_FOUND)
        return sw_fail(req, status, NULL, "plugin not found");
    if (status != SW_OK)
        return sw_fail(req, status, NULL, "%s", error);
    write_switched(req, registry_find(r, name));
    return SW_OK;
}
