/* Origins: what [cors] of the configuration says. */
#ifndef CORE_HTTP_CORS_H
#define CORE_HTTP_CORS_H

#include "core/config/config.h"

enum { ORIGINS_MAX = 64 };

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

/* Texts point into `c`. NULL: `error`. Main thread. */
cors_rules *cors_rules_new(const config *c, char *error, size_t error_size);
/* With all that it replaced. NULL is fine. */
void cors_rules_free(cors_rules *rules);
/* Is this Origin on the list by its name? (not by *) Any thread. */
bool cors_origin_listed(const cors_rules *rules, const char *origin);

#endif
