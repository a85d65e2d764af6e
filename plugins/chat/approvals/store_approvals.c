/* Approvals: adding, finding, the one conditional update of a decision, delivery. */
#include "approvals/approvals.h"
#include "store.h"

#include <string.h>

const char SQL_APPROVAL_ADD[] =
    "INSERT INTO chat_approvals (action_id, chat_id, butler_id, butler_name, target_user_id, conversation_id,"
    " target_agent_id, target_agent_name, command, command_sha256, reason, status, requested_ms, expires_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'PENDING', ?12, ?13)";

sw_status approval_add(sw_tx *tx, approval *a)
{
    SW_TRY(EXEC(tx, ST_APPROVAL_ADD, NULL, "siisiiissssii", a->action_id, a->chat_id, a->butler_id, a->butler_name,
                a->target_user_id, a->conversation_id, a->target_agent_id, a->target_agent_name, a->command,
                a->command_sha256, a->reason, a->requested_ms, a->expires_ms));
    a->id = sw_tx_last_id(tx);
    return SW_OK;
}

const char SQL_APPROVAL_SHOWN[] = "UPDATE chat_approvals SET chat_id = ?2 WHERE id = ?1";

sw_status approval_shown(sw_tx *tx, int64_t id, int64_t chat_id)
{
    return EXEC(tx, ST_APPROVAL_SHOWN, NULL, "ii", id, chat_id);
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

#define SELECT_APPROVAL "SELECT " APPROVAL_COLUMNS " FROM chat_approvals a"

const char SQL_APPROVAL_BY_ACTION[] = SELECT_APPROVAL " WHERE a.action_id = ?1";

sw_status approval_by_action(sw_db *db, const char *action_id, approval *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, ST_APPROVAL_BY_ACTION, &rows, "s", action_id);
    return one_approval(begun, rows, ret);
}

const char SQL_APPROVAL_BY_ID[] = SELECT_APPROVAL " WHERE a.id = ?1";

sw_status approval_by_id(sw_db *db, int64_t id, approval *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, ST_APPROVAL_BY_ID, &rows, "i", id);
    return one_approval(begun, rows, ret);
}

const char SQL_APPROVAL_LIST[] = SELECT_APPROVAL " WHERE a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2";
const char SQL_APPROVAL_LIST_TARGET[] =
    SELECT_APPROVAL " WHERE a.target_user_id = ?5 AND a.id < ?1 {clauses} ORDER BY a.id DESC LIMIT ?2";
enum { LIST_STATUS = 1, LIST_LIVE = 2 };
const char *const APPROVAL_CLAUSES[] = {"AND a.status = ?3", "AND a.expires_ms > ?4", NULL};

sw_status approvals_list(sw_db *db, int64_t target, const char *status, int64_t now_ms, int64_t before, int64_t limit,
                         sw_rows **ret)
{
    statement_id which = target ? ST_APPROVAL_LIST_TARGET : ST_APPROVAL_LIST;
    uint32_t mask = *status ? LIST_STATUS : 0u;

    if (strcmp(status, STATUS_PENDING) == 0)
        mask |= LIST_LIVE;
    return sw_db_query(db, &CHAT_STATEMENTS[which], mask, ret, "iisii", before, limit, status, now_ms, target);
}

const char SQL_APPROVAL_DUE[] =
    SELECT_APPROVAL " WHERE a.status = 'PENDING' AND a.expires_ms <= ?1 ORDER BY a.expires_ms LIMIT ?2";

sw_status approvals_due(sw_db *db, int64_t now_ms, int64_t limit, sw_rows **ret)
{
    return RUN(db, ST_APPROVAL_DUE, ret, "ii", now_ms, limit);
}

const char SQL_APPROVAL_OF_TARGET[] =
    SELECT_APPROVAL " WHERE a.target_user_id = ?1 AND a.status = 'PENDING' ORDER BY a.id";

sw_status approvals_of_target(sw_db *db, int64_t user_id, sw_rows **ret)
{
    return RUN(db, ST_APPROVAL_OF_TARGET, ret, "i", user_id);
}

const char SQL_APPROVAL_OF_AGENT[] =
    SELECT_APPROVAL " WHERE a.target_agent_id = ?1 AND a.status = 'PENDING' ORDER BY a.id";

sw_status approvals_of_agent(sw_db *db, int64_t agent_id, sw_rows **ret)
{
    return RUN(db, ST_APPROVAL_OF_AGENT, ret, "i", agent_id);
}

const char SQL_APPROVAL_UNDELIVERED[] =
    SELECT_APPROVAL " WHERE a.butler_id = ?1 AND a.delivered = 0 AND a.response_id IS NOT NULL AND a.response_id > ?2"
                    " ORDER BY a.response_id LIMIT ?3";

sw_status approvals_undelivered(sw_db *db, int64_t butler_id, int64_t response_id, int64_t limit, sw_rows **ret)
{
    return RUN(db, ST_APPROVAL_UNDELIVERED, ret, "iii", butler_id, response_id, limit);
}

const char SQL_APPROVAL_PENDING[] =
    SELECT_APPROVAL " WHERE a.status = 'PENDING' AND a.id > ?1 AND a.expires_ms > ?2 ORDER BY a.id LIMIT ?3";

sw_status approvals_pending(sw_db *db, int64_t after, int64_t now_ms, int64_t limit, sw_rows **ret)
{
    return RUN(db, ST_APPROVAL_PENDING, ret, "iii", after, now_ms, limit);
}

const char SQL_APPROVAL_DECIDE[] =
    "UPDATE chat_approvals SET status = ?2, decided_ms = ?3, decider_id = ?4, decider_name = ?5, decider_role = ?6,"
    " responder_name = ?7, channel = ?8, response_conversation = ?9"
    " WHERE id = ?1 AND status = 'PENDING' AND (?2 = 'EXPIRED' OR expires_ms > ?3)";

sw_status approval_decide(sw_tx *tx, const approval *a, bool *ret_done)
{
    int64_t changes = 0;

    SW_TRY(EXEC(tx, ST_APPROVAL_DECIDE, &changes, "isiissssi", a->id, a->status, a->decided_ms, a->decider_id,
                a->decider_name, a->decider_role, a->responder_name, a->channel, a->response_conversation));
    *ret_done = changes == 1;
    return SW_OK;
}

const char SQL_APPROVAL_ANSWERED[] = "UPDATE chat_approvals SET response_id = ?2 WHERE id = ?1";

sw_status approval_answered(sw_tx *tx, int64_t id, int64_t response_id)
{
    return EXEC(tx, ST_APPROVAL_ANSWERED, NULL, "ii", id, response_id);
}

const char SQL_APPROVAL_DELIVERED[] =
    "UPDATE chat_approvals SET delivered = 1 WHERE id = ?1 AND delivered = 0 AND response_id IS NOT NULL";

sw_status approval_delivered(sw_tx *tx, int64_t id)
{
    return EXEC(tx, ST_APPROVAL_DELIVERED, NULL, "i", id);
}

const char SQL_APPROVAL_COUNTS[] =
    "SELECT (SELECT count(*) FROM chat_approvals WHERE status = 'PENDING' AND expires_ms > ?1),"
    " (SELECT count(*) FROM chat_approvals WHERE delivered = 0 AND response_id IS NOT NULL)";

sw_status approval_counts(sw_db *db, int64_t now_ms, int64_t *ret_pending, int64_t *ret_undelivered)
{
    sw_rows *rows = NULL;

    SW_TRY(RUN(db, ST_APPROVAL_COUNTS, &rows, "i", now_ms));
    bool any = sw_rows_next(rows);
    int64_t pending = sw_rows_int(rows, 0), undelivered = sw_rows_int(rows, 1);
    SW_TRY(sw_rows_done(rows));
    *ret_pending = any ? pending : 0;
    *ret_undelivered = any ? undelivered : 0;
    return SW_OK;
}
