/* WebSockets of a host. */
#include "tests/unit/testhost/fixture.h"

START_TEST(a_frame_sent_with_a_write_reaches_every_socket_after_the_commit)
{
    sw_test *t = host();
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL), *robot = sw_test_ws_open(t, &ROBOT, NULL);
    ck_assert_msg(ann && robot, "%s", sw_test_error(t));
    ck_assert_int_eq(sw_test_post(t, &BOB, "/api/probe/rows", "{\"text\":\"undone\"}")->status, 410);
    ck_assert_int_eq(sw_test_post(t, &BOB, "/api/probe/rows", "{\"text\":\"one\"}")->status, 201);
    sw_test_socket *const both[] = {ann, robot};
    for (int i = 0; i < 2; i++) {
        const sw_test_reply *f = sw_test_ws_next(both[i], 5000);
        ck_assert_msg(f != NULL, "%s", sw_test_error(t));
        ck_text(f->json, "type", "PROBE_ADDED");
        ck_text(f->json, "payload", "one");
        ck_assert_ptr_null(sw_test_ws_next(both[i], 20)); /* nothing of what was undone */
        ck_assert_str_eq(sw_test_error(t), "no frame came in time");
    }
    sw_test_close(t);
}
END_TEST

START_TEST(frames_go_to_the_plugin_and_a_failure_comes_back_as_an_error_frame)
{
    sw_test *t = host();
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL);
    ck_assert_ptr_nonnull(ann);
    ck_assert(sw_test_ws_send(ann, "{\"type\":\"PROBE\",\"payload\":[1,\"\xC3\xBC\"]}"));
    const sw_test_reply *f = sw_test_ws_next(ann, 5000);
    ck_assert_ptr_nonnull(f);
    ck_text(f->json, "type", "PROBE_SAID");
    ck_text(f->json, "payload.1", "\xC3\xBC");
    ck_assert(sw_test_ws_send(ann, "{\"type\":\"PROBE\"}"));
    f = sw_test_ws_next(ann, 5000);
    ck_assert_ptr_nonnull(f);
    ck_text(f->json, "type", "ERROR");
    ck_assert_ptr_nonnull(strstr(f->body, "no_payload"));
    sw_test_close(t);
}
END_TEST

START_TEST(long_frames_of_each_length_form_pass_both_ways)
{
    static const size_t LENGTHS[] = {10, 125, 126, 5000, 60000};
    sw_test *t = host();
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL);
    ck_assert_ptr_nonnull(ann);
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++) {
        char *text = malloc(LENGTHS[i] + 64);
        ck_assert_ptr_nonnull(text);
        int used = snprintf(text, 64, "{\"type\":\"PROBE\",\"payload\":\"");
        memset(text + used, 'x', LENGTHS[i]);
        memcpy(text + (size_t)used + LENGTHS[i], "\"}", 3);
        ck_assert(sw_test_ws_send(ann, text));
        free(text);
        const sw_test_reply *f = sw_test_ws_next(ann, 5000);
        ck_assert_msg(f != NULL, "%s at %zu", sw_test_error(t), LENGTHS[i]);
        ck_assert_uint_eq(strlen(sw_test_text(f->json, "payload")), LENGTHS[i]);
    }
    /* Frames above 64 KiB: what a write may send. */
    char *body = malloc(100000);
    ck_assert_ptr_nonnull(body);
    int used = snprintf(body, 64, "{\"text\":\"");
    memset(body + used, 'y', 90000);
    memcpy(body + used + 90000, "\"}", 3);
    ck_assert_int_eq(sw_test_post(t, &BOB, "/api/probe/rows", body)->status, 201);
    free(body);
    const sw_test_reply *f = sw_test_ws_next(ann, 5000);
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(strlen(sw_test_text(f->json, "payload")), 90000);
    sw_test_close(t);
}
END_TEST

START_TEST(a_restart_ends_sockets_with_a_code_and_their_owner_may_open_new_ones)
{
    sw_test *t = host();
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL);
    ck_assert_ptr_nonnull(ann);
    ck_assert(sw_test_restart(t));
    while (sw_test_ws_next(ann, 5000))
        ;
    ck_assert_int_ge(sw_test_ws_code(ann), 1000);
    ck_assert(!sw_test_ws_send(ann, "{\"type\":\"PROBE\"}"));
    ck_assert_str_eq(sw_test_error(t), "the socket has ended");
    ann = sw_test_ws_open(t, &ANN, NULL);
    ck_assert_ptr_nonnull(ann);
    ck_assert_int_eq(sw_test_ws_code(ann), 0);
    sw_test_ws_close(ann);
    sw_test_ws_close(ann);
    sw_test_ws_close(NULL);
    sw_test_close(t);
}
END_TEST

START_TEST(who_may_not_have_a_socket_is_told_why)
{
    static const char *const OPTIONS[] = {"ws.sockets", "1", NULL};
    sw_test *t = host_with((sw_test_options){.options = OPTIONS});
    ck_assert_ptr_null(sw_test_ws_open(t, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "401"));
    ck_assert_ptr_null(sw_test_ws_open(t, &ANN, "since_id=x"));
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "invalid since_id"));
    ck_assert_ptr_nonnull(sw_test_ws_open(t, &ANN, NULL));
    ck_assert_ptr_null(sw_test_ws_open(t, &BOB, NULL));
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "503"));
    sw_test_close(t);
}
END_TEST

START_TEST(pings_are_answered_while_the_test_waits_for_frames)
{
    static const char *const OPTIONS[] = {"ws.ping_interval", "1s", "ws.dead_after", "2s", NULL};
    sw_test *t = host_with((sw_test_options){.options = OPTIONS});
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL);
    ck_assert_msg(ann != NULL, "%s", sw_test_error(t));
    ck_assert_ptr_null(sw_test_ws_next(ann, 3500)); /* longer than a socket lives that does not answer */
    ck_assert_str_eq(sw_test_error(t), "no frame came in time");
    ck_assert(sw_test_ws_send(ann, "{\"type\":\"PROBE\",\"payload\":1}"));
    ck_assert_ptr_nonnull(sw_test_ws_next(ann, 5000));
    sw_test_close(t);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_frame_sent_with_a_write_reaches_every_socket_after_the_commit);
    ADD(frames_go_to_the_plugin_and_a_failure_comes_back_as_an_error_frame);
    ADD(long_frames_of_each_length_form_pass_both_ways);
    ADD(a_restart_ends_sockets_with_a_code_and_their_owner_may_open_new_ones);
    ADD(who_may_not_have_a_socket_is_told_why);
    ADD(pings_are_answered_while_the_test_waits_for_frames);
}

int main(void)
{
    return run_tests("testhost_sockets", add);
}
