/* The crash file: no content or damage of it stops a start, and none of it is lost. */
#include "tests/unit/crash/crash_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

static crash_history *h;
static char folder[64], path[96], error[CRASH_FILE_ERROR_MAX];

static void setup(void)
{
    h = calloc(1, sizeof *h);
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/crash.log", folder);
}

static void teardown(void)
{
    free(h);
    test_remove(folder);
}

static void put(const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void put_crash(const char *plugin, int64_t at_ms)
{
    char line[CRASH_LINE_MAX];
    crash_record r = crash_of(plugin, "b1", at_ms);
    put(line, crash_record_write(&r, line));
}

static int open_file(void)
{
    memset(h, 0, sizeof *h);
    return crash_file_open(folder, true, h, error);
}

START_TEST(a_file_that_is_not_there_is_made_or_left_out)
{
    ck_assert_int_eq(crash_file_open(folder, false, h, error), -1);
    ck_assert_str_eq(error, "");
    ck_assert_int_eq(access(path, F_OK), -1);
    int fd = open_file();
    struct stat about;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0600);
    ck_assert_int_eq(about.st_size, 0);
    close(fd);
}
END_TEST

START_TEST(a_line_that_was_cut_short_costs_itself_alone)
{
    put_crash("first", 1);
    put("2026-03-05T21:42:08.123Z crash at=17", 36);
    int fd = open_file();
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(h->count, 1);
    ck_assert_uint_eq(h->damaged, 1);
    crash_record r = crash_of("second", "b1", 2);
    ck_assert(crash_file_append(fd, &r));
    close(fd);
    fd = open_file();
    ck_assert_uint_eq(h->count, 2);
    ck_assert_str_eq(h->records[1].plugin, "second");
    close(fd);
}
END_TEST

START_TEST(a_file_full_of_anything_is_passed_over_and_written_anew)
{
    static char noise[3 * 1024 * 1024];
    uint32_t state = 2463534242u;
    for (size_t i = 0; i < sizeof noise; i++) {
        state = state * 1664525u + 1013904223u;
        noise[i] = (char)(state >> 24);
    }
    put(noise, sizeof noise);
    put("\n", 1);
    put_crash("hello", 7);
    int fd = open_file();
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(h->count, 1);
    ck_assert_uint_gt(h->damaged, 0);
    ck_assert(crash_file_overgrown(fd, h));
    ck_assert(crash_file_trim(folder, h, &fd));
    close(fd);

    fd = open_file();
    struct stat about;
    ck_assert_int_eq(fstat(fd, &about), 0);
    ck_assert_int_lt(about.st_size, CRASH_LINE_MAX);
    ck_assert_uint_eq(h->damaged, 0);
    ck_assert_uint_eq(h->count, 1);
    ck_assert_str_eq(h->records[0].plugin, "hello");
    ck_assert(!crash_file_overgrown(fd, h));
    close(fd);
}
END_TEST

START_TEST(a_file_that_has_grown_keeps_its_newest_records)
{
    for (int i = 0; i < 3000; i++)
        put_crash("hello", i);
    int fd = open_file();
    ck_assert(crash_file_overgrown(fd, h));
    ck_assert(crash_file_trim(folder, h, &fd));
    crash_record r = crash_of("hello", "b1", 3000); /* the descriptor is the new file's */
    ck_assert(crash_file_append(fd, &r));
    close(fd);
    fd = open_file();
    ck_assert_uint_eq(h->count, CRASH_HISTORY_MAX / 2 + 1);
    ck_assert_int_eq(h->records[h->count - 1].at_ms, 3000);
    ck_assert_int_eq(h->records[0].at_ms, 3000 - CRASH_HISTORY_MAX / 2);
    ck_assert(!crash_file_overgrown(fd, h));
    close(fd);
}
END_TEST

START_TEST(what_is_no_plain_file_is_refused_with_a_reason)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(open_file(), -1);
    ck_assert_ptr_nonnull(strstr(error, "crashes cannot be recorded in"));
    ck_assert_int_eq(rmdir(path), 0);

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(open_file(), -1); /* and does not wait for a reader */
    ck_assert_ptr_nonnull(strstr(error, "it is no plain file"));
    ck_assert_int_eq(unlink(path), 0);

    ck_assert_int_eq(symlink("/dev/null", path), 0);
    ck_assert_int_eq(open_file(), -1);
    ck_assert_ptr_nonnull(strstr(error, strerror(ELOOP)));
}
END_TEST

/* Does that process sleep, or has it ended? */
static bool asleep(pid_t pid)
{
    char name[64], text[256];
    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    const char *state = strrchr(text, ')');
    return state && (state[2] == 'S' || state[2] == 'Z');
}

static void release_and_exit(int started)
{
    crash_record r = {.word = CRASH_RELEASED, .plugin = "hello", .at_ms = 2};
    close(started); /* the start's descriptor, as another process has none */
    int fd = crash_file_open(folder, false, h, error);
    _exit(fd >= 0 && crash_file_append(fd, &r) ? 0 : 1);
}

START_TEST(a_release_while_a_start_writes_the_file_anew_is_not_lost)
{
    put_crash("hello", 1);
    put("noise\n", 6);
    int fd = open_file(); /* a start */
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        release_and_exit(fd);
    while (!asleep(child)) /* until it waits for the lock */
        (void)poll(NULL, 0, 1);
    ck_assert(crash_file_trim(folder, h, &fd));
    crash_file_unlock(fd);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close(fd);
    fd = open_file();
    ck_assert_uint_eq(h->count, 2);
    ck_assert_int_eq(h->records[1].word, CRASH_RELEASED);
    close(fd);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_file_that_is_not_there_is_made_or_left_out);
    ADD(a_line_that_was_cut_short_costs_itself_alone);
    ADD(a_file_full_of_anything_is_passed_over_and_written_anew);
    ADD(a_file_that_has_grown_keeps_its_newest_records);
    ADD(what_is_no_plain_file_is_refused_with_a_reason);
    ADD(a_release_while_a_start_writes_the_file_anew_is_not_lost);
}

int main(void)
{
    return run_tests("plugin crash file", add);
}
