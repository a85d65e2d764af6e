/* Events: in_tx inside the publisher's step, after in commit order, copies that live on. */
#include "core/plugin/event_copy.h"
#include "tests/unit/plugin/harness.h"

#include <stdatomic.h>

static harness h;

/* What the subscriber saw; written by its callbacks. */
static _Atomic int in_tx_calls, after_calls, done_calls, done_good;
static int64_t after_ids[256];
static char after_text[64];
static sw_status in_tx_answer;
static sw_host *in_tx_host;

static sw_status hear_in_tx(sw_tx *tx, const void *data)
{
    (void)data;
    in_tx_host = tx->host;
    in_tx_calls++;
    return in_tx_answer;
}

static sw_status hear_after(sw_request *req, const void *data)
{
    const sw_message_event *e = data;
    (void)req;
    int n = after_calls;
    after_ids[n % 256] = e->id;
    snprintf(after_text, sizeof after_text, "%s", e->content);
    after_calls = n + 1;
    return SW_OK;
}

static sw_status write_nothing(sw_tx *tx, void *arg)
{
    (void)tx;
    (void)arg;
    after_calls++;
    return SW_OK;
}

/* An `after` that writes: the next event waits for its commit. */
static sw_status write_after(sw_request *req, const void *data)
{
    const sw_message_event *e = data;
    after_ids[after_calls % 256] = e->id;
    return sw_write(req, write_nothing, NULL);
}

static const sw_subscription HEARS[] = {{SW_EVENT_MESSAGE_STORED, hear_in_tx, hear_after}};
static const sw_subscription WRITES[] = {{SW_EVENT_MESSAGE_STORED, NULL, write_after}};

static const sw_plugin PUBLISHER = {SW_PLUGIN_HEAD, .name = "publisher", .version = "1"};
static const sw_plugin LISTENER = {SW_PLUGIN_HEAD, .name = "listener", .version = "1",
                                   .subscriptions = SW_TABLE(HEARS)};
static const sw_plugin WRITER = {SW_PLUGIN_HEAD, .name = "writer", .version = "1", .subscriptions = SW_TABLE(WRITES)};

static sw_status publish_step(sw_tx *tx, void *arg)
{
    char text[32];
    snprintf(text, sizeof text, "message %lld", (long long)*(int64_t *)arg);
    sw_message_event e = {.id = *(int64_t *)arg, .agent_id = "a", .level = "INFO", .content = text};
    return sw_tx_publish(tx, SW_EVENT_MESSAGE_STORED, &e, sizeof e);
}

static sw_status publish_and_forget(sw_tx *tx, void *arg)
{
    (void)!publish_step(tx, arg);
    return SW_OK;
}

static void published(void *arg, sw_status outcome)
{
    free(arg);
    done_good += outcome == SW_OK;
    done_calls++;
}

static void publish(module *m, sw_step step, int64_t id)
{
    int64_t *arg = malloc(sizeof *arg);
    *arg = id;
    ck_assert(sw_write_later(&m->host, step, arg, published));
}

static void setup(void)
{
    in_tx_calls = after_calls = done_calls = done_good = 0;
    in_tx_answer = SW_OK;
    harness_begin(&h);
}

static void teardown(void)
{
    harness_end(&h);
}

START_TEST(subscribers_hear_in_the_step_and_after_the_commit)
{
    module *p = harness_add(&h, &PUBLISHER);
    module *l = harness_add(&h, &LISTENER);
    harness_start(&h);
    publish(p, publish_step, 7);
    harness_await(&done_calls, 1);
    harness_await(&after_calls, 1);
    ck_assert_int_eq(in_tx_calls, 1);
    ck_assert_ptr_eq(in_tx_host, &l->host);
    ck_assert_int_eq(after_ids[0], 7);
    ck_assert_str_eq(after_text, "message 7");
}
END_TEST

START_TEST(a_failing_subscriber_undoes_the_step)
{
    module *p = harness_add(&h, &PUBLISHER);
    harness_add(&h, &LISTENER);
    harness_start(&h);
    in_tx_answer = SW_CONFLICT;
    publish(p, publish_step, 1);
    publish(p, publish_and_forget, 2); /* also when the publisher does not look */
    harness_await(&done_calls, 2);
    ck_assert_int_eq(done_good, 0);
    ck_assert_int_eq(in_tx_calls, 2);
    in_tx_answer = SW_OK;
    publish(p, publish_step, 3);
    harness_await(&after_calls, 1);
    ck_assert_int_eq(after_ids[0], 3);
}
END_TEST

START_TEST(after_comes_in_the_order_of_the_commits)
{
    module *p = harness_add(&h, &PUBLISHER);
    harness_add(&h, &LISTENER);
    harness_start(&h);
    for (int64_t id = 0; id < 200; id++)
        publish(p, publish_step, id);
    harness_await(&after_calls, 200);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(after_ids[i], i);
}
END_TEST

START_TEST(a_subscriber_that_writes_keeps_the_order)
{
    module *p = harness_add(&h, &PUBLISHER);
    harness_add(&h, &WRITER);
    harness_start(&h);
    for (int64_t id = 0; id < 200; id++)
        publish(p, publish_step, id);
    harness_await(&after_calls, 200);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(after_ids[i], i);
}
END_TEST

START_TEST(a_disabled_subscriber_hears_nothing)
{
    char error[128];
    module *p = harness_add(&h, &PUBLISHER);
    harness_add(&h, &LISTENER);
    harness_start(&h);
    ck_assert_int_eq(registry_disable(h.r, "listener", error, sizeof error), SW_OK);
    publish(p, publish_step, 1);
    harness_await(&done_calls, 1);
    ck_assert_int_eq(in_tx_calls, 0);
}
END_TEST

START_TEST(a_copy_holds_its_own_texts)
{
    char text[] = "hello";
    sw_message_event e = {.id = 1, .agent_id = text, .level = NULL, .content = text};
    event_copy *copy = event_copy_new(SW_EVENT_MESSAGE_STORED, &e, sizeof e);
    text[0] = 'X';
    const sw_message_event *c = event_copy_data(copy);
    ck_assert_str_eq(c->agent_id, "hello");
    ck_assert_str_eq(c->content, "hello");
    ck_assert_str_eq(c->level, "");
    event_copy_unref(copy);

    /* A publisher whose header ended before `content`. */
    copy = event_copy_new(SW_EVENT_MESSAGE_STORED, &e, offsetof(sw_message_event, content));
    c = event_copy_data(copy);
    ck_assert_str_eq(c->agent_id, "Xello");
    ck_assert_str_eq(c->content, "");
    ck_assert_int_eq(c->at_ms, 0);
    event_copy_unref(copy);
}
END_TEST

static _Atomic int gate_open, gate_runs;

static sw_status wait_at_gate(sw_request *req)
{
    (void)req;
    while (!gate_open)
        (void)poll(NULL, 0, 1);
    gate_runs++;
    return SW_OK;
}

START_TEST(a_full_queue_drops_and_goes_on)
{
    module *p = harness_add(&h, &PUBLISHER);
    harness_start(&h);
    gate_open = gate_runs = 0;
    serial *s = serial_new(&h.rt, "publisher", 4);
    for (int i = 0; i < 20; i++)
        serial_push(s, task_new(&h.rt, &p->host, wait_at_gate, i));
    ck_assert_uint_le(serial_length(s), 4);
    gate_open = 1;
    for (int i = 0; i < 1000 && serial_length(s); i++)
        (void)poll(NULL, 0, 10);
    serial_push(s, task_new(&h.rt, &p->host, wait_at_gate, 20));
    runtime_stop(&h.rt, 5000);
    ck_assert_int_ge(gate_runs, 5);
    ck_assert_int_le(gate_runs, 6);
    serial_free(s);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, a_copy_holds_its_own_texts);
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(subscribers_hear_in_the_step_and_after_the_commit);
    ADD(a_failing_subscriber_undoes_the_step);
    ADD(after_comes_in_the_order_of_the_commits);
    ADD(a_subscriber_that_writes_keeps_the_order);
    ADD(a_disabled_subscriber_hears_nothing);
    ADD(a_full_queue_drops_and_goes_on);
}

int main(void)
{
    return run_tests("plugin events", add);
}
