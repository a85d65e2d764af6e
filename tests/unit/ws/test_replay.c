/* Recovery against a simulated store, writer and loop: commits, mails and page reads in every order that the real
 * threads allow. The client must see exactly the stored sequence. */
#include "core/ws/replay.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 400, SEEDS_PER_TEST = 50 };

/* The store's rows are 1..committed; mails of rows up to `mailed` have reached the loop. */
typedef struct {
    replay r;
    int64_t committed, mailed, cut_off;
    int64_t seen[2 * ROWS_MAX];
    int seen_count;
    int64_t held[ROWS_MAX];
    int held_count;
    bool reading;
    int64_t read_after, read_at; /* a page away: what it saw */
    int page_size;
} world;

static void see(world *w, int64_t id)
{
    if (w->seen_count >= 2 * ROWS_MAX) /* a check that holds is not free */
        ck_abort_msg("more rows than there are");
    w->seen[w->seen_count++] = id;
}

static void release_held(world *w)
{
    for (int i = 0; i < w->held_count; i++)
        if (replay_wanted(&w->r, w->held[i]))
            see(w, w->held[i]);
    w->held_count = 0;
}

static void mail_one(world *w)
{
    if (w->mailed == w->committed)
        return;
    int64_t id = ++w->mailed;
    switch (replay_live(&w->r, id)) {
    case LIVE_SEND:
        see(w, id);
        break;
    case LIVE_HOLD:
        w->held[w->held_count++] = id;
        if (w->held_count > 20 && replay_overflow(&w->r))
            w->held_count = 0;
        break;
    case LIVE_DROP:
        break;
    }
}

static void read_begin(world *w)
{
    if (w->r.phase != REPLAY_ROWS || w->reading)
        return;
    w->reading = true;
    replay_page_begin(&w->r);
    w->read_after = w->r.last;
    w->read_at = -1;
}

/* The worker takes its snapshot at some moment after it was asked. */
static void read_snapshot(world *w)
{
    if (w->reading && w->read_at < 0)
        w->read_at = w->committed;
}

static void read_done(world *w)
{
    if (!w->reading || w->read_at < 0)
        return;
    w->reading = false;
    int64_t last = w->read_after, end = last + w->page_size < w->read_at ? last + w->page_size : w->read_at;
    for (int64_t id = last + 1; id <= end; id++) {
        see(w, id);
        last = id;
    }
    bool drop = false;
    replay_phase phase = replay_page(&w->r, last > w->read_after ? last : 0, end < w->read_at, &drop);
    if (drop)
        w->held_count = 0;
    if (phase == REPLAY_LIVE)
        release_held(w);
}

static void greet(world *w)
{
    if (w->r.phase == REPLAY_GREET && replay_greeted(&w->r, rand() % 3 > 0) == REPLAY_LIVE)
        release_held(w);
}

static void check_exact(const world *w, int64_t since)
{
    ck_assert_int_eq(w->seen_count, w->committed - since);
    for (int i = 0; i < w->seen_count; i++)
        if (w->seen[i] != since + 1 + i)
            ck_abort_msg("row %d is %lld", i, (long long)w->seen[i]);
}

static void random_order(unsigned seed)
{
    srand(seed);
    world w = {.page_size = 1 + rand() % 40};
    int64_t since = rand() % 50;
    w.committed = since + rand() % 150;
    w.mailed = since < w.committed ? since + rand() % (w.committed - since + 1) : w.committed;
    ck_assert_int_eq(replay_begin(&w.r, false, since, seed % 2 == 1), REPLAY_OPENING);
    int hello_at = rand() % 30;
    for (int step = 0; step < 4000; step++) {
        if (step == hello_at)
            ck_assert_int_eq(replay_hello(&w.r, true), REPLAY_ROWS);
        if (rand() % 20 == 0)
            greet(&w);
        switch (rand() % 6) {
        case 0:
            if (w.committed < ROWS_MAX - 1 && step < 2000)
                w.committed++;
            break;
        case 1:
        case 2:
            mail_one(&w);
            break;
        case 3:
            read_begin(&w);
            break;
        case 4:
            read_snapshot(&w);
            break;
        case 5:
            read_done(&w);
            break;
        }
    }
    while (w.mailed < w.committed)
        mail_one(&w);
    for (int i = 0; i < 1000 && w.r.phase != REPLAY_LIVE; i++) {
        read_begin(&w);
        read_snapshot(&w);
        read_done(&w);
        greet(&w);
    }
    ck_assert_msg(w.r.phase == REPLAY_LIVE, "seed %u ends in phase %d", seed, (int)w.r.phase);
    check_exact(&w, since);
}

START_TEST(no_gap_and_no_duplicate_whatever_the_order)
{
    for (int i = 0; i < SEEDS_PER_TEST; i++)
        random_order((unsigned)(_i * SEEDS_PER_TEST + i));
}
END_TEST

START_TEST(plain_sockets_are_live_at_once)
{
    replay r;
    ck_assert_int_eq(replay_begin(&r, false, -1, false), REPLAY_LIVE);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_SEND);
    ck_assert_int_eq(replay_live(&r, 1), LIVE_SEND);
}
END_TEST

START_TEST(hello_alone_holds_everything_until_it_is_out)
{
    replay r;
    ck_assert_int_eq(replay_begin(&r, true, -1, false), REPLAY_OPENING);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_HOLD);
    ck_assert_int_eq(replay_live(&r, 5), LIVE_HOLD);
    ck_assert_int_eq(replay_hello(&r, true), REPLAY_LIVE);
    ck_assert(replay_wanted(&r, 5));
}
END_TEST

START_TEST(unstored_frames_are_dropped_until_it_has_caught_up)
{
    replay r;
    bool drop;
    replay_begin(&r, true, 0, true);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_DROP);
    replay_hello(&r, true);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_DROP);
    replay_page_begin(&r);
    ck_assert_int_eq(replay_page(&r, 9, false, &drop), REPLAY_GREET);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_HOLD);
    ck_assert_int_eq(replay_live(&r, 9), LIVE_DROP);
    ck_assert_int_eq(replay_live(&r, 10), LIVE_HOLD);
    ck_assert_int_eq(replay_greeted(&r, true), REPLAY_GREET);
    ck_assert_int_eq(replay_greeted(&r, false), REPLAY_LIVE);
    ck_assert_int_eq(replay_live(&r, 9), LIVE_DROP);
    ck_assert_int_eq(replay_live(&r, 11), LIVE_SEND);
}
END_TEST

START_TEST(without_recovery_nothing_counts_as_seen)
{
    replay r;
    replay_begin(&r, true, 1000, false);
    ck_assert_int_eq(replay_hello(&r, false), REPLAY_LIVE);
    ck_assert_int_eq(replay_live(&r, 5), LIVE_SEND);
}
END_TEST

START_TEST(a_greeting_alone_begins_at_once)
{
    replay r;
    ck_assert_int_eq(replay_begin(&r, false, -1, true), REPLAY_GREET);
    ck_assert_int_eq(replay_live(&r, 3), LIVE_HOLD);
    ck_assert(!replay_overflow(&r));
}
END_TEST

START_TEST(a_greeting_with_too_much_held_reads_on_after_it)
{
    replay r;
    bool drop;
    replay_begin(&r, true, 0, true);
    replay_hello(&r, true);
    replay_page_begin(&r);
    ck_assert_int_eq(replay_page(&r, 9, false, &drop), REPLAY_GREET);
    ck_assert_int_eq(replay_live(&r, 10), LIVE_HOLD);
    ck_assert(replay_overflow(&r));
    ck_assert_int_eq(replay_live(&r, 11), LIVE_DROP);
    ck_assert_int_eq(replay_live(&r, 0), LIVE_DROP);
    ck_assert_int_eq(replay_greeted(&r, true), REPLAY_GREET);
    ck_assert_int_eq(replay_greeted(&r, false), REPLAY_ROWS);
    replay_page_begin(&r);
    ck_assert_int_eq(replay_page(&r, 11, false, &drop), REPLAY_GREET);
    ck_assert_int_eq(replay_live(&r, 12), LIVE_HOLD);
    ck_assert_int_eq(replay_greeted(&r, false), REPLAY_LIVE);
}
END_TEST

START_TEST(too_much_held_before_a_gap_is_known_holds_again_after_it)
{
    replay r;
    replay_begin(&r, true, 1000, true);
    ck_assert(replay_overflow(&r));
    ck_assert_int_eq(replay_hello(&r, false), REPLAY_GREET);
    ck_assert_int_eq(replay_live(&r, 5), LIVE_HOLD);
    ck_assert(!replay_overflow(&r));
    ck_assert_int_eq(replay_greeted(&r, false), REPLAY_LIVE);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, no_gap_and_no_duplicate_whatever_the_order, 0, 500 / SEEDS_PER_TEST);
    ADD(plain_sockets_are_live_at_once);
    ADD(hello_alone_holds_everything_until_it_is_out);
    ADD(unstored_frames_are_dropped_until_it_has_caught_up);
    ADD(without_recovery_nothing_counts_as_seen);
    ADD(a_greeting_alone_begins_at_once);
    ADD(a_greeting_with_too_much_held_reads_on_after_it);
    ADD(too_much_held_before_a_gap_is_known_holds_again_after_it);
}

int main(void)
{
    return run_tests("replay", add_tests);
}
