#include "tests/unit/config/support.h"

START_TEST(without_a_file_everything_is_as_the_tables_say)
{
    config *c = load_environment(NULL);
    expect_no_errors(c);
    ck_assert_str_eq(config_text(c, "server.host"), "127.0.0.1");
    ck_assert_int_eq(config_int(c, "server.port"), 8080);
    ck_assert_int_eq(config_int(c, "limits.body"), 1 << 20);
    ck_assert_int_eq(config_int(c, "auth.token_lifetime"), 86400000);
    ck_assert(config_bool(c, "cors.credentials"));
    ck_assert_uint_eq(config_list_count(c, "cors.allowed_origins"), 2);
    ck_assert_str_eq(config_list_item(c, "cors.allowed_origins", 1), "http://localhost:5173");
    ck_assert_ptr_null(config_list_item(c, "cors.allowed_origins", 2));
    ck_assert(config_list_has(c, "plugins.enabled", "dev-mock"));
    ck_assert(!config_list_has(c, "plugins.enabled", "dev"));
    ck_assert(config_is_default(c, "server.port"));
    ck_assert_ptr_null(config_find(c, "server.nonsense"));
    ck_assert_str_eq(config_find(c, "server.env"), "production");
    ck_assert(config_finish(c, NULL, NULL));
    config_free(c);
    config_free(NULL);
}
END_TEST

START_TEST(a_file_sets_values)
{
    config *c = load_text("[server]\nport = 9000\nenv = dev\n[cors]\nallowed_origins =\n[limits]\nbody = 64K\n");
    expect_no_errors(c);
    ck_assert_int_eq(config_int(c, "server.port"), 9000);
    ck_assert_str_eq(config_text(c, "server.env"), "development");
    ck_assert_uint_eq(config_list_count(c, "cors.allowed_origins"), 0);
    ck_assert_int_eq(config_int(c, "limits.body"), 65536);
    ck_assert(!config_is_default(c, "server.port"));
    ck_assert(config_is_default(c, "server.host"));
    config_free(c);
}
END_TEST

START_TEST(files_beside_it_override_in_the_order_of_their_names)
{
    put_file("main.conf", "[server]\nport = 1\nhost = a\nloops = 1\n");
    put_file("conf.d/20-b.conf", "[server]\nport = 3\n");
    put_file("conf.d/10-a.conf", "[server]\nport = 2\nhost = b\n");
    put_file("conf.d/.hidden.conf", "[server]\nport = 4\n");
    put_file("conf.d/README", "nonsense\n");
    config *c = load_files(NULL);
    expect_no_errors(c);
    ck_assert_int_eq(config_int(c, "server.port"), 3);
    ck_assert_str_eq(config_text(c, "server.host"), "b");
    ck_assert_int_eq(config_int(c, "server.loops"), 1);
    config_free(c);
}
END_TEST

START_TEST(the_environment_has_the_last_word)
{
    char *environment[] = {"SERVER_PORT=1000",
                           "SERVER_HOST=own",
                           "STEWARD_SERVER_HOST=general",
                           "DB_PATH=/x/y.db",
                           "STEWARD_LIMITS_HEADER_BYTES=32K",
                           "JWT_TOKEN_EXPIRATION=24h0m0s",
                           "CORS_MAX_AGE=600",
                           "CORS_ALLOWED_ORIGINS=http://a,http://b , http://c",
                           "APP_ENV=development",
                           "BCRYPT_COST=4",
                           "HOME=/root",
                           "STEWARD_MASTER_KEY_FILE=/k",
                           NULL};
    put_file("main.conf", "[server]\nport = 9000\n");
    config *c = load_files(environment);
    expect_no_errors(c);
    ck_assert_int_eq(config_int(c, "server.port"), 1000);
    ck_assert_str_eq(config_text(c, "server.host"), "general");
    ck_assert_str_eq(config_text(c, "storage.path"), "/x/y.db");
    ck_assert_int_eq(config_int(c, "limits.header_bytes"), 32768);
    ck_assert_int_eq(config_int(c, "auth.token_lifetime"), 86400000);
    ck_assert_int_eq(config_int(c, "cors.max_age"), 600000);
    ck_assert_uint_eq(config_list_count(c, "cors.allowed_origins"), 3);
    ck_assert_str_eq(config_text(c, "auth.master_key_file"), "/k");
    ck_assert(config_finish(c, NULL, NULL));
    config_free(c);
}
END_TEST

START_TEST(an_empty_variable_is_not_set)
{
    char *environment[] = {"SERVER_PORT=", "STEWARD_SERVER_HOST= ", "JWT_SECRET=", "STEWARD_WS_PAYLOAD= 1K\r", NULL};
    config *c = load_environment(environment);
    expect_no_errors(c);
    ck_assert_int_eq(config_int(c, "server.port"), 8080);
    ck_assert(config_is_default(c, "server.host"));
    ck_assert_int_eq(config_int(c, "ws.payload"), 1024);
    ck_assert(config_finish(c, NULL, NULL));
    config_free(c);
}
END_TEST

/* No browser sends these. */
static const char *const NO_ORIGINS[] = {"https://a.example/app", "a.example",  "https://*a.example",
                                         "https://a.*",           "https://*.", "://a",
                                         "https://u@a.example",   "https://a//"};
static const char *const NO_HOSTS[] = {
    "https://a", "a/", "*", "*.", "a.*", "a:", "a:b", "::1", "[::1", "[::1]x", "u@a"};

START_TEST(errors_name_file_line_and_what_would_be_right)
{
    expect_text_error("[server]\n\nport = 70000\n",
                      "main.conf:3: port must be a whole number from 0 to 65535, not 70000");
    expect_text_error("[server]\nprot = 1\n", "main.conf:2: unknown option prot in [server]; did you mean port?");
    expect_text_error("[server]\nhsot = 1\n", "main.conf:2: unknown option hsot in [server]; did you mean host?");
    expect_text_error("[server]\nbody = 1\n", "main.conf:2: unknown option body in [server]; there is one in [limits]");
    expect_text_error("[server]\nxyzzy = 1\n", "main.conf:2: unknown option xyzzy in [server]");
    expect_text_error("[severs]\n", "main.conf:1: unknown section [severs]; did you mean [server]?");
    expect_text_error("[chat]\nx = 1\n", "main.conf:1: unknown section [chat]; the options of a plugin stand in "
                                         "[plugin:NAME]");
    expect_text_error("[server]\nenv = staging\n", "main.conf:2: env must be production or development, not staging");
    expect_text_error("[server]\nport =\n", "main.conf:2: port must be a whole number from 0 to 65535, not empty");
    expect_text_error("[server]\nport = 1\nhost = x\nport = 2\n", "main.conf:4: port is set already in line 2");
    expect_text_error("[cors]\nmax_age = 1x\n",
                      "main.conf:2: max_age must be a duration (500ms, 10s, 5m, 24h, 7d) from "
                      "0s to 1w, not 1x");
    expect_text_error(
        "[server]\ntrusted_proxies = 10.0.0.0/8, 10.0.0.0/99\n",
        "main.conf:2: server.trusted_proxies: 10.0.0.0/99 is neither an address nor a network like 10.0.0.0/8");
    for (size_t i = 0; i < sizeof NO_ORIGINS / sizeof NO_ORIGINS[0]; i++) {
        char text[200], error[300];
        snprintf(text, sizeof text, "[cors]\nallowed_origins = https://good.example/, %s\n", NO_ORIGINS[i]);
        snprintf(
            error, sizeof error,
            "main.conf:2: cors.allowed_origins: %s is not an origin, so it would match none; write https://host or "
            "https://host:port",
            NO_ORIGINS[i]);
        expect_text_error(text, error);
    }
    for (size_t i = 0; i < sizeof NO_HOSTS / sizeof NO_HOSTS[0]; i++) {
        char text[200], error[300];
        snprintf(text, sizeof text, "[server]\nhosts = a, a:1, *.a, [::1]:80, [::1], 192.0.2.1, %s\n", NO_HOSTS[i]);
        snprintf(error, sizeof error,
                 "main.conf:2: server.hosts: %s is not a host, so it would match none; write steward.example, "
                 "steward.example:8080 or *.example",
                 NO_HOSTS[i]);
        expect_text_error(text, error);
    }
    expect_text_error("[auth]\ninitial_admin_user = a b\n",
                      "main.conf:2: auth.initial_admin_user must be letters, digits, _ . and - alone");
    expect_text_error(
        "[auth]\ninitial_admin_pass = 1234567890123456789012345678901234567890123456789012345678901234567890123\n",
        "main.conf:2: auth.initial_admin_pass must not be above 72 bytes with bcrypt, which ignores the rest");
    expect_text_error("[server]\nhost =\n", "main.conf:2: host must be text of at least 1 bytes, not empty");
    expect_text_error("[limits]\nlarge_body = 1K\n", "main.conf:2: limits.body must not be above limits.large_body");
    expect_text_error("[limits]\nbody = 16M\n", "main.conf:2: limits.body must not be above limits.large_body");
}
END_TEST

START_TEST(all_errors_are_told_in_order)
{
    config *c = load_text("[server]\nport = x\nnonsense\nworkers = -1\n[limits]\nbody = big\n");
    const char *text = config_errors(c);
    int lines = 0;
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    ck_assert_int_eq(lines, 4);
    ck_assert_ptr_nonnull(strstr(text, "main.conf:3: a setting is written key = value\n"));
    ck_assert_ptr_nonnull(strstr(text, "main.conf:6: body must be a size"));
    config_free(c);
}
END_TEST

START_TEST(a_wrong_value_is_an_error_even_when_a_later_one_replaces_it)
{
    char *environment[] = {"SERVER_PORT=1000", NULL};
    put_file("main.conf", "[server]\nport = x\n");
    config *c = load_files(environment);
    ck_assert_ptr_nonnull(strstr(config_errors(c), "main.conf:2: port must be"));
    config_free(c);
}
END_TEST

START_TEST(a_secret_never_shows)
{
    char *environment[] = {"JWT_SECRET=tooshortsecret", "INITIAL_ADMIN_PASS=a\tb\n", NULL};
    config *c = load_environment(environment);
    ck_assert_str_eq(
        config_errors(c),
        "environment: JWT_SECRET must be a secret text of at least 32 bytes; openssl rand -base64 32 makes a "
        "good one\nenvironment: INITIAL_ADMIN_PASS must not hold control characters\n");
    config_free(c);
    expect_text_error("[auth]\njwt_secret = short\n",
                      "main.conf:2: jwt_secret must be a secret text of at least 32 bytes; "
                      "openssl rand -base64 32 makes a good one");
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
    config *c = config_new();
    ck_assert(!config_load(c, "/nonexistent/x.conf", NULL));
    ck_assert_str_eq(config_errors(c), "/nonexistent/x.conf: cannot be read: No such file or directory\n");
    config_free(c);
    c = config_new();
    ck_assert(!config_load(c, "/tmp", NULL));
    ck_assert_str_eq(config_errors(c), "/tmp: cannot be read: Is a directory\n");
    config_free(c);
}
END_TEST

START_TEST(variables_of_a_section_that_name_nothing_are_errors_and_others_are_not_ours)
{
    char *environment[] = {"STEWARD_SERVER_PROT=1", "STEWARD_FOO=secret\nvalue", NULL};
    config *c = load_environment(environment);
    expect_no_errors(c);
    ck_assert(!config_finish(c, NULL, NULL));
    ck_assert_str_eq(config_errors(c), "environment: STEWARD_SERVER_PROT names no option; did you mean port?\n");
    config_free(c);
}
END_TEST

START_TEST(control_characters_of_a_variable_cannot_forge_a_line)
{
    char *environment[] = {"SERVER_PORT=1\nfake: error", NULL};
    config *c = load_environment(environment);
    expect_error(c, "environment: SERVER_PORT must not hold control characters");
    config_free(c);
}
END_TEST

static void note_change(void *arg, const char *name, bool live)
{
    char *text = arg;
    snprintf(text + strlen(text), 200 - strlen(text), "%s%s ", name, live ? "*" : "");
}

START_TEST(two_objects_are_compared)
{
    char text[200] = "";
    config *a = load_text("[server]\nport = 1\n[log]\nlevel = warn\n[cors]\nallowed_origins = a,b\n");
    config *b = load_text("[server]\nport = 2\n[log]\nlevel = info\n[cors]\nallowed_origins = a , b\n");
    config_compare(a, b, note_change, text);
    ck_assert_str_eq(text, "server.port log.level* ");
    config_free(a);
    config_free(b);
}
END_TEST

static void find_secret(void *arg, const char *section, const sw_option *o, const char *value)
{
    ck_assert_ptr_null(strstr(value, "0123456789"));
    if (strcmp(section, "auth") == 0 && strcmp(o->name, "jwt_secret") == 0) {
        ck_assert_str_eq(value, "(secret)");
        ++*(int *)arg;
    }
    if (strcmp(o->name, "initial_admin_pass") == 0)
        ck_assert_str_eq(value, "");
}

START_TEST(listing_options_hides_secrets)
{
    char *environment[] = {"JWT_SECRET=01234567890123456789012345678901", NULL};
    config *c = load_environment(environment);
    int found = 0;
    config_each(c, find_secret, &found);
    ck_assert_int_eq(found, 1);
    ck_assert_str_eq(config_text(c, "auth.jwt_secret"), "01234567890123456789012345678901");
    config_free(c);
}
END_TEST

START_TEST(a_few_sections_can_be_read_whatever_stands_in_the_others)
{
    static const char *const WANTED[] = {"server", NULL};
    char *environment[] = {"SERVER_HOST=here", "STEWARD_LIMITS_BODY=enormous", NULL}, path[128];
    put_file("main.conf", "[limits]\nbody = huge\nbody = twice\n[plugin:gone]\nx = y\n[server]\nport = 7\n");
    snprintf(path, sizeof path, "%s/main.conf", folder);
    config *c = config_new();
    ck_assert(config_load_sections(c, path, environment, WANTED));
    ck_assert_int_eq(config_int(c, "server.port"), 7);
    ck_assert_str_eq(config_text(c, "server.host"), "here");
    ck_assert_int_eq(config_int(c, "limits.body"), 1 << 20);
    config_free(c);
}
END_TEST

START_TEST(mistakes_in_those_sections_and_lines_without_sense_count)
{
    static const char *const WANTED[] = {"server", NULL};
    static const char *const WRONG[] = {"[server]\nprt = 7\n", "[servr]\nport = 7\n", "[server]\nport\n",
                                        "[server]\nport = x\n"};
    char path[128];
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        put_file("main.conf", WRONG[i]);
        snprintf(path, sizeof path, "%s/main.conf", folder);
        config *c = config_new();
        ck_assert_msg(!config_load_sections(c, path, NULL, WANTED), "%s", WRONG[i]);
        config_free(c);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, remove_folder);
    ADD(without_a_file_everything_is_as_the_tables_say);
    ADD(a_file_sets_values);
    ADD(files_beside_it_override_in_the_order_of_their_names);
    ADD(the_environment_has_the_last_word);
    ADD(an_empty_variable_is_not_set);
    ADD(errors_name_file_line_and_what_would_be_right);
    ADD(all_errors_are_told_in_order);
    ADD(a_wrong_value_is_an_error_even_when_a_later_one_replaces_it);
    ADD(a_secret_never_shows);
    ADD(files_that_cannot_be_read_are_named);
    ADD(variables_of_a_section_that_name_nothing_are_errors_and_others_are_not_ours);
    ADD(control_characters_of_a_variable_cannot_forge_a_line);
    ADD(two_objects_are_compared);
    ADD(listing_options_hides_secrets);
    ADD(a_few_sections_can_be_read_whatever_stands_in_the_others);
    ADD(mistakes_in_those_sections_and_lines_without_sense_count);
}

int main(void)
{
    return run_tests("config", add);
}
