/* One plugin in many wrong ways, chosen by a macro: each becomes a .so of its own. GOOD is right; SHORT_ROWS and
 * LONG_ROWS are built against a header whose routes are shorter or longer than this build's. */
#include <steward/plugin.h>

#include <stdlib.h>

/* Whoever only looks at the file must not bring this about. */
__attribute__((constructor)) static void run_at_load(void)
{
    setenv("FIXTURE_RAN", "1", 1);
}

static sw_status answer(sw_request *req)
{
#ifdef MISSING_SYMBOL
    extern void sw_function_of_the_future(sw_request * request);
    sw_function_of_the_future(req);
#endif
    (void)sw_reply_json(req, 200);
    return SW_OK;
}

#if defined(SHORT_ROWS)
/* sw_route without its last three members. */
typedef struct {
    sw_method method;
    const char *path;
    sw_access access;
    sw_lane lane;
    sw_handler handle;
    const char *summary;
    uint32_t flags;
} route_row;
_Static_assert(sizeof(route_row) + 24 == sizeof(sw_route), "24 bytes shorter");
#elif defined(LONG_ROWS)
typedef struct {
    sw_route now;
    const char *later[2];
} route_row;
_Static_assert(sizeof(route_row) == sizeof(sw_route) + 16, "16 bytes longer");
#else
typedef sw_route route_row;
#endif

#ifdef LONG_ROWS
static const route_row ROUTES[] = {
    {.now = {SW_GET, "/api/fixture", SW_PUBLIC, SW_LANE_WORKER, answer, "First.", 1, NULL, NULL, 0},
     .later = {"x", "y"}},
    {.now = {SW_POST, "/api/fixture", SW_ADMIN, SW_LANE_WORKER, answer, "Second.", 2, NULL, NULL, 0},
     .later = {"x", "y"}},
};
#else
static const route_row ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/fixture",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = answer,
     .summary = "First.",
     .flags = 1},
    {.method = SW_POST,
     .path = "/api/fixture",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = answer,
     .summary = "Second.",
     .flags = 2},
};
#endif

static const sw_statement STATEMENTS[] = {{"one", "SELECT 1", NULL}};

static const sw_option OPTIONS[] = {
    {.name = "colour", .type = SW_OPTION_STRING, .default_value = "green", .summary = "Of the fixture."},
};

#ifdef NO_SYMBOL
#define sw_plugin_v1 sw_plugin_v9
SW_EXPORT extern const sw_plugin sw_plugin_v1;
#endif

const sw_plugin sw_plugin_v1 = {
#if defined(BAD_MAGIC)
    0x12345678u,
    SW_ABI_MAJOR,
    SW_ABI_MINOR,
    (uint32_t)sizeof(sw_plugin),
#elif defined(BAD_MAJOR)
    SW_PLUGIN_MAGIC,
    SW_ABI_MAJOR + 1,
    0,
    (uint32_t)sizeof(sw_plugin),
#elif defined(NEW_MINOR)
    SW_PLUGIN_MAGIC,
    SW_ABI_MAJOR,
    SW_ABI_MINOR + 1,
    (uint32_t)sizeof(sw_plugin),
#elif defined(BAD_SIZE)
    SW_PLUGIN_MAGIC,
    SW_ABI_MAJOR,
    SW_ABI_MINOR,
    16,
#elif defined(SHORT_ROWS)
    SW_PLUGIN_MAGIC,
    SW_ABI_MAJOR,
    SW_ABI_MINOR,
    (uint32_t)offsetof(sw_plugin, frames),
#else
    SW_PLUGIN_HEAD,
#endif
#ifdef BAD_NAME
    .name = "somebody-else",
#else
    .name = FIXTURE_NAME,
#endif
    .version = "1.2.3",
    .license = "Apache-2.0",
    .summary = "For the loader's tests.",
    .options = SW_TABLE(OPTIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
};
