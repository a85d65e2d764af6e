/* An approval as it is stored: the table is read here, GET /api/approvals lists it, newest first, and one is shown
 * alone. Reading works on any connection. Rows are added by ask.c and changed by decide.c, announce.c and delivery.c.
 */
#include "approvals/approvals.h"

#include <ctype.h>
#include <string.h>

enum { LIST_STATUS = 1, LIST_LIVE = 2, LIST_WITHDRAWN = 4, LIST_AGENT = 8, LIST_TEXT = 16 };
static const char *const CLAUSES[] = {
    "AND a.status = ?3",
    "AND a.due_ms > ?4",
    "AND a.withdrawn = ?6",
    "AND a.target_agent_id = ?7",
    "AND instr(lower(a.action_id || ' ' || a.tool || ' ' || a.command || ' ' || a.reason), ?8) > 0",
    NULL,
};

enum { BY_ACTION, BY_ID, INPUT, LIST, LIST_TARGET, LIST_REQUESTER, COUNTS };

static const sw_statement STATEMENTS[] = {
    [BY_ACTION] = {.name = "approval_by_action", .sql = SELECT_APPROVAL " WHERE a.action_id = ?1"},
    [BY_ID] = {.name = "approval_by_id", .sql = SELECT_APPROVAL " WHERE a.id = ?1"},
    [INPUT] = {.name = "approval_input", .sql = "SELECT input FROM chat_approval_inputs WHERE approval_id = ?1"},
    [LIST] = {.name = "approval_list",
              .sql = SELECT_APPROVAL " WHERE a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
              .clauses = CLAUSES},
    [LIST_TARGET] = {.name = "approval_list_target",
                     .sql = SELECT_APPROVAL
                     " WHERE a.target_user_id = ?5 AND a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
                     .clauses = CLAUSES},
    [LIST_REQUESTER] = {.name = "approval_list_requester",
                        .sql = SELECT_APPROVAL
                        " WHERE a.butler_id = ?5 AND a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
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
        .requester_role = sw_rows_text(rows, at + 25),
        .tool = sw_rows_text(rows, at + 26),
        .input_sha256 = sw_rows_text(rows, at + 27),
        .cwd = sw_rows_text(rows, at + 28),
        .session_id = sw_rows_text(rows, at + 29),
        .comment = sw_rows_text(rows, at + 30),
        .claimed_ms = sw_rows_int(rows, at + 31),
        .rule_id = sw_rows_int(rows, at + 32),
        .needs = sw_rows_int(rows, at + 34),
        .first_id = sw_rows_int(rows, at + 35),
        .first_name = sw_rows_text(rows, at + 36),
        .first_channel = sw_rows_text(rows, at + 37),
        .first_ms = sw_rows_int(rows, at + 38),
    };
    if (sw_rows_int(rows, at + 33))
        ret->status = STATUS_WITHDRAWN;
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

sw_status approval_by_id(sw_db *db, int64_t id, approval *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_ID], 0, &rows, "i", id);
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

/* ---- an approval as JSON ---- */

/* Of a request that two humans must approve: who did so first. */
static void write_four_eyes(sw_json *out, const approval *a)
{
    if (a->needs < 2)
        return;
    sw_json_bool(out, "four_eyes", true);
    if (!a->first_id)
        return;
    sw_json_text(out, "approved_by", a->first_name);
    sw_json_time(out, "approved_at", a->first_ms);
    sw_json_text(out, "approved_channel", a->first_channel);
}

/* Who decided, when and how: not shown for an expiry, which nobody decided. */
static void write_decision(sw_json *out, const approval *a)
{
    if (strcmp(a->status, STATUS_APPROVED) != 0 && strcmp(a->status, STATUS_REJECTED) != 0)
        return;
    sw_json_time(out, "decided_at", a->decided_ms);
    sw_json_text(out, "decided_by", a->responder_name);
    sw_json_text(out, "channel", a->channel);
}

static sw_status write_input(sw_json *out, sw_db *db, const approval *a)
{
    sw_rows *rows = NULL;

    if (!*a->input_sha256)
        return SW_OK;
    SW_TRY(sw_db_query(db, &STATEMENTS[INPUT], 0, &rows, "i", a->id));
    if (sw_rows_next(rows)) {
        sw_str text = sw_rows_view(rows, 0);
        sw_json_raw(out, "input", text.at, text.len);
    }
    return sw_rows_done(rows);
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What came with requests of agents. */
static sw_status write_more(sw_json *out, sw_db *db, const approval *a)
{
    sw_json_int(out, "requester_id", a->butler_id);
    sw_json_text(out, "requester_name", a->butler_name);
    sw_json_text_opt(out, "tool", a->tool);
    SW_TRY(write_input(out, db, a));
    sw_json_text_opt(out, "input_sha256", a->input_sha256);
    sw_json_text_opt(out, "cwd", a->cwd);
    sw_json_text_opt(out, "session_id", a->session_id);
    sw_json_text_opt(out, "comment", a->comment);
    if (a->claimed_ms)
        sw_json_time(out, "claimed_at", a->claimed_ms);
    if (a->rule_id)
        sw_json_int(out, "rule_id", a->rule_id);
    sw_json_time(out, "updated_at", latest(latest(a->requested_ms, a->decided_ms), a->claimed_ms));
    return SW_OK;
}

sw_status approval_write(sw_json *out, sw_db *db, const approval *a, int64_t steady_ms)
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
    write_four_eyes(out, a);
    write_decision(out, a);
    sw_json_bool(out, "delivered", a->delivered);
    SW_TRY(write_more(out, db, a));
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- GET /api/approvals: an ADMIN and Butler see all, a MEMBER those that it was asked, an agent its own ---- */

typedef struct {
    const char *status; /* "" for all; PENDING: those before their expiry */
    const char *text;   /* in small letters; "" for all */
    int64_t before, limit, agent_id, steady_ms;
} list_query;

static uint32_t clauses_of(const list_query *q, bool withdrawn)
{
    uint32_t mask = *q->status ? LIST_STATUS : 0u;

    if (strcmp(q->status, STATUS_PENDING) == 0)
        mask |= LIST_LIVE;
    if (withdrawn || strcmp(q->status, STATUS_EXPIRED) == 0)
        mask |= LIST_WITHDRAWN;
    if (q->agent_id)
        mask |= LIST_AGENT;
    return *q->text ? mask | LIST_TEXT : mask;
}

/* Newest first. */
static sw_status approvals_list(sw_db *db, const sw_principal *who, const list_query *q, sw_rows **ret)
{
    const sw_statement *which = &STATEMENTS[LIST];
    bool withdrawn = strcmp(q->status, STATUS_WITHDRAWN) == 0;

    if (who->role == SW_ROLE_MEMBER)
        which = &STATEMENTS[LIST_TARGET];
    if (who->role == SW_ROLE_AGENT)
        which = &STATEMENTS[LIST_REQUESTER];
    return sw_db_query(db, which, clauses_of(q, withdrawn), ret, "iisiiiis", q->before, q->limit,
                       withdrawn ? STATUS_EXPIRED : q->status, q->steady_ms, who->user_id, (int64_t)withdrawn,
                       q->agent_id, q->text);
}

/* The status in capitals, "" when none is given. One that does not exist is a failure, which sw_check() reports. */
static const char *status_read(sw_request *req)
{
    static const char *const KNOWN[] = {STATUS_PENDING, STATUS_APPROVED, STATUS_REJECTED, STATUS_EXPIRED,
                                        STATUS_WITHDRAWN};
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

static const char *text_read(sw_request *req)
{
    char *text = sw_strdup(req, sw_query_text(req, "q", 256, ""));

    for (char *c = text; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return text ? text : "";
}

sw_status get_approvals(sw_request *req)
{
    int64_t page_bytes = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    list_query query = {
        .status = status_read(req),
        .text = text_read(req),
        .before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX),
        .limit = sw_query_int(req, "limit", CHAT_APPROVALS_DEFAULT, 1, CHAT_APPROVALS_MAX),
        .agent_id = sw_query_int(req, "agent_id", 0, 1, INT64_MAX),
        .steady_ms = sw_steady_ms(sw_request_host(req)),
    };
    sw_db *db = sw_request_db(req);
    sw_rows *rows = NULL;
    approval a;

    SW_TRY(sw_check(req));
    SW_TRY(approvals_list(db, sw_request_principal(req), &query, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (approvals_next(rows, &a)) {
        if (page_bytes > 0 && sw_json_length(out) >= (size_t)page_bytes) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        SW_TRY(approval_write(out, db, &a, query.steady_ms));
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}

/* ---- GET /api/approvals/:action_id ---- */

bool approval_visible(const sw_principal *who, const approval *a)
{
    return who->role == SW_ROLE_ADMIN || who->role == SW_ROLE_BUTLER || who->user_id == a->butler_id ||
           who->user_id == a->target_user_id;
}

sw_status approval_unknown(sw_request *req)
{
    return sw_fail(req, SW_NOT_FOUND, NULL, "no such authorization request");
}

sw_status get_approval(sw_request *req)
{
    const char *action = sw_path_text(req, "action_id");
    int64_t wait_s = sw_query_int(req, "wait_s", 0, 0, CHAT_WAIT_MAX_S);
    int64_t steady_ms = sw_steady_ms(sw_request_host(req));
    sw_db *db = sw_request_db(req);
    approval a;

    SW_TRY(sw_check(req));
    sw_status found = approval_by_action(db, action, &a);
    if (found == SW_NOT_FOUND || (found == SW_OK && !approval_visible(sw_request_principal(req), &a)))
        return approval_unknown(req);
    SW_TRY(found);
    if (wait_s && strcmp(approval_status(&a, steady_ms), STATUS_PENDING) == 0)
        return wait_for_decision(req, a.id, wait_s * 1000);
    return approval_write(sw_reply_json(req, 200), db, &a, steady_ms);
}
