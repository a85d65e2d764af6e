/* HTTP through a host: everything is the server's own, from the guard to the commit. */
#include "tests/unit/testhost/fixture.h"

START_TEST(who_calls_is_known_by_id_role_name_and_kind_of_token)
{
    sw_test *t = host();
    const sw_test_reply *r = sw_test_get(t, &BOB, "/api/probe/who");
    ck_assert_int_eq(r->status, 200);
    ck_assert_int_eq(sw_test_int(r->json, "id", 0), 2);
    ck_text(r->json, "role", "MEMBER");
    ck_text(r->json, "name", BOB.name);
    ck_assert(!sw_value_bool(sw_test_at(r->json, "api"), true));
    r = sw_test_get(t, &ROBOT, "/api/probe/who");
    ck_text(r->json, "role", "AGENT");
    ck_assert(sw_value_bool(sw_test_at(r->json, "api"), false));
    r = sw_test_get(t, NULL, "/api/probe/who");
    ck_assert_int_eq(sw_test_int(r->json, "id", -1), 0);
    ck_text(r->json, "role", "");
    sw_test_close(t);
}
END_TEST

START_TEST(the_guard_refuses_as_in_the_server)
{
    sw_test *t = host();
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/loop")->status, 401);
    ck_assert_int_eq(sw_test_get(t, &ROBOT, "/api/probe/loop")->status, 200);
    ck_assert_int_eq(sw_test_get(t, &ROBOT, "/api/probe/human")->status, 403);
    ck_assert_int_eq(sw_test_get(t, &BOB, "/api/probe/human")->status, 200);
    ck_assert_int_eq(sw_test_get(t, &BOB, "/api/probe/admin")->status, 403);
    ck_assert_int_eq(sw_test_get(t, &ANN, "/api/probe/admin")->status, 200);
    ck_assert_int_eq(sw_test_get(t, &ANN, "/api/probe/none")->status, 404);
    const sw_test_reply *r = sw_test_delete(t, &ANN, "/api/probe/rows");
    ck_assert_int_eq(r->status, 405);
    ck_assert_ptr_nonnull(strstr(sw_test_header(t, r, "allow"), "POST"));
    static const char *const PLAIN[] = {"Content-Type: text/plain", NULL};
    ck_assert_int_eq(sw_test_call(t, &ANN, "POST", "/api/probe/rows", "x", PLAIN)->status, 415);
    static const char *const FORGED[] = {"Authorization: Bearer testhost.1.9.0.", NULL};
    ck_assert_int_eq(sw_test_call(t, NULL, "GET", "/api/probe/loop", NULL, FORGED)->status, 401);
    ck_assert_int_eq(sw_test_call(t, &ANN, "GET", "/api/probe who", NULL, NULL)->status, 400);
    sw_test_close(t);
}
END_TEST

START_TEST(a_user_that_cannot_be_is_told_and_never_sent)
{
    static const sw_test_user BAD[] = {
        {.id = 0, .role = SW_ROLE_ADMIN, .name = "x"},
        {.id = 1, .role = (sw_role)0, .name = "x"},
        {.id = 1,
         .role = SW_ROLE_ADMIN,
         .name = "a name of more than sixty-four bytes, which no user of the server has at all"},
    };
    sw_test *t = host();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        const sw_test_reply *r = sw_test_get(t, &BAD[i], "/api/probe/who");
        ck_assert_int_eq(r->status, 0);
        ck_assert_str_eq(r->body, "");
        ck_assert_ptr_nonnull(strstr(sw_test_error(t), "a user has an id"));
        ck_assert_ptr_null(sw_test_ws_open(t, &BAD[i], NULL));
    }
    sw_test_close(t);
}
END_TEST

START_TEST(headers_go_both_ways_and_a_proxy_may_tell_the_address)
{
    static const char *const HEADERS[] = {"X-Probe: seen", "X-Forwarded-For: 203.0.113.9", NULL};
    sw_test *t = host();
    const sw_test_reply *r = sw_test_call(t, &ANN, "GET", "/api/probe/who", NULL, HEADERS);
    ck_text(r->json, "header", "seen");
    ck_text(r->json, "address", "203.0.113.9");
    ck_assert_str_eq(sw_test_header(t, r, "x-answer"), "forty two");
    ck_assert_str_eq(sw_test_header(t, r, "X-None"), "");
    ck_text(sw_test_get(t, &ANN, "/api/probe/who")->json, "address", "127.0.0.1");
    sw_test_close(t);
}
END_TEST

START_TEST(bodies_of_a_mebibyte_pass_and_the_limit_of_bodies_is_the_real_one)
{
    static const char *const OPTIONS[] = {"limits.body", "1M", NULL};
    static const char *const PLAIN[] = {"Content-Type: text/plain", NULL};
    enum { LEN = 1 << 20 };
    sw_test *t = host_with((sw_test_options){.options = OPTIONS});
    char *body = malloc(LEN + 2);
    ck_assert_ptr_nonnull(body);
    memset(body, 'x', LEN + 1);
    body[LEN] = '\0';
    const sw_test_reply *r = sw_test_call(t, NULL, "POST", "/api/probe/echo", body, PLAIN);
    ck_assert_int_eq(r->status, 200);
    ck_assert_uint_eq(r->body_len, LEN);
    ck_assert_str_eq(r->body, body);
    ck_assert_ptr_null(r->json);
    body[LEN] = 'x';
    body[LEN + 1] = '\0';
    ck_assert_int_eq(sw_test_call(t, NULL, "POST", "/api/probe/echo", body, PLAIN)->status, 413);
    free(body);
    sw_test_close(t);
}
END_TEST

START_TEST(a_write_is_answered_after_its_commit_and_a_rule_of_the_table_is_a_conflict)
{
    sw_test *t = host();
    const sw_test_reply *r = sw_test_post(t, &BOB, "/api/probe/rows", "{\"text\":\"one\"}");
    ck_assert_int_eq(r->status, 201);
    ck_assert_int_eq(sw_test_int(r->json, "id", 0), 1);
    ck_assert_str_eq(sw_test_sql(t, "SELECT text FROM probe_rows"), "one");
    r = sw_test_post(t, &BOB, "/api/probe/rows", "{\"text\":\"one\"}");
    ck_assert_int_eq(r->status, 409);
    ck_text(r->json, "code", "conflict");
    r = sw_test_post(t, &BOB, "/api/probe/rows", "{\"text\":\"undone\"}");
    ck_assert_int_eq(r->status, 410);
    ck_text(r->json, "error", "undone after all");
    ck_assert_str_eq(sw_test_sql(t, "SELECT count(*) FROM probe_rows"), "1");
    ck_assert_int_eq(sw_test_post(t, &BOB, "/api/probe/rows", "{")->status, 400);
    ck_assert_int_eq(sw_test_post(t, &BOB, "/api/probe/rows", NULL)->status, 400);
    sw_test_close(t);
}
END_TEST

START_TEST(head_and_options_have_no_body_to_wait_for)
{
    sw_test *t = host();
    const sw_test_reply *r = sw_test_call(t, NULL, "HEAD", "/api/probe/who", NULL, NULL);
    ck_assert_int_eq(r->status, 200);
    ck_assert_uint_eq(r->body_len, 0);
    ck_assert_int_lt(sw_test_call(t, NULL, "OPTIONS", "/api/probe/who", NULL, NULL)->status, 300);
    sw_test_close(t);
}
END_TEST

START_TEST(values_are_found_by_path_and_what_is_not_there_is_a_fallback)
{
    static const char *const PLAIN[] = {"Content-Type: text/plain", NULL};
    sw_test *t = host();
    const sw_value *json = sw_test_call(t, NULL, "POST", "/api/probe/echo",
                                        "{\"a\":[{\"b\":5},{\"b\":\"six\"}],\"0\":true,\"c\":null}", PLAIN)
                               ->json;
    ck_assert_int_eq(sw_test_int(json, "a.0.b", -1), 5);
    ck_text(json, "a.1.b", "six");
    ck_assert_uint_eq(sw_test_count(json, "a"), 2);
    ck_assert_int_eq(sw_test_bool(json, "0", -1), 1);
    ck_assert_int_eq(sw_test_bool(json, "a.0.b", -1), -1);
    ck_assert_int_eq(sw_test_bool(NULL, "", 0), 0);
    ck_assert_ptr_eq(sw_test_at(json, ""), json);
    static const char *const NOT_THERE[] = {"a.2.b", "a.x", "a.-1",    "a..b",
                                            "b",     "c.d", "a.0.b.c", "a.99999999999999999999"};
    for (size_t i = 0; i < sizeof NOT_THERE / sizeof *NOT_THERE; i++) {
        ck_assert_int_eq(sw_test_int(json, NOT_THERE[i], -1), -1);
        ck_text(json, NOT_THERE[i], "");
    }
    ck_assert_uint_eq(sw_test_count(NULL, "a"), 0);
    sw_test_close(t);
}
END_TEST

static void add(TCase *tests)
{
    ADD(who_calls_is_known_by_id_role_name_and_kind_of_token);
    ADD(the_guard_refuses_as_in_the_server);
    ADD(a_user_that_cannot_be_is_told_and_never_sent);
    ADD(headers_go_both_ways_and_a_proxy_may_tell_the_address);
    ADD(bodies_of_a_mebibyte_pass_and_the_limit_of_bodies_is_the_real_one);
    ADD(a_write_is_answered_after_its_commit_and_a_rule_of_the_table_is_a_conflict);
    ADD(head_and_options_have_no_body_to_wait_for);
    ADD(values_are_found_by_path_and_what_is_not_there_is_a_fallback);
}

int main(void)
{
    return run_tests("testhost_calls", add);
}
