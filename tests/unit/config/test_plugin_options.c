#include "tests/unit/config/support.h"

#include <stddef.h>

static const sw_option CHAT[] = {
    {.name = "retention",
     .type = SW_OPTION_DURATION,
     .default_value = "30d",
     .min = 1000,
     .max = 100000000000,
     .flags = SW_OPTION_LIVE,
     .env = "CHAT_RETENTION",
     .summary = "How long."},
    {.name = "peers", .type = SW_OPTION_LIST, .default_value = "a, b", .summary = "Who."},
};

static bool declare_chat(config *c)
{
    return config_declare(c, "chat", CHAT, sizeof CHAT[0], 2);
}

static bool is_known(void *arg, const char *plugin)
{
    (void)arg;
    return strcmp(plugin, "chat") == 0 || strcmp(plugin, "dev-mock") == 0;
}

START_TEST(a_plugin_s_options_come_from_its_section_and_the_environment)
{
    char *environment[] = {"STEWARD_PLUGIN_CHAT_PEERS=x", NULL};
    put_file("main.conf", "[plugin:chat]\nretention = 7d\npeers = c\n");
    config *c = load_files(environment);
    expect_no_errors(c);
    ck_assert(declare_chat(c));
    ck_assert_int_eq(config_int(c, "plugin:chat.retention"), 604800000);
    ck_assert(config_list_has(c, "plugin:chat.peers", "x"));
    ck_assert(config_finish(c, is_known, NULL));
    expect_no_errors(c);
    config_free(c);
}
END_TEST

START_TEST(wrong_options_of_a_plugin_are_named)
{
    config *c = load_text("[plugin:chat]\nretentoin = 7d\nretention = 1ms\n");
    ck_assert(!declare_chat(c));
    ck_assert_ptr_nonnull(strstr(config_errors(c),
                                 "main.conf:2: unknown option retentoin in [plugin:chat]; did you mean "
                                 "retention?"));
    ck_assert_ptr_nonnull(strstr(config_errors(c), "main.conf:3: retention must be a duration"));
    config_free(c);
}
END_TEST

START_TEST(a_section_of_no_plugin_is_an_error_and_one_of_a_silent_plugin_is_not)
{
    config *c = load_text("[plugin:caht]\nx = 1\n[plugin:dev-mock]\ny = 1\n[plugin:gone]\n");
    ck_assert(declare_chat(c));
    ck_assert(!config_finish(c, is_known, NULL));
    expect_error(c, "main.conf:2: there is no plugin named caht; did you mean [plugin:chat]?");
    config_free(c);
}
END_TEST

START_TEST(variables_of_silent_plugins_are_left_alone_and_others_are_errors)
{
    char *environment[] = {"STEWARD_PLUGIN_DEV_MOCK_ALLOW_REMOTE=1", "STEWARD_PLUGIN_CHAT_PERS=1",
                           "STEWARD_PLUGIN_NOBODY_X=1", "STEWARD_PLUGIN_=1", NULL};
    config *c = load_environment(environment);
    ck_assert(declare_chat(c));
    ck_assert(!config_finish(c, is_known, NULL));
    ck_assert_str_eq(config_errors(c), "environment: STEWARD_PLUGIN_CHAT_PERS names no option; did you mean peers?\n"
                                       "environment: STEWARD_PLUGIN_NOBODY_X names no option\n"
                                       "environment: STEWARD_PLUGIN_ names no option\n");
    config_free(c);
}
END_TEST

START_TEST(another_program_s_variable_that_makes_no_sense_is_ignored)
{
    static const sw_option lenient[] = {{.name = "on",
                                         .type = SW_OPTION_BOOL,
                                         .default_value = "false",
                                         .flags = SW_OPTION_LENIENT,
                                         .env = "ELSEWHERE_ON",
                                         .summary = "Whether."}};
    char *theirs[] = {"ELSEWHERE_ON=perhaps", NULL}, *ours[] = {"STEWARD_PLUGIN_CHAT_ON=perhaps", NULL};
    config *c = load_environment(theirs);
    ck_assert(config_declare(c, "chat", lenient, sizeof lenient[0], 1));
    ck_assert(!config_bool(c, "plugin:chat.on"));
    config_free(c);
    c = load_environment(ours);
    ck_assert(!config_declare(c, "chat", lenient, sizeof lenient[0], 1));
    config_free(c);
}
END_TEST

START_TEST(rows_of_an_older_plugin_read_as_zero_at_their_end)
{
    struct {
        char bytes[offsetof(sw_option, flags)];
    } rows[2];
    for (int i = 0; i < 2; i++)
        memcpy(&rows[i], &CHAT[i], sizeof rows[i]);
    char *environment[] = {"CHAT_RETENTION=1d", NULL};
    config *c = load_environment(environment);
    ck_assert(config_declare(c, "chat", (const sw_option *)(const void *)rows, sizeof rows[0], 2));
    ck_assert_int_eq(config_int(c, "plugin:chat.retention"), INT64_C(2592000000)); /* no env in such a row */
    ck_assert(config_list_has(c, "plugin:chat.peers", "b"));
    config_free(c);
}
END_TEST

START_TEST(rows_of_a_newer_plugin_are_stepped_over_whole)
{
    struct {
        sw_option known;
        char more[16];
    } rows[2] = {{.known = CHAT[0]}, {.known = CHAT[1]}};
    config *c = load_environment(NULL);
    ck_assert(config_declare(c, "chat", &rows[0].known, sizeof rows[0], 2));
    ck_assert(config_list_has(c, "plugin:chat.peers", "b"));
    config_free(c);
}
END_TEST

START_TEST(every_plugin_may_be_required)
{
    char *environment[] = {"STEWARD_PLUGIN_FEISHU_REQUIRED=yes", NULL};
    put_file("main.conf",
             "[plugins]\nrequired = auth, users\n[plugin:chat]\nrequired = true\n[plugin:x]\nrequired = on\n");
    put_file("conf.d/10-a.conf", "[plugin:x]\nrequired = off\n");
    config *c = load_files(environment);
    for (int declared = 0; declared < 2; declared++) {
        ck_assert(config_plugin_required(c, "auth"));
        ck_assert(config_plugin_required(c, "chat"));
        ck_assert(config_plugin_required(c, "feishu"));
        ck_assert(!config_plugin_required(c, "x"));
        ck_assert(!config_plugin_required(c, "messages"));
        ck_assert(declare_chat(c) == (declared == 0));
    }
    config_free(c);
}
END_TEST

START_TEST(options_that_are_declared_wrongly_are_refused)
{
    static const sw_option WRONG[] = {{.name = "a", .type = SW_OPTION_INT, .default_value = "x"},
                                      {.name = "b", .type = SW_OPTION_ENUM, .default_value = "x"},
                                      {.name = "c", .type = SW_OPTION_INT, .default_value = "1"},
                                      {.name = "c", .type = SW_OPTION_INT, .default_value = "1"},
                                      {.name = NULL}};
    config *c = load_environment(NULL);
    ck_assert(!config_declare(c, "bad", WRONG, sizeof WRONG[0], 5));
    ck_assert_str_eq(config_errors(c),
                     "plugin bad: option a is declared wrongly\nplugin bad: option b is declared wrongly\n"
                     "plugin bad: option c is declared wrongly\nplugin bad: option ? is declared wrongly\n");
    config_free(c);
}
END_TEST

START_TEST(many_options_find_their_place)
{
    static char names[1000][16];
    sw_option rows[1000];
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        rows[i] = (sw_option){.name = names[i], .type = SW_OPTION_INT, .default_value = names[i] + 1};
    }
    config *c = load_environment(NULL);
    ck_assert(config_declare(c, "many", rows, sizeof rows[0], 1000));
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "plugin:many.n%d", i);
        ck_assert_int_eq(config_int(c, name), i);
    }
    ck_assert_int_eq(config_int(c, "server.port"), 8080);
    config_free(c);
}
END_TEST

/* Takes the # away in front of every option: the template itself is then a configuration, of the defaults. */
static void uncomment(char *text)
{
    char *to = text;
    for (char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "\n") + 1;
        if (at[0] == '#' && at[1] != ' ' && at[1] != '\n')
            at++, len--;
        memmove(to, at, len);
        to += len;
        at += len;
    }
    *to = '\0';
}

START_TEST(the_template_is_a_configuration_of_the_defaults)
{
    config *c = load_environment(NULL);
    ck_assert(declare_chat(c));
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    config_print_template(out, c);
    fclose(out);
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1)
        if (at[0] == '#' && at[1] == ' ')
            ck_assert_uint_le(strcspn(at, "\n"), 100);
    ck_assert_ptr_nonnull(
        strstr(text, "# (a whole number from 0 to 65535; SERVER_PORT or STEWARD_SERVER_PORT)\n#port = 8080\n"));
    ck_assert_ptr_nonnull(strstr(text, "SIGHUP)\n#retention = 30d\n"));
    config *plain = load_text(text);
    ck_assert(declare_chat(plain));
    ck_assert(config_is_default(plain, "server.port"));
    uncomment(text);
    config *full = load_text(text);
    ck_assert(declare_chat(full));
    ck_assert(config_finish(full, is_known, NULL));
    expect_no_errors(full);
    ck_assert(!config_is_default(full, "server.port"));
    ck_assert_int_eq(config_int(full, "plugin:chat.retention"), config_int(c, "plugin:chat.retention"));
    free(text);
    config_free(c);
    config_free(plain);
    config_free(full);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, remove_folder);
    ADD(a_plugin_s_options_come_from_its_section_and_the_environment);
    ADD(wrong_options_of_a_plugin_are_named);
    ADD(a_section_of_no_plugin_is_an_error_and_one_of_a_silent_plugin_is_not);
    ADD(variables_of_silent_plugins_are_left_alone_and_others_are_errors);
    ADD(another_program_s_variable_that_makes_no_sense_is_ignored);
    ADD(rows_of_an_older_plugin_read_as_zero_at_their_end);
    ADD(rows_of_a_newer_plugin_are_stepped_over_whole);
    ADD(every_plugin_may_be_required);
    ADD(options_that_are_declared_wrongly_are_refused);
    ADD(many_options_find_their_place);
    ADD(the_template_is_a_configuration_of_the_defaults);
}

int main(void)
{
    return run_tests("plugin_options", add);
}
