/* The options of [server], [limits] and [log] that http has, in one struct. On the main thread. */
#include "core/http/settings.h"

#include "core/base/files.h"

#include <stdio.h>
#include <string.h>

/* Descriptors that connections leave to the database, the log, plugins and outbound connections. */
enum { DESCRIPTOR_RESERVE = 256, CONNECTIONS_MAX = 1000000 };

static bool read_trusted(http_settings *s, const config *c, char *error, size_t error_size)
{
    size_t count = config_list_count(c, "server.trusted_proxies");
    for (size_t i = 0; i < count; i++) {
        const char *text = config_list_item(c, "server.trusted_proxies", i);
        if (i == TRUSTED_MAX || !address_range_parse(text, &s->trusted[i])) {
            snprintf(error, error_size, "server.trusted_proxies: %s is no address or network, or one too many", text);
            return false;
        }
    }
    s->trusted_count = count;
    return true;
}

/* What the limit of open files leaves for them. */
static uint32_t connections_of_limit(void)
{
    uint64_t files = open_files_raise(NULL);
    if (files > CONNECTIONS_MAX + DESCRIPTOR_RESERVE)
        return CONNECTIONS_MAX;
    if (files < 2 * DESCRIPTOR_RESERVE)
        return (uint32_t)(files / 2);
    return (uint32_t)files - DESCRIPTOR_RESERVE;
}

bool settings_read(http_settings *s, const config *c, char *error, size_t error_size)
{
    uint32_t possible = connections_of_limit();
    *s = (http_settings){
        .host = config_text(c, "server.host"),
        .port = (int)config_int(c, "server.port"),
        .backlog = (int)config_int(c, "server.backlog"),
        .body = (size_t)config_int(c, "limits.body"),
        .large_body = (size_t)config_int(c, "limits.large_body"),
        .header_bytes = (size_t)config_int(c, "limits.header_bytes"),
        .header_timeout = config_int(c, "limits.header_timeout"),
        .body_timeout = config_int(c, "limits.body_timeout"),
        .idle_timeout = config_int(c, "limits.idle_timeout"),
        .reply_stall = config_int(c, "limits.reply_stall"),
        .connections = (uint32_t)config_int(c, "limits.connections"),
        .connections_per_address = (uint32_t)config_int(c, "limits.connections_per_address"),
        .per_address_loopback = config_bool(c, "limits.per_address_loopback"),
        .memory = (size_t)config_int(c, "limits.memory"),
        .rate = (uint32_t)config_int(c, "limits.requests_per_second_per_address"),
        .access_log = config_bool(c, "log.access"),
        .check_origin = config_bool(c, "ws.check_origin"),
    };
    if (s->connections == 0 || s->connections > possible)
        s->connections = possible;
    if (s->large_body < s->body)
        s->large_body = s->body;
    return read_trusted(s, c, error, error_size);
}
