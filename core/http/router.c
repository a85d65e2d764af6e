/* A node for each segment. The main thread adds before the loops run, the loops match afterwards; the router owns
 * nodes and routes, the texts are their modules'. */
#include "core/http/router.h"

#include "core/base/str.h"
#include "core/http/request_check.h"
#include "core/http/uri.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct node {
    struct node *next;     /* sibling                               */
    struct node *children; /* literal segments                      */
    struct node *param;    /* any segment                           */
    sw_str segment;        /* of a module's own text                */
    route_set routes;
    bool ends; /* some route's path ends here           */
} node;

struct router {
    node root;
    route *first, **last;
    unsigned count;
    size_t least_body; /* the smallest sw_route.body_limit, SIZE_MAX when there is none */
};

router *router_new(void)
{
    router *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->last = &r->first;
    r->least_body = SIZE_MAX;
    return r;
}

static void node_free(node *n)
{
    while (n) {
        node *next = n->next;
        node_free(n->children);
        node_free(n->param);
        free(n);
        n = next;
    }
}

void router_free(router *r)
{
    if (!r)
        return;
    node_free(r->root.children);
    node_free(r->root.param);
    while (r->first) {
        route *next = r->first->next;
        free(r->first);
        r->first = next;
    }
    free(r);
}

const route *router_first(const router *r)
{
    return r->first;
}

unsigned router_count(const router *r)
{
    return r->count;
}

size_t router_least_body(const router *r)
{
    return r->least_body;
}

/* Cuts "a/b" into "a", and goes on with "b". false: nothing is left. `path` begins behind a slash. */
static bool next_segment(sw_str *path, sw_str *ret_segment)
{
    if (!path->at)
        return false;
    const char *slash = memchr(path->at, '/', path->len);
    size_t len = slash ? (size_t)(slash - path->at) : path->len;
    *ret_segment = (sw_str){path->at, len};
    *path = slash ? (sw_str){slash + 1, path->len - len - 1} : (sw_str){NULL, 0};
    return true;
}

/* ---- adding ---- */

static node *child_of(node *n, sw_str segment)
{
    bool param = segment.at[0] == ':';
    node **place = param ? &n->param : &n->children;
    for (; *place; place = &(*place)->next)
        if (param ||
            ((*place)->segment.len == segment.len && memcmp((*place)->segment.at, segment.at, segment.len) == 0))
            return *place;
    *place = calloc(1, sizeof **place);
    if (*place)
        (*place)->segment = segment;
    return *place;
}

/* Makes what is missing of the path; NULL: `error` says why. */
static node *make_path(router *r, route *made, char *error, size_t error_size)
{
    const char *path = made->row.path;
    if (path[0] != '/' || path[1] == '\0') {
        snprintf(error, error_size, "route %s: a path begins with / and holds a segment", path);
        return NULL;
    }
    node *n = &r->root;
    sw_str left = str_of(path + 1), segment;
    while (next_segment(&left, &segment)) {
        if (segment.len == 0 || (segment.at[0] == ':' && (segment.len == 1 || made->param_count == ROUTE_PARAMS_MAX))) {
            snprintf(error, error_size, "route %s: an empty segment, or too many parameters", path);
            return NULL;
        }
        if (segment.at[0] == ':')
            made->params[made->param_count++] = (sw_str){segment.at + 1, segment.len - 1};
        n = child_of(n, segment);
        if (!n) {
            snprintf(error, error_size, "out of memory");
            return NULL;
        }
    }
    return n;
}

static void write_allow(route_set *set)
{
    size_t at = 0;
    for (int m = SW_GET; m <= SW_DELETE; m++)
        if (set->by_method[m])
            at += (size_t)snprintf(set->allow + at, sizeof set->allow - at, m == SW_GET ? "%s, HEAD, " : "%s, ",
                                   http_method_name((unsigned)m));
    snprintf(set->allow + at, sizeof set->allow - at, "OPTIONS");
}

bool router_add(router *r, sw_host *module, const sw_route *row, route_kind kind, char *error, size_t error_size)
{
    if (!row->path || row->method < SW_GET || row->method > SW_DELETE || (!row->handle && kind != ROUTE_SOCKET)) {
        snprintf(error, error_size, "route %s: path, method or handler is missing", row->path ? row->path : "?");
        return false;
    }
    route *made = calloc(1, sizeof *made);
    if (!made) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    made->row = *row;
    made->module = module;
    made->kind = kind;
    if (made->row.access < SW_PUBLIC || made->row.access > SW_ADMIN)
        made->row.access = SW_ADMIN; /* nobody gets in by a forgotten member */
    if (made->row.lane == 0)
        made->row.lane = SW_LANE_WORKER;
    node *n = make_path(r, made, error, error_size);
    if (n && n->routes.by_method[row->method]) {
        const route *there = n->routes.by_method[row->method];
        snprintf(error, error_size, "route %s of %s is that of %s already (%s)", row->path, module->name,
                 there->module->name, there->row.path);
        n = NULL;
    }
    if (!n) {
        free(made);
        return false;
    }
    n->ends = true;
    n->routes.by_method[row->method] = made;
    made->index = r->count++;
    if (row->body_limit > 0 && row->body_limit < r->least_body)
        r->least_body = row->body_limit;
    *r->last = made;
    r->last = &made->next;
    write_allow(&n->routes);
    return true;
}

/* ---- matching ---- */

static const route_set *match(const node *n, sw_str left, sw_str values[ROUTE_PARAMS_MAX], unsigned params)
{
    sw_str segment;
    if (!next_segment(&left, &segment))
        return n->ends ? &n->routes : NULL;
    bool plain = !memchr(segment.at, '%', segment.len);
    for (const node *child = n->children; child; child = child->next) {
        bool same = plain ? child->segment.len == segment.len && memcmp(child->segment.at, segment.at, segment.len) == 0
                          : uri_equals(segment, false, child->segment);
        const route_set *found = same ? match(child, left, values, params) : NULL;
        if (found)
            return found;
    }
    if (!n->param || segment.len == 0 || params == ROUTE_PARAMS_MAX)
        return NULL;
    values[params] = segment;
    return match(n->param, left, values, params + 1);
}

const route_set *router_match(const router *r, sw_str path, sw_str values[ROUTE_PARAMS_MAX])
{
    if (path.len > 2 && path.at[path.len - 1] == '/')
        path.len--;
    if (path.len < 2 || path.at[0] != '/')
        return NULL;
    return match(&r->root, (sw_str){path.at + 1, path.len - 1}, values, 0);
}
