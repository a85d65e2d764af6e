#include "core/base/arena.h"
#include "tests/unit/run_tests.h"

#include <stdint.h>
#include <string.h>

START_TEST(memory_is_zeroed_and_aligned)
{
    arena a;
    arena_init(&a, 0);
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *at = arena_alloc(&a, size);
        ck_assert_ptr_nonnull(at);
        ck_assert_uint_eq((uintptr_t)at % 16, 0);
        size_t zeros = 0;
        for (size_t i = 0; i < size; i++)
            zeros += at[i] == 0;
        ck_assert_uint_eq(zeros, size);
        memset(at, 0xAA, size);
    }
    arena_done(&a);
}
END_TEST

START_TEST(pieces_do_not_overlap)
{
    arena a;
    unsigned char *piece[300];
    arena_init(&a, 0);
    for (int i = 0; i < 300; i++) {
        piece[i] = arena_alloc(&a, (size_t)(i * 31 % 9000 + 1));
        memset(piece[i], i, (size_t)(i * 31 % 9000 + 1));
    }
    int wrong = 0;
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < i * 31 % 9000 + 1; k++)
            wrong += piece[i][k] != (unsigned char)i;
    ck_assert_int_eq(wrong, 0);
    arena_done(&a);
}
END_TEST

START_TEST(the_limit_holds_and_small_pieces_still_fit_up_to_it)
{
    arena a;
    arena_init(&a, 10000);
    ck_assert_ptr_null(arena_alloc(&a, 10001));
    ck_assert_ptr_nonnull(arena_alloc(&a, 6000));
    int fitted = 0;
    while (arena_alloc(&a, 100) != NULL)
        fitted++;
    ck_assert_int_gt(fitted, 10);
    ck_assert_uint_le(a.total, 10000);
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX / 2));
    ck_assert_ptr_null(arena_strndup(&a, "x", SIZE_MAX));
    arena_done(&a);
    ck_assert_uint_eq(a.limit, 10000);
    ck_assert_ptr_nonnull(arena_alloc(&a, 6000));
    arena_done(&a);
}
END_TEST

START_TEST(a_large_piece_leaves_the_rest_of_the_block_in_use)
{
    arena a;
    arena_init(&a, 0);
    char *first = arena_alloc(&a, 16);
    arena_alloc(&a, 1 << 20);
    char *second = arena_alloc(&a, 16);
    ck_assert(second > first && second < first + 2048);
    arena_done(&a);
}
END_TEST

typedef struct {
    char *order;
    char mark;
    arena *a;
} step;

static void append(void *arg)
{
    step *s = arg;
    size_t len = strlen(s->order);
    s->order[len] = s->mark;
    if (s->mark == '2') {
        /* What is deferred while the arena ends, still runs. */
        step *late = arena_alloc(s->a, sizeof *late);
        *late = (step){.order = s->order, .mark = 'L'};
        ck_assert(arena_defer(s->a, append, late));
    }
}

START_TEST(what_was_deferred_runs_newest_first)
{
    arena a;
    char order[8] = "";
    arena_init(&a, 0);
    for (char mark = '1'; mark <= '3'; mark++) {
        step *s = arena_alloc(&a, sizeof *s);
        *s = (step){.order = order, .mark = mark, .a = &a};
        ck_assert(arena_defer(&a, append, s));
    }
    arena_done(&a);
    ck_assert_str_eq(order, "32L1");
}
END_TEST

START_TEST(deferring_without_memory_says_so)
{
    arena a;
    arena_init(&a, 8);
    ck_assert(!arena_defer(&a, append, NULL));
    arena_done(&a);
}
END_TEST

START_TEST(texts_are_copied_and_printed)
{
    arena a = {0};
    ck_assert_str_eq(arena_strndup(&a, "hello", 4), "hell");
    ck_assert_str_eq(arena_strndup(&a, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&a, "%d %s", 7, "x"), "7 x");
    char long_text[2000];
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    ck_assert_str_eq(arena_printf(&a, "%s", long_text), long_text);
    arena_done(&a);
    arena_done(NULL);
}
END_TEST

static void add(TCase *tests)
{
    ADD(memory_is_zeroed_and_aligned);
    ADD(pieces_do_not_overlap);
    ADD(the_limit_holds_and_small_pieces_still_fit_up_to_it);
    ADD(a_large_piece_leaves_the_rest_of_the_block_in_use);
    ADD(what_was_deferred_runs_newest_first);
    ADD(deferring_without_memory_says_so);
    ADD(texts_are_copied_and_printed);
}

int main(void)
{
    return run_tests("arena", add);
}
