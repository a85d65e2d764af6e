/* POST /api/plugins/:name/enable: the reverse of disable. */
#include "core/admin/core_module.h"

sw_status post_plugin_enable(sw_request *req)
{
    const char *name = sw_path_text(req, "name");
    char error[512] = "";
    sw_status status = registry_enable(req->host->rt->registry, name, error, sizeof error);
    return answer_switched(req, name, status, error);
}
