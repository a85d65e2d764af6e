/* Tests of @NAME@: the server runs inside this program, see <steward/testhost.h>. */
#include <steward/testhost.h>

#include <stdio.h>
#include <string.h>

static const sw_test_user ANN = {.id = 7, .role = SW_ROLE_MEMBER, .name = "ann"};
static const sw_test_user BOB = {.id = 8, .role = SW_ROLE_MEMBER, .name = "bob"};

static int failures;

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool good, const char *what, int line)
{
    if (good)
        return;
    failures++;
    printf("test_@NAME@.c:%d: not so: %s\n", line, what);
}

/* A host with @NAME@, fresh and empty. */
static sw_test *open_host(const char *const *options)
{
    static const sw_plugin *const PLUGINS[] = {&sw_plugin_v1, NULL};
    char error[512];
    sw_test *t =
        sw_test_open(&(sw_test_options){.size = sizeof(sw_test_options), .plugins = PLUGINS, .options = options}, error,
                     sizeof error);
    if (!t)
        printf("no host: %s\n", error);
    CHECK(t != NULL);
    return t;
}

static void a_text_is_kept_and_listed_also_after_a_restart(void)
{
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    const sw_test_reply *r = sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"milk\"}");
    CHECK(r->status == 201);
    CHECK(sw_test_int(r->json, "id", 0) == 1);
    CHECK(sw_test_restart(t));
    r = sw_test_get(t, &ANN, "/api/@NAME@");
    CHECK(r->status == 200);
    CHECK(sw_test_count(r->json, "items") == 1);
    CHECK(strcmp(sw_test_text(r->json, "items.0.text"), "milk") == 0);
    sw_test_close(t);
}

static void the_same_text_twice_is_a_conflict_but_not_for_somebody_else(void)
{
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"milk\"}")->status == 201);
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"milk\"}")->status == 409);
    CHECK(sw_test_post(t, &BOB, "/api/@NAME@", "{\"text\":\"milk\"}")->status == 201);
    sw_test_close(t);
}

static void a_user_keeps_no_more_than_the_option_allows(void)
{
    static const char *const OPTIONS[] = {"plugin:@NAME@.per_user", "1", NULL};
    sw_test *t = open_host(OPTIONS);
    if (!t)
        return;
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"one\"}")->status == 201);
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"two\"}")->status == 403);
    CHECK(sw_test_set(t, "plugin:@NAME@.per_user", "2"));
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"two\"}")->status == 201);
    sw_test_close(t);
}

static void a_reset_of_the_store_leaves_nothing(void)
{
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"milk\"}")->status == 201);
    CHECK(sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0) == SW_OK);
    CHECK(sw_test_count(sw_test_get(t, &ANN, "/api/@NAME@")->json, "items") == 0);
    CHECK(sw_test_int(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":\"bread\"}")->json, "id", 0) == 1);
    sw_test_close(t);
}

static void wrong_requests_are_refused(void)
{
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    CHECK(sw_test_get(t, NULL, "/api/@NAME@")->status == 401);
    CHECK(sw_test_get(t, &ANN, "/api/@NAME@?limit=many")->status == 400);
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{}")->status == 400);
    CHECK(sw_test_post(t, &ANN, "/api/@NAME@", "{\"text\":7}")->status == 400);
    sw_test_close(t);
}

int main(void)
{
    a_text_is_kept_and_listed_also_after_a_restart();
    the_same_text_twice_is_a_conflict_but_not_for_somebody_else();
    a_user_keeps_no_more_than_the_option_allows();
    a_reset_of_the_store_leaves_nothing();
    wrong_requests_are_refused();
    printf("%d failed\n", failures);
    return failures ? 1 : 0;
}
