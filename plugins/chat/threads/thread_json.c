/* A thread in the HTTP API: its kinds, the title that a body gives, and its JSON. Any thread. */
#include "threads/threads.h"

#include <string.h>

void thread_write(sw_json *out, const char *key, const thread_row *t)
{
    sw_json_object_begin(out, key);
    sw_json_int(out, "id", t->id);
    sw_json_int(out, "owner_user_id", t->owner_id);
    sw_json_int(out, "peer_user_id", t->peer_id);
    sw_json_text(out, "channel_kind", t->channel_kind);
    sw_json_text(out, "title", t->title);
    sw_json_text_opt(out, "summary", t->summary);
    sw_json_bool(out, "is_pinned", t->is_pinned);
    sw_json_bool(out, "is_default", t->is_default);
    if (t->archived_ms)
        sw_json_time(out, "archived_at", t->archived_ms);
    if (t->last_message_ms)
        sw_json_time(out, "last_message_at", t->last_message_ms);
    sw_json_time(out, "created_at", t->created_ms);
    sw_json_time(out, "updated_at", t->updated_ms);
    sw_json_object_end(out);
}

bool thread_kind_known(const char *kind)
{
    return strcmp(kind, "butler_direct") == 0 || strcmp(kind, "agent_direct") == 0;
}

const char *thread_kind_of(sw_role peer_role)
{
    if (peer_role == SW_ROLE_BUTLER)
        return "butler_direct";
    return peer_role == SW_ROLE_AGENT ? "agent_direct" : "";
}

sw_status thread_missing(sw_request *req)
{
    return sw_fail(req, SW_NOT_FOUND, NULL, "conversation thread not found");
}

const char *thread_title_read(sw_request *req, const char *fallback)
{
    const char *given = sw_body_text_or(req, "title", 64 * 1024, "");
    size_t max = (size_t)sw_option_int(sw_request_host(req), "title_max");
    size_t len;

    given += strspn(given, " \t\r\n\v\f");
    len = strlen(given);
    while (len > 0 && strchr(" \t\r\n\v\f", given[len - 1]))
        len--;
    if (len > max)
        sw_invalid(req, "field_too_long", "title must be at most %zu bytes", max);
    return len ? sw_strndup(req, given, len) : fallback;
}
