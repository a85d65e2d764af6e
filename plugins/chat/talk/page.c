/* Pages of rows in the HTTP API: which part is asked for, and the reply. Each row is written by itself first, because
 * only then is its size known before it must fit. On a worker. */
#include "talk/talk.h"

#include <string.h>

void range_read(sw_request *req, int64_t fallback, id_range *ret)
{
    *ret = (id_range){
        .before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX),
        .after = sw_query_int(req, "after_id", -1, 0, INT64_MAX),
        .limit = sw_query_int(req, "limit", fallback, 1, CHAT_PAGE_MAX),
    };
}

static sw_status write_row(sw_request *req, int64_t id, int64_t own_thread, sw_str *ret)
{
    chat_row row;
    sw_status found = row_get(sw_request_db(req), id, &row);

    *ret = (sw_str){NULL, 0};
    if (found == SW_NOT_FOUND)
        return SW_OK; /* it was pruned in this moment */
    SW_TRY(found);
    if (row.receiver_id != sw_request_principal(req)->user_id && own_thread >= 0 && strcmp(row.type, TYPE_REQUEST) == 0)
        row.conversation_id = own_thread;
    sw_json *out = sw_json_new(req);
    if (!out)
        return SW_NO_MEMORY;
    chat_write(req, out, &row, sw_now_ms());
    *ret = sw_json_str(out);
    return ret->at ? SW_OK : SW_NO_MEMORY;
}

sw_status page_reply(sw_request *req, const int64_t *ids, size_t count, bool newest_first, int64_t own_thread)
{
    int64_t limit = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    sw_str *texts = sw_alloc(req, count ? count : 1, sizeof *texts);
    size_t written = 0, bytes = 0;

    if (!texts)
        return SW_NO_MEMORY;
    while (written < count && (limit <= 0 || bytes < (size_t)limit)) {
        SW_TRY(write_row(req, ids[written], own_thread, &texts[written]));
        bytes += texts[written++].len;
    }
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    for (size_t i = 0; i < written; i++) {
        sw_str text = texts[newest_first ? written - 1 - i : i];
        if (text.at)
            sw_json_raw(out, NULL, text.at, text.len);
    }
    sw_json_array_end(out);
    if (written < count)
        sw_reply_header(req, "X-Truncated", "true");
    return SW_OK;
}
