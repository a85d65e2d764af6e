/* GET /api/approvals: authorization requests, newest first. An ADMIN and Butler see all, a MEMBER those that it was
 * asked. */
#include "approvals/approvals.h"

#include <ctype.h>
#include <string.h>

/* The status in capitals, "" when none is given. One that does not exist is a failure, which sw_check() reports. */
static const char *status_read(sw_request *req)
{
    static const char *const KNOWN[] = {STATUS_PENDING, STATUS_APPROVED, STATUS_REJECTED, STATUS_EXPIRED};
    const char *given = sw_query_text(req, "status", 32, "");
    char upper[33] = "";

    for (size_t i = 0; given[i] && i < sizeof upper - 1; i++)
        upper[i] = (char)toupper((unsigned char)given[i]);
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (strcmp(upper, KNOWN[i]) == 0)
            return KNOWN[i];
    if (*given)
        sw_invalid(req, "invalid_parameter", "invalid status");
    return "";
}

sw_status get_approvals(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t page_bytes = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    const char *status = status_read(req);
    int64_t before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX);
    int64_t limit = sw_query_int(req, "limit", CHAT_APPROVALS_DEFAULT, 1, CHAT_APPROVALS_MAX);
    int64_t now_ms = sw_now_ms();
    sw_rows *rows = NULL;
    approval a;

    if (who->role == SW_ROLE_AGENT)
        return sw_fail(req, SW_FORBIDDEN, NULL, "agents may not see approvals");
    SW_TRY(sw_check(req));
    SW_TRY(approvals_list(sw_request_db(req), who->role == SW_ROLE_MEMBER ? who->user_id : 0, status, now_ms, before,
                          limit, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (approvals_next(rows, &a)) {
        if (page_bytes > 0 && sw_json_length(out) >= (size_t)page_bytes) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        approval_write(out, &a, now_ms);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}
