/* Tests of status-page: the server runs inside this program, see <steward/testhost.h>. */
#include "status_service.h"

#include <steward/testhost.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const sw_test_user ANN = {.id = 1, .role = SW_ROLE_ADMIN, .name = "ann"};
static const sw_test_user BOB = {.id = 2, .role = SW_ROLE_MEMBER, .name = "bob"};
static const sw_test_user BOT = {.id = 3, .role = SW_ROLE_AGENT, .name = "bot", .by_api_token = true};

#define T0 INT64_C(1700000000000)

static int failures;

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool good, const char *what, int line)
{
    if (good)
        return;
    failures++;
    printf("test_status-page.c:%d: not so: %s\n", line, what);
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- the network ---- */

typedef struct {
    atomic_int web, shop; /* status; -1: timeout, -2: refused */
    atomic_int keys;      /* calls that had the key */
} network;

static void answer(void *arg, const sw_http_call *call, sw_http_answer *ret)
{
    network *n = arg;
    int status = atomic_load(strstr(call->url, "web.example") ? &n->web : &n->shop);
    for (const char *const *h = call->headers; h && *h; h++)
        if (same(*h, "X-Api-Key: hush-hush"))
            atomic_fetch_add(&n->keys, 1);
    ret->status = status > 0 ? status : 0;
    if (status == -1)
        ret->error = "no answer in time";
    if (status == -2) {
        ret->error = "connection refused";
        ret->unsent = true;
    }
}

static sw_test *open_host(network *n)
{
    static const sw_plugin *const PLUGINS[] = {&sw_plugin_v1, NULL};
    static const char *const OPTIONS[] = {"plugin:status-page.targets",
                                          "web=https://web.example/, shop=https://shop.example/health?a=b",
                                          "plugin:status-page.api_key",
                                          "hush-hush",
                                          "plugin:status-page.history",
                                          "3",
                                          NULL};
    char error[512];
    sw_test_options options = {
        .size = sizeof options, .plugins = PLUGINS, .options = OPTIONS, .outbound = answer, .outbound_arg = n};
    sw_test *t = sw_test_open(&options, error, sizeof error);
    if (!t)
        printf("no host: %s\n", error);
    CHECK(t != NULL);
    if (t)
        sw_test_clock(t, T0);
    return t;
}

static size_t calls(sw_test *t)
{
    size_t n = 0;
    while (sw_test_outbound_call(t, n))
        n++;
    return n;
}

static void tick(sw_test *t)
{
    CHECK(sw_test_timer(t, "status-page", "tick") == SW_OK);
    CHECK(sw_test_settle(t));
}

static void a_round_is_stored_and_shown(void)
{
    network n = {200, 500, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/status");
    CHECK(r->status == 200 && sw_test_count(r->json, "targets") == 2);
    CHECK(same(sw_test_text(r->json, "targets.0.state"), "unknown"));
    CHECK(same(sw_test_header(t, r, "cache-control"), "public, max-age=5"));

    tick(t);
    CHECK(calls(t) == 2);
    CHECK(atomic_load(&n.keys) == 2);
    r = sw_test_get(t, NULL, "/api/status");
    CHECK(same(sw_test_text(r->json, "targets.0.name"), "web"));
    CHECK(same(sw_test_text(r->json, "targets.0.state"), "up"));
    CHECK(sw_test_int(r->json, "targets.0.status", 0) == 200);
    CHECK(same(sw_test_text(r->json, "targets.0.changed_at"), "2023-11-14T22:13:20.000Z"));
    CHECK(same(sw_test_text(r->json, "targets.1.name"), "shop"));
    CHECK(same(sw_test_text(r->json, "targets.1.state"), "down"));
    CHECK(sw_test_int(r->json, "targets.1.status", 0) == 500);
    CHECK(strstr(r->body, "example") == NULL);

    /* Not due yet; then due. */
    sw_test_clock(t, T0 + 59999);
    tick(t);
    CHECK(calls(t) == 2);
    sw_test_clock(t, T0 + 60000);
    tick(t);
    CHECK(calls(t) == 4);
    r = sw_test_get(t, NULL, "/api/status");
    CHECK(same(sw_test_text(r->json, "targets.0.changed_at"), "2023-11-14T22:13:20.000Z"));
    CHECK(same(sw_test_text(r->json, "targets.0.checked_at"), "2023-11-14T22:14:20.000Z"));
    sw_test_close(t);
}

static void changes_are_told_after_the_commit_and_to_people_alone(void)
{
    network n = {200, 200, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    tick(t);
    const status_event *e = sw_test_published(t, STATUS_EVENT_CHANGED, 1);
    CHECK(e && e->first && e->up);
    CHECK(sw_test_published(t, STATUS_EVENT_CHANGED, 2) == NULL);

    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL), *bob = sw_test_ws_open(t, &BOB, NULL);
    sw_test_socket *bot = sw_test_ws_open(t, &BOT, NULL);
    CHECK(ann && bob && bot);
    if (!ann || !bob || !bot) {
        sw_test_close(t);
        return;
    }
    atomic_store(&n.web, -1);
    sw_test_clock(t, T0 + 60000);
    tick(t);
    sw_test_socket *const both[] = {ann, bob};
    for (size_t i = 0; i < 2; i++) {
        const sw_test_reply *f = sw_test_ws_next(both[i], 5000);
        CHECK(f != NULL);
        if (!f)
            continue;
        CHECK(same(sw_test_text(f->json, "type"), "STATUS_CHANGED"));
        CHECK(same(sw_test_text(f->json, "payload.name"), "web"));
        CHECK(same(sw_test_text(f->json, "payload.state"), "down"));
        CHECK(same(sw_test_text(f->json, "payload.previous"), "up"));
        CHECK(sw_test_int(f->json, "payload.status", -1) == 0);
        CHECK(same(sw_test_text(f->json, "timestamp"), "2023-11-14T22:14:20.000Z"));
        CHECK(sw_test_ws_next(both[i], 100) == NULL); /* shop has not changed */
    }
    CHECK(sw_test_ws_next(bot, 100) == NULL);
    e = sw_test_published(t, STATUS_EVENT_CHANGED, 2);
    CHECK(e && !e->first && !e->up && same(e->name, "web") && e->at_ms == T0 + 60000);

    /* The query: that socket alone, also of two of the same user. */
    sw_test_socket *bob2 = sw_test_ws_open(t, &BOB, NULL);
    CHECK(bob2 != NULL);
    CHECK(sw_test_ws_send(bob, "{\"type\":\"STATUS_QUERY\"}"));
    const sw_test_reply *f = sw_test_ws_next(bob, 5000);
    CHECK(f != NULL);
    if (f) {
        CHECK(same(sw_test_text(f->json, "type"), "STATUS_PAGE"));
        CHECK(same(sw_test_text(f->json, "payload.targets.0.state"), "down"));
        CHECK(same(sw_test_text(f->json, "payload.targets.1.state"), "up"));
    }
    CHECK(bob2 && sw_test_ws_next(bob2, 100) == NULL);
    CHECK(sw_test_ws_next(ann, 100) == NULL);

    CHECK(sw_test_ws_send(bot, "{\"type\":\"STATUS_QUERY\"}"));
    f = sw_test_ws_next(bot, 5000);
    CHECK(f && same(sw_test_text(f->json, "type"), "ERROR"));
    if (f)
        printf("  agent's query: %s\n", f->body);
    sw_test_close(t);
}

static void history_is_kept_short_and_paged(void)
{
    network n = {200, -2, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    for (int i = 0; i < 5; i++) {
        sw_test_clock(t, T0 + i * 60000);
        tick(t);
    }
    CHECK(same(sw_test_sql(t, "SELECT count(*) FROM status_page_results"), "6"));
    const sw_test_reply *r = sw_test_get(t, &BOB, "/api/status/shop/history?limit=2");
    CHECK(r->status == 200 && sw_test_count(r->json, "items") == 2);
    CHECK(same(sw_test_text(r->json, "items.0.error"), "connection refused"));
    CHECK(same(sw_test_text(r->json, "items.0.at"), "2023-11-14T22:17:20.000Z"));
    char path[100];
    snprintf(path, sizeof path, "/api/status/shop/history?limit=2&before_id=%lld",
             (long long)sw_test_int(r->json, "next", 0));
    r = sw_test_get(t, &BOB, path);
    CHECK(sw_test_count(r->json, "items") == 1 && !sw_test_at(r->json, "next"));
    CHECK(sw_test_get(t, NULL, "/api/status/shop/history")->status == 401);
    CHECK(sw_test_get(t, &BOT, "/api/status/shop/history")->status == 403);
    CHECK(sw_test_get(t, &BOB, "/api/status/nothing/history")->status == 404);
    CHECK(sw_test_get(t, &BOB, "/api/status/shop/history?limit=x")->status == 400);
    CHECK(sw_test_get(t, &BOB, "/api/status/shop/history?before_id=0")->status == 400);
    CHECK(sw_test_logged(t, "hush-hush") == 0);
    sw_test_close(t);
}

static void an_admin_probes_by_hand(void)
{
    network n = {200, 200, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    const sw_test_reply *r = sw_test_post(t, &ANN, "/api/status/web/probe", NULL);
    CHECK(r->status == 200 && same(sw_test_text(r->json, "state"), "up"));
    CHECK(sw_value_bool(sw_test_at(r->json, "changed"), 0) == 1);
    atomic_store(&n.web, -2);
    r = sw_test_post(t, &ANN, "/api/status/web/probe", NULL);
    CHECK(r->status == 200 && same(sw_test_text(r->json, "state"), "down"));
    CHECK(same(sw_test_text(r->json, "error"), "connection refused"));
    CHECK(sw_test_post(t, &BOB, "/api/status/web/probe", NULL)->status == 403);
    CHECK(sw_test_post(t, NULL, "/api/status/web/probe", NULL)->status == 401);
    CHECK(sw_test_post(t, &ANN, "/api/status/nothing/probe", NULL)->status == 404);
    CHECK(calls(t) == 2);
    r = sw_test_get(t, &ANN, "/api/health");
    CHECK(r->status == 200);
    printf("  health: %s\n", r->body);
    sw_test_close(t);
}

static void options_change_live(void)
{
    network n = {200, 200, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    tick(t);
    CHECK(calls(t) == 2);
    CHECK(sw_test_set(t, "plugin:status-page.interval", "10s"));
    tick(t); /* a change begins a round */
    CHECK(calls(t) == 4);
    sw_test_clock(t, T0 + 9999);
    tick(t);
    CHECK(calls(t) == 4);
    sw_test_clock(t, T0 + 10000);
    tick(t);
    CHECK(calls(t) == 6);

    CHECK(sw_test_set(t, "plugin:status-page.targets", "shop=https://shop.example/, new=https://new.example/"));
    tick(t);
    CHECK(calls(t) == 8);
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/status");
    CHECK(sw_test_count(r->json, "targets") == 2);
    CHECK(same(sw_test_text(r->json, "targets.1.name"), "new"));
    CHECK(same(sw_test_text(r->json, "targets.1.state"), "up"));
    CHECK(same(sw_test_sql(t, "SELECT count(*) FROM status_page_targets WHERE name = 'web'"), "1"));
    CHECK(sw_test_housekeeping(t, "status-page", "forget") == SW_OK);
    CHECK(same(sw_test_sql(t, "SELECT count(*) FROM status_page_targets WHERE name = 'web'"), "0"));

    CHECK(!sw_test_set(t, "plugin:status-page.interval", "1ms")); /* below its least */
    CHECK(sw_test_set(t, "plugin:status-page.targets", "one"));
    CHECK(sw_test_logged(t, "item 1 is not name=url") == 1);
    CHECK(sw_test_count(sw_test_get(t, NULL, "/api/status")->json, "targets") == 0);

    /* An address that the host does not allow is down, not silent. */
    CHECK(sw_test_set(t, "plugin:status-page.targets", "plain=http://plain.example/"));
    tick(t);
    r = sw_test_get(t, &ANN, "/api/status/plain/history");
    CHECK(same(sw_test_text(r->json, "items.0.error"), "this URL is not allowed"));
    sw_test_close(t);
}

static void a_restart_keeps_the_state(void)
{
    network n = {200, 500, 0};
    sw_test *t = open_host(&n);
    if (!t)
        return;
    tick(t);
    CHECK(sw_test_restart(t));
    sw_test_clock(t, T0 + 1000);
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/status");
    CHECK(same(sw_test_text(r->json, "targets.1.state"), "down"));
    tick(t); /* a start begins with a round */
    r = sw_test_get(t, NULL, "/api/status");
    CHECK(same(sw_test_text(r->json, "targets.1.changed_at"), "2023-11-14T22:13:20.000Z"));
    CHECK(same(sw_test_text(r->json, "targets.1.checked_at"), "2023-11-14T22:13:21.000Z"));
    CHECK(sw_test_published(t, STATUS_EVENT_CHANGED, 2) == NULL);

    CHECK(sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0) == SW_OK);
    CHECK(same(sw_test_sql(t, "SELECT count(*) FROM status_page_results"), "0"));
    sw_test_close(t);
}

static void wrong_targets_are_a_quarantine_with_a_reason(void)
{
    static const sw_plugin *const PLUGINS[] = {&sw_plugin_v1, NULL};
    static const char *const OPTIONS[] = {"plugin:status-page.targets", "a=https://a.example, a=https://b.example",
                                          NULL};
    char error[512] = "";
    sw_test_options options = {.size = sizeof options, .plugins = PLUGINS, .options = OPTIONS};
    sw_test *t = sw_test_open(&options, error, sizeof error);
    CHECK(t == NULL);
    CHECK(strstr(error, "item 2 is not name=url") != NULL);
    printf("  quarantine: %s\n", error);
    sw_test_close(t);
}

int main(void)
{
    a_round_is_stored_and_shown();
    changes_are_told_after_the_commit_and_to_people_alone();
    history_is_kept_short_and_paged();
    an_admin_probes_by_hand();
    options_change_live();
    a_restart_keeps_the_state();
    wrong_targets_are_a_quarantine_with_a_reason();
    printf("%d failed\n", failures);
    return failures ? 1 : 0;
}
