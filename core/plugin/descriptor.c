/* What every row of a plugin's tables must say, and how its enumerators are shown to people. Works on copies in this
 * build's sizes, so a row of an older header has zeros where it knew nothing. Any thread. */
#include "core/plugin/loader.h"

#include <string.h>

static bool empty(const char *text)
{
    return !text || !*text;
}

static bool options_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_option *rows = p->options.rows;
    for (uint32_t i = 0; i < p->options.count; i++) {
        const sw_option *o = &rows[i];
        if (empty(o->name) || !o->default_value || empty(o->summary))
            return loader_fail(error, "option %u lacks its name, default or sentence", (unsigned)i + 1);
        if (strcmp(o->name, "required") == 0)
            return loader_fail(error, "option \"required\" is the server's own");
        if (o->type < SW_OPTION_STRING)
            return loader_fail(error, "option %.40s has no type", o->name);
        if (o->type > SW_OPTION_ENUM)
            return loader_fail(error, "needs a newer server: the type of option %.40s", o->name);
        if (o->type == SW_OPTION_ENUM && empty(o->choices))
            return loader_fail(error, "option %.40s has no choices", o->name);
    }
    return true;
}

static bool migrations_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_migration *rows = p->migrations.rows;
    for (uint32_t i = 0; i < p->migrations.count; i++)
        if (empty(rows[i].name) || empty(rows[i].sql))
            return loader_fail(error, "migration %u has no name or no text", (unsigned)i + 1);
    return true;
}

static bool routes_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_route *rows = p->routes.rows;
    for (uint32_t i = 0; i < p->routes.count; i++) {
        const sw_route *r = &rows[i];
        if (empty(r->path) || r->path[0] != '/' || !r->handle)
            return loader_fail(error, "route %u lacks its path or handler", (unsigned)i + 1);
        if (r->method < SW_GET || r->access < SW_PUBLIC || r->lane < SW_LANE_WORKER)
            return loader_fail(error, "route %.80s lacks its method, access or lane", r->path);
        if (r->method > SW_DELETE || r->access > SW_ADMIN || r->lane > SW_LANE_SLOW)
            return loader_fail(error, "needs a newer server: method, access or lane of route %.80s", r->path);
    }
    return true;
}

static bool frames_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_frame_handler *rows = p->frames.rows;
    for (uint32_t i = 0; i < p->frames.count; i++) {
        if (empty(rows[i].type) || !rows[i].handle || rows[i].lane < SW_LANE_WORKER)
            return loader_fail(error, "frame %u lacks its type, lane or handler", (unsigned)i + 1);
        if (rows[i].lane > SW_LANE_SLOW)
            return loader_fail(error, "needs a newer server: the lane of frame %.40s", rows[i].type);
    }
    return true;
}

static bool subscriptions_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_subscription *rows = p->subscriptions.rows;
    for (uint32_t i = 0; i < p->subscriptions.count; i++) {
        const sw_subscription *s = &rows[i];
        if (empty(s->event) || (!s->in_tx && !s->after))
            return loader_fail(error, "subscription %u lacks its event or callback", (unsigned)i + 1);
        if (s->after && strcmp(s->event, SW_EVENT_TOKEN_CHANGED) == 0)
            return loader_fail(error, "%s is in_tx only: it holds a token", s->event);
        if (s->in_tx && strncmp(s->event, "socket.", 7) == 0)
            return loader_fail(error, "%.40s is after only: it belongs to no step", s->event);
    }
    return true;
}

static bool periodic_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_housekeeping *work = p->housekeeping.rows;
    for (uint32_t i = 0; i < p->housekeeping.count; i++)
        if (empty(work[i].name) || work[i].every_ms <= 0 || !work[i].step)
            return loader_fail(error, "housekeeping %u lacks its name, interval or step", (unsigned)i + 1);
    const sw_timer *timers = p->timers.rows;
    for (uint32_t i = 0; i < p->timers.count; i++)
        if (empty(timers[i].name) || timers[i].every_ms <= 0 || !timers[i].run)
            return loader_fail(error, "timer %u lacks its name, interval or handler", (unsigned)i + 1);
    return true;
}

static bool services_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_provided *provided = p->provides.rows;
    for (uint32_t i = 0; i < p->provides.count; i++) {
        uint32_t size = 0;
        if (empty(provided[i].name) || !strchr(provided[i].name, '/') || !provided[i].table)
            return loader_fail(error, "provided service %u lacks its name (\"users/1\") or table", (unsigned)i + 1);
        memcpy(&size, provided[i].table, sizeof size);
        if (size < sizeof(void *))
            return loader_fail(error, "the table of service %.40s does not begin with its size", provided[i].name);
    }
    const sw_need *needs = p->needs.rows;
    for (uint32_t i = 0; i < p->needs.count; i++)
        if (empty(needs[i].name))
            return loader_fail(error, "needed service %u has no name", (unsigned)i + 1);
    return true;
}

bool plugin_validate(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    if (empty(p->version))
        return loader_fail(error, "has no version");
    if (p->recovery &&
        (!p->recovery->last_id || !p->recovery->complete_since || !p->recovery->page || !p->recovery->greet))
        return loader_fail(error, "its recovery table lacks functions");
    return options_check(p, error) && migrations_check(p, error) && routes_check(p, error) && frames_check(p, error) &&
           subscriptions_check(p, error) && periodic_check(p, error) && services_check(p, error);
}

/* ---- names ---- */

#define PICK(table, index) \
    ((size_t)(index) < sizeof(table) / sizeof((table)[0]) && (table)[index] ? (table)[index] : "")

const char *access_name(sw_access access)
{
    static const char *const NAMES[] = {
        [SW_PUBLIC] = "public", [SW_SIGNED_IN] = "signed in", [SW_HUMAN] = "human", [SW_ADMIN] = "admin"};
    return PICK(NAMES, access);
}

const char *lane_name(sw_lane lane)
{
    static const char *const NAMES[] = {
        [SW_LANE_WORKER] = "worker", [SW_LANE_LOOP] = "loop", [SW_LANE_HASH] = "hash", [SW_LANE_SLOW] = "slow"};
    return PICK(NAMES, lane);
}

const char *option_type_name(sw_option_type type)
{
    static const char *const NAMES[] = {
        [SW_OPTION_STRING] = "string",     [SW_OPTION_INT] = "int",   [SW_OPTION_BOOL] = "bool",
        [SW_OPTION_DURATION] = "duration", [SW_OPTION_SIZE] = "size", [SW_OPTION_LIST] = "list",
        [SW_OPTION_SECRET] = "secret",     [SW_OPTION_ENUM] = "enum"};
    return PICK(NAMES, type);
}
