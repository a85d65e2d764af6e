/* Tests of duty-roster: the server runs inside this program, see <steward/testhost.h>. */
#include <steward/testhost.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2027-03-05T12:00:00Z */
#define NOON INT64_C(1804248000000)
#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static const sw_test_user ANN = {.id = 1, .role = SW_ROLE_ADMIN, .name = "ann"};
static const sw_test_user BOB = {.id = 99, .role = SW_ROLE_MEMBER, .name = "bob"};
static const sw_test_user BOT = {.id = 98, .role = SW_ROLE_AGENT, .name = "bot", .by_api_token = true};

static int failures;

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool good, const char *what, int line)
{
    if (good)
        return;
    failures++;
    printf("test_duty-roster.c:%d: not so: %s\n", line, what);
}

#define STATUS(want, call) status_is((want), (call), #call, __LINE__)

static const sw_test_reply *status_is(int want, const sw_test_reply *r, const char *what, int line)
{
    if (r->status != want) {
        failures++;
        printf("test_duty-roster.c:%d: %d, not %d: %s\n  %s\n", line, r->status, want, what, r->body);
    }
    return r;
}

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* ---- a plugin of the test's own: spoils a message after duty-roster has seen it, in the same transaction ---- */

static sw_status spoil(sw_tx *tx, const void *data)
{
    const sw_message_event *m = data;
    (void)tx;
    return strstr(m->content, "spoil") ? SW_UNAVAILABLE : SW_OK;
}

static const sw_subscription SPOILER_SUBSCRIPTIONS[] = {{.event = SW_EVENT_MESSAGE_STORED, .in_tx = spoil}};

static const sw_plugin SPOILER = {
    SW_PLUGIN_HEAD,   .name = "spoiler",    .version = "1",
    .license = "MIT", .summary = "Spoils.", .subscriptions = SW_TABLE(SPOILER_SUBSCRIPTIONS),
};

static sw_test *open_host(const char *const *options)
{
    static const sw_plugin *const PLUGINS[] = {&sw_plugin_v1, &SPOILER, NULL};
    char error[512];
    sw_test *t = sw_test_open(
        &(sw_test_options){
            .size = sizeof(sw_test_options), .plugins = PLUGINS, .installed = "users, messages", .options = options},
        error, sizeof error);
    if (!t)
        printf("no host: %s\n", error);
    CHECK(t != NULL);
    if (t)
        sw_test_clock(t, NOON);
    return t;
}

static int64_t add_agent(sw_test *t, const char *name)
{
    char body[100];
    snprintf(body, sizeof body, "{\"username\":\"%s\"}", name);
    const sw_test_reply *r = STATUS(201, sw_test_post(t, &ANN, "/api/users/agents", body));
    return sw_test_int(r->json, "id", 0);
}

static const sw_test_reply *shift(sw_test *t, int64_t agent, const char *person, int64_t from, int64_t to)
{
    char body[300];
    snprintf(body, sizeof body, "{\"agent_id\":%lld,\"person\":\"%s\",\"from\":%lld,\"to\":%lld}", (long long)agent,
             person, (long long)from, (long long)to);
    return sw_test_post(t, &BOB, "/api/duty", body);
}

static void close_host(sw_test *t, int failures_before)
{
    if (failures > failures_before && getenv("VERBOSE"))
        printf("%s\nlatest error: %s\n", sw_test_log(t), sw_test_error(t));
    sw_test_close(t);
}

static void a_shift_is_made_read_and_removed(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t agent = add_agent(t, "builder");
    char body[300], path[100];
    snprintf(body, sizeof body,
             "{\"agent_id\":%lld,\"person\":\"Zo\\u00eb\",\"from\":\"2027-03-05T10:00:00.000Z\","
             "\"to\":\"2027-03-05T15:30:00.5+01:00\",\"note\":\"by phone\"}",
             (long long)agent);
    const sw_test_reply *r = STATUS(201, sw_test_post(t, &BOB, "/api/duty", body));
    CHECK(sw_test_int(r->json, "id", 0) == 1);
    CHECK(sw_test_int(r->json, "agent_id", 0) == agent);
    CHECK(is(sw_test_text(r->json, "person"), "Zo\u00eb"));
    CHECK(is(sw_test_text(r->json, "from"), "2027-03-05T10:00:00.000Z"));
    CHECK(is(sw_test_text(r->json, "to"), "2027-03-05T14:30:00.500Z"));
    CHECK(is(sw_test_text(r->json, "note"), "by phone"));
    CHECK(is(sw_test_text(r->json, "created_by"), "bob"));
    CHECK(is(sw_test_text(r->json, "created_at"), "2027-03-05T12:00:00.000Z"));
    /* What one answer wrote is a body of the next. */
    STATUS(201, shift(t, agent, "no note", NOON + 3 * HOUR, NOON + 4 * HOUR));

    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty/1"));
    CHECK(is(sw_test_text(r->json, "note"), "by phone"));
    r = STATUS(200, sw_test_get(t, &BOB, "/api/duty/2"));
    CHECK(sw_test_at(r->json, "note") == NULL);
    STATUS(404, sw_test_get(t, &BOB, "/api/duty/3"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty/0"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty/x"));
    STATUS(401, sw_test_get(t, NULL, "/api/duty/1"));

    STATUS(401, sw_test_delete(t, NULL, "/api/duty/1"));
    STATUS(403, sw_test_delete(t, &BOB, "/api/duty/1"));
    STATUS(403, sw_test_delete(t, &BOT, "/api/duty/1"));
    STATUS(400, sw_test_delete(t, &ANN, "/api/duty/x"));
    snprintf(path, sizeof path, "/api/duty/%d", 1);
    r = STATUS(204, sw_test_delete(t, &ANN, path));
    CHECK(r->body_len == 0);
    r = STATUS(404, sw_test_delete(t, &ANN, path));
    CHECK(is(sw_test_text(r->json, "code"), "not_found"));
    STATUS(405, sw_test_call(t, &ANN, "PUT", "/api/duty/2", "{}", NULL));

    r = STATUS(200, sw_test_get(t, &ANN, "/api/health"));
    CHECK(strstr(r->body, "\"on_duty\":0") != NULL);
    close_host(t, before);
}

static void wrong_bodies_are_refused(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t agent = add_agent(t, "builder");
    static const struct {
        const char *what, *code, *body;
    } BAD[] = {
        {"empty", "missing_field", "{}"},
        {"no agent", "missing_field", "{\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"null agent", "missing_field", "{\"agent_id\":null,\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"zero agent", "invalid_parameter", "{\"agent_id\":0,\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"text agent", "invalid_parameter", "{\"agent_id\":\"3\",\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"real agent", "invalid_parameter", "{\"agent_id\":3.5,\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"unknown agent", "invalid_parameter", "{\"agent_id\":777,\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"human", "invalid_parameter", "{\"agent_id\":1,\"person\":\"A\",\"from\":1,\"to\":3600000}"},
        {"no person", "missing_field", "{\"agent_id\":AGENT,\"from\":1,\"to\":3600000}"},
        {"empty person", "missing_field", "{\"agent_id\":AGENT,\"person\":\"\",\"from\":1,\"to\":3600000}"},
        {"blank person", NULL, "{\"agent_id\":AGENT,\"person\":\"  \",\"from\":1,\"to\":3600000}"},
        {"number person", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":7,\"from\":1,\"to\":3600000}"},
        {"long person", "field_too_long",
         "{\"agent_id\":AGENT,\"person\":\"12345678901234567890123456789012345678901234567890123456789012345\","
         "\"from\":1,\"to\":3600000}"},
        {"no from", "missing_field", "{\"agent_id\":AGENT,\"person\":\"A\",\"to\":3600000}"},
        {"null to", "missing_field", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":1,\"to\":null}"},
        {"words", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":\"now\",\"to\":3600000}"},
        {"no zone", "invalid_parameter",
         "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":\"2027-03-05T10:00:00\",\"to\":3600000}"},
        {"30 Feb", "invalid_parameter",
         "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":\"2027-02-30T10:00:00Z\",\"to\":3600000}"},
        {"rest", "invalid_parameter",
         "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":\"2027-02-03T10:00:00Zz\",\"to\":3600000}"},
        {"cut offset", "invalid_parameter",
         "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":\"2027-02-03T10:00:00+0\",\"to\":3600000}"},
        {"negative", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":-5,\"to\":3600000}"},
        {"bool", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":true,\"to\":3600000}"},
        {"reversed", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":2,\"to\":1}"},
        {"nothing", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":2,\"to\":2}"},
        {"long", "shift_too_long", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":0,\"to\":43200001}"},
        {"note", "invalid_parameter", "{\"agent_id\":AGENT,\"person\":\"A\",\"from\":0,\"to\":3600000,\"note\":7}"},
        {"array", "invalid_request", "[]"},
        {"no json", "invalid_request", "{"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char body[400], number[24];
        const char *at = strstr(BAD[i].body, "AGENT");
        snprintf(number, sizeof number, "%lld", (long long)agent);
        if (at)
            snprintf(body, sizeof body, "%.*s%s%s", (int)(at - BAD[i].body), BAD[i].body, number, at + 5);
        else
            snprintf(body, sizeof body, "%s", BAD[i].body);
        const sw_test_reply *r = sw_test_post(t, &BOB, "/api/duty", body);
        if (r->status != 400 || (BAD[i].code && !is(sw_test_text(r->json, "code"), BAD[i].code))) {
            failures++;
            printf("%s: %d %s\n", BAD[i].what, r->status, r->body);
        }
    }
    char note[700];
    int len = snprintf(note, sizeof note, "{\"agent_id\":%lld,\"person\":\"A\",\"from\":0,\"to\":60000,\"note\":\"",
                       (long long)agent);
    memset(note + len, 'n', 501);
    memcpy(note + len + 501, "\"}", 3);
    STATUS(400, sw_test_post(t, &BOB, "/api/duty", note));

    STATUS(401, sw_test_post(t, NULL, "/api/duty", "{}"));
    STATUS(403, sw_test_post(t, &BOT, "/api/duty", "{}"));
    static const char *const TEXT[] = {"Content-Type: text/plain", NULL};
    STATUS(415, sw_test_call(t, &BOB, "POST", "/api/duty", "hello", TEXT));
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "0"));
    STATUS(201, shift(t, agent, "exactly 12 hours", 0, 12 * HOUR));
    close_host(t, before);
}

static void two_shifts_of_an_agent_do_not_overlap(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t one = add_agent(t, "one"), two = add_agent(t, "two");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + 2 * HOUR));
    const sw_test_reply *r = STATUS(409, shift(t, one, "Max", NOON, NOON + 2 * HOUR));
    CHECK(is(sw_test_text(r->json, "code"), "shift_overlaps"));
    CHECK(is(sw_test_text(r->json, "error"),
             "Zoe is on duty for agent one from 2027-03-05T12:00:00.000Z to 2027-03-05T14:00:00.000Z (shift 1)"));
    STATUS(409, shift(t, one, "Max", NOON - HOUR, NOON + 1));
    STATUS(409, shift(t, one, "Max", NOON + 2 * HOUR - 1, NOON + 3 * HOUR));
    STATUS(409, shift(t, one, "Max", NOON - HOUR, NOON + 4 * HOUR));
    STATUS(409, shift(t, one, "Max", NOON + 10, NOON + 20));
    STATUS(201, shift(t, one, "Max", NOON - HOUR, NOON));
    STATUS(201, shift(t, one, "Max", NOON + 2 * HOUR, NOON + 3 * HOUR));
    STATUS(201, shift(t, two, "Max", NOON, NOON + 2 * HOUR));
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "4"));
    close_host(t, before);
}

static void lists_have_pages(void)
{
    int before = failures;
    static const char *const OPTIONS[] = {"plugin:duty-roster.page", "3", NULL};
    sw_test *t = open_host(OPTIONS);
    if (!t)
        return;
    int64_t one = add_agent(t, "one"), two = add_agent(t, "two");
    for (int i = 0; i < 5; i++)
        STATUS(201, shift(t, i % 2 ? two : one, "Zoe", NOON + i * HOUR, NOON + i * HOUR + HOUR));
    const sw_test_reply *r = STATUS(200, sw_test_get(t, &BOT, "/api/duty"));
    CHECK(sw_test_count(r->json, "items") == 3 && sw_test_int(r->json, "items.0.id", 0) == 5);
    CHECK(sw_test_int(r->json, "next", 0) == 3);
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty?before_id=3"));
    CHECK(sw_test_count(r->json, "items") == 2 && sw_test_int(r->json, "items.0.id", 0) == 2);
    CHECK(sw_test_at(r->json, "next") == NULL);
    char path[100];
    snprintf(path, sizeof path, "/api/duty?agent_id=%lld&limit=1000&before_id=4", (long long)two);
    r = STATUS(200, sw_test_get(t, &BOT, path));
    CHECK(sw_test_count(r->json, "items") == 1 && sw_test_int(r->json, "items.0.id", 0) == 2);
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty?agent_id=12345"));
    CHECK(sw_test_count(r->json, "items") == 0);
    STATUS(400, sw_test_get(t, &BOB, "/api/duty?limit=0"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty?limit=many"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty?agent_id=x"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty?before_id=-1"));
    STATUS(401, sw_test_get(t, NULL, "/api/duty"));
    /* Not live: taken, but it counts from the next start on. */
    CHECK(sw_test_set(t, "plugin:duty-roster.page", "4"));
    CHECK(!sw_test_set(t, "plugin:duty-roster.page", "201"));
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty"));
    CHECK(sw_test_count(r->json, "items") == 3);
    CHECK(sw_test_restart(t));
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty"));
    CHECK(sw_test_count(r->json, "items") == 4);
    close_host(t, before);
}

static void now_is_by_the_clock_of_the_server(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t one = add_agent(t, "one"), two = add_agent(t, "two");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + HOUR));
    STATUS(201, shift(t, two, "Max", NOON - HOUR, NOON + 2 * HOUR));
    STATUS(201, shift(t, one, "Eve", NOON + HOUR, NOON + 2 * HOUR));
    const sw_test_reply *r = STATUS(200, sw_test_get(t, &BOT, "/api/duty/now"));
    CHECK(sw_test_count(r->json, "items") == 2);
    CHECK(is(sw_test_text(r->json, "items.0.person"), "Zoe") && is(sw_test_text(r->json, "items.1.person"), "Max"));
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty/now?limit=1"));
    CHECK(sw_test_count(r->json, "items") == 1 && sw_test_int(r->json, "next", 0) == one);
    char path[100];
    snprintf(path, sizeof path, "/api/duty/now?after_agent_id=%lld", (long long)one);
    r = STATUS(200, sw_test_get(t, &BOT, path));
    CHECK(sw_test_count(r->json, "items") == 1 && is(sw_test_text(r->json, "items.0.person"), "Max"));
    sw_test_clock(t, NOON + HOUR);
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty/now"));
    CHECK(is(sw_test_text(r->json, "items.0.person"), "Eve"));
    r = STATUS(200, sw_test_get(t, &ANN, "/api/health"));
    CHECK(strstr(r->body, "\"on_duty\":2") != NULL);
    sw_test_clock(t, NOON - 1);
    r = STATUS(200, sw_test_get(t, &BOT, "/api/duty/now"));
    CHECK(sw_test_count(r->json, "items") == 1 && is(sw_test_text(r->json, "items.0.person"), "Max"));
    STATUS(400, sw_test_get(t, &BOB, "/api/duty/now?limit=x"));
    STATUS(401, sw_test_get(t, NULL, "/api/duty/now"));
    close_host(t, before);
}

#define INCIDENTS(t) atoi(sw_test_sql((t), "SELECT count(*) FROM duty_roster_incidents"))

/* An agent reports: nobody else may do so under its name. */
static const sw_test_reply *message(sw_test *t, const char *agent, const char *level, const char *content)
{
    const sw_test_user sender = {.id = 98, .role = SW_ROLE_AGENT, .name = agent, .by_api_token = true};
    char body[300];
    snprintf(body, sizeof body, "{\"agent_id\":\"%s\",\"level\":\"%s\",\"content\":\"%s\"}", agent, level, content);
    return sw_test_post(t, &sender, "/api/messages", body);
}

/* Publishes, and then fails. */
static sw_status publish_and_fail(sw_tx *tx, void *arg)
{
    const sw_message_event *m = arg;
    SW_TRY(sw_tx_publish(tx, SW_EVENT_MESSAGE_STORED, m, sizeof *m));
    return SW_RATE_LIMITED;
}

static void an_error_on_duty_is_an_incident(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t one = add_agent(t, "one");
    add_agent(t, "two");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + HOUR));
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL), *bob = sw_test_ws_open(t, &BOB, NULL),
                   *bot = sw_test_ws_open(t, &BOT, NULL);
    CHECK(ann && bob && bot);

    STATUS(201, message(t, "one", "WARNING", "not yet"));
    STATUS(201, message(t, "two", "ERROR", "nobody is on duty"));
    STATUS(201, message(t, "three", "ERROR", "there is no such agent"));
    CHECK(INCIDENTS(t) == 0);

    /* The publisher is undone by another subscriber, and by itself. */
    STATUS(503, message(t, "one", "ERROR", "spoil it"));
    CHECK(INCIDENTS(t) == 0);
    sw_message_event m = {.id = 5, .agent_id = "one", .level = "ERROR", .content = "x", .at_ms = NOON};
    CHECK(sw_test_write(t, "duty-roster", publish_and_fail, &m) == SW_RATE_LIMITED);
    CHECK(INCIDENTS(t) == 0);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM messages WHERE content LIKE '%spoil%'"), "0"));

    const sw_test_reply *r = STATUS(201, message(t, "one", "error", "it burns"));
    int64_t message_id = sw_test_int(r->json, "id", 0);
    CHECK(INCIDENTS(t) == 1);
    CHECK(atoll(sw_test_sql(t, "SELECT message_id FROM duty_roster_incidents")) == message_id);
    CHECK(is(sw_test_sql(t, "SELECT person FROM duty_roster_incidents"), "Zoe"));
    sw_test_socket *humans[] = {ann, bob};
    for (int i = 0; i < 2; i++) {
        /* The first DUTY_INCIDENT is of this message: the failures have sent none. */
        const sw_test_reply *f;
        do {
            f = sw_test_ws_next(humans[i], 5000);
        } while (f && !is(sw_test_text(f->json, "type"), "DUTY_INCIDENT"));
        CHECK(f != NULL);
        if (!f)
            continue;
        CHECK(sw_test_int(f->json, "payload.message_id", 0) == message_id);
        CHECK(sw_test_int(f->json, "payload.incident_id", 0) == 1);
        CHECK(sw_test_int(f->json, "payload.agent_id", 0) == one);
        CHECK(is(sw_test_text(f->json, "payload.agent_name"), "one"));
        CHECK(is(sw_test_text(f->json, "payload.person"), "Zoe"));
        CHECK(is(sw_test_text(f->json, "timestamp"), "2027-03-05T12:00:00.000Z"));
    }
    const sw_test_reply *f;
    while ((f = sw_test_ws_next(bot, 300)) != NULL)
        CHECK(!is(sw_test_text(f->json, "type"), "DUTY_INCIDENT"));

    /* As the event alone, without the plugin messages. */
    CHECK(sw_test_publish(t, SW_EVENT_MESSAGE_STORED, &m, sizeof m) == SW_OK);
    CHECK(INCIDENTS(t) == 2);

    sw_test_clock(t, NOON + HOUR);
    STATUS(201, message(t, "one", "ERROR", "nobody is on duty any more"));
    CHECK(INCIDENTS(t) == 2);
    close_host(t, before);
}

static void without_notify_there_is_no_frame(void)
{
    int before = failures;
    static const char *const OPTIONS[] = {"plugin:duty-roster.notify", "off", NULL};
    sw_test *t = open_host(OPTIONS);
    if (!t)
        return;
    int64_t one = add_agent(t, "one");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + HOUR));
    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL);
    STATUS(201, message(t, "one", "ERROR", "it burns"));
    CHECK(INCIDENTS(t) == 1);
    const sw_test_reply *f;
    while ((f = sw_test_ws_next(ann, 300)) != NULL)
        CHECK(!is(sw_test_text(f->json, "type"), "DUTY_INCIDENT"));
    close_host(t, before);
}

static void old_shifts_are_forgotten(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t one = add_agent(t, "one");
    for (int i = 0; i < 450; i++) /* the last ends 450 minutes after noon */
        STATUS(201, shift(t, one, "Zoe", NOON + i * 60000, NOON + i * 60000 + 60000));
    STATUS(201, message(t, "one", "ERROR", "it burns"));
    CHECK(INCIDENTS(t) == 1);
    STATUS(201, shift(t, one, "Max", NOON + 20 * DAY, NOON + 20 * DAY + HOUR));
    sw_test_clock(t, NOON + 90 * DAY);
    CHECK(sw_test_housekeeping(t, "duty-roster", "forget") == SW_OK);
    CHECK(INCIDENTS(t) == 0);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "451"));
    sw_test_clock(t, NOON + 90 * DAY + 60000);
    CHECK(sw_test_housekeeping(t, "duty-roster", "forget") == SW_OK);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "450"));
    sw_test_clock(t, NOON + 91 * DAY);
    CHECK(sw_test_housekeeping(t, "duty-roster", "forget") == SW_OK);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "1"));
    CHECK(sw_test_housekeeping(t, "duty-roster", "no such") == SW_NOT_FOUND);
    close_host(t, before);
}

static void an_agent_takes_its_shifts_along(void)
{
    int before = failures;
    /* users makes the first administrator again after a reset, if it is configured. */
    static const char *const OPTIONS[] = {"server.env", "development", "auth.initial_admin_pass", "correct-horse-1",
                                          NULL};
    sw_test *t = open_host(OPTIONS);
    if (!t)
        return;
    int64_t one = add_agent(t, "one"), two = add_agent(t, "two");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + HOUR));
    STATUS(201, shift(t, one, "Zoe", NOON + HOUR, NOON + 2 * HOUR));
    STATUS(201, shift(t, two, "Max", NOON, NOON + HOUR));
    char path[100];
    snprintf(path, sizeof path, "/api/users/agents/%lld", (long long)one);
    const sw_test_reply *r = sw_test_delete(t, &ANN, path);
    CHECK(r->status / 100 == 2);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "1"));
    STATUS(400, shift(t, one, "Zoe", NOON, NOON + HOUR));

    CHECK(sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0) == SW_OK);
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts"), "0"));
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM sqlite_sequence WHERE name LIKE 'duty_roster%'"), "0"));
    close_host(t, before);
}

static void max_shift_is_live_and_a_restart_keeps_data(void)
{
    int before = failures;
    sw_test *t = open_host(NULL);
    if (!t)
        return;
    int64_t one = add_agent(t, "one");
    STATUS(201, shift(t, one, "Zoe", NOON, NOON + 12 * HOUR));
    STATUS(400, shift(t, one, "Zoe", NOON + DAY, NOON + DAY + 12 * HOUR + 1));
    CHECK(sw_test_set(t, "plugin:duty-roster.max_shift", "1h"));
    const sw_test_reply *r = STATUS(400, shift(t, one, "Zoe", NOON + DAY, NOON + DAY + HOUR + 1));
    CHECK(is(sw_test_text(r->json, "error"), "a shift is at most 60 minutes long"));
    CHECK(sw_test_set(t, "plugin:duty-roster.max_shift", "2d"));
    STATUS(201, shift(t, one, "Zoe", NOON + DAY, NOON + 3 * DAY));
    CHECK(!sw_test_set(t, "plugin:duty-roster.max_shift", "14m"));
    CHECK(!sw_test_set(t, "plugin:duty-roster.max_shift", "8d"));
    CHECK(!sw_test_set(t, "plugin:duty-roster.max_shift", "long"));

    CHECK(sw_test_restart(t));
    r = STATUS(200, sw_test_get(t, &BOB, "/api/duty"));
    CHECK(sw_test_count(r->json, "items") == 2);
    r = STATUS(200, sw_test_get(t, &BOB, "/api/duty/now"));
    CHECK(sw_test_count(r->json, "items") == 1);
    STATUS(409, shift(t, one, "Max", NOON, NOON + HOUR));
    close_host(t, before);
}

/* ---- the migration: version 0 of the plugin has the first migration only ---- */

static const sw_statement OLD_STATEMENTS[] = {
    {"insert",
     "INSERT INTO duty_roster_shifts (agent_id, person, from_ms, to_ms, created_by, created_ms)"
     " VALUES (?1, 'Zoe', ?2, ?3, 'ann', ?2)",
     NULL},
};

static sw_status old_insert(sw_tx *tx, void *arg)
{
    return sw_tx_exec(tx, &OLD_STATEMENTS[0], NULL, "iii", *(int64_t *)arg, NOON, NOON + HOUR);
}

static void rows_of_the_first_version_are_kept(void)
{
    int before = failures;
    sw_plugin plugin = {
        SW_PLUGIN_HEAD,
        .name = "duty-roster",
        .version = "0.9.0",
        .license = "MIT",
        .summary = "The first version.",
        .migrations = sw_plugin_v1.migrations,
        .statements = SW_TABLE(OLD_STATEMENTS),
    };
    plugin.migrations.count = 1;
    const sw_plugin *const plugins[] = {&plugin, NULL};
    char error[512];
    sw_test *t = sw_test_open(
        &(sw_test_options){.size = sizeof(sw_test_options), .plugins = plugins, .installed = "users, messages"}, error,
        sizeof error);
    if (!t)
        printf("no host: %s\n", error);
    CHECK(t != NULL);
    if (!t)
        return;
    sw_test_clock(t, NOON);
    int64_t one = add_agent(t, "one");
    CHECK(sw_test_write(t, "duty-roster", old_insert, &one) == SW_OK);
    CHECK(sw_test_sql(t, "SELECT note FROM duty_roster_shifts") == NULL);

    plugin = sw_plugin_v1; /* descriptors are not copied: the restart finds the new version */
    CHECK(sw_test_restart(t));
    CHECK(is(sw_test_plugin_error(t, "duty-roster"), ""));
    CHECK(is(sw_test_sql(t, "SELECT count(*) FROM duty_roster_shifts WHERE note IS NULL"), "1"));
    const sw_test_reply *r = STATUS(200, sw_test_get(t, &BOB, "/api/duty/now"));
    CHECK(is(sw_test_text(r->json, "items.0.person"), "Zoe"));
    STATUS(409, shift(t, one, "Max", NOON, NOON + HOUR));
    STATUS(201, shift(t, one, "Max", NOON + HOUR, NOON + 2 * HOUR));
    close_host(t, before);
}

int main(void)
{
    a_shift_is_made_read_and_removed();
    wrong_bodies_are_refused();
    two_shifts_of_an_agent_do_not_overlap();
    lists_have_pages();
    now_is_by_the_clock_of_the_server();
    an_error_on_duty_is_an_incident();
    without_notify_there_is_no_frame();
    old_shifts_are_forgotten();
    an_agent_takes_its_shifts_along();
    max_shift_is_live_and_a_restart_keeps_data();
    rows_of_the_first_version_are_kept();
    printf("%d failed\n", failures);
    return failures ? 1 : 0;
}
