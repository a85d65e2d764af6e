/* The JSON writer behind <steward/json.h>: appends to a buf. */
#ifndef CORE_BASE_JSON_WRITE_H
#define CORE_BASE_JSON_WRITE_H

#include "common/buf.h"
#include <steward/json.h>

struct sw_json {
    buf out;
    bool comma; /* the next member or element needs one */
};

void json_init(sw_json *j, size_t limit);
bool json_failed(const sw_json *j);
void json_done(sw_json *j);

#endif
