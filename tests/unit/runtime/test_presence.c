#include "core/runtime/presence.h"
#include "tests/unit/run_tests.h"

#include <pthread.h>

START_TEST(a_user_is_online_while_one_socket_is_open)
{
    presence *p = presence_new(4);
    ck_assert_uint_eq(presence_loops(p, 7), 0);
    ck_assert(presence_enter(p, 7, 1));
    ck_assert(presence_enter(p, 7, 3));
    ck_assert(presence_enter(p, 7, 3));
    ck_assert_uint_eq(presence_loops(p, 7), 1u << 1 | 1u << 3);
    ck_assert_uint_eq(presence_leave(p, 7, 3, false), 2);
    ck_assert_uint_eq(presence_loops(p, 7), 1u << 1 | 1u << 3);
    ck_assert_uint_eq(presence_leave(p, 7, 3, true), 1);
    ck_assert_uint_eq(presence_loops(p, 7), 1u << 1);
    ck_assert_uint_eq(presence_leave(p, 7, 1, true), 0);
    ck_assert_uint_eq(presence_loops(p, 7), 0);
    ck_assert_uint_eq(presence_leave(p, 7, 1, true), 0);
    presence_free(p);
}
END_TEST

START_TEST(more_loops_than_bits_share_them)
{
    presence *p = presence_new(100);
    presence_enter(p, 1, 3);
    presence_enter(p, 1, 67);
    presence_leave(p, 1, 3, true);
    ck_assert_uint_eq(presence_loops(p, 1), UINT64_C(1) << 3);
    presence_leave(p, 1, 67, true);
    ck_assert_uint_eq(presence_loops(p, 1), 0);
    presence_free(p);
}
END_TEST

START_TEST(many_users)
{
    presence *p = presence_new(4);
    for (int64_t id = 1; id <= 20000; id++)
        ck_assert(presence_enter(p, id, (unsigned)(id % 4)));
    for (int64_t id = 1; id <= 20000; id++)
        ck_assert_uint_eq(presence_loops(p, id), UINT64_C(1) << (id % 4));
    for (int64_t id = 1; id <= 20000; id++)
        ck_assert_uint_eq(presence_leave(p, id, (unsigned)(id % 4), true), 0);
    presence_free(p);
}
END_TEST

typedef struct {
    presence *p;
    unsigned loop;
} come_and_go;

static void *run(void *arg)
{
    const come_and_go *c = arg;
    for (int round = 0; round < 200; round++) {
        for (int64_t id = 1; id <= 50; id++)
            presence_enter(c->p, id, c->loop);
        for (int64_t id = 1; id <= 50; id++) {
            (void)presence_loops(c->p, id);
            presence_leave(c->p, id, c->loop, true);
        }
    }
    return NULL;
}

START_TEST(loops_come_and_go_at_once)
{
    come_and_go c[4];
    pthread_t threads[4];
    presence *p = presence_new(4);
    for (unsigned i = 0; i < 4; i++) {
        c[i] = (come_and_go){p, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &c[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int64_t id = 1; id <= 50; id++)
        ck_assert_uint_eq(presence_loops(p, id), 0);
    presence_free(p);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(a_user_is_online_while_one_socket_is_open);
    ADD(more_loops_than_bits_share_them);
    ADD(many_users);
    ADD(loops_come_and_go_at_once);
}

int main(void)
{
    return run_tests("presence", add_tests);
}
