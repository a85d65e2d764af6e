/* What the host offers plugins besides requests: <steward/host.h>, and <steward/option.h>, by which a plugin reads its
 * own options, and the core's but for secrets. Any thread. */
#include "core/plugin/plugin_internal.h"

#include "core/base/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_NAME_MAX = 128 };

void sw_log(sw_host *host, sw_log_level level, const char *format, ...)
{
    const module *m = module_of(host);
    va_list args;
    va_start(args, format);
    /* Why a start failed is said once, by the quarantine's line. */
    if (m && m->starting && level == SW_LOG_ERROR)
        vsnprintf(host->error, sizeof host->error, format, args);
    else if (log_wanted(level))
        log_vline(level, host->name, format, args);
    va_end(args);
}

void *sw_host_state(const sw_host *host)
{
    return host->state;
}

const char *sw_host_env(const sw_host *host)
{
    return config_text(host->rt->config, "server.env");
}

const char *sw_host_data_dir(const sw_host *host)
{
    return host->rt->data_dir;
}

const char *sw_host_epoch(const sw_host *host)
{
    return store_epoch(host->rt->store);
}

const char *sw_host_version(const sw_host *host)
{
    return host->rt->version;
}

/* A plugin's label is its own: "users:tokens". The host's own labels hold no colon. */
static sw_status derive(const sw_host *host, const char *label, uint8_t out[32])
{
    char full[160];
    int len = snprintf(full, sizeof full, "%s:%s", host->name, label);
    if (len < 0 || (size_t)len >= sizeof full)
        return SW_INTERNAL;
    return keyring_derive(&host->rt->keys, full, out);
}

sw_status sw_keyed_hash(sw_host *host, const char *label, const void *data, size_t len, uint8_t out[32])
{
    uint8_t key[32];
    sw_status status = derive(host, label, key);
    if (status == SW_OK)
        status = hmac_sha256(key, sizeof key, data, len, out);
    crypto_wipe(key, sizeof key);
    return status;
}

sw_status sw_seal(sw_host *host, const char *label, const void *plain, size_t len, uint8_t *out)
{
    uint8_t key[32];
    sw_status status = derive(host, label, key);
    if (status == SW_OK)
        status = aes_gcm_seal(key, plain, len, out);
    crypto_wipe(key, sizeof key);
    return status;
}

sw_status sw_unseal(sw_host *host, const char *label, const void *sealed, size_t len, uint8_t *out)
{
    uint8_t key[32];
    sw_status status = derive(host, label, key);
    if (status == SW_OK)
        status = aes_gcm_open(key, sealed, len, out);
    crypto_wipe(key, sizeof key);
    return status;
}

/* ---- options ---- */

/* "plugin:NAME.key" */
static const char *full_name(const sw_host *host, const char *name, char out[OPTION_NAME_MAX])
{
    int len = snprintf(out, OPTION_NAME_MAX, "plugin:%s.%s", host->name, name);
    assert(len > 0 && len < OPTION_NAME_MAX);
    (void)len;
    return out;
}

const char *sw_option_text(const sw_host *host, const char *name)
{
    char full[OPTION_NAME_MAX];
    return config_text(host->rt->config, full_name(host, name, full));
}

int64_t sw_option_int(const sw_host *host, const char *name)
{
    char full[OPTION_NAME_MAX];
    return config_int(host->rt->config, full_name(host, name, full));
}

bool sw_option_bool(const sw_host *host, const char *name)
{
    char full[OPTION_NAME_MAX];
    return config_bool(host->rt->config, full_name(host, name, full));
}

bool sw_option_has(const sw_host *host, const char *name, const char *word)
{
    char full[OPTION_NAME_MAX];
    return config_list_has(host->rt->config, full_name(host, name, full), word);
}

const char *sw_option_item(const sw_host *host, const char *name, size_t index)
{
    char full[OPTION_NAME_MAX];
    const config *c = host->rt->config;
    full_name(host, name, full);
    return index < config_list_count(c, full) ? config_list_item(c, full, index) : NULL;
}

/* The core's row of that name, or NULL. */
static const sw_option *core_row(const char *name)
{
    for (size_t i = 0; i < CORE_SECTION_COUNT; i++) {
        const config_section *s = &CORE_SECTIONS[i];
        size_t len = strlen(s->section);
        if (strncmp(name, s->section, len) != 0 || name[len] != '.')
            continue;
        for (size_t k = 0; k < s->count; k++)
            if (strcmp(s->options[k].name, name + len + 1) == 0)
                return &s->options[k];
    }
    return NULL;
}

/* A secret goes to the one plugin it is for: the JWT secret, configured or made, to the provider of auth/1. The first
 * admin's password has functions of its own. */
const char *sw_option_core(const sw_host *host, const char *name)
{
    const sw_option *row = core_row(name);
    if (!row)
        return NULL;
    if (row->type != SW_OPTION_SECRET)
        return config_text(host->rt->config, name);
    const registry *r = host->rt->registry;
    if (strcmp(name, "auth.jwt_secret") == 0 && r->auth && host == &r->auth->host)
        return r->jwt_secret;
    return NULL;
}

int64_t sw_option_core_int(const sw_host *host, const char *name)
{
    const sw_option *row = core_row(name);
    if (!row)
        return 0;
    switch (row->type) {
    case SW_OPTION_BOOL:
        return config_bool(host->rt->config, name);
    case SW_OPTION_INT:
    case SW_OPTION_DURATION:
    case SW_OPTION_SIZE:
        return config_int(host->rt->config, name);
    default:
        return 0;
    }
}
