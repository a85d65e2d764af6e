/* Types that a module only makes: counted by their name, and refused from clients as types that nobody knows. */
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

static void add(TCase *tests)
{
    ADD(a_type_without_roles_is_only_made_here);
}

int main(void)
{
    return run_tests("ws_frame_types", add);
}
