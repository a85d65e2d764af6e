#include "core/base/str.h"
#include "tests/unit/run_tests.h"

START_TEST(case_is_ignored_for_ascii_alone)
{
    ck_assert(str_equal_nocase(str_of("Content-TYPE"), "content-type"));
    ck_assert(!str_equal_nocase(str_of("Content-TYPE"), "content-typ"));
    ck_assert(!str_equal_nocase(str_of("É"), "é"));
    ck_assert(str_starts_nocase(str_of("BEARER x"), "bearer "));
    ck_assert(!str_starts_nocase(str_of("bear"), "bearer "));
    ck_assert(str_equal(str_of("a"), "a"));
    ck_assert(!str_equal(str_of("A"), "a"));
    ck_assert_int_eq(str_upper('z'), 'Z');
    ck_assert_int_eq(str_upper('{'), '{');
    ck_assert_int_eq(str_lower('['), '[');
}
END_TEST

START_TEST(space_around_is_taken_off)
{
    ck_assert(str_equal(str_trim(str_of(" \t a b\r\n")), "a b"));
    ck_assert(str_equal(str_trim(str_of("  ")), ""));
    ck_assert(str_equal(str_trim(str_of("")), ""));
}
END_TEST

START_TEST(pieces_come_one_by_one)
{
    sw_str rest = str_of(" a ,b,, c"), piece;
    static const char *const PIECES[] = {"a", "b", "", "c"};
    for (int i = 0; i < 4; i++) {
        ck_assert(str_next(&rest, ',', &piece));
        ck_assert(str_equal(piece, PIECES[i]));
    }
    ck_assert(!str_next(&rest, ',', &piece));
    rest = str_of("x,");
    ck_assert(str_next(&rest, ',', &piece));
    ck_assert(str_next(&rest, ',', &piece));
    ck_assert_uint_eq(piece.len, 0);
    ck_assert(!str_next(&rest, ',', &piece));
}
END_TEST

START_TEST(roles_have_names)
{
    for (unsigned role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
        ck_assert_int_eq(sw_role_of(sw_role_name((sw_role)role)), (int)role);
    ck_assert_str_eq(sw_role_name(SW_ROLE_BUTLER), "BUTLER");
    ck_assert_str_eq(sw_role_name((sw_role)0), "");
    ck_assert_str_eq(sw_role_name((sw_role)99), "");
    ck_assert_int_eq(sw_role_of("admin"), 0);
    ck_assert_int_eq(sw_role_of(""), 0);
    ck_assert_int_eq(sw_role_of(NULL), 0);
}
END_TEST

static void add(TCase *tests)
{
    ADD(case_is_ignored_for_ascii_alone);
    ADD(space_around_is_taken_off);
    ADD(pieces_come_one_by_one);
    ADD(roles_have_names);
}

int main(void)
{
    return run_tests("str", add);
}
