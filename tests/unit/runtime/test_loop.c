/* Loops and their mail. */
#include "tests/unit/runtime/fixture.h"

#include <signal.h>

static runtime rt;

static void setup(void)
{
    memset(&rt, 0, sizeof rt);
    ck_assert(loops_open(&rt, 2));
}

static void teardown(void)
{
    loops_close(&rt);
}

enum { SENDERS = 4, EACH = 3000 };

typedef struct {
    mail mail; /* first member */
    int sender, number;
} letter;

static letter letters[SENDERS][EACH];
static int seen[SENDERS];
static atomic_int arrived, misplaced;

static void receive(mail *m, loop *l)
{
    letter *x = (letter *)m;
    if (x->number != seen[x->sender]++ || !loop_here(l) || loop_current() != l)
        atomic_fetch_add(&misplaced, 1);
    atomic_fetch_add(&arrived, 1);
}

static void *send_all(void *arg)
{
    letter *mine = arg;
    for (int i = 0; i < EACH; i++) {
        loop_post(&rt.loops[0], &mine[i].mail);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void prepare(void)
{
    atomic_store(&arrived, 0);
    atomic_store(&misplaced, 0);
    memset(seen, 0, sizeof seen);
    for (int s = 0; s < SENDERS; s++)
        for (int i = 0; i < EACH; i++)
            letters[s][i] = (letter){.mail.run = receive, .sender = s, .number = i};
}

START_TEST(mail_arrives_in_order_on_its_loop)
{
    prepare();
    ck_assert(loops_start(&rt));
    pthread_t threads[SENDERS];
    for (int i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, send_all, letters[i]);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 5000 && atomic_load(&arrived) < SENDERS * EACH; i++)
        test_sleep(1);
    ck_assert_int_eq(atomic_load(&arrived), SENDERS * EACH);
    ck_assert_int_eq(atomic_load(&misplaced), 0);
    ck_assert_ptr_null(loop_current());
    loops_stop(&rt);
}
END_TEST

START_TEST(mail_posted_before_and_after_the_end_is_run)
{
    prepare();
    send_all(letters[0]); /* nobody runs yet: one wake-up is kept in the eventfd */
    ck_assert(loops_start(&rt));
    loops_stop(&rt);
    ck_assert_int_eq(atomic_load(&arrived), EACH);
    send_all(letters[1]);
    loops_stop(&rt); /* what came later runs on this thread, in the loop's name */
    ck_assert_int_eq(atomic_load(&arrived), 2 * EACH);
    ck_assert_int_eq(atomic_load(&misplaced), 0);
}
END_TEST

typedef struct {
    mail mail; /* first member */
    sem_t done;
    sigset_t blocked;
    char name[16];
} question;

static void answer(mail *m, loop *l)
{
    (void)l;
    question *q = (question *)m;
    pthread_sigmask(SIG_BLOCK, NULL, &q->blocked);
    pthread_getname_np(pthread_self(), q->name, sizeof q->name);
    sem_post(&q->done);
}

START_TEST(loops_are_named_and_leave_signals_to_the_main_thread)
{
    ck_assert(loops_start(&rt));
    question q = {.mail.run = answer};
    sem_init(&q.done, 0, 0);
    loop_post(&rt.loops[1], &q.mail);
    test_wait(&q.done);
    ck_assert_str_eq(q.name, "loop-1");
    ck_assert(sigismember(&q.blocked, SIGTERM) && sigismember(&q.blocked, SIGHUP) && !sigismember(&q.blocked, SIGSEGV));
    sigset_t here;
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    ck_assert(!sigismember(&here, SIGTERM));
    loops_stop(&rt);
}
END_TEST

START_TEST(the_clock_of_a_loop_goes_on_without_mail)
{
    ck_assert(loops_start(&rt));
    long long before = atomic_load(&rt.loops[0].now_ms);
    test_sleep(1200);
    long long after = atomic_load(&rt.loops[0].now_ms);
    ck_assert_int_ge(after - before, 400);
    ck_assert_int_le(sw_monotonic_ms() - after, 1000);
    loops_stop(&rt);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(mail_arrives_in_order_on_its_loop);
    ADD(mail_posted_before_and_after_the_end_is_run);
    ADD(loops_are_named_and_leave_signals_to_the_main_thread);
    ADD(the_clock_of_a_loop_goes_on_without_mail);
}

int main(void)
{
    return run_tests("loop", add);
}
