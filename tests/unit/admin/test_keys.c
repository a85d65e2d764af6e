/* The key files: made once, kept, refused when they cannot be right. */
#include "core/admin/admin.h"
#include "tests/unit/run_tests.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char error[512];
static config *c;

static const char *at(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t len, mode_t mode)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, mode);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static bool master(keyring *ret)
{
    char store_path[PATH_MAX];
    snprintf(store_path, sizeof store_path, "%s/steward.db", folder);
    error[0] = '\0';
    return master_key_load(c, folder, store_path, ret, error, sizeof error);
}

static void setup(void)
{
    test_folder(folder, sizeof folder);
    c = config_new();
    ck_assert_msg(config_load(c, NULL, NULL), "%s", config_errors(c));
}

static void teardown(void)
{
    test_remove(folder);
    config_free(c);
}

START_TEST(a_master_key_is_made_once_and_kept)
{
    keyring first, second;
    struct stat about;
    ck_assert_msg(master(&first), "%s", error);
    ck_assert_int_eq(stat(at("master.key"), &about), 0);
    ck_assert_int_eq(about.st_size, 32);
    ck_assert_int_eq(about.st_mode & 07777, 0600);
    ck_assert_msg(master(&second), "%s", error);
    ck_assert_mem_eq(first.master, second.master, 32);
}
END_TEST

START_TEST(a_store_without_its_key_is_told)
{
    keyring k;
    put("steward.db", "x", 1, 0600);
    ck_assert(!master(&k));
    ck_assert_ptr_nonnull(strstr(error, "master.key is missing"));
    ck_assert_int_ne(access(at("master.key"), F_OK), 0);
}
END_TEST

START_TEST(a_master_key_of_another_size_or_mode_is_refused)
{
    keyring k;
    char bytes[33] = {0};
    put("master.key", bytes, 31, 0600);
    ck_assert(!master(&k));
    ck_assert_ptr_nonnull(strstr(error, "must hold exactly 32 bytes, it has 31"));
    put("master.key", bytes, 33, 0600);
    ck_assert(!master(&k));
    put("master.key", bytes, 32, 0640);
    ck_assert(!master(&k));
    ck_assert_ptr_nonnull(strstr(error, "can be read by others (mode 0640)"));
}
END_TEST

START_TEST(a_jwt_secret_is_made_once_and_kept)
{
    char *first = jwt_secret_load(c, folder, error, sizeof error);
    ck_assert_msg(first != NULL, "%s", error);
    ck_assert_uint_ge(strlen(first), 32);
    char *second = jwt_secret_load(c, folder, error, sizeof error);
    ck_assert_str_eq(first, second);
    free(first);
    free(second);
    put("jwt.secret", "short", 5, 0600);
    ck_assert_ptr_null(jwt_secret_load(c, folder, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "at least 32 characters"));
}
END_TEST

START_TEST(a_configured_jwt_secret_wins)
{
    char *environment[] = {"JWT_SECRET=0123456789abcdef0123456789abcdef", NULL};
    config_free(c);
    c = config_new();
    ck_assert_msg(config_load(c, NULL, environment), "%s", config_errors(c));
    char *secret = jwt_secret_load(c, folder, error, sizeof error);
    ck_assert_str_eq(secret, "0123456789abcdef0123456789abcdef");
    ck_assert_int_ne(access(at("jwt.secret"), F_OK), 0);
    free(secret);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_master_key_is_made_once_and_kept);
    ADD(a_store_without_its_key_is_told);
    ADD(a_master_key_of_another_size_or_mode_is_refused);
    ADD(a_jwt_secret_is_made_once_and_kept);
    ADD(a_configured_jwt_secret_wins);
}

int main(void)
{
    return run_tests("plugin keys", add);
}
