/* Types that a module only makes: counted by their name, and refused from clients as types that nobody knows. And the
 * types that nobody has: "*" takes them. */
#include "core/ws/ws_frame.h"
#include "tests/unit/ws/fixture.h"

static sw_status on_tell(sw_request *req)
{
    sw_frame *f = sw_frame_new(req);
    sw_json_text(sw_frame_json(f), "type", "TOLD");
    return sw_send_origin(req, f);
}

static sw_status on_told(sw_request *req)
{
    (void)req;
    ck_abort_msg("a type that nobody may send was taken");
    return SW_OK;
}

static const sw_frame_handler FRAMES[] = {
    {.type = "TELL", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_tell},
    {.type = "TOLD", .roles = 0, .lane = SW_LANE_WORKER, .handle = on_told},
};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(FRAMES)};

typedef struct {
    const char *type;
    uint64_t in, out;
} counts;

static void count(void *arg, const char *type, uint64_t in, uint64_t out)
{
    counts *c = arg;
    if (strcmp(type, c->type) == 0) {
        c->in = in;
        c->out = out;
    }
}

START_TEST(a_type_without_roles_is_only_made_here)
{
    test_hub t;
    test_ws w;
    counts told = {.type = "TOLD"};
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&w, t.port, "agent-2", "");
    ws_say(&w, "{\"type\":\"TELL\"}");
    ck_assert_str_eq(ws_text(&w), "{\"type\":\"TOLD\"}");
    ws_say(&w, "{\"type\":\"TOLD\",\"local_id\":\"a\"}");
    const char *error = ws_text(&w);
    ck_assert_ptr_nonnull(strstr(error, "\"code\":\"unknown_type\",\"error\":\"unknown frame type\""));
    ck_assert_ptr_nonnull(strstr(error, "\"local_id\":\"a\""));
    hub_each_type(t.rt.hub, count, &told);
    ck_assert_uint_eq(told.in, 1);
    ck_assert_uint_eq(told.out, 1);
    ws_done(&w);
    test_hub_stop(&t);
}
END_TEST

/* ---- "*" ---- */

static sw_status on_other(sw_request *req)
{
    sw_str type = sw_frame_type(req);
    sw_frame *f = sw_frame_new(req);
    sw_json_text(sw_frame_json(f), "type", "HEARD");
    sw_json_textn(sw_frame_json(f), "of", type.at, type.len);
    return sw_send_origin(req, f);
}

static const sw_frame_handler OTHERS[] = {
    {.type = "TELL", .roles = SW_ROLES_HUMAN, .lane = SW_LANE_WORKER, .handle = on_tell},
    {.type = "*", .roles = SW_ROLE_BIT(SW_ROLE_AGENT), .lane = SW_LANE_LOOP, .handle = on_other},
};

static const sw_plugin WITH_OTHERS = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(OTHERS)};

static void expect(test_ws *w, const char *type, const char *wanted)
{
    ws_say(w, "{\"type\":\"%s\"}", type);
    const char *text = ws_text(w);
    ck_assert_msg(strstr(text, wanted) != NULL, "%s to %s instead of %s", text, type, wanted);
}

START_TEST(a_star_takes_the_types_that_nobody_has)
{
    static const char *const TAKEN[] = {"A", "WEATHER_UPDATE", "CODE_REVIEW", "X1_", "HELLO_"};
    static const char *const REFUSED[] = {"weather", "Weather", "_X",    "1X",  "X-Y",   "X Y",
                                          "*",       "XÄ",      "HELLO", "ACK", "ERROR", "SHUTDOWN"};
    test_hub t;
    test_ws agent, admin;
    counts others = {.type = "other"};
    test_hub_start(&t, &WITH_OTHERS, NULL);
    ws_connect(&agent, t.port, "agent-2", "");
    ws_connect(&admin, t.port, "admin-1", "");
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "{\"type\":\"HEARD\",\"of\":\"%s\"}", TAKEN[i]);
        expect(&agent, TAKEN[i], wanted);
        expect(&admin, TAKEN[i], "unknown_type");
    }
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        expect(&agent, REFUSED[i], "unknown_type");
    expect(&agent, "TELL", "not_allowed");
    hub_each_type(t.rt.hub, count, &others);
    ck_assert_uint_ge(others.in, 10);
    ws_done(&agent);
    ws_done(&admin);
    test_hub_stop(&t);
}
END_TEST

START_TEST(a_star_never_takes_a_type_of_a_plugin_that_does_not_run)
{
    test_hub t;
    test_ws agent;
    frame_types types;
    sw_host ill = {.name = "ill"};
    char error[512];
    frame_types_init(&types);
    ck_assert(frame_types_add(&types, &ill, &OTHERS[1], error, sizeof error));
    ck_assert_uint_eq(frame_types_find(&types, "TOLD", 4), 0);
    frame_types_reserve(&types, "TOLD");
    frame_types_reserve(&types, "TOLD");
    frame_types_reserve(&types, "*");
    uint16_t told = frame_types_find(&types, "TOLD", 4);
    ck_assert_uint_eq(told, types.count - 1);
    ck_assert(!frame_type_taken(&types.all[told]));
    ck_assert(frame_types_add(&types, &ill, &FRAMES[0], error, sizeof error));

    test_hub_start(&t, &WITH_OTHERS, NULL);
    ws_connect(&agent, t.port, "agent-2", "");
    expect(&agent, "TOLD", "HEARD");
    atomic_store(&t.module.status, MODULE_DISABLED);
    expect(&agent, "TOLD", "unknown_type");
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(one_module_alone_may_have_a_star)
{
    test_hub t;
    char error[512];
    sw_host second = {.name = "second", .plugin = &WITH_OTHERS, .status = MODULE_ENABLED};
    test_hub_start(&t, &WITH_OTHERS, NULL);
    second.rt = &t.rt;
    ck_assert(!hub_add_module(t.rt.hub, &second, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "both take the frame type"));
    test_hub_stop(&t);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_star_takes_the_types_that_nobody_has);
    ADD(a_star_never_takes_a_type_of_a_plugin_that_does_not_run);
    ADD(one_module_alone_may_have_a_star);
    ADD(a_type_without_roles_is_only_made_here);
}

int main(void)
{
    return run_tests("ws_frame_types", add);
}
