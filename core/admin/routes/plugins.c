/* The plugins of the server, by any worker. GET /api/plugins: every one with its state, its routes, its options
 * (secrets masked) and why it is quarantined. POST /api/plugins/:name/disable: its routes answer 404 and its events
 * end, until the next start or until POST /api/plugins/:name/enable. */
#include "core/admin/admin.h"
#include "core/http/request_check.h"
#include "core/plugin/loader.h"
#include "core/plugin/registry.h"

#include <stdio.h>
#include <string.h>

static void write_plugin(sw_json *out, const sw_host *m);
static sw_status answer_switched(sw_request *req, const char *name, sw_status status, const char *error);
static const char *state_name(int state);

sw_status get_plugins(sw_request *req)
{
    const runtime *rt = req->host->rt;
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    for (unsigned i = 1; i < rt->module_count; i++) /* module 0 is the core */
        write_plugin(out, rt->modules[i]);
    sw_json_array_end(out);
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
    sw_json_text(out, "state", state_name(m->status));
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- one plugin ---- */

static void write_routes(sw_json *out, const sw_plugin *p)
{
    const sw_route *rows = p->routes.rows;
    sw_json_array_begin(out, "routes");
    for (uint32_t i = 0; i < p->routes.count; i++) {
        sw_json_object_begin(out, NULL);
        sw_json_text(out, "method", http_method_name(rows[i].method));
        sw_json_text(out, "path", rows[i].path);
        sw_json_text(out, "access", access_name(rows[i].access));
        sw_json_text_opt(out, "summary", rows[i].summary);
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
}

/* Those that counted against it when the server started. */
static void write_crashes(sw_json *out, const sw_host *m)
{
    char text[CRASH_TEXT_MAX];
    crash_tally t = registry_crashes(m);
    if (t.count == 0)
        return;
    crash_describe(t.last, text);
    sw_json_int(out, "crashes", t.count);
    sw_json_time(out, "crashed_at", t.last->at_ms);
    sw_json_text(out, "last_crash", text);
}

typedef struct {
    sw_json *out;
    const char *plugin;
} option_walk;

static void write_option(void *arg, const char *section, const sw_option *o, const char *value)
{
    const option_walk *walk = arg;
    if (strncmp(section, "plugin:", 7) == 0 && strcmp(section + 7, walk->plugin) == 0)
        sw_json_text(walk->out, o->name, value);
}

static void write_plugin(sw_json *out, const sw_host *m)
{
    const sw_plugin *p = m->plugin;
    option_walk walk = {out, m->name};
    char abi[16];
    snprintf(abi, sizeof abi, "%u.%u", (unsigned)p->abi_major, (unsigned)p->abi_minor);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "name", m->name);
    sw_json_text(out, "version", p->version ? p->version : "");
    sw_json_text(out, "abi", p->version ? abi : "");
    sw_json_text(out, "state", state_name(m->status));
    sw_json_text_opt(out, "license", p->license);
    sw_json_text_opt(out, "summary", p->summary);
    sw_json_text_opt(out, "error", m->error);
    write_crashes(out, m);
    write_routes(out, p);
    sw_json_object_begin(out, "config");
    config_each(m->rt->config, write_option, &walk);
    sw_json_object_end(out);
    sw_json_object_end(out);
}

static const char *state_name(int state)
{
    static const char *const NAMES[] = {
        [MODULE_LOADED] = "loaded",     [MODULE_ENABLED] = "enabled",         [MODULE_DRAINING] = "draining",
        [MODULE_DISABLED] = "disabled", [MODULE_QUARANTINED] = "quarantined",
    };
    return state >= MODULE_LOADED && state <= MODULE_QUARANTINED ? NAMES[state] : "";
}
