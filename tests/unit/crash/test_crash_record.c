/* One line of the crash file: what is written is read again, and nothing else is. */
#include "core/crash/crash_record.h"
#include "tests/unit/run_tests.h"

static const crash_record FULL = {
    .word = CRASH_HAPPENED,
    .at_ms = 1772746928123,
    .signal = 11,
    .code = -6,
    .address = UINT64_MAX,
    .sender = 4711,
    .guessed = 1,
    .vital = 1,
    .plugin = "hello",
    .version = "1.0.0",
    .build = "0123456789abcdef",
    .place = "hello.so+0x1139",
    .caller = "hello.so+0x1200",
    .part = "handler",
    .kind = "GET",
    .name = "/api/hello/:id",
    .thread = "worker-3",
    .server = "1.0.0",
};

static void same(const crash_record *a, const crash_record *b)
{
    ck_assert_int_eq(a->word, b->word);
    ck_assert_int_eq(a->at_ms, b->at_ms);
    ck_assert_int_eq(a->signal, b->signal);
    ck_assert_int_eq(a->code, b->code);
    ck_assert_uint_eq(a->address, b->address);
    ck_assert_int_eq(a->sender, b->sender);
    ck_assert_int_eq(a->guessed, b->guessed);
    ck_assert_int_eq(a->vital, b->vital);
    ck_assert_str_eq(a->plugin, b->plugin);
    ck_assert_str_eq(a->version, b->version);
    ck_assert_str_eq(a->build, b->build);
    ck_assert_str_eq(a->place, b->place);
    ck_assert_str_eq(a->caller, b->caller);
    ck_assert_str_eq(a->part, b->part);
    ck_assert_str_eq(a->kind, b->kind);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->thread, b->thread);
    ck_assert_str_eq(a->server, b->server);
}

START_TEST(a_record_is_read_as_it_was_written)
{
    char line[CRASH_LINE_MAX];
    crash_record back;
    size_t len = crash_record_write(&FULL, line);
    ck_assert_int_eq(line[len - 1], '\n');
    ck_assert(strncmp(line, "2026-03-05T21:42:08.123Z crash at=1772746928123 plugin=hello ", 61) == 0);
    ck_assert(crash_record_read(line, len - 1, &back));
    same(&FULL, &back);

    const crash_record least = {.word = CRASH_RELEASED, .at_ms = -INT64_MAX, .signal = INT64_MAX};
    len = crash_record_write(&least, line);
    ck_assert(crash_record_read(line, len - 1, &back));
    same(&least, &back);
}
END_TEST

START_TEST(the_longest_record_fits)
{
    char line[CRASH_LINE_MAX];
    crash_record r = FULL, back;
    r.at_ms = r.signal = r.code = r.sender = r.guessed = r.vital = INT64_MIN + 1;
    char *const texts[] = {r.plugin, r.version, r.build, r.place, r.caller, r.part, r.kind, r.name, r.thread, r.server};
    const size_t sizes[] = {sizeof r.plugin, sizeof r.version, sizeof r.build, sizeof r.place,  sizeof r.caller,
                            sizeof r.part,   sizeof r.kind,    sizeof r.name,  sizeof r.thread, sizeof r.server};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(texts[i], 'x', sizes[i] - 1);
        texts[i][sizes[i] - 1] = '\0';
    }
    size_t len = crash_record_write(&r, line);
    ck_assert_uint_lt(len, CRASH_LINE_MAX);
    ck_assert(crash_record_read(line, len - 1, &back));
    same(&r, &back);
}
END_TEST

START_TEST(a_line_with_any_one_byte_changed_or_missing_is_refused)
{
    char line[CRASH_LINE_MAX], bad[CRASH_LINE_MAX];
    crash_record back;
    size_t len = crash_record_write(&FULL, line) - 1;
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, line, len);
        bad[i] ^= 1;
        ck_assert_msg(!crash_record_read(bad, len, &back), "changed at %zu", i);
        memcpy(bad + i, line + i + 1, len - i - 1);
        ck_assert_msg(!crash_record_read(bad, len - 1, &back), "without byte %zu", i);
        ck_assert_msg(!crash_record_read(line, i, &back), "cut at %zu", i);
    }
    ck_assert(crash_record_read(line, len, &back));
}
END_TEST

START_TEST(two_lines_glued_together_are_refused)
{
    char lines[2 * CRASH_LINE_MAX];
    crash_record back;
    size_t first = crash_record_write(&FULL, lines) - 1;
    size_t second = crash_record_write(&FULL, lines + first) - 1;
    ck_assert(!crash_record_read(lines, first + second, &back));
    ck_assert(!crash_record_read(lines + 10, first + second - 10, &back));
}
END_TEST

START_TEST(text_that_does_not_belong_in_a_line_cannot_get_out_of_its_value)
{
    char line[CRASH_LINE_MAX];
    crash_record r = FULL, back;
    snprintf(r.name, sizeof r.name, "/a b\n2026 crash plugin=chat\x7f\xc3\xa4 sum=0000");
    size_t len = crash_record_write(&r, line);
    ck_assert_ptr_eq(memchr(line, '\n', len), line + len - 1);
    ck_assert(crash_record_read(line, len - 1, &back));
    ck_assert_str_eq(back.name, "/a_b_2026_crash_plugin=chat____sum=0000");
    ck_assert_str_eq(back.plugin, "hello");
}
END_TEST

/* As another version of the server would write it: the sum is part of the format. */
static size_t with_sum(char out[CRASH_LINE_MAX], const char *body)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = body; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return (size_t)snprintf(out, CRASH_LINE_MAX, "%s sum=%016llx", body, (unsigned long long)hash);
}

static bool reads(const char *body, crash_record *ret)
{
    char line[CRASH_LINE_MAX];
    size_t len = with_sum(line, body);
    return crash_record_read(line, len, ret);
}

START_TEST(keys_of_a_newer_server_are_skipped_and_nonsense_with_a_good_sum_is_refused)
{
    crash_record r;
    ck_assert(reads("2026 crash at=5 colour=red plugin=hello", &r));
    ck_assert_str_eq(r.plugin, "hello");
    ck_assert_int_eq(r.at_ms, 5);
    ck_assert(reads("whenever seen", &r));
    ck_assert_int_eq(r.word, CRASH_SEEN);
    ck_assert(!reads("2026 party at=5", &r)); /* a word of a newer server */
    ck_assert(!reads("2026", &r));
    ck_assert(!reads("", &r));
    ck_assert(!reads("2026 crash at", &r));
    ck_assert(!reads("2026 crash at=", &r));
    ck_assert(!reads("2026 crash at=x", &r));
    ck_assert(!reads("2026 crash at=9223372036854775808", &r));
    ck_assert(!reads("2026 crash at=99999999999999999999999", &r));
    ck_assert(!reads("2026 crash address=12", &r));
    ck_assert(!reads("2026 crash address=0x1ffffffffffffffff", &r));
    ck_assert(!reads("2026 crash  at=5", &r));
    ck_assert(reads("2026 crash plugin=a-name-that-is-much-longer-than-a-plugin-may-have", &r));
    ck_assert_uint_eq(strlen(r.plugin), sizeof r.plugin - 1);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_record_is_read_as_it_was_written);
    ADD(the_longest_record_fits);
    ADD(a_line_with_any_one_byte_changed_or_missing_is_refused);
    ADD(two_lines_glued_together_are_refused);
    ADD(text_that_does_not_belong_in_a_line_cannot_get_out_of_its_value);
    ADD(keys_of_a_newer_server_are_skipped_and_nonsense_with_a_good_sum_is_refused);
}

int main(void)
{
    return run_tests("runtime crash records", add);
}
