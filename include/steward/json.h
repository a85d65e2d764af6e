/* Writing and reading JSON.
 *
 * The writer appends compact JSON directly to the reply or frame. Keys are literals, values are escaped, and invalid
 * UTF-8 becomes U+FFFD. The writer remembers a failure (no memory, too large), so that no call needs a check. Inside an
 * object pass the key, inside an array pass NULL. */
#ifndef STEWARD_JSON_H
#define STEWARD_JSON_H

#include <steward/base.h>

SW_BEGIN_DECLS

SW_EXPORT void sw_json_object_begin(sw_json *j, const char *key);
SW_EXPORT void sw_json_object_end(sw_json *j);
SW_EXPORT void sw_json_array_begin(sw_json *j, const char *key);
SW_EXPORT void sw_json_array_end(sw_json *j);
SW_EXPORT void sw_json_int(sw_json *j, const char *key, int64_t value);
SW_EXPORT void sw_json_double(sw_json *j, const char *key, double value);
SW_EXPORT void sw_json_bool(sw_json *j, const char *key, bool value);
SW_EXPORT void sw_json_null(sw_json *j, const char *key);
SW_EXPORT void sw_json_text(sw_json *j, const char *key, const char *value);
SW_EXPORT void sw_json_textn(sw_json *j, const char *key, const char *value, size_t len);
/* Leaves the member out when the text is NULL or "". */
SW_EXPORT void sw_json_text_opt(sw_json *j, const char *key, const char *value);
/* Unix milliseconds as "2026-03-05T21:42:08.123Z". */
SW_EXPORT void sw_json_time(sw_json *j, const char *key, int64_t unix_ms);
/* Copies `len` bytes, which must be one valid JSON text; half a character in it becomes U+FFFD (since 1.2). */
SW_EXPORT void sw_json_raw(sw_json *j, const char *key, const char *json, size_t len);
/* Writes a text column of the current row, without a copy in between. A column that is NULL is left out. */
SW_EXPORT void sw_json_column(sw_json *j, const char *key, const sw_rows *rows, int column);
/* How many bytes are written so far, so that a page can be ended before it grows too large. */
SW_EXPORT size_t sw_json_length(const sw_json *j);

/* A writer whose result stays in the request's memory (for a payload kept as text in a column). */
SW_EXPORT sw_json *sw_json_new(sw_request *req);
SW_EXPORT sw_json *sw_json_new_tx(sw_tx *tx);
/* What was written, NUL-ended; {NULL, 0} after a failure. */
SW_EXPORT sw_str sw_json_str(sw_json *j);

/* ---- reading: every function takes NULL, and reads it as a value with nothing in it ---- */

typedef enum {
    SW_JSON_NULL = 1,
    SW_JSON_BOOL,
    SW_JSON_INT,
    SW_JSON_REAL,
    SW_JSON_TEXT,
    SW_JSON_ARRAY,
    SW_JSON_OBJECT
} sw_json_type;

/* Reads one JSON text into a value in the memory of the request. NULL when it is not valid JSON, has a member twice in
 * one object (since 1.2), or is nested deeper than 64. Half a character (an escape like \ud83c without its partner) is
 * read as U+FFFD (since 1.2). */
SW_EXPORT const sw_value *sw_json_parse(sw_request *req, const char *text, size_t len);
SW_EXPORT const sw_value *sw_json_parse_tx(sw_tx *tx, const char *text, size_t len);
/* Since 1.2. The same in the memory of the piece of work that the connection is lent to, for a function that is given
 * nothing else, such as a provider of auth/1. It tells two failures apart: SW_INVALID when the text is not taken,
 * SW_NO_MEMORY. Then *ret keeps its value. */
SW_EXPORT SW_MUST_USE sw_status sw_json_parse_db(sw_db *db, const char *text, size_t len, const sw_value **ret);
SW_EXPORT sw_json_type sw_value_type(const sw_value *v);                    /* 0 for NULL */
SW_EXPORT const sw_value *sw_value_get(const sw_value *v, const char *key); /* NULL when absent */
SW_EXPORT size_t sw_value_count(const sw_value *v);                         /* of an array; else 0 */
SW_EXPORT const sw_value *sw_value_at(const sw_value *v, size_t index);
SW_EXPORT const char *sw_value_text(const sw_value *v, size_t *ret_len); /* NULL when not a text */
SW_EXPORT int64_t sw_value_int(const sw_value *v, int64_t fallback);     /* of an integer alone */
SW_EXPORT double sw_value_double(const sw_value *v, double fallback);    /* of an integer or real */
SW_EXPORT int sw_value_bool(const sw_value *v, int fallback);

SW_END_DECLS
#endif
