/* Rows and structs of other versions of the headers. */
#include "core/base/table.h"
#include "tests/unit/run_tests.h"

/* What a plugin of the first release passes, this server, and one that is younger. */
typedef struct {
    uint32_t size;
    int32_t first;
} old_struct;

typedef struct {
    uint32_t size;
    int32_t first;
    int64_t second;
} our_struct;

typedef struct {
    uint32_t size;
    int32_t first;
    int64_t second, third;
} new_struct;

enum { FIRST = STRUCT_THROUGH(old_struct, first) };

START_TEST(a_shorter_struct_reads_as_zero_behind_its_end_and_a_longer_one_is_cut)
{
    old_struct older = {sizeof older, 1};
    new_struct newer = {sizeof newer, 1, 2, 3};
    our_struct got = {9, 9, 9};

    ck_assert(struct_read(&got, sizeof got, &older, FIRST));
    ck_assert_int_eq(got.first, 1);
    ck_assert_int_eq(got.second, 0);
    ck_assert(struct_read(&got, sizeof got, &newer, FIRST));
    ck_assert_int_eq(got.second, 2);
}
END_TEST

START_TEST(a_struct_is_filled_as_far_as_its_maker_knows_it_and_keeps_its_size)
{
    struct {
        old_struct known;
        int64_t behind;
    } older = {{sizeof(old_struct), 0}, 7};
    new_struct newer = {sizeof newer, 0, 0, 8};
    our_struct ours = {sizeof ours, 1, 2};

    ck_assert(struct_give(&older.known, &ours, sizeof ours, FIRST));
    ck_assert_int_eq(older.known.first, 1);
    ck_assert_uint_eq(older.known.size, sizeof(old_struct));
    ck_assert_int_eq(older.behind, 7);
    ck_assert(struct_give(&newer, &ours, sizeof ours, FIRST));
    ck_assert_int_eq(newer.second, 2);
    ck_assert_int_eq(newer.third, 8);
    ck_assert_uint_eq(newer.size, sizeof ours); /* what of it was filled */
}
END_TEST

START_TEST(a_struct_whose_size_was_not_set_is_refused)
{
    old_struct unset = {0, 1}, little = {FIRST - 1, 1};
    our_struct ours = {sizeof ours, 5, 6}, got = {9, 9, 9};

    ck_assert(!struct_read(&got, sizeof got, &unset, FIRST));
    ck_assert(!struct_read(&got, sizeof got, &little, FIRST));
    ck_assert(!struct_give(&unset, &ours, sizeof ours, FIRST));
    ck_assert(!struct_give(&little, &ours, sizeof ours, FIRST));
    ck_assert_int_eq(got.first, 9);
    ck_assert_int_eq(unset.first, 1);
}
END_TEST

START_TEST(a_row_of_a_table_reads_likewise)
{
    const old_struct rows[] = {{0, 1}, {0, 2}};
    our_struct got;

    table_row((sw_table){rows, sizeof rows[0], 2}, 1, &got, sizeof got);
    ck_assert_int_eq(got.first, 2);
    ck_assert_int_eq(got.second, 0);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_shorter_struct_reads_as_zero_behind_its_end_and_a_longer_one_is_cut);
    ADD(a_struct_is_filled_as_far_as_its_maker_knows_it_and_keeps_its_size);
    ADD(a_struct_whose_size_was_not_set_is_refused);
    ADD(a_row_of_a_table_reads_likewise);
}

int main(void)
{
    return run_tests("table", add);
}
