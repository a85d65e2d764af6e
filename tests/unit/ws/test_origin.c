/* sw_send_origin(): what a frame's handler answers reaches the one socket that sent it, in its place, with its receipt.
 */
#include "tests/unit/ws/fixture.h"

static _Atomic int64_t receipts; /* the sum of their tags */

static sw_frame *answer_frame(sw_request *req, const char *part)
{
    sw_str payload = sw_frame_payload(req);
    sw_frame *f = sw_frame_new(req);
    sw_json *j = sw_frame_json(f);
    sw_json_text(j, "type", "OUT");
    sw_json_raw(j, "n", payload.at, payload.len);
    sw_json_text(j, "part", part);
    return f;
}

static sw_status on_ask(sw_request *req)
{
    return sw_send_origin(req, answer_frame(req, "asked"));
}

/* To every socket of the sender. */
static sw_status on_say(sw_request *req)
{
    const int64_t self = sw_request_principal(req)->user_id;
    sw_send(req, answer_frame(req, "said"),
            &(sw_audience){.size = sizeof(sw_audience), .users = &self, .user_count = 1});
    return SW_OK;
}

static sw_status store_step(sw_tx *tx, void *arg)
{
    const int64_t self = sw_request_principal(sw_tx_request(tx))->user_id;
    (void)arg;
    sw_tx_send(tx, answer_frame(sw_tx_request(tx), "stored"),
               &(sw_audience){.size = sizeof(sw_audience), .users = &self, .user_count = 1});
    return SW_OK;
}

static sw_status on_store(sw_request *req)
{
    return sw_write(req, store_step, NULL);
}

static sw_status on_ask_store(sw_request *req)
{
    SW_TRY(on_ask(req));
    return sw_write(req, store_step, NULL);
}

static sw_status failing_step(sw_tx *tx, void *arg)
{
    (void)arg;
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "no");
}

static sw_status on_ask_fail(sw_request *req)
{
    SW_TRY(on_ask(req));
    return sw_write(req, failing_step, NULL);
}

static sw_status on_move(sw_request *req)
{
    return sw_move(req, SW_LANE_HASH, on_ask);
}

static sw_status on_receipt_wanted(sw_request *req)
{
    sw_frame *f = answer_frame(req, "asked");
    sw_frame_mark(f, 0, SW_FRAME_RECEIPT, 1000);
    return sw_send_origin(req, f);
}

static sw_status on_too_large(sw_request *req)
{
    sw_frame *f = sw_frame_new(req);
    for (int i = 0; i < 100; i++) {
        static const char MUCH[1 << 20];
        sw_json_textn(sw_frame_json(f), "much", MUCH, sizeof MUCH);
    }
    return sw_send_origin(req, f);
}

static const sw_frame_handler FRAMES[] = {
    {.type = "L-ASK", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_ask},
    {.type = "W-ASK", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_ask},
    {.type = "S-ASK", .roles = SW_ROLES_ALL, .lane = SW_LANE_SLOW, .handle = on_ask},
    {.type = "MOVE-ASK", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_move},
    {.type = "SAY", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_say},
    {.type = "STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_store},
    {.type = "ASK-STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_ask_store},
    {.type = "ASK-FAIL", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_ask_fail},
    {.type = "L-RECEIPT", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_receipt_wanted},
    {.type = "W-RECEIPT", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_receipt_wanted},
    {.type = "L-LARGE", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_too_large},
    {.type = "W-LARGE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_too_large},
};

/* ---- nothing to recover, but receipts ---- */

static sw_status last_id(sw_request *req, int64_t *ret)
{
    (void)req;
    *ret = 0;
    return SW_OK;
}

static sw_status complete_since(sw_request *req, int64_t after, bool *ret)
{
    (void)req, (void)after;
    *ret = true;
    return SW_OK;
}

static sw_status page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
{
    (void)req, (void)after, (void)out;
    *ret_more = false;
    return SW_OK;
}

static sw_status greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                       int64_t *ret_cursor, bool *ret_more)
{
    (void)hello, (void)since;
    *ret_cursor = cursor;
    return page(req, 0, out, ret_more);
}

static sw_status receipt(sw_request *req)
{
    atomic_fetch_add(&receipts, sw_request_tag(req));
    return SW_OK;
}

static const sw_recovery RECOVERY = {.size = sizeof RECOVERY,
                                     .last_id = last_id,
                                     .complete_since = complete_since,
                                     .page = page,
                                     .greet = greet,
                                     .receipt = receipt};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(FRAMES),
                                .recovery = &RECOVERY};

/* ---- */

static const char *next_part(test_ws *w, int n)
{
    static char part[16];
    const char *text = ws_text(w);
    ck_assert_msg(ws_number(text, "n") == n, "%s instead of %d", text, n);
    const char *at = strstr(text, "\"part\":\"");
    ck_assert_ptr_nonnull(at);
    snprintf(part, sizeof part, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
    return part;
}

static void expect_ack(test_ws *w, int n)
{
    char wanted[64];
    const char *text = ws_text(w);
    snprintf(wanted, sizeof wanted, "{\"type\":\"ACK\",\"local_id\":\"%d\",", n);
    ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "%s instead of %s", text, wanted);
}

/* Of seven kinds in any mixture the sender gets answers, what its user gets, and ACKs, each before those of the next;
 * the user's other socket gets what its user gets. */
START_TEST(answers_reach_the_asking_socket_alone_and_keep_their_place)
{
    static const char *const KINDS[] = {"L-ASK", "W-ASK", "S-ASK", "MOVE-ASK", "SAY", "STORE", "ASK-STORE"};
    enum { COUNT = 400, SAY = 4, STORE, ASK_STORE };
    test_hub t;
    test_ws from, twin;
    int kinds[COUNT], mask;
    test_hub_start(&t, &PROBE, NULL);
    srand((unsigned)_i);
    mask = 1 + rand() % 127;
    ws_connect(&twin, t.port, "agent-2", "");
    ws_connect(&from, t.port, "agent-2", "");
    for (int n = 0; n < COUNT; n++) {
        do
            kinds[n] = rand() % 7;
        while ((mask >> kinds[n] & 1) == 0);
        ws_say(&from, "{\"type\":\"%s\",\"payload\":%d,\"local_id\":\"%d\",\"ack\":true}", KINDS[kinds[n]], n, n);
    }
    /* An ACK follows its own frame's answers, but may come after those of the next ones: the two have an order each. */
    int answered = 0, acked = 0;
    bool half = false; /* of ASK-STORE */
    while (answered < COUNT || acked < COUNT) {
        const char *text = ws_text(&from);
        if (strstr(text, "\"ACK\"") != NULL) {
            char local[32];
            snprintf(local, sizeof local, "\"local_id\":\"%d\"", acked);
            ck_assert_msg(strstr(text, local) != NULL && acked < answered, "%s instead of %d", text, acked);
            acked++;
            continue;
        }
        const char *part = kinds[answered] == SAY             ? "\"said\""
                           : kinds[answered] == STORE || half ? "\"stored\""
                                                              : "\"asked\"";
        ck_assert_msg(ws_number(text, "n") == answered && strstr(text, part) != NULL, "%s instead of %d", text,
                      answered);
        half = kinds[answered] == ASK_STORE && !half;
        answered += !half;
    }
    for (int n = 0; n < COUNT; n++)
        if (kinds[n] >= SAY)
            ck_assert_str_eq(next_part(&twin, n), kinds[n] == SAY ? "said" : "stored");
    ck_assert(!ws_next(&twin, 20));
    ws_done(&from);
    ws_done(&twin);
    test_hub_stop(&t);
}
END_TEST

START_TEST(an_answer_goes_out_although_the_step_after_it_fails)
{
    test_hub t;
    test_ws from;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&from, t.port, "agent-2", "");
    ws_say(&from, "{\"type\":\"ASK-FAIL\",\"payload\":1,\"local_id\":\"1\",\"ack\":true}");
    ck_assert_str_eq(next_part(&from, 1), "asked");
    ck_assert_ptr_nonnull(strstr(ws_text(&from), "\"ERROR\""));
    ws_done(&from);
    test_hub_stop(&t);
}
END_TEST

START_TEST(an_answer_has_its_receipt)
{
    test_hub t;
    test_ws from;
    atomic_store(&receipts, 0);
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&from, t.port, "agent-2", "");
    ws_say(&from, "{\"type\":\"L-RECEIPT\",\"payload\":1,\"local_id\":\"1\",\"ack\":true}");
    ck_assert_str_eq(next_part(&from, 1), "asked");
    expect_ack(&from, 1);
    ws_say(&from, "{\"type\":\"W-RECEIPT\",\"payload\":2}");
    ck_assert_str_eq(next_part(&from, 2), "asked");
    for (int i = 0; i < 500 && atomic_load(&receipts) < 2000; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_int_eq(atomic_load(&receipts), 2000);
    ws_done(&from);
    test_hub_stop(&t);
}
END_TEST

START_TEST(what_cannot_be_answered_says_so)
{
    test_hub t;
    test_ws from;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&from, t.port, "agent-2", "");
    static const char *const LARGE[] = {"L-LARGE", "W-LARGE"};
    for (int i = 0; i < 2; i++) {
        ws_say(&from, "{\"type\":\"%s\",\"payload\":1}", LARGE[i]);
        ck_assert_ptr_nonnull(strstr(ws_text(&from), "overloaded")); /* SW_NO_MEMORY, of a frame */
    }
    sw_request *task = task_new(&t.rt, &t.module, NULL, 0);
    ck_assert_int_eq(sw_send_origin(task, sw_frame_new(task)), SW_NOT_FOUND);
    request_done(task);
    free(task);
    ws_done(&from);
    test_hub_stop(&t);
}
END_TEST

START_TEST(an_answer_to_a_socket_that_has_gone_is_no_failure)
{
    test_hub t;
    test_ws from;
    test_hub_start(&t, &PROBE, NULL);
    ws_connect(&from, t.port, "agent-2", "");
    for (int n = 0; n < 100; n++)
        ws_say(&from, "{\"type\":\"%s\",\"payload\":%d}", n % 2 ? "S-ASK" : "W-ASK", n);
    ws_send_op(&from, OP_CLOSE, "", 0);
    while (ws_next(&from, 10000) && from.op != OP_CLOSE)
        ck_assert_ptr_null(strstr(from.text, "ERROR"));
    ws_done(&from);
    test_hub_stop(&t);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, answers_reach_the_asking_socket_alone_and_keep_their_place, 0, 24);
    ADD(an_answer_goes_out_although_the_step_after_it_fails);
    ADD(an_answer_has_its_receipt);
    ADD(what_cannot_be_answered_says_so);
    ADD(an_answer_to_a_socket_that_has_gone_is_no_failure);
}

int main(void)
{
    return run_tests("ws_origin", add);
}
