/* GET /api/integrations/feishu/:id/logs?cursor=&limit=: the integration log, newest first. */
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100, CURSOR_SIZE = 24 };

/* The id before which the page begins. An error is sticky. */
static int64_t read_cursor(sw_request *req)
{
    const char *text = sw_query_text(req, "cursor", CURSOR_SIZE, "");
    char *end;

    if (!*text)
        return INT64_MAX;
    long long id = strtoll(text, &end, 10);
    if (*end == '\0' && *text >= '0' && *text <= '9' && id > 0)
        return id;
    sw_invalid(req, "invalid_parameter", "invalid log cursor");
    return 0;
}

static void write_item(sw_json *out, const sw_rows *row)
{
    char id[CURSOR_SIZE];

    snprintf(id, sizeof id, "%lld", (long long)sw_rows_int(row, 0));
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "id", id);
    sw_json_column(out, "level", row, 1);
    sw_json_column(out, "action", row, 2);
    sw_json_column(out, "detail", row, 3);
    sw_json_time(out, "timestamp", sw_rows_int(row, 4));
    sw_json_object_end(out);
}

sw_status get_logs(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c;
    sw_rows *rows = NULL;
    char cursor[CURSOR_SIZE] = "";
    int64_t id = connector_path_id(req), limit = sw_query_int(req, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX);
    int64_t before = read_cursor(req), count = 0, last = 0;

    SW_TRY(sw_check(req));
    SW_TRY(connector_named(f, req, sw_request_db(req), id, &c));
    SW_TRY(log_page(sw_request_db(req), id, before, limit, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_array_begin(out, "items");
    for (; sw_rows_next(rows); count++) {
        last = sw_rows_int(rows, 0);
        write_item(out, rows);
    }
    SW_TRY(sw_rows_done(rows));
    sw_json_array_end(out);
    if (count == limit)
        snprintf(cursor, sizeof cursor, "%lld", (long long)last);
    sw_json_text(out, "cursor", cursor);
    sw_json_object_end(out);
    return SW_OK;
}
