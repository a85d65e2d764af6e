/* What http takes from the configuration, read once when it opens; [cors] again at a reload. */
#ifndef CORE_HTTP_SETTINGS_H
#define CORE_HTTP_SETTINGS_H

#include "core/base/address.h"
#include "core/config/config.h"
#include <steward/base.h>

enum { TRUSTED_MAX = 64, ORIGINS_MAX = 64 };

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

/* What [cors] says: the part that may change while the server runs. Never changed once made. */
typedef struct cors_rules cors_rules;
struct cors_rules {
    cors_rules *before; /* the one it replaced: a loop may still read it */
    const char *origins[ORIGINS_MAX];
    size_t origin_count;
    bool any_origin; /* the list holds * */
    bool credentials;
    char preflight[1024]; /* header lines: allowed methods, headers and max age */
    size_t preflight_len;
};

/* Texts point into `c`. false: `error` says what is wrong. */
bool settings_read(http_settings *s, const config *c, char *error, size_t error_size);
/* Texts point into `c`. NULL: `error`. */
cors_rules *cors_rules_new(const config *c, char *error, size_t error_size);
/* With all that it replaced. NULL is fine. */
void cors_rules_free(cors_rules *rules);
/* Is this Origin on the list by its name? (not by *) */
bool cors_origin_listed(const cors_rules *rules, const char *origin);

#endif
