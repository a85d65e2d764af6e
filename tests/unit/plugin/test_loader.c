/* Reading descriptors: what is refused, with which words, and what older and newer rows come to. */
#include "core/plugin/loader.h"
#include "tests/unit/run_tests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static arena memory;
static sw_plugin loaded;
static char error[LOADER_ERROR_MAX];

static bool load(const char *name)
{
    void *handle = NULL;
    error[0] = '\0';
    return loader_open(FIXTURES, name, &memory, &loaded, &handle, error);
}

static void refuses(const char *name, const char *because)
{
    ck_assert_msg(!load(name), "%s was loaded", name);
    ck_assert_msg(strstr(error, because), "%s: \"%s\" does not say \"%s\"", name, error, because);
}

START_TEST(a_good_plugin_is_read)
{
    ck_assert_msg(load("good"), "%s", error);
    ck_assert_str_eq(loaded.version, "1.2.3");
    ck_assert_uint_eq(loaded.routes.count, 2);
    ck_assert_uint_eq(loaded.options.count, 1);
    ck_assert_uint_eq(loaded.frames.count, 0);
}
END_TEST

START_TEST(what_is_wrong_with_a_plugin_is_said)
{
    refuses("bad-magic", "is no plugin descriptor");
    refuses("bad-major", "is built for major version 2 of the plugin ABI; this server has 1");
    char newer[80];
    snprintf(newer, sizeof newer, "needs a newer server: its ABI is %u.%u, this server's %u.%u", SW_ABI_MAJOR,
             SW_ABI_MINOR + 1, SW_ABI_MAJOR, SW_ABI_MINOR);
    refuses("new-minor", newer);
    refuses("bad-size", "impossible size 16");
    refuses("bad-name", "calls itself \"somebody-else\", its file bad-name.so");
    refuses("missing-symbol", "needs a newer server: sw_function_of_the_future");
    refuses("no-symbol", "exports no sw_plugin_v1");
    refuses("not-there", "no readable file");
    refuses("../fixtures/good", "may hold only a-z");
}
END_TEST

/* ---- from the file alone ---- */

static bool read_file(const char *name)
{
    error[0] = '\0';
    return loader_read(FIXTURES, name, &memory, &loaded, error);
}

START_TEST(a_file_says_the_same_as_the_loaded_plugin)
{
    static const char *const NAMES[] = {"good",     "bad-magic", "bad-major",      "new-minor", "bad-size",
                                        "bad-name", "no-symbol", "missing-symbol", "not-there", "../fixtures/good"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char said[LOADER_ERROR_MAX];
        bool good = load(NAMES[i]);
        memcpy(said, error, sizeof said);
        ck_assert_int_eq(read_file(NAMES[i]), good);
        ck_assert_str_eq(error, said);
    }
    ck_assert(read_file("good"));
    ck_assert_str_eq(loaded.version, "1.2.3");
    ck_assert_uint_eq(loaded.routes.count, 2);
    ck_assert(read_file("short-rows") && read_file("long-rows"));
}
END_TEST

START_TEST(nothing_of_a_file_runs_that_is_only_read)
{
    unsetenv("FIXTURE_RAN");
    ck_assert(read_file("good"));
    ck_assert_ptr_null(getenv("FIXTURE_RAN"));
    ck_assert(load("good"));
    ck_assert_ptr_nonnull(getenv("FIXTURE_RAN"));
}
END_TEST

/* A file of that many bytes of the good one, some of them others. */
static void damage(const char *bytes, size_t len, uint64_t *seed, unsigned changes)
{
    char copy[64 * 1024], path[PATH_MAX];
    memcpy(copy, bytes, len);
    for (unsigned i = 0; i < changes; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        copy[(*seed >> 33) % len] = (char)(*seed >> 56);
    }
    snprintf(path, sizeof path, "%s/good.so", test_root);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(copy, 1, len, out), len);
    fclose(out);
    arena own = {0};
    (void)loader_read(test_root, "good", &own, &loaded, error); /* whatever it says, it comes back */
    arena_done(&own);
}

START_TEST(a_damaged_or_hostile_file_is_refused_and_harms_nobody)
{
    static char bytes[64 * 1024];
    FILE *in = fopen(FIXTURES "/good.so", "r");
    ck_assert_ptr_nonnull(in);
    size_t len = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    ck_assert_uint_lt(len, sizeof bytes);
    uint64_t seed = 1;
    for (size_t cut = 0; cut < len; cut += 97)
        damage(bytes, cut ? cut : 1, &seed, 0);
    for (unsigned i = 0; i < 3000; i++)
        damage(bytes, len, &seed, 1 + i % 40);
    for (size_t at = 0; at < 1024; at++) /* the headers, each byte */
        for (int value = 0; value < 256; value += 51) {
            char was = bytes[at];
            bytes[at] = (char)value;
            damage(bytes, len, &seed, 0);
            bytes[at] = was;
        }
}
END_TEST

START_TEST(shorter_rows_end_in_zeros)
{
    ck_assert_msg(load("short-rows"), "%s", error);
    const sw_route *routes = loaded.routes.rows;
    ck_assert_uint_eq(loaded.routes.row_size, sizeof(sw_route));
    ck_assert_str_eq(routes[1].summary, "Second.");
    ck_assert_uint_eq(routes[1].flags, 2);
    ck_assert_ptr_null(routes[0].request);
    ck_assert_ptr_null(routes[1].response);
    ck_assert(!loaded.start); /* its descriptor ended before */
}
END_TEST

START_TEST(longer_rows_are_cut)
{
    ck_assert_msg(load("long-rows"), "%s", error);
    const sw_route *routes = loaded.routes.rows;
    ck_assert_uint_eq(loaded.routes.row_size, sizeof(sw_route));
    ck_assert_str_eq(routes[1].summary, "Second.");
    ck_assert_int_eq(routes[1].access, SW_ADMIN);
}
END_TEST

/* A statement is named by its address. */
static const sw_statement STATEMENTS[] = {{"one", "SELECT 1", NULL}};
static const sw_route PATHLESS[] = {{.method = SW_GET, .access = SW_PUBLIC, .lane = SW_LANE_WORKER}};
static const sw_subscription TOKENS[] = {
    {.event = SW_EVENT_TOKEN_CHANGED, .after = (sw_status(*)(sw_request *, const void *))1}};

static sw_plugin descriptor(void)
{
    return (sw_plugin){SW_PLUGIN_HEAD, .name = "mine", .version = "1", .statements = SW_TABLE(STATEMENTS)};
}

START_TEST(statements_stay_where_they_are)
{
    sw_plugin p = descriptor();
    ck_assert_msg(loader_copy(&p, "mine", &memory, &loaded, error), "%s", error);
    ck_assert_ptr_eq(loaded.statements.rows, STATEMENTS);
}
END_TEST

START_TEST(further_tables_of_statements_stay_too)
{
    static const sw_table MORE = SW_TABLE(STATEMENTS);
    static const sw_table *const TABLES[] = {&MORE, &MORE, NULL};
    sw_plugin p = descriptor();
    p.statement_tables = TABLES;
    ck_assert_msg(loader_copy(&p, "mine", &memory, &loaded, error), "%s", error);
    ck_assert_ptr_eq(loaded.statement_tables[1]->rows, STATEMENTS);
    ck_assert_ptr_null(loaded.statement_tables[2]);
}
END_TEST

START_TEST(a_descriptor_from_before_further_tables_has_none)
{
    static const sw_table *const NEVER_READ[] = {(const sw_table *)1};
    sw_plugin p = descriptor();
    p.statement_tables = NEVER_READ;
    p.size = offsetof(sw_plugin, statement_tables);
    ck_assert_msg(loader_copy(&p, "mine", &memory, &loaded, error), "%s", error);
    ck_assert_ptr_null(loaded.statement_tables);
}
END_TEST

START_TEST(a_further_table_that_lacks_something_is_refused)
{
    static const sw_statement TEXTLESS[] = {{"one", "SELECT 1", NULL}, {"two", NULL, NULL}};
    static const sw_table GOOD = SW_TABLE(STATEMENTS), TEXT = SW_TABLE(TEXTLESS), NARROW = {STATEMENTS, 8, 1};
    static const sw_table *const TABLES[] = {&GOOD, &TEXT, NULL}, *const ROWS[] = {&NARROW, NULL};
    static const sw_table *many[66];
    sw_plugin p = descriptor();
    p.statement_tables = TABLES;
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "statement 2 has no name or no text");
    p.statement_tables = ROWS;
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "its table of statements is malformed");
    for (unsigned i = 0; i < 65; i++)
        many[i] = &GOOD;
    p.statement_tables = many;
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "has more than 64 tables of statements");
}
END_TEST

START_TEST(rows_that_lack_something_are_refused)
{
    sw_plugin p = descriptor();
    p.routes = (sw_table)SW_TABLE(PATHLESS);
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "route 1 lacks its path or handler");

    p = descriptor();
    p.routes = (sw_table){PATHLESS, 3, 1};
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "its table of routes is malformed");

    p = descriptor();
    p.subscriptions = (sw_table)SW_TABLE(TOKENS);
    ck_assert(!loader_copy(&p, "mine", &memory, &loaded, error));
    ck_assert_str_eq(error, "token.changed is in_tx only: it holds a token");
}
END_TEST

static void setup(void)
{
    arena_init(&memory, 0);
}

static void teardown(void)
{
    arena_done(&memory);
}

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_good_plugin_is_read);
    ADD(a_file_says_the_same_as_the_loaded_plugin);
    ADD(nothing_of_a_file_runs_that_is_only_read);
    ADD(a_damaged_or_hostile_file_is_refused_and_harms_nobody);
    ADD(what_is_wrong_with_a_plugin_is_said);
    ADD(shorter_rows_end_in_zeros);
    ADD(longer_rows_are_cut);
    ADD(statements_stay_where_they_are);
    ADD(further_tables_of_statements_stay_too);
    ADD(a_descriptor_from_before_further_tables_has_none);
    ADD(a_further_table_that_lacks_something_is_refused);
    ADD(rows_that_lack_something_are_refused);
}

int main(void)
{
    return run_tests("plugin loader", add);
}
