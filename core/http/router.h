/* Routes: a tree of path segments, built before the loops run and only read from then on. */
#ifndef CORE_HTTP_ROUTER_H
#define CORE_HTTP_ROUTER_H

#include "core/runtime/runtime.h"

enum { ROUTE_PARAMS_MAX = 8 };

/* What http itself does with a route, besides calling its handler. */
typedef enum { ROUTE_PLAIN = 0, ROUTE_PING, ROUTE_HEALTH, ROUTE_SOCKET } route_kind;

typedef struct route {
    sw_route row; /* a copy in our own size; texts are the module's */
    sw_host *module;
    route_kind kind;
    unsigned index; /* of its metrics */
    unsigned param_count;
    sw_str params[ROUTE_PARAMS_MAX]; /* names, in the order of the path */
    struct route *next;              /* in the order they were added */
} route;

typedef struct router router;

/* The routes at one path. */
typedef struct {
    const route *by_method[6]; /* by sw_method */
    char allow[64];            /* "GET, HEAD, OPTIONS" */
} route_set;

router *router_new(void);
void router_free(router *r);
/* false: `error` says what is wrong, or which route has the path and method already. Nothing was added then. */
bool router_add(router *r, sw_host *module, const sw_route *row, route_kind kind, char *error, size_t error_size);
/* The routes of a path (without query; segments may be percent-encoded; one slash at its end means nothing), NULL when
 * there are none. Fills the values of the parameters, encoded as they are. A literal segment goes before a parameter.
 */
const route_set *router_match(const router *r, sw_str path, sw_str values[ROUTE_PARAMS_MAX]);
/* In the order they were added. */
const route *router_first(const router *r);
unsigned router_count(const router *r);
/* A body of up to this size is too large for no route because of that route's own limit. */
size_t router_least_body(const router *r);

#endif
