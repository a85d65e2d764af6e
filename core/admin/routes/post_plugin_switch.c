/* POST /api/plugins/:name/disable: its routes answer 404 and its events end, until the next start or until
 * POST /api/plugins/:name/enable. */
#include "core/admin/admin.h"
#include "core/plugin/registry.h"

/* What a switch of that plugin came to: { "name", "state" }, or the failure. */
static sw_status answer_switched(sw_request *req, const char *name, sw_status status, const char *error)
{
    const sw_host *m = registry_find(req->host->rt->registry, name);
    if (status == SW_NOT_FOUND)
        return sw_fail(req, status, NULL, "plugin not found");
    if (status != SW_OK)
        return sw_fail(req, status, NULL, "%s", error);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "name", m->name);
    sw_json_text(out, "state", module_state_name(m->status));
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_plugin_disable(sw_request *req)
{
    const char *name = sw_path_text(req, "name");
    char error[512] = "";
    sw_status status = registry_disable(req->host->rt->registry, name, error, sizeof error);
    return answer_switched(req, name, status, error);
}

sw_status post_plugin_enable(sw_request *req)
{
    const char *name = sw_path_text(req, "name");
    char error[512] = "";
    sw_status status = registry_enable(req->host->rt->registry, name, error, sizeof error);
    return answer_switched(req, name, status, error);
}
