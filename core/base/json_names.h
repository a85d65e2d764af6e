/* Which names the open objects of a JSON text have so far: no object may have a name twice, at any depth. Two readers
 * of {"approved":false,"approved":true} may each see another answer.
 *
 * A hash set with a key of its own (SipHash-1-3), so that nobody can choose names that collide. It takes memory only
 * when more than a few names are in open objects at once. One thread. */
#ifndef CORE_BASE_JSON_NAMES_H
#define CORE_BASE_JSON_NAMES_H

#include <steward/base.h>

enum { JSON_MAX_DEPTH = 64, JSON_NAMES_FEW = 32 };

typedef struct {
    const char *at; /* NULL: free */
    uint32_t len, hash, object;
    uint8_t level;
    bool escaped;
} json_name;

typedef struct {
    uint32_t objects;              /* how many were opened; 0: the rest is not set yet */
    uint32_t open[JSON_MAX_DEPTH]; /* by level, the number of the object that is open */
    uint32_t count, room;          /* of `slots`; room is a power of two */
    json_name *slots;              /* `few`, or allocated */
    json_name few[JSON_NAMES_FEW];
    uint64_t key[2];
} json_names;

/* No object is open yet. (A kilobyte that most texts never need is not zeroed.) */
static inline void json_names_begin(json_names *n)
{
    n->objects = 0;
}
/* An object begins at this level, below JSON_MAX_DEPTH; it takes the place of the one that was there. Levels above
 * it are closed by closing this one. */
void json_names_open(json_names *n, unsigned level);
void json_names_close(json_names *n, unsigned level);
/* A name, raw and without its quotes, of the open object of this level. */
typedef enum { JSON_NAME_NEW = 1, JSON_NAME_TWICE, JSON_NAME_NO_MEMORY } json_name_is;
json_name_is json_names_add(json_names *n, unsigned level, sw_str name, bool escaped);
/* Gives the memory back. */
void json_names_done(json_names *n);

#endif
