/* The crash file: what counts against a plugin, and that no content or damage of the file stops a start. */
#include "core/plugin/crash_file.h"
#include "tests/unit/run_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { NOW = 1000000, WINDOW = 600 };

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

static crash_record crash_of(const char *plugin, const char *build, int64_t at_ms)
{
    crash_record r = {.word = CRASH_HAPPENED, .at_ms = at_ms, .signal = SIGSEGV};
    snprintf(r.plugin, sizeof r.plugin, "%s", plugin);
    snprintf(r.build, sizeof r.build, "%s", build);
    return r;
}

static void crashed(const char *plugin, const char *build, int64_t at_ms)
{
    crash_record r = crash_of(plugin, build, at_ms);
    crash_history_add(h, &r);
}

static void add_word(crash_word word, const char *plugin)
{
    crash_record r = crash_of(plugin, "", NOW);
    r.word = word;
    crash_history_add(h, &r);
}

static unsigned tally(const char *plugin, const char *build)
{
    return crash_history_tally(h, plugin, build, NOW, WINDOW).count;
}

/* ---- counting ---- */

START_TEST(only_crashes_of_this_build_within_the_window_count)
{
    crashed("hello", "b1", NOW - WINDOW); /* just too old */
    crashed("hello", "b1", NOW - WINDOW + 1);
    crashed("hello", "b0", NOW - 5); /* an earlier build */
    crashed("other", "b1", NOW - 4);
    crashed("hello", "b1", NOW - 3);
    ck_assert_uint_eq(tally("hello", "b1"), 2);
    ck_assert_uint_eq(tally("hello", "b0"), 1);
    ck_assert_uint_eq(tally("hello", "b2"), 0);
    ck_assert_uint_eq(tally("hello", NULL), 3);
    ck_assert_uint_eq(tally("nobody", NULL), 0);
    ck_assert_int_eq(crash_history_tally(h, "hello", "b1", NOW, WINDOW).last->at_ms, NOW - 3);
    ck_assert_ptr_null(crash_history_tally(h, "hello", "b2", NOW, WINDOW).last);
}
END_TEST

START_TEST(a_release_forgives_what_came_before_it_and_nothing_else)
{
    crashed("hello", "b1", NOW - 9);
    crashed("other", "b1", NOW - 8);
    add_word(CRASH_RELEASED, "hello");
    ck_assert_uint_eq(tally("hello", "b1"), 0);
    ck_assert_uint_eq(tally("other", "b1"), 1);
    crashed("hello", "b1", NOW - 7);
    ck_assert_uint_eq(tally("hello", "b1"), 1);
}
END_TEST

START_TEST(a_crash_from_the_future_counts_only_as_long_as_a_clock_may_have_been_set_back)
{
    crashed("hello", "b1", NOW + WINDOW);
    crashed("hello", "b1", NOW + WINDOW + 1);
    crashed("hello", "b1", INT64_MAX);
    crashed("hello", "b1", -INT64_MAX);
    ck_assert_uint_eq(tally("hello", "b1"), 1);
}
END_TEST

START_TEST(who_signs_people_in_is_not_counted_while_serving)
{
    crash_record r = crash_of("auth", "b1", NOW - 1);
    crash_history_add(h, &r);
    r.vital = 1;
    crash_history_add(h, &r);
    ck_assert_uint_eq(tally("auth", "b1"), 1);
}
END_TEST

START_TEST(a_start_logs_what_no_start_has_logged)
{
    ck_assert_uint_eq(crash_history_unseen(h), 0);
    crashed("hello", "b1", NOW - 9);
    ck_assert_uint_eq(crash_history_unseen(h), 0);
    add_word(CRASH_SEEN, "");
    ck_assert_uint_eq(crash_history_unseen(h), 2);
    crashed("hello", "b1", NOW - 8);
    ck_assert_uint_eq(crash_history_unseen(h), 2);
    ck_assert_uint_lt(crash_history_unseen(h), h->count);
}
END_TEST

START_TEST(of_very_many_records_the_newest_are_kept)
{
    for (int i = 0; i < 10 * CRASH_HISTORY_MAX + 1; i++)
        crashed("hello", "b1", i);
    ck_assert_uint_ge(h->count, CRASH_HISTORY_MAX / 2);
    ck_assert_uint_le(h->count, CRASH_HISTORY_MAX);
    ck_assert_uint_eq(h->count + h->dropped, 10 * CRASH_HISTORY_MAX + 1);
    for (unsigned i = 0; i < h->count; i++)
        ck_assert_int_eq(h->records[i].at_ms, 10 * CRASH_HISTORY_MAX + 1 - (int)h->count + (int)i);
}
END_TEST

START_TEST(a_crash_is_told_in_words)
{
    char text[CRASH_TEXT_MAX];
    crash_record r = {.word = CRASH_HAPPENED,
                      .signal = SIGSEGV,
                      .code = 1,
                      .place = "libc.so.6+0x10",
                      .caller = "hello.so+0x1139",
                      .part = "handler",
                      .kind = "GET",
                      .name = "/api/hello",
                      .thread = "worker-1"};
    crash_describe(&r, text);
    ck_assert_str_eq(text,
                     "SIGSEGV (address 0x0) at libc.so.6+0x10, called from hello.so+0x1139, in the handler of GET "
                     "/api/hello on thread worker-1");
    r = (crash_record){.word = CRASH_HAPPENED, .signal = SIGABRT, .sender = 1};
    crash_describe(&r, text);
    ck_assert_str_eq(text, "SIGABRT sent by process 1");
    r = (crash_record){.word = CRASH_HAPPENED, .signal = INT64_MAX, .part = "dance"};
    crash_describe(&r, text);
    ck_assert_str_eq(text, "a signal dance");
}
END_TEST

/* ---- the file ---- */

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
    ADD(only_crashes_of_this_build_within_the_window_count);
    ADD(a_release_forgives_what_came_before_it_and_nothing_else);
    ADD(a_crash_from_the_future_counts_only_as_long_as_a_clock_may_have_been_set_back);
    ADD(who_signs_people_in_is_not_counted_while_serving);
    ADD(a_start_logs_what_no_start_has_logged);
    ADD(of_very_many_records_the_newest_are_kept);
    ADD(a_crash_is_told_in_words);
    ADD(a_file_that_is_not_there_is_made_or_left_out);
    ADD(a_line_that_was_cut_short_costs_itself_alone);
    ADD(a_file_full_of_anything_is_passed_over_and_written_anew);
    ADD(a_file_that_has_grown_keeps_its_newest_records);
    ADD(what_is_no_plain_file_is_refused_with_a_reason);
    ADD(a_release_while_a_start_writes_the_file_anew_is_not_lost);
}

int main(void)
{
    return run_tests("plugin crash history", add);
}
