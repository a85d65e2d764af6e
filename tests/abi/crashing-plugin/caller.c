/* A plugin that uses another one's service, and so makes it crash. Built with -DAUTH it takes the place of auth. */
#include <stdint.h>
#include <steward/plugin.h>
#include <steward/service/auth.h>
#include <string.h>

typedef struct {
    uint32_t size;
    void (*crash)(void);
} crash_service;

static sw_status post_call(sw_request *req)
{
    const crash_service *s = sw_service(sw_request_host(req), "crash/1", NULL);
    s->crash();
    sw_reply_empty(req, 204);
    return SW_OK;
}

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/call",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_call,
     .summary = "Crashes in another plugin."},
};

#ifdef AUTH
static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    (void)self;
    (void)db;
    (void)token;
    (void)len;
    ret->role = SW_ROLE_ADMIN;
    ret->user_id = 1;
    memcpy(ret->name, "admin", 6);
    return SW_OK;
}

static const sw_auth_service SERVICE = {.size = sizeof SERVICE, .authenticate = authenticate};
static const sw_provided PROVIDED[] = {{"auth/1", &SERVICE}};
#endif

static const sw_need NEEDS[] = {{"crash/1", false}};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "caller",
    .version = "2.0.0",
    .license = "MIT",
    .summary = "Crashes another plugin, for tests.",
    .routes = SW_TABLE(ROUTES),
    .needs = SW_TABLE(NEEDS),
#ifdef AUTH
    .provides = SW_TABLE(PROVIDED),
#endif
};
