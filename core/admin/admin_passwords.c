/* Passwords, for plugins: the configured method and cost with the dummy hash of unknown users; and the first admin's
 * name and password, for the plugin that owns the users, and for nobody else. The main thread makes and frees the state
 * of both, rt->admin; the host functions run on any thread. */
#include "core/admin/admin.h"

#include "core/base/crypto.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/plugin/registry.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_BYTES = 24 }; /* 32 characters of base64url: 192 bits */

static const char FILE_NAME[] = "initial-admin-password";

static void password_policy_prepare(runtime *rt);
static void initial_admin_prepare(runtime *rt);

bool admin_open(runtime *rt, initial_password_place place)
{
    rt->admin = calloc(1, sizeof *rt->admin);
    if (!rt->admin)
        return false;
    rt->admin->place = place;
    password_policy_prepare(rt);
    initial_admin_prepare(rt);
    return true;
}

void admin_close(runtime *rt)
{
    free(rt->admin);
    rt->admin = NULL;
}

/* ---- the policy ---- */

static password_method configured_method(const config *c)
{
    return strcmp(config_text(c, "auth.password_method"), "yescrypt") == 0 ? PASSWORD_YESCRYPT : PASSWORD_BCRYPT;
}

/* 0: the method's own. */
static int configured_cost(const config *c)
{
    return configured_method(c) == PASSWORD_BCRYPT ? (int)config_int(c, "auth.bcrypt_cost") : 0;
}

/* crypt(3) does the same work for a setting as for a whole hash, and never gives the setting itself back. So a setting
 * is a dummy hash that costs nothing to make. */
static void password_policy_prepare(runtime *rt)
{
    const config *c = rt->config;
    const char *prefix = configured_method(c) == PASSWORD_YESCRYPT ? "$y$" : "$2b$";
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    uint8_t salt[32];
    if (sw_random(salt, sizeof salt) != SW_OK)
        return;
    if (crypt_gensalt_rn(prefix, (unsigned long)configured_cost(c), (const char *)salt, (int)sizeof salt, setting,
                         (int)sizeof setting))
        memcpy(rt->admin->password_setting, setting, strlen(setting) + 1);
}

sw_status sw_password_hash(sw_host *host, const char *password, char *out, size_t out_size)
{
    const config *c = host->rt->config;
    char made[PASSWORD_HASH_SIZE];
    sw_status status = password_hash(configured_method(c), configured_cost(c), password, made);
    if (status == SW_OK && strlen(made) >= out_size)
        status = SW_TOO_LARGE;
    if (status == SW_OK)
        memcpy(out, made, strlen(made) + 1);
    crypto_wipe(made, sizeof made);
    return status;
}

bool sw_password_verify(sw_host *host, const char *password, const char *hash, bool *ret_weak)
{
    const config *c = host->rt->config;
    if (ret_weak)
        *ret_weak = false;
    if (!hash) {
        (void)password_verify(password, host->rt->admin->password_setting);
        return false;
    }
    if (!password_verify(password, hash))
        return false;
    if (ret_weak)
        *ret_weak = password_weaker(hash, configured_method(c), configured_cost(c));
    return true;
}

/* ---- the first admin ---- */

static bool owns_users(const sw_host *host)
{
    return plugin_provides(host->plugin, "users/1");
}

static bool file_path(const runtime *rt, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", rt->data_dir, FILE_NAME);
    return len > 0 && len < PATH_MAX;
}

/* Notes whether a file of an earlier start is there. */
static void initial_admin_prepare(runtime *rt)
{
    char path[PATH_MAX];
    rt->admin->initial_file = file_path(rt, path) && access(path, F_OK) == 0;
}

const char *sw_initial_admin_user(const sw_host *host)
{
    return owns_users(host) ? config_text(host->rt->config, "auth.initial_admin_user") : "";
}

const char *sw_initial_admin_pass(const sw_host *host)
{
    return owns_users(host) ? config_text(host->rt->config, "auth.initial_admin_pass") : "";
}

/* Nobody else may read it, whatever stood there before. */
static bool write_file(const runtime *rt, const char *password)
{
    char path[PATH_MAX], line[64];
    if (!file_path(rt, path))
        return false;
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    int len = snprintf(line, sizeof line, "%s\n", password);
    bool good = write_whole(fd, line, (size_t)len) && fsync(fd) == 0;
    crypto_wipe(line, sizeof line);
    close(fd);
    return good;
}

sw_status sw_initial_admin_generate(sw_host *host, char out[33])
{
    uint8_t bytes[PASSWORD_BYTES];
    admin *a = host->rt->admin;
    if (!owns_users(host))
        return SW_FORBIDDEN;
    SW_TRY(sw_random(bytes, sizeof bytes));
    sw_base64url(bytes, sizeof bytes, out);
    crypto_wipe(bytes, sizeof bytes);
    if (a->place == INITIAL_PASSWORD_STDOUT) {
        printf("first password of %s: %s\n", sw_initial_admin_user(host), out);
        return fflush(stdout) == 0 ? SW_OK : SW_INTERNAL;
    }
    if (!write_file(host->rt, out)) {
        log_error("plugins", "cannot write %s/%s: %s", host->rt->data_dir, FILE_NAME, strerror(errno));
        return SW_INTERNAL;
    }
    a->initial_file = true;
    log_info("plugins", "the first password of %s is in %s/%s", sw_initial_admin_user(host), host->rt->data_dir,
             FILE_NAME);
    return SW_OK;
}

void sw_initial_admin_used(sw_host *host)
{
    admin *a = host->rt->admin;
    char path[PATH_MAX];
    if (!atomic_exchange(&a->initial_file, false) || !file_path(host->rt, path))
        return;
    if (unlink(path) == 0)
        log_info("plugins", "the first password has been used: %s is removed", path);
    else if (errno != ENOENT)
        log_error("plugins", "cannot remove %s: %s", path, strerror(errno));
}
