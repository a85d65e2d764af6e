/* The envelope of an incoming frame: the members that the server reads, as spans of the frame's own bytes. Sans-IO. */
#ifndef CORE_WS_ENVELOPE_H
#define CORE_WS_ENVELOPE_H

#include <steward/base.h>

enum { ENVELOPE_TYPE_MAX = 64, ENVELOPE_LOCAL_MAX = 128, ENVELOPE_STREAM_MAX = 256 };

typedef struct {
    char type[ENVELOPE_TYPE_MAX];   /* decoded, not NUL-ended */
    char local[ENVELOPE_LOCAL_MAX]; /* local_id, decoded      */
    uint8_t type_len, local_len;
    bool has_local, ack;
    sw_str local_raw;  /* with quotes; `at` is NULL when absent or unusable */
    sw_str stream;     /* with quotes; `at` is NULL when absent */
    sw_str payload;    /* raw; `at` is NULL when absent */
    char payload_kind; /* as json_member.kind                      */
    int64_t target, conversation;
} envelope;

/* `text` is changed where the payload or the stream_id holds half a character, see json_string.h: these go on.
 * Returns NULL when all is well, otherwise the ERROR's code, and *ret_error its text (both literals); local_id is set
 * whenever it could be read. `payload_max`: bytes of the payload, decoded for strings. */
const char *envelope_read(envelope *e, char *text, size_t len, size_t payload_max, const char **ret_error);
/* The frame's bytes have moved: makes the spans point to the copy. */
void envelope_rebase(envelope *e, const char *from, const char *to);

#endif
