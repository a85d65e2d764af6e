/* A message: reads it from JSON, checks it, and writes it as JSON. On workers and on the writer; all memory is the
 * request's. */
#include "messages.h"

#include <string.h>

void message_set_level(message *m, const char *level, size_t len)
{
    for (size_t i = 0; i < len; i++)
        m->level[i] = level[i] >= 'a' && level[i] <= 'z' ? (char)(level[i] - 'a' + 'A') : level[i];
    m->level[len] = '\0';
}

static sw_status refuse(sw_request *req, size_t position, const char *code, const char *name, const char *rule)
{
    sw_status status = sw_fail(req, SW_INVALID, code, "%s %s", name, rule);

    if (position > 0)
        sw_fail_detail(req, "message %zu of the array", position);
    return status;
}

static sw_status read_text(sw_request *req, const sw_value *object, size_t position, const char *name, size_t max,
                           sw_str *ret)
{
    const sw_value *value = sw_value_get(object, name);
    sw_json_type type = sw_value_type(value);
    size_t len = 0;

    if (!value || type == SW_JSON_NULL)
        return refuse(req, position, "missing_field", name, "is required");
    if (type != SW_JSON_TEXT)
        return refuse(req, position, "invalid_request", name, "must be a string");
    const char *text = sw_value_text(value, &len);
    if (!text || len == 0)
        return refuse(req, position, "missing_field", name, "is required");
    if (len > max) {
        sw_status status = sw_fail(req, SW_INVALID, "field_too_long", "%s must be at most %zu bytes", name, max);
        if (position > 0)
            sw_fail_detail(req, "message %zu of the array", position);
        return status;
    }
    if (memchr(text, '\0', len))
        return refuse(req, position, "invalid_request", name, "must not hold a NUL character");
    *ret = (sw_str){text, len};
    return SW_OK;
}

sw_status message_read(sw_request *req, const sw_value *object, size_t position, message *ret)
{
    sw_str level = {NULL, 0};

    if (sw_value_type(object) != SW_JSON_OBJECT)
        return refuse(req, position, "invalid_request", "a message", "must be an object");
    SW_TRY(read_text(req, object, position, "agent_id", MESSAGE_AGENT_MAX, &ret->agent_id));
    SW_TRY(read_text(req, object, position, "level", MESSAGE_LEVEL_MAX, &level));
    SW_TRY(read_text(req, object, position, "content", MESSAGE_CONTENT_MAX, &ret->content));
    message_set_level(ret, level.at, level.len);
    return message_encode(req, ret);
}

sw_status message_encode(sw_request *req, message *m)
{
    sw_json *text = sw_json_new(req);

    if (!text)
        return SW_NO_MEMORY;
    sw_json_textn(text, NULL, m->content.at, m->content.len);
    m->content_json = sw_json_str(text);
    return m->content_json.at ? SW_OK : SW_NO_MEMORY;
}

void message_write(sw_json *out, const char *key, const message *m)
{
    sw_json_object_begin(out, key);
    sw_json_int(out, "id", m->id);
    sw_json_textn(out, "agent_id", m->agent_id.at, m->agent_id.len);
    sw_json_text(out, "level", m->level);
    sw_json_raw(out, "content", m->content_json.at, m->content_json.len);
    sw_json_time(out, "timestamp", m->at_ms);
    sw_json_object_end(out);
}

bool message_page_add(message_page *page, const sw_rows *row)
{
    if (page->left == 0)
        return false;
    if (page->skip > 0) {
        page->skip--;
        return true;
    }
    if (sw_json_length(page->reply) >= page->bytes_max) {
        page->truncated = true;
        page->left = 0;
        return false;
    }
    sw_json_object_begin(page->reply, NULL);
    sw_json_int(page->reply, "id", sw_rows_int(row, 0));
    sw_json_column(page->reply, "agent_id", row, 1);
    sw_json_column(page->reply, "level", row, 2);
    sw_json_column(page->reply, "content", row, 3);
    sw_json_time(page->reply, "timestamp", sw_rows_int(row, 4));
    sw_json_object_end(page->reply);
    page->left--;
    return page->left > 0;
}
