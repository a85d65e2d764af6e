#include "../status-page/status_service.h"

#include <steward/testhost.h>

#include <stdio.h>
#include <string.h>

static int failures;
#define CHECK(what) check((what), #what, __LINE__)

static void check(bool good, const char *what, int line)
{
    if (!good)
        printf("line %d: not so: %s\n", line, what);
    failures += !good;
}

/* A stand-in that provides status/1. */
static sw_status fake_is_up(void *self, sw_db *db, const char *name, bool *ret_up)
{
    (void)self, (void)db;
    *ret_up = strcmp(name, "web") == 0;
    return strcmp(name, "none") == 0 ? SW_NOT_FOUND : SW_OK;
}
static const status_service FAKE = {.size = sizeof FAKE, .is_up = fake_is_up};
static const sw_provided FAKE_PROVIDES[] = {{"status/1", &FAKE}};
static const sw_plugin STAND_IN = {SW_PLUGIN_HEAD,   .name = "stand-in",      .version = "1",
                                   .license = "MIT", .summary = "Stands in.", .provides = SW_TABLE(FAKE_PROVIDES)};

static void ok(void *arg, const sw_http_call *call, sw_http_answer *ret)
{
    (void)arg;
    ret->status = strstr(call->url, "bad") ? 503 : 200;
}

int main(void)
{
    char error[512];

    static const sw_plugin *const WITH[] = {&STAND_IN, &sw_plugin_v1, NULL};
    sw_test_options options = {.size = sizeof options, .plugins = WITH};
    sw_test *t = sw_test_open(&options, error, sizeof error);
    CHECK(t != NULL);
    if (t) {
        const sw_test_reply *r = sw_test_get(t, NULL, "/api/light?name=web");
        CHECK(r->status == 200 && strcmp(sw_test_text(r->json, "light"), "green") == 0);
        r = sw_test_get(t, NULL, "/api/light?name=shop");
        CHECK(r->status == 200 && strcmp(sw_test_text(r->json, "light"), "red") == 0);
        CHECK(sw_test_get(t, NULL, "/api/light?name=none")->status == 404);
        CHECK(sw_test_get(t, NULL, "/api/light")->status == 400);
    }
    sw_test_close(t);

    /* With the real one, as a file; named after the one that needs it. */
    static const sw_plugin *const ALONE[] = {&sw_plugin_v1, NULL};
    static const char *const FILES[] = {STATUS_PAGE, NULL};
    static const char *const OPTIONS[] = {"plugin:status-page.targets",
                                          "web=https://web.example,bad=https://bad.example", NULL};
    options =
        (sw_test_options){.size = sizeof options, .plugins = ALONE, .files = FILES, .options = OPTIONS, .outbound = ok};
    t = sw_test_open(&options, error, sizeof error);
    if (!t)
        printf("%s\n", error);
    CHECK(t != NULL);
    if (t) {
        CHECK(sw_test_get(t, NULL, "/api/light?name=web")->status == 404);
        CHECK(sw_test_timer(t, "status-page", "tick") == SW_OK);
        CHECK(sw_test_settle(t));
        const sw_test_reply *r = sw_test_get(t, NULL, "/api/light?name=web");
        CHECK(r->status == 200 && strcmp(sw_test_text(r->json, "light"), "green") == 0);
        r = sw_test_get(t, NULL, "/api/light?name=bad");
        CHECK(r->status == 200 && strcmp(sw_test_text(r->json, "light"), "red") == 0);
        CHECK(sw_test_restart(t));
        CHECK(sw_test_get(t, NULL, "/api/light?name=web")->status == 200);
    }
    sw_test_close(t);

    /* Without it. */
    options = (sw_test_options){.size = sizeof options, .plugins = ALONE};
    t = sw_test_open(&options, error, sizeof error);
    CHECK(t == NULL);
    printf("  alone: %s\n", error);
    CHECK(strstr(error, "status/1") != NULL);
    sw_test_close(t);

    printf("%d failed\n", failures);
    return failures ? 1 : 0;
}
