/* Paths to routes, and what stands in them. */
#include "core/base/str.h"
#include "core/http/router.h"
#include "core/http/uri.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>

static char error[256];
static sw_host one = {.name = "one"}, two = {.name = "two"};

static sw_status handle(sw_request *req)
{
    (void)req;
    return SW_OK;
}

static bool add_route(router *r, sw_host *module, sw_method method, const char *path)
{
    sw_route row = {.method = method, .path = path, .access = SW_PUBLIC, .handle = handle};
    return router_add(r, module, &row, ROUTE_PLAIN, error, sizeof error);
}

static const route_set *find(const router *r, const char *path, sw_str values[ROUTE_PARAMS_MAX])
{
    return router_match(r, str_of(path), values);
}

static const char *path_at(const router *r, sw_method method, const char *path)
{
    sw_str values[ROUTE_PARAMS_MAX];
    const route_set *set = find(r, path, values);
    return set && set->by_method[method] ? set->by_method[method]->row.path : "none";
}

START_TEST(finds_routes_and_parameters)
{
    router *r = router_new();
    sw_str v[ROUTE_PARAMS_MAX];
    ck_assert(add_route(r, &one, SW_GET, "/api/users"));
    ck_assert(add_route(r, &one, SW_GET, "/api/users/agents"));
    ck_assert(add_route(r, &one, SW_PATCH, "/api/users/:id"));
    ck_assert(add_route(r, &one, SW_DELETE, "/api/users/agents/:agent_id"));
    ck_assert(add_route(r, &two, SW_GET, "/api/:kind/:id/x"));
    ck_assert_str_eq(path_at(r, SW_GET, "/api/users"), "/api/users");
    ck_assert_str_eq(path_at(r, SW_GET, "/api/users/agents"), "/api/users/agents");
    ck_assert_str_eq(path_at(r, SW_PATCH, "/api/users/7"), "/api/users/:id");
    ck_assert_str_eq(path_at(r, SW_DELETE, "/api/users/agents/7"), "/api/users/agents/:agent_id");
    ck_assert_str_eq(path_at(r, SW_GET, "/api/us%65rs"), "/api/users");
    ck_assert_ptr_null(find(r, "/api", v));
    ck_assert_str_eq(path_at(r, SW_GET, "/api/users/"), "/api/users");
    ck_assert_str_eq(path_at(r, SW_PATCH, "/api/users/7/"), "/api/users/:id");
    ck_assert_ptr_null(find(r, "/api/users//", v));
    ck_assert_ptr_null(find(r, "/api//users", v));
    ck_assert_ptr_null(find(r, "/api/users/agents/7/8", v));
    ck_assert_ptr_null(find(r, "/", v));
    ck_assert_ptr_null(find(r, "*", v));
    /* The literal way ends nowhere, so the parameter's is taken. */
    ck_assert_str_eq(path_at(r, SW_GET, "/api/users/7/x"), "/api/:kind/:id/x");
    ck_assert_ptr_nonnull(find(r, "/api/things/a%2Fb/x", v));
    ck_assert(str_equal(v[0], "things") && str_equal(v[1], "a%2Fb"));
    ck_assert_str_eq(find(r, "/api/users", v)->allow, "GET, HEAD, OPTIONS");
    ck_assert_str_eq(find(r, "/api/users/7", v)->allow, "PATCH, OPTIONS");
    router_free(r);
}
END_TEST

START_TEST(refuses_clashes_and_nonsense)
{
    router *r = router_new();
    ck_assert(add_route(r, &one, SW_GET, "/a/:id"));
    ck_assert(add_route(r, &two, SW_POST, "/a/:other"));
    ck_assert(!add_route(r, &two, SW_GET, "/a/:name"));
    ck_assert_msg(strstr(error, "one") && strstr(error, "two") && strstr(error, "/a/:id"), "%s", error);
    ck_assert(!add_route(r, &one, SW_GET, "a"));
    ck_assert(!add_route(r, &one, SW_GET, "/"));
    ck_assert(!add_route(r, &one, SW_GET, "/a//b"));
    ck_assert(!add_route(r, &one, SW_GET, "/a/:"));
    ck_assert(!add_route(r, &one, SW_GET, "/:a/:b/:c/:d/:e/:f/:g/:h/:i"));
    ck_assert(!add_route(r, &one, 0, "/b"));
    ck_assert_uint_eq(router_count(r), 2);
    router_free(r);
}
END_TEST

START_TEST(a_forgotten_access_lets_nobody_in)
{
    router *r = router_new();
    sw_route row = {.method = SW_GET, .path = "/a", .handle = handle};
    ck_assert(router_add(r, &one, &row, ROUTE_PLAIN, error, sizeof error));
    ck_assert_int_eq(router_first(r)->row.access, SW_ADMIN);
    ck_assert_int_eq(router_first(r)->row.lane, SW_LANE_WORKER);
    router_free(r);
}
END_TEST

START_TEST(query_values_are_found_and_decoded)
{
    sw_str value;
    char out[64];
    sw_str query = str_of("a=1&b=&c&d%20e=x%2By+z&a=2");
    ck_assert(uri_query_find(query, "a", &value) && str_equal(value, "1"));
    ck_assert(uri_query_find(query, "b", &value) && value.len == 0);
    ck_assert(uri_query_find(query, "c", &value) && value.len == 0);
    ck_assert(uri_query_find(query, "d e", &value));
    out[uri_decode(value, true, out)] = '\0';
    ck_assert_str_eq(out, "x+y z");
    ck_assert(!uri_query_find(query, "e", &value));
    ck_assert(!uri_query_find((sw_str){NULL, 0}, "a", &value));
    ck_assert(!uri_escapes_valid(str_of("%0")) && !uri_escapes_valid(str_of("a%00")) &&
              uri_escapes_valid(str_of("%c3")));
}
END_TEST

static void add(TCase *tests)
{
    ADD(finds_routes_and_parameters);
    ADD(refuses_clashes_and_nonsense);
    ADD(a_forgotten_access_lets_nobody_in);
    ADD(query_values_are_found_and_decoded);
}

int main(void)
{
    return run_tests("http router", add);
}
