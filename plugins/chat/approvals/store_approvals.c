/* The table of approvals: adding, finding, the one conditional update of a decision, and delivery. Reading works on
 * any connection, writing in a write step. */
#include "approvals/approvals.h"

#include <string.h>

#define SELECT_APPROVAL "SELECT " APPROVAL_COLUMNS " FROM chat_approvals a"

enum { LIST_STATUS = 1, LIST_LIVE = 2 };
static const char *const CLAUSES[] = {"AND a.status = ?3", "AND a.expires_ms > ?4", NULL};

enum {
    ADD,
    SHOWN,
    BY_ACTION,
    BY_ID,
    LIST,
    LIST_TARGET,
    DECIDE,
    ANSWERED,
    DUE,
    OF_TARGET,
    OF_AGENT,
    UNDELIVERED,
    PENDING,
    DELIVERED,
    COUNTS
};

static const sw_statement STATEMENTS[] = {
    [ADD] =
        {.name = "approval_add",
         .sql =
             "INSERT INTO chat_approvals (action_id, chat_id, butler_id, butler_name, target_user_id, conversation_id,"
             " target_agent_id, target_agent_name, command, command_sha256, reason, status, requested_ms, expires_ms)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'PENDING', ?12, ?13)"},
    [SHOWN] = {.name = "approval_shown", .sql = "UPDATE chat_approvals SET chat_id = ?2 WHERE id = ?1"},
    [BY_ACTION] = {.name = "approval_by_action", .sql = SELECT_APPROVAL " WHERE a.action_id = ?1"},
    [BY_ID] = {.name = "approval_by_id", .sql = SELECT_APPROVAL " WHERE a.id = ?1"},
    [LIST] = {.name = "approval_list",
              .sql = SELECT_APPROVAL " WHERE a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
              .clauses = CLAUSES},
    [LIST_TARGET] = {.name = "approval_list_target",
                     .sql = SELECT_APPROVAL
                     " WHERE a.target_user_id = ?5 AND a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2",
                     .clauses = CLAUSES},
    [DECIDE] = {.name = "approval_decide",
                .sql = "UPDATE chat_approvals SET status = ?2, decided_ms = ?3, decider_id = ?4, decider_name = ?5,"
                       " decider_role = ?6, responder_name = ?7, channel = ?8, response_conversation = ?9"
                       " WHERE id = ?1 AND status = 'PENDING' AND (?2 = 'EXPIRED' OR expires_ms > ?3)"},
    [ANSWERED] = {.name = "approval_answered", .sql = "UPDATE chat_approvals SET response_id = ?2 WHERE id = ?1"},
    [DUE] = {.name = "approval_due",
             .sql =
                 SELECT_APPROVAL " WHERE a.status = 'PENDING' AND a.expires_ms <= ?1 ORDER BY a.expires_ms LIMIT ?2"},
    [OF_TARGET] = {.name = "approval_of_target",
                   .sql = SELECT_APPROVAL " WHERE a.target_user_id = ?1 AND a.status = 'PENDING' ORDER BY a.id"},
    [OF_AGENT] = {.name = "approval_of_agent",
                  .sql = SELECT_APPROVAL " WHERE a.target_agent_id = ?1 AND a.status = 'PENDING' ORDER BY a.id"},
    [UNDELIVERED] = {.name = "approval_undelivered",
                     .sql = SELECT_APPROVAL
                     " WHERE a.butler_id = ?1 AND a.delivered = 0 AND a.response_id IS NOT NULL AND a.response_id > ?2"
                     " ORDER BY a.response_id LIMIT ?3"},
    [PENDING] = {.name = "approval_pending",
                 .sql = SELECT_APPROVAL
                 " WHERE a.status = 'PENDING' AND a.id > ?1 AND a.expires_ms > ?2 ORDER BY a.id LIMIT ?3"},
    [DELIVERED] =
        {.name = "approval_delivered",
         .sql = "UPDATE chat_approvals SET delivered = 1 WHERE id = ?1 AND delivered = 0 AND response_id IS NOT NULL"},
    [COUNTS] = {.name = "approval_counts",
                .sql = "SELECT (SELECT count(*) FROM chat_approvals WHERE status = 'PENDING' AND expires_ms > ?1),"
                       " (SELECT count(*) FROM chat_approvals WHERE delivered = 0 AND response_id IS NOT NULL)"},
};

const sw_table APPROVAL_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status approval_add(sw_tx *tx, approval *a)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "siisiiissssii", a->action_id, a->chat_id, a->butler_id,
                      a->butler_name, a->target_user_id, a->conversation_id, a->target_agent_id, a->target_agent_name,
                      a->command, a->command_sha256, a->reason, a->requested_ms, a->expires_ms));
    a->id = sw_tx_last_id(tx);
    return SW_OK;
}

sw_status approval_shown(sw_tx *tx, int64_t id, int64_t chat_id)
{
    return sw_tx_exec(tx, &STATEMENTS[SHOWN], NULL, "ii", id, chat_id);
}

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
    };
}

const char *approval_status(const approval *a, int64_t now_ms)
{
    if (strcmp(a->status, STATUS_PENDING) == 0 && a->expires_ms <= now_ms)
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

static sw_status one_approval(sw_status begun, sw_rows *rows, approval *ret)
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
    return one_approval(begun, rows, ret);
}

sw_status approval_by_id(sw_db *db, int64_t id, approval *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_ID], 0, &rows, "i", id);
    return one_approval(begun, rows, ret);
}

sw_status approvals_list(sw_db *db, int64_t target, const char *status, int64_t now_ms, int64_t before, int64_t limit,
                         sw_rows **ret)
{
    const sw_statement *which = &STATEMENTS[target ? LIST_TARGET : LIST];
    uint32_t mask = *status ? LIST_STATUS : 0u;

    if (strcmp(status, STATUS_PENDING) == 0)
        mask |= LIST_LIVE;
    return sw_db_query(db, which, mask, ret, "iisii", before, limit, status, now_ms, target);
}

sw_status approvals_due(sw_db *db, int64_t now_ms, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[DUE], 0, ret, "ii", now_ms, limit);
}

sw_status approvals_of_target(sw_db *db, int64_t user_id, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[OF_TARGET], 0, ret, "i", user_id);
}

sw_status approvals_of_agent(sw_db *db, int64_t agent_id, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[OF_AGENT], 0, ret, "i", agent_id);
}

sw_status approvals_undelivered(sw_db *db, int64_t butler_id, int64_t response_id, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[UNDELIVERED], 0, ret, "iii", butler_id, response_id, limit);
}

sw_status approvals_pending(sw_db *db, int64_t after, int64_t now_ms, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[PENDING], 0, ret, "iii", after, now_ms, limit);
}

sw_status approval_decide(sw_tx *tx, const approval *a, bool *ret_done)
{
    int64_t changes = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[DECIDE], &changes, "isiissssi", a->id, a->status, a->decided_ms, a->decider_id,
                      a->decider_name, a->decider_role, a->responder_name, a->channel, a->response_conversation));
    *ret_done = changes == 1;
    return SW_OK;
}

sw_status approval_answered(sw_tx *tx, int64_t id, int64_t response_id)
{
    return sw_tx_exec(tx, &STATEMENTS[ANSWERED], NULL, "ii", id, response_id);
}

sw_status approval_delivered(sw_tx *tx, int64_t id)
{
    return sw_tx_exec(tx, &STATEMENTS[DELIVERED], NULL, "i", id);
}

sw_status approval_counts(sw_db *db, int64_t now_ms, int64_t *ret_pending, int64_t *ret_undelivered)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[COUNTS], 0, &rows, "i", now_ms));
    bool any = sw_rows_next(rows);
    int64_t pending = sw_rows_int(rows, 0), undelivered = sw_rows_int(rows, 1);
    SW_TRY(sw_rows_done(rows));
    *ret_pending = any ? pending : 0;
    *ret_undelivered = any ? undelivered : 0;
    return SW_OK;
}
