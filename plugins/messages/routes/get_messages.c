/* GET /api/messages: lists messages, newest first, filtered, in pages. On a worker. */
#include "../messages.h"

#include <string.h>

enum { PAGE_DEFAULT = 50, PAGE_MAX = 200, TEXT_MAX = 256, OFFSET_MAX = INT32_MAX };

/* A copy of `text` with its ASCII letters in lower (`from` 'A') or upper case (`from` 'a'). */
static const char *in_case(sw_request *req, const char *text, char from)
{
    char *copy = sw_strdup(req, text);

    for (char *at = copy; at && *at; at++)
        if (*at >= from && *at <= from + 25)
            *at = (char)(*at ^ 0x20);
    return copy;
}

static sw_status read_filter(sw_request *req, message_filter *f)
{
    *f = (message_filter){
        .agent_id = sw_query_text(req, "agent_id", MESSAGE_AGENT_MAX, ""),
        .level = in_case(req, sw_query_text(req, "level", MESSAGE_LEVEL_MAX, ""), 'a'),
        .text = in_case(req, sw_query_text(req, "q", TEXT_MAX, ""), 'A'),
        .offset = sw_query_int(req, "offset", 0, 0, OFFSET_MAX),
        .limit = sw_query_int(req, "limit", PAGE_DEFAULT, 1, PAGE_MAX),
        .after_id = sw_query_int(req, "after_id", 0, 0, INT64_MAX - 1),
        .before_id = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX),
    };
    if (!f->level || !f->text)
        return SW_NO_MEMORY;
    int64_t since = sw_query_time(req, "since", INT64_MIN);
    int64_t until = sw_query_time(req, "until", INT64_MAX);
    SW_TRY(sw_check(req));
    return since == INT64_MIN && until == INT64_MAX ? SW_OK : time_range_narrow(sw_request_db(req), f, since, until);
}

static sw_status list(sw_db *db, const message_filter *f, message_page *page)
{
    sw_rows *rows;

    SW_TRY(store_find(db, f, f->limit, f->offset, &rows));
    while (sw_rows_next(rows) && message_page_add(page, rows))
        ;
    return sw_rows_done(rows);
}

sw_status get_messages(sw_request *req)
{
    message_filter f;

    SW_TRY(read_filter(req, &f));
    sw_json *reply = sw_reply_json(req, 200);
    message_page page = {
        .reply = reply,
        .skip = *f.text ? f.offset : 0,
        .left = f.limit,
        .bytes_max = (size_t)sw_option_core_int(sw_request_host(req), "limits.page_bytes"),
    };
    sw_json_array_begin(reply, NULL);
    SW_TRY(*f.text ? search_run(sw_request_db(req), &f, &page) : list(sw_request_db(req), &f, &page));
    sw_json_array_end(reply);
    if (page.truncated)
        sw_reply_header(req, "X-Truncated", "true");
    return SW_OK;
}
