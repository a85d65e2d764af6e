/* The folder of a file. */
#include "core/base/folder.h"
#include "tests/unit/run_tests.h"

#include <errno.h>
#include <string.h>

START_TEST(every_path_has_a_folder)
{
    static const char *const PATHS[][2] = {{"/a/b", "/a"}, {"/a", "/"}, {"a", "."}, {"a/b", "a"}, {"a/", "a"}};
    char out[PATH_MAX];
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        ck_assert(folder_of(PATHS[i][0], out));
        ck_assert_str_eq(out, PATHS[i][1]);
    }
}
END_TEST

START_TEST(one_that_is_too_long_is_refused)
{
    static char path[PATH_MAX + 3];
    char out[PATH_MAX];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 3] = '/';
    ck_assert(!folder_of(path, out));
    ck_assert(!folder_sync(path));
    ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

START_TEST(a_folder_that_is_not_there_cannot_be_made_durable)
{
    ck_assert(folder_sync("/tmp/x"));
    ck_assert(!folder_sync("/nowhere/x"));
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void add(TCase *tests)
{
    ADD(every_path_has_a_folder);
    ADD(one_that_is_too_long_is_refused);
    ADD(a_folder_that_is_not_there_cannot_be_made_durable);
}

int main(void)
{
    return run_tests("folder", add);
}
