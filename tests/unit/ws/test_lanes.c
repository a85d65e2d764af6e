/* Events on every lane, with sends before, in and after writes: what one socket causes arrives in the order it asked.
 */
#include "tests/unit/ws/fixture.h"

#include <time.h>

static _Atomic uint64_t deferred[64];

static void nap(int ms)
{
    const struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

/* {"type":"OUT","n":<payload>,"part":part} to the target. */
static void write_out(sw_json *j, sw_request *req, const char *part)
{
    sw_str payload = sw_frame_payload(req);
    sw_json_text(j, "type", "OUT");
    sw_json_raw(j, "n", payload.at, payload.len);
    sw_json_text(j, "part", part);
}

static sw_status say(sw_request *req, const char *part)
{
    int64_t target = sw_frame_target(req);
    sw_frame *f = sw_frame_new(req);
    write_out(sw_frame_json(f), req, part);
    sw_send(req, f, &(sw_audience){.size = sizeof(sw_audience), .users = &target, .user_count = 1});
    return SW_OK;
}

static sw_status store_step(sw_tx *tx, void *arg)
{
    sw_request *req = sw_tx_request(tx);
    int64_t target = sw_frame_target(req);
    sw_frame *f = sw_frame_new_tx(tx);
    write_out(sw_frame_json(f), req, arg == NULL ? "stored" : arg);
    sw_tx_send(tx, f, &(sw_audience){.size = sizeof(sw_audience), .users = &target, .user_count = 1});
    sw_tx_ack(tx, 42, 1000);
    return SW_OK;
}

static sw_status failing_step(sw_tx *tx, void *arg)
{
    (void)arg;
    (void)store_step(tx, NULL);
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, "local_id_reused", "no");
}

static sw_status on_say(sw_request *req)
{
    return say(req, "said");
}

static sw_status on_store(sw_request *req)
{
    return sw_write(req, store_step, NULL);
}

static sw_status on_say_store(sw_request *req)
{
    say(req, "first");
    return sw_write(req, store_step, NULL);
}

static sw_status on_fail_step(sw_request *req)
{
    return sw_write(req, failing_step, NULL);
}

static sw_status on_nap_say(sw_request *req)
{
    nap(1);
    return say(req, "said");
}

static sw_status on_nap_store(sw_request *req)
{
    nap(1);
    return sw_write(req, store_step, NULL);
}

static sw_status on_move(sw_request *req)
{
    return sw_move(req, SW_LANE_WORKER, on_store);
}

static sw_status on_move_hash(sw_request *req)
{
    return sw_move(req, SW_LANE_HASH, on_say);
}

static sw_status on_defer(sw_request *req)
{
    int64_t n = 0;
    sw_str payload = sw_frame_payload(req);
    for (size_t i = 0; i < payload.len; i++)
        n = n * 10 + payload.at[i] - '0';
    uint64_t handle = sw_defer(req, SW_LANE_WORKER, on_say, 5000);
    atomic_store(&deferred[n % 64], handle);
    return sw_deferred(req);
}

static sw_status on_refuse(sw_request *req)
{
    return sw_fail(req, SW_FORBIDDEN, NULL, "not for you");
}

static const sw_frame_handler FRAMES[] = {
    {.type = "L-SAY", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_say},
    {.type = "W-SAY", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_say},
    {.type = "STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_store},
    {.type = "SAY-STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_say_store},
    {.type = "L-MOVE", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_move},
    {.type = "MOVE-HASH", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_move_hash},
    {.type = "H-SAY", .roles = SW_ROLES_ALL, .lane = SW_LANE_HASH, .handle = on_nap_say},
    {.type = "S-STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_SLOW, .handle = on_nap_store},
    {.type = "FAIL-STEP", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_fail_step},
    {.type = "REFUSE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_refuse},
    {.type = "L-REFUSE", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_refuse},
    {.type = "DEFER", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_defer},
    {.type = "ADMINS", .roles = SW_ROLE_BIT(SW_ROLE_ADMIN), .lane = SW_LANE_LOOP, .handle = on_say},
};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(FRAMES)};

/* ---- */

START_TEST(one_sockets_frames_arrive_in_order_whatever_their_lanes)
{
    static const char *const KINDS[] = {"L-SAY",  "W-SAY",     "STORE", "SAY-STORE",
                                        "L-MOVE", "MOVE-HASH", "H-SAY", "S-STORE"};
    test_hub t;
    test_ws from, to;
    test_hub_start(&t, &PROBE, NULL);
    srand((unsigned)_i);
    ws_connect(&to, t.port, "admin-1", "");
    ws_connect(&from, t.port, "agent-2", "");
    enum { COUNT = 600 };
    int kinds[COUNT], mask = 1 + rand() % 255;
    for (int n = 0; n < COUNT; n++) {
        do
            kinds[n] = rand() % 8;
        while ((mask >> kinds[n] & 1) == 0);
        ws_say(&from, "{\"type\":\"%s\",\"target_id\":1,\"payload\":%d,\"local_id\":\"%d\",\"ack\":true}",
               KINDS[kinds[n]], n, n);
    }
    for (int n = 0; n < COUNT; n++) {
        const char *text = ws_text(&to);
        ck_assert_msg(ws_number(text, "n") == n, "%s instead of %d", text, n);
        if (kinds[n] == 3) {
            ck_assert_ptr_nonnull(strstr(text, "first"));
            text = ws_text(&to);
            ck_assert_msg(ws_number(text, "n") == n && strstr(text, "stored") != NULL, "%s", text);
        }
    }
    for (int n = 0; n < COUNT; n++) {
        char wanted[64];
        const char *text = ws_text(&from);
        snprintf(wanted, sizeof wanted, "{\"type\":\"ACK\",\"local_id\":\"%d\",", n);
        ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "%s instead of %s", text, wanted);
    }
    ws_done(&from);
    ws_done(&to);
    test_hub_stop(&t);
}
END_TEST

START_TEST(failures_keep_their_place_and_their_codes)
{
    test_hub t;
    test_ws from, to;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&to, t.port, "admin-1", "");
    ws_connect(&from, t.port, "agent-2", "");
    static const struct {
        const char *type, *code;
    } CASES[] = {
        {"STORE", "\"ACK\""}, {"FAIL-STEP", "local_id_reused"}, {"STORE", "\"ACK\""},     {"REFUSE", "not_allowed"},
        {"STORE", "\"ACK\""}, {"L-REFUSE", "not_allowed"},      {"NONE", "unknown_type"}, {"ADMINS", "not_allowed"},
        {"STORE", "\"ACK\""}};
    for (int n = 0; n < 9; n++)
        ws_say(&from, "{\"type\":\"%s\",\"target_id\":1,\"payload\":%d,\"local_id\":\"%d\",\"ack\":true}",
               CASES[n].type, n, n);
    for (int n = 0; n < 9; n++) {
        char local[32];
        const char *text = ws_text(&from);
        snprintf(local, sizeof local, "\"local_id\":\"%d\"", n);
        ck_assert_msg(strstr(text, CASES[n].code) != NULL && strstr(text, local) != NULL, "%s instead of %s", text,
                      CASES[n].code);
    }
    /* The frames of a failed step went nowhere. */
    static const int STORED[] = {0, 2, 4, 8};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(ws_number(ws_text(&to), "n"), STORED[i]);
    ck_assert(!ws_next(&to, 50));
    ws_done(&from);
    ws_done(&to);
    test_hub_stop(&t);
}
END_TEST

START_TEST(an_answer_that_comes_later_holds_the_following_frames_back)
{
    test_hub t;
    test_ws from, to;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&to, t.port, "admin-1", "");
    ws_connect(&from, t.port, "agent-2", "");
    atomic_store(&deferred[1], 0);
    ws_say(&from, "{\"type\":\"DEFER\",\"target_id\":1,\"payload\":1}");
    ws_say(&from, "{\"type\":\"L-SAY\",\"target_id\":1,\"payload\":2}");
    while (atomic_load(&deferred[1]) == 0)
        nap(1);
    ck_assert(!ws_next(&to, 100));
    ck_assert(sw_complete(&t.module, atomic_load(&deferred[1])));
    ck_assert_int_eq(ws_number(ws_text(&to), "n"), 1);
    ck_assert_int_eq(ws_number(ws_text(&to), "n"), 2);
    ws_done(&from);
    ws_done(&to);
    test_hub_stop(&t);
}
END_TEST

START_TEST(frames_that_were_taken_are_worked_off_after_their_socket_has_gone)
{
    test_hub t;
    test_ws from, to;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&to, t.port, "admin-1", "");
    ws_connect(&from, t.port, "agent-2", "");
    for (int n = 0; n < 100; n++)
        ws_say(&from, "{\"type\":\"%s\",\"target_id\":1,\"payload\":%d}", n % 2 ? "S-STORE" : "STORE", n);
    ws_send_op(&from, OP_CLOSE, "", 0);
    ck_assert_uint_eq(ws_close_code(&from), 1005);
    ws_done(&from);
    for (int n = 0; n < 100; n++)
        ck_assert_int_eq(ws_number(ws_text(&to), "n"), n);
    ws_done(&to);
    test_hub_stop(&t);
}
END_TEST

START_TEST(a_server_may_stop_in_the_midst_of_everything)
{
    test_hub t;
    test_ws from[8], to;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&to, t.port, "admin-1", "");
    for (int i = 0; i < 8; i++) {
        ws_connect(&from[i], t.port, "agent-2", "");
        for (int n = 0; n < 200; n++)
            ws_say(&from[i], "{\"type\":\"%s\",\"target_id\":1,\"payload\":%d}",
                   n % 5 == 4   ? "S-STORE"
                   : n % 3 == 0 ? "L-SAY"
                   : n % 3 == 1 ? "STORE"
                                : "H-SAY",
                   n);
    }
    nap(_i * 5);
    hub_shutdown(t.rt.hub, 1000);
    test_hub_stop(&t);
    for (int i = 0; i < 8; i++)
        ws_done(&from[i]);
    ws_done(&to);
}
END_TEST

START_TEST(a_disabled_module_takes_no_frames)
{
    test_hub t;
    test_ws from;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&from, t.port, "agent-2", "");
    atomic_store(&t.module.status, MODULE_DISABLED);
    ws_say(&from, "{\"type\":\"L-SAY\",\"target_id\":1,\"payload\":1}");
    ck_assert_ptr_nonnull(strstr(ws_text(&from), "unknown_type"));
    atomic_store(&t.module.status, MODULE_ENABLED);
    ws_say(&from, "{\"type\":\"L-SAY\",\"target_id\":1,\"payload\":1,\"ack\":true}");
    ck_assert_ptr_nonnull(strstr(ws_text(&from), "ACK"));
    ck_assert_uint_eq(atomic_load(&t.module.in_flight), 0);
    ws_done(&from);
    test_hub_stop(&t);
}
END_TEST

START_TEST(each_socket_of_an_audience_gets_one_copy)
{
    test_hub t;
    test_ws admin[6], member;
    test_hub_start(&t, &PROBE, NULL);
    for (int i = 0; i < 6; i++)
        ws_connect(&admin[i], t.port, "admin-1", "");
    ws_connect(&member, t.port, "member-2", "");
    sw_request *task = task_new(&t.rt, &t.module, NULL, 0);
    sw_frame *f = sw_frame_new(task);
    sw_json_text(sw_frame_json(f), "type", "OUT");
    int64_t users[] = {1, 1, 2, 1};
    sw_send(task, f,
            &(sw_audience){.size = sizeof(sw_audience), .users = users, .user_count = 4, .roles = SW_ROLES_HUMAN});
    sw_send(
        task, f,
        &(sw_audience){
            .size = sizeof(sw_audience), .users = users, .user_count = 4, .roles = SW_ROLES_HUMAN, .except_user = 1});
    request_done(task);
    free(task);
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(ws_text(&admin[i]), "{\"type\":\"OUT\"}");
        ck_assert(!ws_next(&admin[i], 20));
        ws_done(&admin[i]);
    }
    ck_assert_str_eq(ws_text(&member), "{\"type\":\"OUT\"}");
    ck_assert_str_eq(ws_text(&member), "{\"type\":\"OUT\"}");
    ck_assert(!ws_next(&member, 20));
    ws_done(&member);
    test_hub_stop(&t);
}
END_TEST

START_TEST(the_sockets_of_a_user_are_closed_and_it_is_offline)
{
    test_hub t;
    test_ws one[4], other;
    test_hub_start(&t, &PROBE, NULL);
    for (int i = 0; i < 4; i++)
        ws_connect(&one[i], t.port, "member-7", "");
    ws_connect(&other, t.port, "member-8", "");
    ck_assert(sw_user_online(&t.module, 7));
    t.rt.close_user(&t.rt, 7, 4003, "token revoked");
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(ws_close_code(&one[i]), 4003);
        ws_done(&one[i]);
    }
    ck_assert(!sw_user_online(&t.module, 7));
    ck_assert(sw_user_online(&t.module, 8));
    principal_raise(t.rt.principals, 8);
    ws_say(&other, "{\"type\":\"STORE\",\"target_id\":8,\"payload\":1}");
    ck_assert_uint_eq(ws_close_code(&other), 4003);
    ws_done(&other);
    test_hub_stop(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, one_sockets_frames_arrive_in_order_whatever_their_lanes, 0, 12);
    ADD(failures_keep_their_place_and_their_codes);
    ADD(an_answer_that_comes_later_holds_the_following_frames_back);
    ADD(frames_that_were_taken_are_worked_off_after_their_socket_has_gone);
    tcase_add_loop_test(tests, a_server_may_stop_in_the_midst_of_everything, 0, 6);
    ADD(a_disabled_module_takes_no_frames);
    ADD(each_socket_of_an_audience_gets_one_copy);
    ADD(the_sockets_of_a_user_are_closed_and_it_is_offline);
}

int main(void)
{
    return run_tests("lanes", add_tests);
}
