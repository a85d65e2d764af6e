#include "core/base/json_scan.h"
#include "core/base/log.h"
#include "tests/unit/run_tests.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void open_log(log_format format, sw_log_level level)
{
    snprintf(path, sizeof path, "%s/log-%d.txt", test_root, (int)getpid());
    unlink(path);
    ck_assert(log_open(format, level, path));
}

/* What stands in the file, in static memory. */
static const char *content(void)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static void end_log(void)
{
    log_close();
    unlink(path);
}

START_TEST(a_line_has_time_level_part_and_message)
{
    open_log(LOG_TEXT, SW_LOG_INFO);
    log_info("http", "listening on %d, 中文", 8080);
    const char *line = content();
    ck_assert_str_eq(line + 24, " info http listening on 8080, 中文\n");
    ck_assert_int_eq(line[23], 'Z');
    end_log();
}
END_TEST

START_TEST(a_message_cannot_forge_a_line)
{
    open_log(LOG_TEXT, SW_LOG_INFO);
    log_warn("http", "a\nb\r\x1b[31m\x7f\xC2\x9B"
                     "c\xFF\xE4\xB8");
    ck_assert_str_eq(content() + 24, " warn http a<U+000A>b<U+000D><U+001B>[31m<U+007F><U+009B>c<U+FFFD><U+FFFD>\n");
    end_log();
}
END_TEST

START_TEST(nothing_in_a_message_is_unseen_or_turns_the_line)
{
    static const char *const SHOWN = "x\xE2\x80\xAEy\xE2\x80\x8B\xF3\xA0\x81\xA1<U+202E>",
                             *const EXPECTED = "x<U+202E>y<U+200B><U+E0061><U+003C>U+202E>";
    for (log_format format = LOG_TEXT; format <= LOG_JSON; format++) {
        open_log(format, SW_LOG_INFO);
        log_info("ws", "%s", SHOWN);
        ck_assert_msg(strstr(content(), EXPECTED) != NULL, "%s", content());
        end_log();
    }
}
END_TEST

START_TEST(json_lines_are_json)
{
    open_log(LOG_JSON, SW_LOG_INFO);
    log_error("db", "a \"b\"\n\xFF");
    const char *line = content();
    ck_assert_int_eq(line[strlen(line) - 1], '\n');
    ck_assert(json_valid(line, strlen(line) - 1));
    ck_assert_ptr_nonnull(
        strstr(line, "\"level\":\"error\",\"part\":\"db\",\"message\":\"a \\\"b\\\"<U+000A><U+FFFD>\"}"));
    ck_assert_int_eq(log_current_format(), LOG_JSON);
    end_log();
}
END_TEST

START_TEST(the_level_holds_lines_back_and_changes_live)
{
    open_log(LOG_TEXT, SW_LOG_WARN);
    log_info("x", "no");
    ck_assert_str_eq(content(), "");
    ck_assert(log_wanted(SW_LOG_ERROR));
    ck_assert(log_wanted(SW_LOG_WARN));
    ck_assert(!log_wanted(SW_LOG_INFO));
    log_set_level(SW_LOG_DEBUG);
    log_debug("x", "yes");
    ck_assert_ptr_nonnull(strstr(content(), "debug x yes"));
    end_log();
}
END_TEST

START_TEST(long_messages_are_cut_but_end_their_line)
{
    char text[20000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    open_log(LOG_TEXT, SW_LOG_INFO);
    log_info("x", "%s", text);
    const char *line = content();
    ck_assert_uint_lt(strlen(line), 9000);
    ck_assert_int_eq(line[strlen(line) - 1], '\n');
    end_log();
}
END_TEST

START_TEST(after_rotation_the_file_is_opened_anew)
{
    char old[80];
    open_log(LOG_TEXT, SW_LOG_INFO);
    log_info("x", "one");
    snprintf(old, sizeof old, "%s.1", path);
    ck_assert_int_eq(rename(path, old), 0);
    log_info("x", "two");
    log_reopen();
    log_info("x", "three");
    ck_assert_ptr_null(strstr(content(), "two"));
    ck_assert_ptr_nonnull(strstr(content(), "three"));
    unlink(old);
    end_log();
    log_reopen(); /* on stderr: nothing to do */
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_said)
{
    ck_assert(!log_open(LOG_TEXT, SW_LOG_INFO, "/nonexistent/folder/log"));
}
END_TEST

static void *write_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_info((const char *)arg, "line of a thread");
    return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
    pthread_t threads[4];
    open_log(LOG_TEXT, SW_LOG_INFO);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, "t");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    int lines = 0;
    for (const char *at = content(); *at != '\0'; at = strchr(at, '\n') + 1, lines++)
        ck_assert_int_eq(strncmp(at + 24, " info t line of a thread\n", 25), 0);
    ck_assert_int_eq(lines, 800);
    end_log();
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_line_has_time_level_part_and_message);
    ADD(a_message_cannot_forge_a_line);
    ADD(nothing_in_a_message_is_unseen_or_turns_the_line);
    ADD(json_lines_are_json);
    ADD(the_level_holds_lines_back_and_changes_live);
    ADD(long_messages_are_cut_but_end_their_line);
    ADD(after_rotation_the_file_is_opened_anew);
    ADD(a_file_that_cannot_be_opened_is_said);
    ADD(lines_of_threads_do_not_mix);
}

int main(void)
{
    return run_tests("log", add);
}
