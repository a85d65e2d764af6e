/* GET /api/chat/threads: the caller's own threads, pinned ones first, then by the newest message. On a worker. */
#include "threads/threads.h"

sw_status get_threads(sw_request *req)
{
    int64_t limit = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    int64_t peer = sw_query_int(req, "peer_id", 0, 1, INT64_MAX);
    const char *kind = sw_query_text(req, "channel_kind", 64, "");
    sw_rows *rows = NULL;
    thread_row t;

    if (*kind && !thread_kind_known(kind))
        sw_invalid(req, "invalid_parameter", "invalid channel_kind");
    SW_TRY(sw_check(req));
    SW_TRY(threads_begin(sw_request_db(req), sw_request_principal(req)->user_id, peer, kind, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (threads_next(rows, &t)) {
        if (limit > 0 && sw_json_length(out) >= (size_t)limit) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        thread_write(out, NULL, &t);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}
