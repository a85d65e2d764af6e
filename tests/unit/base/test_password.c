#include "core/base/crypto.h"
#include "tests/unit/run_tests.h"

#include <pthread.h>
#include <string.h>

START_TEST(a_password_matches_its_own_hash_alone)
{
    char bcrypt[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE], yescrypt[PASSWORD_HASH_SIZE];
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, 4, "geheim-ß", bcrypt), SW_OK);
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, 4, "geheim-ß", again), SW_OK);
    ck_assert_int_eq(password_hash(PASSWORD_YESCRYPT, 1, "geheim-ß", yescrypt), SW_OK);
    ck_assert_int_eq(strncmp(bcrypt, "$2b$04$", 7), 0);
    ck_assert_int_eq(strncmp(yescrypt, "$y$j", 4), 0);
    ck_assert_str_ne(bcrypt, again);
    ck_assert(password_verify("geheim-ß", bcrypt));
    ck_assert(password_verify("geheim-ß", again));
    ck_assert(password_verify("geheim-ß", yescrypt));
    ck_assert(!password_verify("geheim-s", bcrypt));
    ck_assert(!password_verify("", bcrypt));
    ck_assert(!password_verify("geheim-s", yescrypt));
}
END_TEST

START_TEST(hashes_of_other_systems_are_understood)
{
    /* Of the OpenBSD test suite, and of go's bcrypt ($2a$). */
    ck_assert(password_verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    ck_assert(password_verify("allmine", "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"));
}
END_TEST

START_TEST(broken_hashes_match_nothing)
{
    static const char *const BROKEN[] = {"",    "*0", "*1", "x", "$2b$", "$2b$04$short", "$y$j9T$", "$nonsense$abc",
                                         "\xFF"};
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
        ck_assert(!password_verify("x", BROKEN[i]));
        ck_assert(!password_verify("", BROKEN[i]));
    }
}
END_TEST

START_TEST(impossible_wishes_fail)
{
    char out[PASSWORD_HASH_SIZE] = "untouched", text[600];
    ck_assert_int_eq(password_hash((password_method)0, 4, "x", out), SW_INTERNAL);
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, 3, "x", out), SW_INTERNAL);
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, 32, "x", out), SW_INTERNAL);
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, -1, "x", out), SW_INTERNAL);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(password_hash(PASSWORD_BCRYPT, 4, text, out), SW_INTERNAL);
    ck_assert_str_eq(out, "untouched");
}
END_TEST

START_TEST(weaker_is_told_by_method_and_cost)
{
    static const char BCRYPT[] = "$2b$12$abcdefghijklmnopqrstuu5Lo2g2LW4ZQJKrxPxqQpZnsz9rGq7sK";
    char yescrypt[PASSWORD_HASH_SIZE], small[PASSWORD_HASH_SIZE];
    ck_assert_int_eq(password_hash(PASSWORD_YESCRYPT, 0, "x", yescrypt), SW_OK);
    ck_assert_int_eq(password_hash(PASSWORD_YESCRYPT, 1, "x", small), SW_OK);
    ck_assert(!password_weaker(BCRYPT, PASSWORD_BCRYPT, 12));
    ck_assert(!password_weaker(BCRYPT, PASSWORD_BCRYPT, 10));
    ck_assert(password_weaker(BCRYPT, PASSWORD_BCRYPT, 13));
    ck_assert(password_weaker(BCRYPT, PASSWORD_YESCRYPT, 0));
    ck_assert(!password_weaker(yescrypt, PASSWORD_BCRYPT, 15));
    ck_assert(!password_weaker(yescrypt, PASSWORD_YESCRYPT, 0));
    ck_assert(!password_weaker(yescrypt, PASSWORD_YESCRYPT, 3));
    ck_assert(password_weaker(yescrypt, PASSWORD_YESCRYPT, 6));
    ck_assert(password_weaker(small, PASSWORD_YESCRYPT, 0));
    ck_assert(password_weaker("$2a$12$abcdefghijklmnopqrstuu5Lo2g2LW4ZQJKrxPxqQpZnsz9rGq7sK", PASSWORD_BCRYPT, 12));
    ck_assert(password_weaker("$6$salt$hash", PASSWORD_BCRYPT, 4));
    ck_assert(password_weaker("", PASSWORD_BCRYPT, 4));
    ck_assert(password_weaker("$y$", PASSWORD_YESCRYPT, 0));
}
END_TEST

static void *hash_some(void *arg)
{
    char out[PASSWORD_HASH_SIZE];
    for (int i = 0; i < 20; i++)
        if (password_hash(PASSWORD_BCRYPT, 4, arg, out) != SW_OK || !password_verify(arg, out))
            return "failed";
    return NULL;
}

START_TEST(threads_do_not_disturb_each_other)
{
    char words[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_some, words[i]), 0);
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_password_matches_its_own_hash_alone);
    ADD(hashes_of_other_systems_are_understood);
    ADD(broken_hashes_match_nothing);
    ADD(impossible_wishes_fail);
    ADD(weaker_is_told_by_method_and_cost);
    ADD(threads_do_not_disturb_each_other);
}

int main(void)
{
    return run_tests("password", add);
}
