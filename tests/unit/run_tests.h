/* Runs the tests of one program. A test is a sentence: START_TEST(it_does_this) … ADD(it_does_this). */
#ifndef TESTS_UNIT_RUN_TESTS_H
#define TESTS_UNIT_RUN_TESTS_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADD(test) tcase_add_test(tests, test)

/* A folder of this program, in TMPDIR: a test that fails or crashes does not get to remove its own. */
static char test_root[40];

static inline void test_root_make(void)
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || strlen(tmp) > sizeof test_root - sizeof "/steward-test-XXXXXX")
        tmp = "/tmp";
    snprintf(test_root, sizeof test_root, "%s/steward-test-XXXXXX", tmp);
    if (mkdtemp(test_root) == NULL)
        abort();
}

static inline int test_remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static inline void test_remove(const char *folder)
{
    nftw(folder, test_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new folder of a test's own. `size`: 64 is enough. */
static inline void test_folder(char *folder, size_t size)
{
    snprintf(folder, size, "%s/XXXXXX", test_root);
    if (mkdtemp(folder) == NULL)
        abort();
}

static inline int run_tests(const char *name, void (*add)(TCase *tests))
{
    test_root_make();
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 60);
    add(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_remove(test_root);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
