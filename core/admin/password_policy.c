/* Passwords for plugins: the configured method and cost, and the dummy hash of unknown users. */
#include "core/admin/admin.h"

#include "core/base/crypto.h"

#include <crypt.h>
#include <string.h>

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
void password_policy_prepare(runtime *rt)
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
