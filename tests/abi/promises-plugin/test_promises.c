/* What steward-plugin(7) and the headers promise, one test for each sentence. */
#include "promises.h"

#include <steward/testhost.h>

#include <stdio.h>
#include <string.h>

static const sw_test_user ANN = {.id = 1, .role = SW_ROLE_ADMIN, .name = "ann"};
static int failures;

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool good, const char *what, int line)
{
    if (!good)
        printf("line %d: not so: %s\n", line, what);
    failures += !good;
}

static bool is(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

/* ---- a plugin that needs promises, and is named before it ---- */

static const sw_need NEEDS[] = {{.name = "promises/1"}};

static sw_status begin_some(sw_request *req)
{
    void *self;
    const promises_service *promises = sw_service(sw_request_host(req), "promises/1", &self);
    for (int i = 0; promises && i < 20; i++)
        SW_TRY(promises->begin_later(self));
    sw_reply_empty(req, 204);
    return promises ? SW_OK : SW_UNAVAILABLE;
}

static sw_status on_ordered(sw_tx *tx, const void *data)
{
    order_event *order = *(order_event *const *)data;
    (void)tx;
    order->names[order->count++] = "needy";
    return SW_OK;
}

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/needy",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = begin_some,
     .summary = "."},
};
static const sw_subscription SUBSCRIPTIONS[] = {{.event = "order", .in_tx = on_ordered}};
static const sw_plugin NEEDY = {
    SW_PLUGIN_HEAD,           .name = "needy",
    .version = "1",           .routes = SW_TABLE(ROUTES),
    .needs = SW_TABLE(NEEDS), .subscriptions = SW_TABLE(SUBSCRIPTIONS),
};

static sw_test *open_host(const sw_plugin *const *plugins, const char *installed, const char *const *options)
{
    char error[512];
    sw_test *t = sw_test_open(
        &(sw_test_options){
            .size = sizeof(sw_test_options), .plugins = plugins, .installed = installed, .options = options},
        error, sizeof error);
    if (!t)
        printf("no host: %s\n", error);
    CHECK(t != NULL);
    return t;
}

static int64_t seen(sw_test *t, const char *what)
{
    return sw_test_int(sw_test_get(t, NULL, "/api/promises/seen")->json, what, -1);
}

/* ---- requests ---- */

static void a_literal_segment_goes_before_a_parameter_whatever_the_method(sw_test *t)
{
    CHECK(is(sw_test_text(sw_test_get(t, NULL, "/api/elsewhere/7")->json, ""), "7"));
    CHECK(is(sw_test_text(sw_test_get(t, NULL, "/api/elsewhere/then")->json, ""), "the literal one"));
    CHECK(sw_test_get(t, NULL, "/api/elsewhere/now")->status == 405);
}

static void parameters_are_read_as_they_came(sw_test *t)
{
    const sw_test_reply *r =
        sw_test_post(t, NULL, "/api/promises/read?n=99999999999999999999", "{\"text\":\" a \",\"n\":9,\"other\":null}");
    CHECK(r->status == 200 && sw_test_int(r->json, "query", 0) == 5 && sw_test_int(r->json, "number", 0) == 5);
    CHECK(is(sw_test_text(r->json, "text"), " a "));
    CHECK(sw_test_bool(r->json, "has", 0) == 1 && sw_test_bool(r->json, "other", 1) == 0);
    CHECK(sw_test_post(t, NULL, "/api/promises/read", "{\"n\":99999999999999999999}")->status == 400);
    CHECK(sw_test_post(t, NULL, "/api/promises/read?n=1.5", "{}")->status == 400);
    r = sw_test_post(t, NULL, "/api/promises/read", "{\"n\":null}");
    CHECK(sw_test_int(r->json, "number", 0) == -1 && sw_test_bool(r->json, "has", 1) == 0);
}

static void headers_are_added_and_a_failure_drops_them(sw_test *t)
{
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/promises/headers");
    CHECK(r->status == 200 && is(sw_test_header(t, r, "x-before"), "1"));
    CHECK(strstr(r->headers, "X-Twice: a\r\nX-Twice: b\r\n") != NULL);
    r = sw_test_get(t, NULL, "/api/promises/headers?fail=1");
    CHECK(r->status == 409 && !strstr(r->headers, "X-Before") && !strstr(r->headers, "X-Twice"));
}

/* ---- options ---- */

static void values_of_options_are_read_as_the_manual_writes_them(sw_test *t)
{
    const sw_value *o = sw_test_get(t, NULL, "/api/promises/options")->json;
    CHECK(sw_test_int(o, "mixed", 0) == 5400000 && sw_test_int(o, "part", 0) == 129600000);
    CHECK(sw_test_int(o, "weeks", 0) == 1209600000 && sw_test_int(o, "plain", 0) == 7000);
    CHECK(sw_test_int(o, "size", 0) == 1572864 && is(sw_test_text(o, "enum"), "Second"));
    CHECK(sw_test_count(o, "list") == 2 && is(sw_test_text(o, "list.0"), "a") && is(sw_test_text(o, "list.1"), "b b"));
}

static void an_option_that_is_not_live_counts_from_the_next_start_on(sw_test *t)
{
    CHECK(sw_test_set(t, "plugin:promises.live", "2") && sw_test_set(t, "plugin:promises.at_start", "3"));
    const sw_value *o = sw_test_get(t, NULL, "/api/promises/options")->json;
    CHECK(sw_test_int(o, "live", 0) == 2 && sw_test_int(o, "at_start", 0) == 1);
    CHECK(!sw_test_set(t, "plugin:promises.live", "99"));
    CHECK(sw_test_restart(t));
    o = sw_test_get(t, NULL, "/api/promises/options")->json;
    CHECK(sw_test_int(o, "live", 0) == 2 && sw_test_int(o, "at_start", 0) == 3);
}

/* ---- health ---- */

static void health_is_in_the_metrics_too_and_may_be_degraded(sw_test *t)
{
    const sw_test_reply *r = sw_test_get(t, &ANN, "/api/health");
    CHECK(r->status == 200 && is(sw_test_text(r->json, "status"), "ok"));
    CHECK(sw_test_int(r->json, "checks.promises.answer", 0) == 42);
    r = sw_test_get(t, &ANN, "/metrics");
    CHECK(strstr(r->body, "steward_plugin_health{plugin=\"promises\",name=\"answer\"} 42\n") != NULL);
    CHECK(strstr(r->body, "steward_plugin_health{plugin=\"promises\",name=\"mood\",value=\"fine\"} 1\n") != NULL);
    CHECK(strstr(r->body, "steward_plugin_health{plugin=\"promises\",name=\"\"} 1\n") != NULL);
    CHECK(sw_test_set(t, "plugin:promises.well", "false"));
    CHECK(sw_test_restart(t)); /* a new look, without waiting for the second to end */
    r = sw_test_get(t, NULL, "/api/health");
    CHECK(r->status == 200 && is(sw_test_text(r->json, "status"), "degraded"));
}

/* ---- events, writes, being switched off ---- */

static void subscribers_are_called_in_the_order_of_their_start(sw_test *t)
{
    order_event order = {.count = 0}, *at = &order;
    CHECK(sw_test_publish(t, "order", &at, sizeof at) == SW_OK);
    CHECK(order.count == 2 && is(order.names[0], "promises") && is(order.names[1], "needy"));
}

static void a_write_from_outside_is_nobodys_and_told_once_also_at_a_stop(sw_test *t)
{
    CHECK(sw_test_post(t, NULL, "/api/needy", NULL)->status == 204);
    CHECK(sw_test_settle(t));
    CHECK(seen(t, "done") == 20 && seen(t, "roles") == 0);
    CHECK(sw_test_published(t, "promises.later", 19) && !sw_test_published(t, "promises.later", 20));
    CHECK(sw_test_post(t, NULL, "/api/needy", NULL)->status == 204);
    CHECK(sw_test_restart(t)); /* stop() of promises ends the program when one was not told */
}

static void a_plugin_that_is_off_hears_nothing_but_its_writes_go_on(sw_test *t)
{
    order_event order = {.count = 0}, *at = &order;
    const sw_test_reply *r = sw_test_post(t, &ANN, "/api/plugins/promises/disable", NULL);
    CHECK(r->status == 409 && strstr(sw_test_text(r->json, "error"), "needy"));
    int64_t told = seen(t, "told");
    CHECK(sw_test_post(t, &ANN, "/api/plugins/needy/disable", NULL)->status == 200);
    CHECK(sw_test_post(t, NULL, "/api/needy", NULL)->status == 404);
    CHECK(sw_test_post(t, &ANN, "/api/plugins/promises/disable", NULL)->status == 200);
    CHECK(sw_test_get(t, NULL, "/api/promises/seen")->status == 404);
    CHECK(sw_test_publish(t, "order", &at, sizeof at) == SW_OK && order.count == 0);
    CHECK(sw_test_run(t, "needy", begin_some, NULL) == SW_OK && sw_test_settle(t));
    CHECK(sw_test_post(t, &ANN, "/api/plugins/promises/enable", NULL)->status == 200);
    CHECK(sw_test_post(t, &ANN, "/api/plugins/needy/enable", NULL)->status == 200);
    CHECK(seen(t, "told") == told && seen(t, "done") == 20);
    CHECK(sw_test_publish(t, "order", &at, sizeof at) == SW_OK && order.count == 2);
}

/* ---- the test host ---- */

static sw_status tell_now(sw_tx *tx, void *arg)
{
    *(int64_t *)arg = sw_tx_now(tx);
    return SW_OK;
}

static void the_clock_also_goes_back_and_a_query_cannot_write(sw_test *t)
{
    int64_t first = 0, second = 0;
    sw_test_clock(t, 2000000000000);
    CHECK(sw_test_write(t, "promises", tell_now, &first) == SW_OK && first == 2000000000000);
    sw_test_clock(t, 1000000000000);
    CHECK(sw_test_write(t, "promises", tell_now, &second) == SW_OK && second == 1000000000000 && sw_now_ms() == second);
    sw_test_clock(t, 0);
    CHECK(sw_test_sql(t, "CREATE TABLE mine (id INTEGER)") == NULL && *sw_test_error(t));
}

static void users_refuses_a_reset_but_in_development_with_a_first_password(void)
{
    static const char *const OPTIONS[] = {"server.env", "development", "auth.initial_admin_pass", "a long password",
                                          NULL};
    sw_test *t = open_host(NULL, "users", NULL);
    CHECK(t && sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0) == SW_INTERNAL);
    sw_test_close(t);
    t = open_host(NULL, "users", OPTIONS);
    CHECK(t && sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0) == SW_OK);
    sw_test_close(t);
}

int main(void)
{
    static const sw_plugin *const PLUGINS[] = {&NEEDY, &sw_plugin_v1, NULL};
    static void (*const TESTS[])(sw_test * t) = {
        a_literal_segment_goes_before_a_parameter_whatever_the_method,
        parameters_are_read_as_they_came,
        headers_are_added_and_a_failure_drops_them,
        values_of_options_are_read_as_the_manual_writes_them,
        an_option_that_is_not_live_counts_from_the_next_start_on,
        health_is_in_the_metrics_too_and_may_be_degraded,
        subscribers_are_called_in_the_order_of_their_start,
        a_write_from_outside_is_nobodys_and_told_once_also_at_a_stop,
        a_plugin_that_is_off_hears_nothing_but_its_writes_go_on,
        the_clock_also_goes_back_and_a_query_cannot_write,
    };
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
        sw_test *t = open_host(PLUGINS, NULL, NULL);
        if (t)
            TESTS[i](t);
        sw_test_close(t);
    }
    users_refuses_a_reset_but_in_development_with_a_first_password();
    printf("%d failed\n", failures);
    return failures != 0;
}
