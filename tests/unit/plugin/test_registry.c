/* Order, needs, clashes, services and options of modules; quarantine keeps its reason. */
#include "tests/unit/plugin/harness.h"

#include <stdatomic.h>

typedef struct {
    uint32_t size;
    int answer;
} table;

static const table TABLE = {sizeof(table) + 8, 42};

static const sw_provided GIVES_A[] = {{"a/1", &TABLE}};
static const sw_provided GIVES_B[] = {{"b/1", &TABLE}};
static const sw_need NEEDS_A[] = {{"a/1", false}};
static const sw_need NEEDS_B[] = {{"b/1", false}};
static const sw_need WANTS_B[] = {{"b/1", true}};

static sw_status answer(sw_request *req)
{
    (void)sw_reply_json(req, 200);
    return SW_OK;
}

static const sw_route THINGS[] = {
    {.method = SW_GET, .path = "/api/things/:id", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = answer}};
static const sw_route SAME_THINGS[] = {
    {.method = SW_GET, .path = "/api/things/:name", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = answer}};
static const sw_frame_handler CHAT[] = {{.type = "X", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = answer}};

/* The order in which start() ran, by name. */
static char started[128];

static sw_status note_start(sw_host *host, void **ret_state)
{
    strncat(started, sw_host_state(host) ? "?" : ((module *)(void *)host)->host.name,
            sizeof started - strlen(started) - 2);
    strncat(started, " ", 2);
    *ret_state = started;
    return SW_OK;
}

static sw_status refuse_start(sw_host *host, void **ret_state)
{
    (void)ret_state;
    sw_log(host, SW_LOG_ERROR, "does not like this %s", "place");
    return SW_INVALID;
}

static harness h;

static void setup(void)
{
    started[0] = '\0';
    harness_begin(&h);
}

static void teardown(void)
{
    harness_end(&h);
}

START_TEST(providers_start_before_those_that_need_them)
{
    const sw_plugin last = {SW_PLUGIN_HEAD, .name = "last", .version = "1", .start = note_start,
                            .needs = SW_TABLE(NEEDS_B)};
    const sw_plugin middle = {SW_PLUGIN_HEAD,      .name = "middle",           .version = "1",
                              .start = note_start, .needs = SW_TABLE(NEEDS_A), .provides = SW_TABLE(GIVES_B)};
    const sw_plugin first = {SW_PLUGIN_HEAD, .name = "first", .version = "1", .start = note_start,
                             .provides = SW_TABLE(GIVES_A)};
    harness_add(&h, &last);
    module *m = harness_add(&h, &middle);
    harness_add(&h, &first);
    harness_start(&h);
    ck_assert_str_eq(started, "first middle last ");
    void *self = NULL;
    const table *t = sw_service(&m->host, "a/1", &self);
    ck_assert_int_eq(t->answer, 42);
    ck_assert_ptr_eq(self, started);
    ck_assert_ptr_null(sw_service(&m->host, "b/1", NULL)); /* it did not declare that it needs it */

    char error[256];
    ck_assert_int_eq(registry_disable(h.r, "first", error, sizeof error), SW_CONFLICT);
    ck_assert_str_eq(error, "first is needed by middle");
    ck_assert_int_eq(registry_disable(h.r, "last", error, sizeof error), SW_OK);
    ck_assert_int_eq(registry_find(h.r, "last")->status, MODULE_DISABLED);
    ck_assert_int_eq(registry_enable(h.r, "last", error, sizeof error), SW_OK);
    ck_assert_int_eq(registry_find(h.r, "last")->status, MODULE_ENABLED);
    ck_assert_int_eq(registry_disable(h.r, "nobody", error, sizeof error), SW_NOT_FOUND);
}
END_TEST

START_TEST(a_missing_need_is_said_and_an_optional_one_is_not_missed)
{
    const sw_plugin needy = {SW_PLUGIN_HEAD, .name = "needy", .version = "1", .start = note_start,
                             .needs = SW_TABLE(NEEDS_A)};
    const sw_plugin easy = {SW_PLUGIN_HEAD, .name = "easy", .version = "1", .start = note_start,
                            .needs = SW_TABLE(WANTS_B)};
    module *m = harness_add(&h, &needy);
    harness_add(&h, &easy);
    harness_start(&h);
    ck_assert_str_eq(started, "easy ");
    ck_assert(module_quarantined(m));
    ck_assert_str_eq(m->host.error, "needs a/1, which no enabled plugin provides");
    ck_assert_uint_eq(registry_quarantined(h.r), 1);
    ck_assert_ptr_null(registry_failed(h.r));
    m->required = true;
    ck_assert_ptr_eq(registry_failed(h.r), &m->host);
}
END_TEST

START_TEST(a_failed_provider_keeps_its_dependents_from_starting)
{
    const sw_plugin broken = {SW_PLUGIN_HEAD, .name = "broken", .version = "1", .start = refuse_start,
                              .provides = SW_TABLE(GIVES_A)};
    const sw_plugin needy = {SW_PLUGIN_HEAD, .name = "needy", .version = "1", .start = note_start,
                             .needs = SW_TABLE(NEEDS_A)};
    module *a = harness_add(&h, &broken);
    module *b = harness_add(&h, &needy);
    harness_start(&h);
    ck_assert_str_eq(a->host.error, "does not like this place");
    ck_assert_str_eq(b->host.error, "needs a/1 of plugin broken, which does not run");
    ck_assert_str_eq(started, "");
}
END_TEST

START_TEST(a_circle_of_needs_is_broken)
{
    const sw_plugin egg = {SW_PLUGIN_HEAD,
                           .name = "egg",
                           .version = "1",
                           .start = note_start,
                           .needs = SW_TABLE(NEEDS_A),
                           .provides = SW_TABLE(GIVES_B)};
    const sw_plugin hen = {SW_PLUGIN_HEAD,
                           .name = "hen",
                           .version = "1",
                           .start = note_start,
                           .needs = SW_TABLE(NEEDS_B),
                           .provides = SW_TABLE(GIVES_A)};
    const sw_plugin farmer = {SW_PLUGIN_HEAD, .name = "farmer", .version = "1", .start = note_start};
    module *e = harness_add(&h, &egg);
    module *n = harness_add(&h, &hen);
    harness_add(&h, &farmer);
    harness_start(&h);
    ck_assert_str_eq(started, "farmer ");
    ck_assert_str_eq(e->host.error, "needs itself in a circle: egg -> hen -> egg");
    ck_assert(module_quarantined(n));
}
END_TEST

START_TEST(the_later_one_of_two_that_clash_is_quarantined)
{
    const sw_plugin one = {SW_PLUGIN_HEAD, .name = "one", .version = "1", .start = note_start,
                           .routes = SW_TABLE(THINGS)};
    const sw_plugin two = {SW_PLUGIN_HEAD, .name = "two", .version = "1", .start = note_start,
                           .routes = SW_TABLE(SAME_THINGS)};
    const sw_plugin three = {SW_PLUGIN_HEAD, .name = "three", .version = "1", .start = note_start,
                             .frames = SW_TABLE(CHAT)};
    const sw_plugin four = {SW_PLUGIN_HEAD, .name = "four", .version = "1", .start = note_start,
                            .frames = SW_TABLE(CHAT)};
    const sw_plugin five = {SW_PLUGIN_HEAD, .name = "five", .version = "1", .start = note_start,
                            .provides = SW_TABLE(GIVES_A)};
    const sw_plugin six = {SW_PLUGIN_HEAD, .name = "six", .version = "1", .start = note_start,
                           .provides = SW_TABLE(GIVES_A)};
    harness_add(&h, &one);
    module *b = harness_add(&h, &two);
    harness_add(&h, &three);
    module *d = harness_add(&h, &four);
    harness_add(&h, &five);
    module *f = harness_add(&h, &six);
    harness_start(&h);
    ck_assert_str_eq(started, "one three five ");
    ck_assert_str_eq(b->host.error, "has the route /api/things/:name, which one has already");
    ck_assert_str_eq(d->host.error, "takes the frame X, which three takes already");
    ck_assert_str_eq(f->host.error, "provides a/1, which five provides already");
}
END_TEST

START_TEST(secrets_go_only_to_whom_they_are_for)
{
    static const sw_auth_service AUTH = {.size = sizeof(sw_auth_service)};
    static const sw_provided GIVES_AUTH[] = {{"auth/1", &AUTH}};
    static const sw_provided GIVES_USERS[] = {{"users/1", &TABLE}};
    const sw_plugin auth = {SW_PLUGIN_HEAD, .name = "auth", .version = "1", .provides = SW_TABLE(GIVES_AUTH)};
    const sw_plugin users = {SW_PLUGIN_HEAD, .name = "users", .version = "1", .provides = SW_TABLE(GIVES_USERS)};
    sw_host *a = &harness_add(&h, &auth)->host;
    sw_host *u = &harness_add(&h, &users)->host;
    registry_give_jwt_secret(h.r, strdup("the secret"));
    harness_start(&h);
    ck_assert_str_eq(sw_option_core(a, "auth.jwt_secret"), "the secret");
    ck_assert_ptr_null(sw_option_core(u, "auth.jwt_secret"));
    ck_assert_ptr_null(sw_option_core(a, "auth.initial_admin_pass"));
    ck_assert_str_eq(sw_option_core(u, "server.env"), "production");
    ck_assert_int_eq(sw_option_core_int(u, "auth.bcrypt_cost"), 4);
    ck_assert_ptr_null(sw_option_core(u, "server.nothing"));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(providers_start_before_those_that_need_them);
    ADD(a_missing_need_is_said_and_an_optional_one_is_not_missed);
    ADD(a_failed_provider_keeps_its_dependents_from_starting);
    ADD(a_circle_of_needs_is_broken);
    ADD(the_later_one_of_two_that_clash_is_quarantined);
    ADD(secrets_go_only_to_whom_they_are_for);
}

int main(void)
{
    return run_tests("plugin registry", add);
}
