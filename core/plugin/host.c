/* What the host offers plugins besides requests: <steward/host.h>. Any thread. */
#include "core/plugin/plugin_internal.h"

#include "core/base/log.h"

#include <stdio.h>
#include <string.h>

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
