/* The folder of a file, and writing to the end. */
#include "core/base/files.h"
#include "tests/unit/run_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

enum { LONG = 1 << 20 };

static void *read_slowly(void *arg)
{
    static char bytes[4096];
    size_t *got = arg;
    int fd = (int)*got;
    ssize_t n;
    *got = 0;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        *got += (size_t)n;
    return NULL;
}

/* More than a pipe or a socket holds at once. */
static void expect_whole(int fds[2], bool (*put)(int fd, const void *bytes, size_t len))
{
    static const char bytes[LONG];
    size_t got = (size_t)fds[0];
    pthread_t reader;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_slowly, &got), 0);
    ck_assert(put(fds[1], bytes, sizeof bytes));
    ck_assert(put(fds[1], bytes, 0));
    close(fds[1]);
    pthread_join(reader, NULL);
    ck_assert_uint_eq(got, LONG);
    close(fds[0]);
}

START_TEST(everything_is_written_or_sent)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    expect_whole(fds, write_whole);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    expect_whole(fds, send_whole);
}
END_TEST

START_TEST(a_socket_that_is_closed_raises_no_signal)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[0]);
    ck_assert(!send_whole(fds[1], "x", 1));
    ck_assert_int_eq(errno, EPIPE);
    close(fds[1]);
    ck_assert(!write_whole(fds[1], "x", 1));
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

static void add(TCase *tests)
{
    ADD(every_path_has_a_folder);
    ADD(one_that_is_too_long_is_refused);
    ADD(a_folder_that_is_not_there_cannot_be_made_durable);
    ADD(everything_is_written_or_sent);
    ADD(a_socket_that_is_closed_raises_no_signal);
}

int main(void)
{
    return run_tests("files", add);
}
