/* The frame that travels inside each binary WebSocket message: protobuf (proto2), package pbbp2.
 *
 *   message Header { required string key = 1; required string value = 2; }
 *   message Frame  { required uint64 SeqID = 1; required uint64 LogID = 2; required int32 service = 3;
 *                    required int32 method = 4; repeated Header headers = 5; optional string payload_encoding = 6;
 *                    optional string payload_type = 7; optional bytes payload = 8; optional string LogIDNew = 9; }
 *
 * These facts come from the schema in the official SDKs. The codec does no I/O and allocates nothing: what is decoded
 * points into the bytes that were given. */
#ifndef FEISHU_FRAME_H
#define FEISHU_FRAME_H

#include <steward/base.h>

enum { FRAME_HEADERS_MAX = 64, FRAME_CONTROL = 0, FRAME_DATA = 1 };

typedef struct {
    sw_str key, value;
} frame_header;

typedef struct {
    uint64_t seq_id, log_id;
    int32_t service, method;
    frame_header headers[FRAME_HEADERS_MAX];
    size_t header_count;
    sw_str payload_encoding, payload_type, payload, log_id_new; /* absent when `at` is NULL */
} frame;

/* One message's bytes. Field order is free, unknown fields are skipped, the last value of a field counts.
 * Returns NULL, or what is wrong (a literal). */
const char *frame_decode(const void *bytes, size_t len, frame *ret);

/* Bytes that frame_encode() will need at most. */
size_t frame_encoded_max(const frame *f);
/* Writes fields 1 to 4 even when they are zero, since a decoder insists on them, and the optional ones that are not
 * absent. Returns the length. */
size_t frame_encode(const frame *f, void *out);

/* The first header of that key; "" when there is none. */
sw_str frame_header_get(const frame *f, const char *key);
/* Adds a header, whose texts must outlive the frame; false when there are FRAME_HEADERS_MAX already. */
bool frame_header_add(frame *f, const char *key, const char *value);
/* A decimal header such as sum or seq; -1 when it is absent, not a number, or greater than `max`. */
int frame_header_number(const frame *f, const char *key, int max);

/* The ping that a client sends. `service` stands in the URL of the connection. */
void frame_ping(frame *ret, int32_t service);

#endif
