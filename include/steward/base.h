/* Types that every other header of the plugin ABI uses.
 *
 * Rules of the ABI: enumerators start at 1 (0 means "not given") and only grow at the end, so a plugin's
 * switch has a default; structs that cross the border begin with their size (whoever makes one sets it,
 * also of one that the other side fills), travel in an sw_table that carries the row size, or are an
 * event's (event.h); functions are only ever added. sw_str, sw_table and the first four members of
 * sw_plugin never change. C11, also valid C++17. */
#ifndef STEWARD_BASE_H
#define STEWARD_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SW_BEGIN_DECLS extern "C" {
#define SW_END_DECLS   }
#else
#define SW_BEGIN_DECLS
#define SW_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SW_MUST_USE     __attribute__((warn_unused_result))
#define SW_EXPORT       __attribute__((visibility("default")))
#define SW_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define SW_MUST_USE
#define SW_EXPORT
#define SW_PRINTF(f, a)
#endif

SW_BEGIN_DECLS

/* What a handler, a step or a call came to. Each failing status has a fixed HTTP status and error
 * code, see sw_fail() in request.h. */
typedef enum {
    SW_OK = 0,
    SW_INVALID = 1,     /* 400 invalid_request                                        */
    SW_UNAUTHENTICATED, /* 401 unauthenticated                                        */
    SW_FORBIDDEN,       /* 403 forbidden (frame: not_allowed)                         */
    SW_NOT_FOUND,       /* 404 not_found                                              */
    SW_CONFLICT,        /* 409 conflict; from the database: a UNIQUE rule was broken  */
    SW_EXPIRED,         /* 410 expired                                                */
    SW_TOO_LARGE,       /* 413 too_large                                              */
    SW_UNSUPPORTED,     /* 415 unsupported_media_type                                 */
    SW_RATE_LIMITED,    /* 429 rate_limited                                           */
    SW_BUSY,            /* 503 unavailable: a queue is full, draining, interrupted    */
    SW_UNAVAILABLE,     /* 503 unavailable: no storage (frame: storage_unavailable)   */
    SW_NO_MEMORY,       /* 500 internal                                               */
    SW_INTERNAL,        /* 500 internal                                               */
    SW_TIMED_OUT        /* 503 unavailable: another machine did not answer in time    */
} sw_status;

/* Leaves the function with the status of `call` unless that is SW_OK. The host returns memory,
 * statements and savepoints, so leaving is safe anywhere in a handler or step. */
#define SW_TRY(call)                \
    do {                            \
        sw_status sw_try_ = (call); \
        if (sw_try_ != SW_OK)       \
            return sw_try_;         \
    } while (0)

/* A piece of text that is not NUL-ended: `len` bytes at `at`. `at` is NULL only when absent. */
typedef struct {
    const char *at;
    size_t len;
} sw_str;

/* A table of rows: the host steps by the plugin's own row size and reads a missing tail of a row
 * as zero, so that rows may grow. */
typedef struct {
    const void *rows;
    uint32_t row_size;
    uint32_t count;
} sw_table;

/* The table of a whole array, for a designated initialiser: .routes = SW_TABLE(ROUTES). */
/* clang-format off */
#define SW_TABLE(array) { (array), (uint32_t)sizeof((array)[0]), (uint32_t)(sizeof(array) / sizeof((array)[0])) }
/* clang-format on */

/* Does this struct, which begins with its size and came from the host or from another plugin, have the member? For
 * members younger than ABI 1.0: if (SW_HAS(users, by_email)) … */
#define SW_HAS(at, member) ((size_t)((const char *)(&(at)->member + 1) - (const char *)(at)) <= (at)->size)

/* Opaque types of the host. */
typedef struct sw_host sw_host;       /* one loaded plugin's view of the server               */
typedef struct sw_request sw_request; /* one unit of work: HTTP request, frame or task        */
typedef struct sw_tx sw_tx;           /* the open savepoint of a write step                   */
typedef struct sw_db sw_db;           /* a database connection as one piece of work sees it   */
typedef struct sw_rows sw_rows;       /* the rows of one running query                        */
typedef struct sw_json sw_json;       /* a JSON text being written                            */
typedef struct sw_value sw_value;     /* a JSON value that was read                           */

/* Who may do what: roles of users. As a set: SW_ROLE_BIT(role) ored together. */
typedef enum { SW_ROLE_ADMIN = 1, SW_ROLE_MEMBER, SW_ROLE_AGENT, SW_ROLE_BUTLER } sw_role;

#define SW_ROLE_BIT(role) (1u << (unsigned)(role))
#define SW_ROLES_HUMAN    (SW_ROLE_BIT(SW_ROLE_ADMIN) | SW_ROLE_BIT(SW_ROLE_MEMBER))
#define SW_ROLES_SYSTEM   (SW_ROLE_BIT(SW_ROLE_AGENT) | SW_ROLE_BIT(SW_ROLE_BUTLER))
#define SW_ROLES_ALL      (SW_ROLES_HUMAN | SW_ROLES_SYSTEM)

/* "ADMIN", "MEMBER", "AGENT", "BUTLER"; "" for anything else. Static text. */
SW_EXPORT const char *sw_role_name(sw_role role);
/* The role of that exact name, 0 when there is none. */
SW_EXPORT sw_role sw_role_of(const char *name);

SW_END_DECLS
#endif
