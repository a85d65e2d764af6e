/* The grammar of JSON (RFC 8259), for json_scan.c and json_read.c: walks over a text and checks it, without
 * recursion and without memory. */
#ifndef CORE_BASE_JSON_WALK_H
#define CORE_BASE_JSON_WALK_H

#include "core/base/json_names.h"

/* Why a text was not taken. */
typedef enum {
    JSON_SOUND = 0,
    JSON_NOT_VALID, /* not the grammar of JSON, or not UTF-8 */
    JSON_TWICE,     /* an object has a member twice */
    JSON_TOO_DEEP,
    JSON_TOO_MANY, /* values */
    JSON_BAD_NAME, /* a member name with a NUL */
    JSON_NO_MEMORY
} json_fault;

typedef struct {
    const char *at, *end;
    unsigned depth, max_depth; /* at most JSON_MAX_DEPTH */
    size_t values, max_values;
    json_names *names; /* NULL: who calls looks at the names itself */
    json_fault fault;  /* what it was when a function gave false; JSON_SOUND then means JSON_NOT_VALID */
    bool half;         /* there was half a character, see json_string.h */
} json_walk;

static inline void json_walk_space(json_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t'))
        w->at++;
}

/* One value with all that is in it; `at` behind it. */
bool json_walk_value(json_walk *w);
static inline bool json_walk_stop(json_walk *w, json_fault fault)
{
    w->fault = fault;
    return false;
}

/* "key" and its colon, and the space behind. The key without quotes. */
bool json_walk_key(json_walk *w, sw_str *ret_key, bool *ret_escaped);

#endif
