/* What http takes from the configuration, read once when it opens; [cors] is in cors.h. */
#ifndef CORE_HTTP_SETTINGS_H
#define CORE_HTTP_SETTINGS_H

#include "core/base/address.h"
#include "core/config/config.h"
#include <steward/base.h>

enum { TRUSTED_MAX = 64 };

typedef struct {
    const char *host;
    int port, backlog;
    size_t body, large_body, header_bytes;
    int64_t header_timeout, body_timeout, idle_timeout, reply_stall; /* ms */
    uint32_t connections, connections_per_address;
    bool per_address_loopback;
    size_t memory;
    uint32_t rate; /* requests a second of one address, 0: off */
    bool access_log;
    bool check_origin; /* of WebSockets */
    address_range trusted[TRUSTED_MAX];
    size_t trusted_count;
} http_settings;

/* Texts point into `c`. false: `error` says what is wrong. */
bool settings_read(http_settings *s, const config *c, char *error, size_t error_size);

#endif
