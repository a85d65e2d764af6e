/* Targets: paths to routes, escapes, query strings. */
#include "core/base/str.h"
#include "core/http/router.h"
#include "core/http/uri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static sw_status handle(sw_request *req)
{
    (void)req;
    return SW_OK;
}

static router *make(void)
{
    static const char *const PATHS[] = {"/api/users",        "/api/users/:id",
                                        "/api/users/agents", "/api/users/agents/:id/token",
                                        "/api/:kind/:id/x",  "/a/:b/:c/:d"};
    static sw_host module = {.name = "fuzz"};
    char error[128];
    router *r = router_new();
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        sw_route row = {.method = SW_GET, .path = PATHS[i], .access = SW_PUBLIC, .handle = handle};
        must(router_add(r, &module, &row, ROUTE_PLAIN, error, sizeof error));
    }
    return r;
}

/* Values stand in the path, and hold no slash. */
static void check_match(const router *r, sw_str path)
{
    sw_str values[ROUTE_PARAMS_MAX];
    const route_set *set = router_match(r, path, values);
    if (!set)
        return;
    const route *found = set->by_method[SW_GET];
    must(found != NULL);
    for (unsigned i = 0; i < found->param_count; i++) {
        must(values[i].at > path.at && values[i].at + values[i].len <= path.at + path.len && values[i].len > 0);
        must(!memchr(values[i].at, '/', values[i].len));
    }
}

static void check_query(sw_str query)
{
    static const char *const NAMES[] = {"token", "limit", "q", "a b", ""};
    sw_str value;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (uri_query_find(query, NAMES[i], &value)) {
            char *plain = malloc(value.len + 1);
            size_t len = uri_decode(value, true, plain);
            must(value.at >= query.at && value.at + value.len <= query.at + query.len && len <= value.len);
            must(uri_equals(value, true, (sw_str){plain, len}));
            if (uri_escapes_valid(value))
                must(!memchr(plain, '\0', len) || memchr(value.at, '\0', value.len));
            free(plain);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static router *r;
    if (!r)
        r = make();
    char *text = malloc(size == 0 ? 1 : size); /* exactly that long: ASan sees a read behind it */
    if (size > 0)
        memcpy(text, data, size);
    check_match(r, (sw_str){text, size});
    check_query((sw_str){text, size});
    free(text);
    return 0;
}
