/* An approval as it is stored: the table is read here, and GET /api/approvals lists it, newest first. Reading works on
 * any connection. Rows are added by ask.c and changed by decide.c, announce.c and delivery.c. */
#include "approvals/approvals.h"

#include <ctype.h>
#include <string.h>

enum { LIST_STATUS = 1, LIST_LIVE = 2 };
static const char *const CLAUSES[] = {"AND a.status = ?3", "AND a.due_ms > ?4", NULL};

enum { BY_ACTION, LIST, LIST_TARGET, COUNTS };

static const sw_statement STATEMENTS[] = {
    [BY_ACTION] = {.name = "approval_by_action", .sql = SELECT_APPROVAL " WHERE a.action_id = ?1"},
    [LIST] = {.name = "approval_list",
              .sql = SELECT_APPROVAL " WHERE a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
              .clauses = CLAUSES},
    [LIST_TARGET] = {.name = "approval_list_target",
                     .sql = SELECT_APPROVAL
                     " WHERE a.target_user_id = ?5 AND a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
                     .clauses = CLAUSES},
    [COUNTS] = {.name = "approval_counts",
                .sql = "SELECT (SELECT count(*) FROM chat_approvals WHERE status = 'PENDING' AND due_ms > ?1),"
                       " (SELECT count(*) FROM chat_approvals WHERE delivered = 0 AND response_id IS NOT NULL)"},
};

const sw_table APPROVAL_STATEMENTS = SW_TABLE(STATEMENTS);

void approval_read(const sw_rows *rows, int at, approval *ret)
{
    *ret = (approval){
        .id = sw_rows_int(rows, at),
        .action_id = sw_rows_text(rows, at + 1),
        .chat_id = sw_rows_int(rows, at + 2),
        .butler_id = sw_rows_int(rows, at + 3),
        .butler_name = sw_rows_text(rows, at + 4),
        .target_user_id = sw_rows_int(rows, at + 5),
        .conversation_id = sw_rows_int(rows, at + 6),
        .target_agent_id = sw_rows_int(rows, at + 7),
        .target_agent_name = sw_rows_text(rows, at + 8),
        .command = sw_rows_text(rows, at + 9),
        .command_sha256 = sw_rows_text(rows, at + 10),
        .reason = sw_rows_text(rows, at + 11),
        .status = sw_rows_text(rows, at + 12),
        .requested_ms = sw_rows_int(rows, at + 13),
        .expires_ms = sw_rows_int(rows, at + 14),
        .decided_ms = sw_rows_int(rows, at + 15),
        .decider_id = sw_rows_int(rows, at + 16),
        .decider_name = sw_rows_text(rows, at + 17),
        .decider_role = sw_rows_text(rows, at + 18),
        .responder_name = sw_rows_text(rows, at + 19),
        .channel = sw_rows_text(rows, at + 20),
        .response_id = sw_rows_int(rows, at + 21),
        .response_conversation = sw_rows_int(rows, at + 22),
        .delivered = sw_rows_int(rows, at + 23) != 0,
        .due_ms = sw_rows_int(rows, at + 24),
    };
}

const char *approval_status(const approval *a, int64_t steady_ms)
{
    if (strcmp(a->status, STATUS_PENDING) == 0 && a->due_ms <= steady_ms)
        return STATUS_EXPIRED;
    return a->status;
}

bool approvals_next(sw_rows *rows, approval *ret)
{
    if (!sw_rows_next(rows))
        return false;
    approval_read(rows, 0, ret);
    return true;
}

sw_status approval_one(sw_status begun, sw_rows *rows, approval *ret)
{
    approval found;

    SW_TRY(begun);
    bool any = approvals_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status approval_by_action(sw_db *db, const char *action_id, approval *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_ACTION], 0, &rows, "s", action_id);
    return approval_one(begun, rows, ret);
}

sw_status approval_counts(sw_db *db, int64_t steady_ms, int64_t *ret_pending, int64_t *ret_undelivered)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[COUNTS], 0, &rows, "i", steady_ms));
    bool any = sw_rows_next(rows);
    int64_t pending = sw_rows_int(rows, 0), undelivered = sw_rows_int(rows, 1);
    SW_TRY(sw_rows_done(rows));
    *ret_pending = any ? pending : 0;
    *ret_undelivered = any ? undelivered : 0;
    return SW_OK;
}

/* ---- GET /api/approvals: an ADMIN and Butler see all, a MEMBER those that it was asked ---- */

/* Newest first. `target` 0: everybody's; `status` "": all, PENDING: those before their expiry. */
static sw_status approvals_list(sw_db *db, int64_t target, const char *status, int64_t steady_ms, int64_t before,
                                int64_t limit, sw_rows **ret)
{
    const sw_statement *which = &STATEMENTS[target ? LIST_TARGET : LIST];
    uint32_t mask = *status ? LIST_STATUS : 0u;

    if (strcmp(status, STATUS_PENDING) == 0)
        mask |= LIST_LIVE;
    return sw_db_query(db, which, mask, ret, "iisii", before, limit, status, steady_ms, target);
}

/* Who decided, when and how: not shown for an expiry, which nobody decided. */
static void write_decision(sw_json *out, const approval *a)
{
    if (!a->decider_id)
        return;
    sw_json_time(out, "decided_at", a->decided_ms);
    sw_json_text(out, "decided_by", a->responder_name);
    sw_json_text(out, "channel", a->channel);
}

static void approval_write(sw_json *out, const approval *a, int64_t steady_ms)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", a->id);
    sw_json_text(out, "action_id", a->action_id);
    sw_json_int(out, "target_agent_id", a->target_agent_id);
    sw_json_text(out, "target_agent_name", a->target_agent_name);
    sw_json_text(out, "command", a->command);
    sw_json_text(out, "command_sha256", a->command_sha256);
    sw_json_text(out, "reason", a->reason);
    sw_json_text(out, "status", approval_status(a, steady_ms));
    sw_json_time(out, "requested_at", a->requested_ms);
    sw_json_time(out, "expires_at", a->expires_ms);
    write_decision(out, a);
    sw_json_bool(out, "delivered", a->delivered);
    sw_json_object_end(out);
}

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
    int64_t steady_ms = sw_steady_ms(sw_request_host(req));
    sw_rows *rows = NULL;
    approval a;

    if (who->role == SW_ROLE_AGENT)
        return sw_fail(req, SW_FORBIDDEN, NULL, "agents may not see approvals");
    SW_TRY(sw_check(req));
    SW_TRY(approvals_list(sw_request_db(req), who->role == SW_ROLE_MEMBER ? who->user_id : 0, status, steady_ms, before,
                          limit, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (approvals_next(rows, &a)) {
        if (page_bytes > 0 && sw_json_length(out) >= (size_t)page_bytes) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        approval_write(out, &a, steady_ms);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}
