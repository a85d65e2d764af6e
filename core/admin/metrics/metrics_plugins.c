/* Callback time by plugin, and what the plugins' health says. */
#include "core/admin/metrics/metrics.h"

#include "core/base/json_scan.h"
#include "core/crash/crash_scope.h"

#include <string.h>

enum { HEALTH_BYTES = 64 * 1024, HEALTH_MEMBERS = 64 };

static void per_plugin(buf *out, const runtime *rt, const char *name, const char *type, const char *help,
                       double (*value)(const sw_host *m))
{
    metric_family(out, name, type, help);
    for (unsigned i = 0; i < rt->module_count; i++)
        buf_printf(out, "steward_%s{plugin=\"%s\"} %.9g\n", name, rt->modules[i]->name, value(rt->modules[i]));
}

static double calls_of(const sw_host *m)
{
    return (double)m->calls;
}

static double seconds_of(const sw_host *m)
{
    return (double)m->nanoseconds / 1e9;
}

static double interrupted_of(const sw_host *m)
{
    return (double)m->interrupted;
}

static double in_flight_of(const sw_host *m)
{
    return (double)m->in_flight;
}

static double crashes_of(const sw_host *m)
{
    return registry_crashes(m).count;
}

static double enabled_of(const sw_host *m)
{
    return m->status == MODULE_ENABLED;
}

static bool plain(sw_str text)
{
    return text.len > 0 && text.len < 64 && !memchr(text.at, '\\', text.len);
}

/* A number or boolean as the value, a short text as a label of 1. */
static void write_member(buf *out, const char *plugin, const json_member *m)
{
    if (!plain(m->key) || !plain(m->value))
        return;
    buf_printf(out, "steward_plugin_health{plugin=\"%s\",name=\"%.*s\"", plugin, (int)m->key.len, m->key.at);
    if (m->kind == '"')
        buf_printf(out, ",value=%.*s} 1\n", (int)m->value.len, m->value.at);
    else if (m->kind == 't' || m->kind == 'f')
        buf_printf(out, "} %d\n", m->kind == 't');
    else
        buf_printf(out, "} %.*s\n", (int)m->value.len, m->value.at);
}

static void write_health(buf *out, sw_request *req, sw_host *m)
{
    sw_json said;
    json_member members[HEALTH_MEMBERS];
    sw_host *mine = req->host;
    json_init(&said, HEALTH_BYTES);
    sw_json_object_begin(&said, NULL);
    req->host = m;
    crash_scope before = crash_enter(m, "health", req->work_kind, req->work_name);
    bool fine = m->plugin->health(req, &said);
    crash_leave(before);
    req->host = mine;
    sw_json_object_end(&said);
    buf_printf(out, "steward_plugin_health{plugin=\"%s\",name=\"\"} %d\n", m->name, fine);
    int count = json_failed(&said) ? 0 : json_scan_object(said.out.at, said.out.len, members, HEALTH_MEMBERS, NULL);
    for (int i = 0; i < count; i++)
        if (strchr("\"0tf", members[i].kind))
            write_member(out, m->name, &members[i]);
    json_done(&said);
}

void metrics_plugins(buf *out, sw_request *req)
{
    const runtime *rt = req->host->rt;
    per_plugin(out, rt, "plugin_calls_total", "counter", "Handlers, steps and subscribers called.", calls_of);
    per_plugin(out, rt, "plugin_seconds_total", "counter", "Time spent in them.", seconds_of);
    per_plugin(out, rt, "plugin_interrupted_total", "counter", "Handlers and steps cut off by a time limit.",
               interrupted_of);
    per_plugin(out, rt, "plugin_in_flight", "gauge", "Requests in work.", in_flight_of);
    per_plugin(out, rt, "plugin_enabled", "gauge", "1: it runs.", enabled_of);
    per_plugin(out, rt, "plugin_crashes", "gauge", "Crashes of the server that counted against it at the start.",
               crashes_of);
    metric_family(out, "plugin_health", "gauge",
                  "What a plugin says of itself; with an empty name whether it is well.");
    for (unsigned i = 0; i < rt->module_count; i++) {
        sw_host *m = rt->modules[i];
        if (m->status == MODULE_ENABLED && m->plugin && m->plugin->health)
            write_health(out, req, m);
    }
}
