/* Rules about origins. They are made by the main thread, never changed, and read by the loops; those that a reload
 * replaced are kept, for a loop may still read them. */
#include "core/http/cors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void append(cors_rules *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(cors_rules *r, const char *format, ...)
{
    va_list args;
    size_t room = sizeof r->preflight - r->preflight_len;
    va_start(args, format);
    int n = vsnprintf(r->preflight + r->preflight_len, room, format, args);
    va_end(args);
    if (n > 0)
        r->preflight_len += (size_t)n < room ? (size_t)n : room - 1;
}

static void append_list(cors_rules *r, const config *c, const char *header, const char *option)
{
    append(r, "%s: ", header);
    size_t count = config_list_count(c, option);
    for (size_t i = 0; i < count; i++)
        append(r, "%s%s", i ? ", " : "", config_list_item(c, option, i));
    append(r, "\r\n");
}

static bool read_rules(cors_rules *r, const config *c, char *error, size_t error_size)
{
    r->credentials = config_bool(c, "cors.credentials");
    r->origin_count = config_list_count(c, "cors.allowed_origins");
    if (r->origin_count > ORIGINS_MAX) {
        snprintf(error, error_size, "cors.allowed_origins: more than %d", ORIGINS_MAX);
        return false;
    }
    for (size_t i = 0; i < r->origin_count; i++) {
        r->origins[i] = config_list_item(c, "cors.allowed_origins", i);
        r->any_origin |= strcmp(r->origins[i], "*") == 0;
    }
    append_list(r, c, "Access-Control-Allow-Methods", "cors.allowed_methods");
    append_list(r, c, "Access-Control-Allow-Headers", "cors.allowed_headers");
    append(r, "Access-Control-Max-Age: %lld\r\n", (long long)(config_int(c, "cors.max_age") / 1000));
    if (r->preflight_len == sizeof r->preflight - 1) {
        snprintf(error, error_size, "cors.allowed_methods and cors.allowed_headers are too long together");
        return false;
    }
    return true;
}

cors_rules *cors_rules_new(const config *c, char *error, size_t error_size)
{
    cors_rules *r = calloc(1, sizeof *r);
    if (!r)
        snprintf(error, error_size, "out of memory");
    else if (read_rules(r, c, error, error_size))
        return r;
    free(r);
    return NULL;
}

void cors_rules_free(cors_rules *rules)
{
    while (rules) {
        cors_rules *before = rules->before;
        free(rules);
        rules = before;
    }
}

/* May these bytes stand before ".corp.example" where "*.corp.example" is listed: whole names, and nothing else? */
static bool is_subdomain(const char *at, size_t len)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return len > 0 && at[0] != '.' && at[len - 1] != '.' && strspn(at, LETTERS) >= len;
}

/* An origin has no path, so a slash at the end of a listed one can only be meant as none. A host that begins with "*."
 * stands for all names below it. */
static bool origin_is(const char *listed, const char *origin)
{
    size_t len = strlen(listed), given = strlen(origin);
    len -= len > 0 && listed[len - 1] == '/';
    const char *star = strstr(listed, "://*.");
    if (!star)
        return given == len && strncasecmp(listed, origin, len) == 0;
    size_t scheme = (size_t)(star - listed) + 3, tail = len - scheme - 1;
    return given > scheme + tail && strncasecmp(listed, origin, scheme) == 0 &&
           strncasecmp(listed + scheme + 1, origin + given - tail, tail) == 0 &&
           is_subdomain(origin + scheme, given - scheme - tail);
}

bool cors_origin_listed(const cors_rules *rules, const char *origin)
{
    for (size_t i = 0; i < rules->origin_count; i++)
        if (origin_is(rules->origins[i], origin) && strcmp(origin, "*") != 0)
            return true;
    return false;
}
