/* The host functions that this folder answers: the first admin's password, and those of users. */
#include "core/admin/admin.h"
#include "tests/unit/plugin/harness.h"

#include <steward/service/users.h>

static harness h;

static void setup(void)
{
    harness_begin(&h);
}

static void teardown(void)
{
    harness_end(&h);
    admin_close(&h.rt);
}

static void begin(void)
{
    ck_assert(admin_open(&h.rt, INITIAL_PASSWORD_FILE));
    harness_start(&h);
}

START_TEST(the_first_admin_is_told_to_the_owner_of_the_users_alone)
{
    static const sw_auth_service AUTH = {.size = sizeof(sw_auth_service)};
    static const sw_users_service USERS = {.size = sizeof(sw_users_service)};
    static const sw_provided GIVES_AUTH[] = {{"auth/1", &AUTH}};
    static const sw_provided GIVES_USERS[] = {{"users/1", &USERS}};
    const sw_plugin auth = {SW_PLUGIN_HEAD, .name = "auth", .version = "1", .provides = SW_TABLE(GIVES_AUTH)};
    const sw_plugin users = {SW_PLUGIN_HEAD, .name = "users", .version = "1", .provides = SW_TABLE(GIVES_USERS)};
    sw_host *a = &harness_add(&h, &auth)->host;
    sw_host *u = &harness_add(&h, &users)->host;
    begin();
    ck_assert_str_eq(sw_initial_admin_user(u), "admin");
    ck_assert_str_eq(sw_initial_admin_user(a), "");

    char password[33], path[128];
    ck_assert_int_eq(sw_initial_admin_generate(a, password), SW_FORBIDDEN);
    ck_assert_int_eq(sw_initial_admin_generate(u, password), SW_OK);
    ck_assert_uint_eq(strlen(password), 32);
    snprintf(path, sizeof path, "%s/initial-admin-password", h.folder);
    ck_assert_int_eq(access(path, R_OK), 0);
    sw_initial_admin_used(u);
    ck_assert_int_ne(access(path, R_OK), 0);
}
END_TEST

START_TEST(passwords_are_verified_and_unknown_users_cost_the_same)
{
    const sw_plugin users = {SW_PLUGIN_HEAD, .name = "users", .version = "1"};
    sw_host *u = &harness_add(&h, &users)->host;
    char hash[192];
    bool weak = true;
    begin();
    ck_assert_int_eq(sw_password_hash(u, "open sesame", hash, sizeof hash), SW_OK);
    ck_assert(strncmp(hash, "$2b$04$", 7) == 0);
    ck_assert(sw_password_verify(u, "open sesame", hash, &weak));
    ck_assert(!weak);
    ck_assert(!sw_password_verify(u, "close sesame", hash, &weak));
    ck_assert(!sw_password_verify(u, "open sesame", NULL, &weak));
    ck_assert(strncmp(h.rt.admin->password_setting, "$2b$04$", 7) == 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(the_first_admin_is_told_to_the_owner_of_the_users_alone);
    ADD(passwords_are_verified_and_unknown_users_cost_the_same);
}

int main(void)
{
    return run_tests("admin", add);
}
