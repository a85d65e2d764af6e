/* The grammar of JSON (RFC 8259), for json_scan.c and json_read.c: walks over a text and checks it, without
 * recursion and without memory. */
#ifndef CORE_BASE_JSON_WALK_H
#define CORE_BASE_JSON_WALK_H

#include <steward/base.h>

enum { JSON_MAX_DEPTH = 64 };

typedef struct {
    const char *at, *end;
    unsigned depth, max_depth; /* at most JSON_MAX_DEPTH */
    size_t values, max_values;
} json_walk;

static inline void json_walk_space(json_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
}

/* One value with all that is in it; `at` behind it. */
bool json_walk_value(json_walk *w);
/* "key" and its colon, and the space behind. The key without quotes. */
bool json_walk_key(json_walk *w, sw_str *ret_key, bool *ret_escaped);

#endif
