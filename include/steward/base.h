/* Types that every other header of the plugin ABI uses.
 *
 * These are the rules of the ABI:
 *
 * - Enumerators start at 1; 0 means "not given". New ones are added at the end, so every switch in a plugin needs a
 *   default.
 * - A struct that passes between host and plugin begins with its size. Whoever makes the struct sets the size, even
 *   when the other side fills the rest. The exceptions are the rows of an sw_table, which carries the size of its rows,
 *   and the structs of events (event.h).
 * - Functions are only added, never removed or changed.
 * - sw_str, sw_table and the first four members of sw_plugin never change.
 *
 * The headers are C11, and also valid C++17. */
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

/* The result of a handler, a step or a call. Each status but SW_OK has a fixed HTTP status and error code, which
 * sw_fail() in request.h can change. */
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
    SW_BUSY,            /* 503 unavailable: a queue is full, it stops, or it was interrupted */
    SW_UNAVAILABLE,     /* 503 unavailable: no storage (frame: storage_unavailable)   */
    SW_NO_MEMORY,       /* 500 internal                                               */
    SW_INTERNAL,        /* 500 internal                                               */
    SW_TIMED_OUT        /* 503 unavailable: another machine did not answer in time    */
} sw_status;

/* Leaves the function with the status of `call`, unless that is SW_OK. The host cleans up memory, statements and
 * savepoints, so that a handler or step may be left anywhere. */
#define SW_TRY(call)                \
    do {                            \
        sw_status sw_try_ = (call); \
        if (sw_try_ != SW_OK)       \
            return sw_try_;         \
    } while (0)

/* A piece of text that need not end with a NUL: `len` bytes at `at`. `at` is NULL only when there is no text. */
typedef struct {
    const char *at;
    size_t len;
} sw_str;

/* A table of rows. The rows have the size that the plugin was built with. When they are shorter than the host's own,
 * the host reads what is missing as zero. So rows may grow. */
typedef struct {
    const void *rows;
    uint32_t row_size;
    uint32_t count;
} sw_table;

/* The table of a whole array, for a designated initialiser: .routes = SW_TABLE(ROUTES). */
/* clang-format off */
#define SW_TABLE(array) { (array), (uint32_t)sizeof((array)[0]), (uint32_t)(sizeof(array) / sizeof((array)[0])) }
/* clang-format on */

/* Tells whether a struct that begins with its size, and that came from the host or from another plugin, has this
 * member. Ask so before you read a member that is younger than ABI 1.0: if (SW_HAS(users, by_email)) … */
#define SW_HAS(at, member) ((size_t)((const char *)(&(at)->member + 1) - (const char *)(at)) <= (at)->size)

/* Opaque types of the host. */
typedef struct sw_host sw_host;       /* one loaded plugin's view of the server               */
typedef struct sw_request sw_request; /* one unit of work: HTTP request, frame or task        */
typedef struct sw_tx sw_tx;           /* the open savepoint of a write step                   */
typedef struct sw_db sw_db;           /* the database connection of one piece of work         */
typedef struct sw_rows sw_rows;       /* the rows of one running query                        */
typedef struct sw_json sw_json;       /* a JSON text being written                            */
typedef struct sw_value sw_value;     /* a JSON value that was read                           */

/* The roles of users. A set of roles is their SW_ROLE_BIT(role), ored together. */
typedef enum { SW_ROLE_ADMIN = 1, SW_ROLE_MEMBER, SW_ROLE_AGENT, SW_ROLE_BUTLER } sw_role;

#define SW_ROLE_BIT(role) (1u << (unsigned)(role))
#define SW_ROLES_HUMAN    (SW_ROLE_BIT(SW_ROLE_ADMIN) | SW_ROLE_BIT(SW_ROLE_MEMBER))
#define SW_ROLES_SYSTEM   (SW_ROLE_BIT(SW_ROLE_AGENT) | SW_ROLE_BIT(SW_ROLE_BUTLER))
#define SW_ROLES_ALL      (SW_ROLES_HUMAN | SW_ROLES_SYSTEM)

/* "ADMIN", "MEMBER", "AGENT", "BUTLER"; "" for anything else. Static text. */
SW_EXPORT const char *sw_role_name(sw_role role);
/* The role that has exactly that name, or 0 when there is none. */
SW_EXPORT sw_role sw_role_of(const char *name);

SW_END_DECLS
#endif
