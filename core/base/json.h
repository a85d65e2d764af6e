/* The core's side of <steward/json.h>: what its writer is made of, and reading a text into a tree. Their functions
 * stand in json_write.c and json_read.c. */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include "core/base/arena.h"
#include "core/base/json_walk.h"
#include "core/common/buf.h"
#include <steward/json.h>

/* The writer appends to a buffer and remembers a failure. */
struct sw_json {
    buf out;
    bool comma; /* the next member or element needs one */
};

void json_init(sw_json *j, size_t limit);
/* A writer that has failed, to be given when there is no memory for one. It is the same for all threads, and no
 * function writes to it. */
sw_json *json_none(void);
bool json_failed(const sw_json *j);
void json_done(sw_json *j);

/* One JSON text as a tree with memory of its own, to be given back by json_read_free(). NULL when it is not valid JSON,
 * has a member twice in one object, is deeper than `max_depth` (at most 64), has more than 200,000 values or a key with
 * a NUL, and when there is no memory. Half a character is read as U+FFFD. A number that no int64 or double holds is
 * read as the real number 1e308: so it is not an error in a member that nobody reads, and not an integer in one that
 * somebody does. */
const sw_value *json_read(const char *text, size_t len, size_t max_depth);
/* Why a text was refused, and where: the byte, and which element when the text is an array (from 1, else 0). */
typedef struct {
    json_fault fault;
    size_t byte, element;
} json_refusal;
const sw_value *json_read_or_why(const char *text, size_t len, size_t max_depth, json_refusal *ret);
/* The same, but the tree ends with the arena. */
const sw_value *json_read_in(arena *a, const char *text, size_t len, json_refusal *ret);
/* In a few words. */
const char *json_fault_text(json_fault fault);
void json_read_free(const sw_value *v);

#endif
