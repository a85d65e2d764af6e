/* Opening, restarting and closing hosts. */
#include "tests/unit/testhost/fixture.h"

START_TEST(hosts_follow_one_another_each_with_a_store_of_its_own)
{
    char last[4096] = "";
    for (int i = 0; i < 4; i++) {
        sw_test *t = host();
        ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"one\"}")->status, 201);
        ck_assert_str_ne(sw_test_folder(t), last);
        ck_assert_int_eq(access(sw_test_folder(t), F_OK), 0);
        snprintf(last, sizeof last, "%s", sw_test_folder(t));
        sw_test_close(t);
        ck_assert_int_ne(access(last, F_OK), 0);
    }
    sw_test_close(NULL);
}
END_TEST

START_TEST(a_second_host_at_the_same_time_is_refused)
{
    char error[512];
    sw_test *t = host();
    no_host((sw_test_options){0}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "one at a time"));
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/who")->status, 200);
    sw_test_close(t);
}
END_TEST

START_TEST(a_wrong_option_is_told_with_its_line)
{
    static const char *const WRONG[][4] = {
        {"plugin:probe.fixed", "many", NULL, "fixed must be a whole number, not many"},
        {"plugin:probe.none", "1", NULL, "none"},
        {"plugin:other.x", "1", NULL, "other"},
        {"server.port", "80", NULL, "test host's own"},
        {"word", "1", NULL, "section.key"},
        {"plugin:probe.word", "a\nb", NULL, "one line"},
        {"limits.body", NULL, NULL, "pairs"},
    };
    char error[512];
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        no_host((sw_test_options){.options = WRONG[i]}, error, sizeof error);
        ck_assert_msg(strstr(error, WRONG[i][3]) != NULL, "%s: %s", WRONG[i][0], error);
    }
}
END_TEST

START_TEST(a_plugin_that_fails_is_named_with_its_reason)
{
    static const char *const START[] = {"plugin:probe.fail", "start", NULL};
    static const char *const PREPARE[] = {"plugin:probe.fail", "prepare", NULL};
    static const sw_need NEEDS[] = {{.name = "nobody/1"}};
    static const sw_plugin NEEDY = {SW_PLUGIN_HEAD, .name = "needy", .version = "1", .needs = SW_TABLE(NEEDS)};
    static const sw_plugin OLD = {SW_PLUGIN_MAGIC, 9, 0, sizeof(sw_plugin), .name = "old", .version = "1"};
    static const sw_plugin *const WITH_NEEDY[] = {&NEEDY, NULL}, *const WITH_OLD[] = {&OLD, NULL};
    static const sw_plugin *const TWICE[] = {&sw_plugin_v1, &sw_plugin_v1, NULL};
    char error[512];
    no_host((sw_test_options){.options = START}, error, sizeof error);
    ck_assert_str_eq(error, "plugin probe does not run: told to fail at the start");
    no_host((sw_test_options){.options = PREPARE}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "could not prepare its data (conflict)"));
    no_host((sw_test_options){.plugins = WITH_NEEDY}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "plugin needy does not run: needs nobody/1"));
    no_host((sw_test_options){.plugins = WITH_OLD}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "major version 9"));
    no_host((sw_test_options){.plugins = TWICE}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "stands there twice"));
}
END_TEST

START_TEST(a_restart_keeps_the_data_and_prepares_again)
{
    sw_test *t = host();
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"kept\"}")->status, 201);
    ck_assert_msg(sw_test_restart(t), "%s", sw_test_error(t));
    ck_assert_str_eq(sw_test_sql(t, "SELECT text FROM probe_rows"), "kept");
    ck_assert_str_eq(sw_test_sql(t, "SELECT count(*) FROM probe_starts"), "2");
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"kept\"}")->status, 409);
    ck_assert_str_eq(sw_test_plugin_error(t, "probe"), "");
    ck_assert_ptr_null(sw_test_plugin_error(t, "none"));
    sw_test_close(t);
}
END_TEST

START_TEST(a_live_option_changes_under_a_running_plugin_and_no_other_does)
{
    sw_test *t = host();
    ck_assert(sw_test_set(t, "plugin:probe.word", "good day"));
    ck_text(sw_test_get(t, NULL, "/api/probe/who")->json, "word", "good day");
    ck_assert(!sw_test_set(t, "plugin:probe.word", "a word that is longer than the option allows"));
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "nothing was changed"));
    ck_text(sw_test_get(t, NULL, "/api/probe/who")->json, "word", "good day");
    ck_assert(!sw_test_set(t, "log.file", "/dev/null"));
    ck_assert(sw_test_set(t, "plugin:probe.word", "again"));
    ck_assert(sw_test_restart(t));
    ck_text(sw_test_get(t, NULL, "/api/probe/who")->json, "word", "again");
    sw_test_close(t);
}
END_TEST

START_TEST(a_plugin_that_fails_at_a_restart_is_put_aside_and_the_host_runs_on)
{
    sw_test *t = host();
    ck_assert(sw_test_set(t, "plugin:probe.fail", "start")); /* counts from the next start on */
    ck_assert(!sw_test_restart(t));
    ck_assert_str_eq(sw_test_plugin_error(t, "probe"), "told to fail at the start");
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/who")->status, 404);
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/ping")->status, 200);
    sw_test_close(t);
}
END_TEST

START_TEST(plugins_are_also_taken_from_files)
{
    static const char *const FILES[] = {FIXTURES "/good.so", NULL}, *const NONE[] = {FIXTURES "/none.so", NULL};
    static const char *const MAJOR[] = {FIXTURES "/bad-major.so", NULL}, *const ODD[] = {__FILE__, NULL};
    char error[512];
    sw_test *t = host_with((sw_test_options){.files = FILES});
    ck_assert_str_eq(sw_test_plugin_error(t, "good"), "");
    sw_test_close(t);
    no_host((sw_test_options){.files = NONE}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
    no_host((sw_test_options){.files = MAJOR}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "bad-major"));
    no_host((sw_test_options){.files = ODD}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "NAME.so"));
}
END_TEST

START_TEST(installed_plugins_run_beside_it_and_their_events_reach_it)
{
    char error[512];
    sw_test *t = host_with((sw_test_options){.installed = "users, messages"});
    const char *message = "{\"agent_id\":\"x\",\"level\":\"info\",\"content\":\"really stored\"}";
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/messages", message)->status, 201);
    ck_assert(sw_test_settle(t));
    ck_assert_uint_eq(sw_test_logged(t, "heard of really stored"), 1);
    const sw_message_event *stored = sw_test_published(t, SW_EVENT_MESSAGE_STORED, 0);
    ck_assert_ptr_nonnull(stored);
    ck_assert_str_eq(stored->content, "really stored");
    ck_assert_int_eq(stored->sender_id, ANN.id);
    sw_test_close(t);
    no_host((sw_test_options){.installed = "nothing-like-that"}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "there is no installed plugin"));
}
END_TEST

/* users gives the first password again, of which only development keeps a hash. */
START_TEST(the_installed_users_say_why_the_store_is_not_reset)
{
    static const char *const CONFIGURED[] = {"auth.initial_admin_pass", "correct-horse-1", NULL};
    static const char *const DEVELOPMENT[] = {"server.env", "development", NULL};
    static const char *const BOTH[] = {"server.env", "development", "auth.initial_admin_pass", "correct-horse-1", NULL};
    static const struct {
        const char *const *options;
        const char *error;
    } CASES[] = {{NULL, "the store is reset in development only"},
                 {CONFIGURED, "the store is reset in development only"},
                 {DEVELOPMENT, "initial admin is not configured"},
                 {BOTH, NULL}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        sw_test *t = host_with((sw_test_options){.installed = "users", .options = CASES[i].options});
        sw_status status = sw_test_publish(t, SW_EVENT_STORE_RESET, NULL, 0);
        ck_assert_int_eq(status, CASES[i].error ? SW_INTERNAL : SW_OK);
        if (CASES[i].error)
            ck_assert_str_eq(sw_test_error(t), CASES[i].error);
        ck_assert_str_eq(sw_test_sql(t, "SELECT group_concat(username) FROM users"), "admin,Butler");
        sw_test_close(t);
    }
}
END_TEST

START_TEST(with_the_real_auth_users_log_in_and_those_of_the_test_are_not_known)
{
    static const char *const OPTIONS[] = {"auth.initial_admin_pass", "correct horse battery", NULL};
    sw_test *t = host_with((sw_test_options){.installed = "auth, users", .options = OPTIONS});
    const sw_test_reply *r =
        sw_test_post(t, NULL, "/api/auth/login", "{\"username\":\"admin\",\"password\":\"correct horse battery\"}");
    ck_assert_int_eq(r->status, 200);
    char header[2048];
    snprintf(header, sizeof header, "Authorization: Bearer %s", sw_test_text(r->json, "token"));
    const char *headers[] = {header, NULL};
    r = sw_test_call(t, NULL, "GET", "/api/probe/admin", NULL, headers);
    ck_assert_int_eq(r->status, 200);
    ck_text(r->json, "name", "admin");
    ck_assert_int_eq(sw_test_get(t, &ANN, "/api/probe/admin")->status, 0);
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "log in there"));
    sw_test_close(t);
}
END_TEST

START_TEST(the_environment_of_the_program_is_not_the_hosts)
{
    setenv("STEWARD_PLUGIN_PROBE_WORD", "from outside", 1);
    setenv("STEWARD_LIMITS_BODY", "nonsense", 1);
    setenv("LISTEN_FDS", "1", 1);
    sw_test *t = host();
    ck_text(sw_test_get(t, NULL, "/api/probe/who")->json, "word", "hello");
    sw_test_close(t);
}
END_TEST

START_TEST(a_long_temporary_folder_is_no_obstacle_to_the_socket)
{
    char folder[64], deep[300];
    test_folder(folder, sizeof folder);
    snprintf(deep, sizeof deep, "%s/%0200d", folder, 0);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    setenv("TMPDIR", deep, 1);
    sw_test *t = host();
    ck_assert_int_eq(strncmp(sw_test_folder(t), deep, strlen(deep)), 0);
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/who")->status, 200);
    sw_test_close(t);
    setenv("TMPDIR", "/nowhere/at/all", 1);
    char error[512];
    no_host((sw_test_options){0}, error, sizeof error);
    ck_assert_ptr_nonnull(strstr(error, "/nowhere/at/all"));
}
END_TEST

static void add(TCase *tests)
{
    ADD(hosts_follow_one_another_each_with_a_store_of_its_own);
    ADD(a_second_host_at_the_same_time_is_refused);
    ADD(a_wrong_option_is_told_with_its_line);
    ADD(a_plugin_that_fails_is_named_with_its_reason);
    ADD(a_restart_keeps_the_data_and_prepares_again);
    ADD(a_live_option_changes_under_a_running_plugin_and_no_other_does);
    ADD(a_plugin_that_fails_at_a_restart_is_put_aside_and_the_host_runs_on);
    ADD(plugins_are_also_taken_from_files);
    ADD(installed_plugins_run_beside_it_and_their_events_reach_it);
    ADD(the_installed_users_say_why_the_store_is_not_reset);
    ADD(with_the_real_auth_users_log_in_and_those_of_the_test_are_not_known);
    ADD(the_environment_of_the_program_is_not_the_hosts);
    ADD(a_long_temporary_folder_is_no_obstacle_to_the_socket);
}

int main(void)
{
    return run_tests("testhost_hosts", add);
}
