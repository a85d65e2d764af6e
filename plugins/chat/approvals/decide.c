/* Somebody answers a request, or nobody does in time. Everything that decides happens in one write step: decide() reads
 * what is stored, it reads the steady clock, and one conditional update takes the first decision. Then announce.c makes
 * it known. An answer comes by the frame AUTH_RESPONSE, by POST /api/chat/auth/response, or from another plugin by
 * approvals/1: those check its form, on a worker or in the caller's step. */
#include "approvals/approvals.h"

#include <string.h>

typedef struct {
    const char *action_id;
    bool approved;
    int64_t user_id;
    const char *responder_name; /* NULL: the user's own name */
    const char *channel;
    const char *command_sha256; /* of the command that was seen; NULL: an old client does not say */
    int64_t conversation_id;    /* given with the answer, 0 when none was */
    sw_str local_id;            /* of the frame; `at` is NULL when there is none */
    bool by_frame;
    const char *comment; /* NULL: none */
    rule_row *rule;      /* made along with it; NULL: none */
    fault fault;         /* FAULT_CONVERSATION or none */
    sw_decision outcome;
    approval now; /* what is stored now, but for UNKNOWN */
} answer;

enum { DECIDE, OLD_ID, RULED };

/* A request is answered within this time, or never: CHAT_EXPIRES_MAX_S. */
#define LONGEST_MS "604800000"

static const sw_statement STATEMENTS[] = {
    [DECIDE] = {.name = "approval_decide",
                .sql = "UPDATE chat_approvals SET status = ?2, decided_ms = ?3, decider_id = ?4, decider_name = ?5,"
                       " decider_role = ?6, responder_name = ?7, channel = ?8, response_conversation = ?9,"
                       " comment = ?10, withdrawn = ?11"
                       " WHERE id = ?1 AND status = 'PENDING' AND (?2 = 'EXPIRED' OR due_ms > ?12)"},
    /* Was this action_id known before a restore? It may have stood for another command then. Where nobody knows,
     * because the store that was replaced is lost, all count that were asked while a card of before may be about. */
    [OLD_ID] = {.name = "approval_old_id",
                .sql = "SELECT EXISTS (SELECT 1 FROM steward_gaps WHERE name = 'chat_approvals' AND to_id >= ?1)"
                       " OR EXISTS (SELECT 1 FROM steward_before WHERE kind = 'chat.action' AND key = ?2)"
                       " OR EXISTS (SELECT 1 FROM steward_before WHERE kind = 'unknown'"
                       " AND CAST(key AS INTEGER) + " LONGEST_MS " > ?3)"},
    [RULED] = {.name = "approval_ruled",
               .sql = "UPDATE chat_approvals SET status = ?2, decided_ms = ?3, responder_name = ?4, channel = ?5,"
                      " comment = ?6, claimed_ms = ?7, rule_id = ?8, delivered = 1 WHERE id = ?1"},
};

const sw_table DECIDE_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status approval_decide(sw_tx *tx, const approval *a, int64_t steady_ms, bool *ret_done)
{
    bool withdrawn = strcmp(a->status, STATUS_WITHDRAWN) == 0;
    int64_t changes = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[DECIDE], &changes, "isiissssisii", a->id, withdrawn ? STATUS_EXPIRED : a->status,
                      a->decided_ms, a->decider_id, a->decider_name, a->decider_role, a->responder_name, a->channel,
                      a->response_conversation, a->comment, (int64_t)withdrawn, steady_ms));
    *ret_done = changes == 1;
    return SW_OK;
}

sw_status approval_ruled(sw_tx *tx, const approval *a)
{
    return sw_tx_exec(tx, &STATEMENTS[RULED], NULL, "isisssii", a->id, a->status, a->decided_ms, a->responder_name,
                      a->channel, a->comment, a->claimed_ms, a->rule_id);
}

/* ---- the write step of an answer ---- */

bool may_decide(const chat *c, const sw_user *user, const approval *a)
{
    if (user->role == SW_ROLE_ADMIN)
        return true;
    return role_human(user->role) && user->id == a->target_user_id &&
           strcmp(sw_option_text(c->host, "approvers"), "addressed") == 0;
}

/* *ret_user is filled only when it may. */
static sw_status may_answer(const chat *c, sw_tx *tx, const answer *a, sw_user *ret_user, bool *ret_may)
{
    sw_user user = {.size = sizeof user};
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), a->user_id, &user);

    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    *ret_may = found == SW_OK && may_decide(c, &user, &a->now);
    if (*ret_may)
        *ret_user = user;
    return SW_OK;
}

/* Is the answer for the command that is stored? Who saw another one under the same id must not decide this one. */
static sw_status same_command(sw_tx *tx, const answer *a, bool *ret_same)
{
    sw_rows *rows = NULL;

    if (a->command_sha256) {
        *ret_same = strcmp(a->command_sha256, a->now.command_sha256) == 0;
        return SW_OK;
    }
    if (!*sw_host_epoch(sw_tx_host(tx))) {
        *ret_same = true;
        return SW_OK;
    }
    SW_TRY(
        sw_db_query(sw_tx_db(tx), &STATEMENTS[OLD_ID], 0, &rows, "isi", a->now.id, a->action_id, a->now.requested_ms));
    *ret_same = sw_rows_next(rows) && sw_rows_int(rows, 0) == 0;
    return sw_rows_done(rows);
}

static sw_decision outcome_of_decided(const answer *a, int64_t steady_ms)
{
    if (strcmp(a->now.status, STATUS_WITHDRAWN) == 0 ||
        strcmp(approval_status(&a->now, steady_ms), STATUS_EXPIRED) == 0)
        return SW_DECISION_EXPIRED;
    bool approved = strcmp(a->now.status, STATUS_APPROVED) == 0;
    return approved == a->approved ? SW_DECIDED_SAME : SW_DECIDED_OTHERWISE;
}

/* A conversation that was given must be the answering human's own with Butler; it is relayed with the answer. */
static sw_status check_conversation(const chat *c, sw_tx *tx, answer *a, sw_role role)
{
    envelope e = {
        .sender_id = a->user_id,
        .sender_role = role,
        .target_id = a->now.butler_id,
        .target_role = sw_role_of(a->now.requester_role),
        .asked = a->conversation_id,
    };
    if (!a->conversation_id)
        return SW_OK;
    SW_TRY(conversation_settle(c, tx, &e, &a->fault));
    return a->fault ? fault_status(a->fault) : SW_OK;
}

static approval decided_by(const answer *a, const sw_user *user, int64_t now_ms)
{
    approval decided = a->now;

    decided.status = a->approved ? STATUS_APPROVED : STATUS_REJECTED;
    decided.decided_ms = now_ms;
    decided.decider_id = user->id;
    decided.decider_name = user->name;
    decided.decider_role = sw_role_name(user->role);
    decided.responder_name = a->responder_name && *a->responder_name ? a->responder_name : user->name;
    decided.channel = a->channel ? a->channel : "";
    decided.response_conversation = a->conversation_id;
    decided.comment = a->comment ? a->comment : "";
    return decided;
}

/* ---- a rule along with the decision: for who asked, and saying the same from now on ---- */

static sw_status check_rule(sw_tx *tx, const answer *a, const sw_user *user)
{
    if (!a->rule)
        return SW_OK;
    if (user->role != SW_ROLE_ADMIN)
        return sw_fail(sw_tx_request(tx), SW_FORBIDDEN, NULL, "admin access required");
    if (strcmp(a->now.requester_role, sw_role_name(SW_ROLE_AGENT)) != 0)
        return sw_fail(sw_tx_request(tx), SW_INVALID, NULL, "rules do not answer for Butler's requests");
    return SW_OK;
}

static sw_status make_rule(const chat *c, sw_tx *tx, answer *a, const sw_user *user)
{
    if (!a->rule)
        return SW_OK;
    a->rule->given.agent_id = a->now.butler_id;
    a->rule->given.effect = a->approved ? RULE_ALLOW : RULE_DENY;
    if (a->rule->given.expires_ms) /* it was read as how long */
        a->rule->given.expires_ms += sw_steady_ms(c->host);
    a->rule->created_by = user->name;
    return rule_make(c, tx, a->rule);
}

/* What a pause has not rejected yet, it will. */
static sw_status check_pause(sw_tx *tx, answer *a)
{
    bool paused = false;
    pause_row p;

    if (!a->approved)
        return SW_OK;
    SW_TRY(pause_get(sw_tx_db(tx), a->now.target_agent_id, &p, &paused));
    a->fault = paused ? FAULT_PAUSED : FAULT_NONE;
    return paused ? fault_status(FAULT_PAUSED) : SW_OK;
}

/* The first of two approvals decides nothing yet, and so makes no rule. */
static sw_status noted(sw_tx *tx, answer *a)
{
    a->outcome = SW_DECISION_NOTED;
    if (!a->rule)
        return SW_OK;
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "two humans must approve this: a rule comes with the second");
}

static sw_status decide(const chat *c, sw_tx *tx, answer *a)
{
    sw_user user = {.size = sizeof user};
    bool may = false, same = false, enough = false, done = false;

    a->fault = FAULT_NONE;
    sw_status found = approval_by_action(sw_tx_db(tx), a->action_id, &a->now);
    if (found == SW_NOT_FOUND) {
        a->outcome = SW_DECISION_UNKNOWN;
        return SW_OK;
    }
    SW_TRY(found);
    SW_TRY(may_answer(c, tx, a, &user, &may));
    if (!may) {
        a->outcome = SW_DECISION_FORBIDDEN;
        return SW_OK;
    }
    SW_TRY(same_command(tx, a, &same));
    if (!same) {
        a->outcome = SW_DECISION_OTHER_COMMAND;
        return SW_OK;
    }
    SW_TRY(check_rule(tx, a, &user));
    int64_t steady_ms = sw_steady_ms(c->host);
    if (strcmp(approval_status(&a->now, steady_ms), STATUS_PENDING) == 0) {
        SW_TRY(check_pause(tx, a));
        SW_TRY(check_conversation(c, tx, a, user.role));
        approval decided = decided_by(a, &user, sw_tx_now(tx));
        SW_TRY(four_eyes(c, tx, &a->now, &decided, &enough));
        if (!enough)
            return noted(tx, a);
        SW_TRY(approval_decide(tx, &decided, steady_ms, &done));
        if (!done) /* cannot happen: it was pending a moment ago, and there is one writer */
            return SW_INTERNAL;
        a->now = decided;
        a->outcome = SW_DECIDED;
        SW_TRY(make_rule(c, tx, a, &user));
        return announce_decision(c, tx, &a->now, a->local_id);
    }
    a->outcome = outcome_of_decided(a, steady_ms);
    return SW_OK;
}

static bool answer_taken(const answer *a)
{
    return a->outcome == SW_DECIDED || a->outcome == SW_DECIDED_SAME || a->outcome == SW_DECISION_NOTED;
}

/* Over HTTP and as an ERROR frame the texts are the same, and the codes differ. */
static sw_status decide_refusal(sw_request *req, const answer *a)
{
    const chat *c = sw_request_state(req);
    bool frame = a->by_frame;

    if (a->fault)
        return fault_fail(req, a->fault);
    if (a->outcome == SW_DECISION_UNKNOWN)
        return sw_fail(req, SW_NOT_FOUND, frame ? "unknown_action" : NULL, "no such authorization request");
    if (a->outcome == SW_DECISION_FORBIDDEN)
        return sw_fail(req, SW_FORBIDDEN, frame ? "not_allowed" : NULL, "not allowed to answer this request");
    if (a->outcome == SW_DECISION_OTHER_COMMAND) {
        sw_fail_detail(req, "%s",
                       a->command_sha256 ? "command_sha256 is not that of the command that is stored"
                                         : "this id is from before a restore: answer with command_sha256");
        return sw_fail(req, SW_CONFLICT, frame ? "action_conflict" : NULL, "another command under this id");
    }
    /* The page has put its card back, so it is told the true status once the refusal has reached it. */
    delivery_status_again(c->delivery, a->user_id, a->now.id);
    bool withdrawn = strcmp(a->now.status, STATUS_WITHDRAWN) == 0;
    if (a->outcome == SW_DECISION_EXPIRED)
        return sw_fail(req, SW_EXPIRED, frame ? "action_expired" : NULL, "authorization request %s",
                       withdrawn ? "was withdrawn" : "has expired");
    const char *how = strcmp(a->now.status, STATUS_APPROVED) == 0 ? "approved" : "rejected";
    return sw_fail(req, SW_CONFLICT, frame ? "already_decided" : NULL, "already %s by %s", how, a->now.responder_name);
}

/* ---- the frame AUTH_RESPONSE, from humans. The rule of repeats does not apply, since a decision has its own rule for
 * a second answer ---- */

static sw_status store_frame(sw_tx *tx, void *arg)
{
    answer *a = arg;
    sw_status status = decide(sw_tx_state(tx), tx, a);

    if (a->fault)
        return decide_refusal(sw_tx_request(tx), a);
    SW_TRY(status);
    if (!answer_taken(a))
        return decide_refusal(sw_tx_request(tx), a);
    sw_tx_ack(tx, a->now.response_id, a->now.decided_ms);
    return SW_OK;
}

/* What is no text is no digest of any command. */
static const char *sha256_of(const sw_value *object)
{
    const sw_value *given = sw_value_get(object, "command_sha256");
    size_t len = 0;
    const char *text = sw_value_text(given, &len);

    if (!given || sw_value_type(given) == SW_JSON_NULL)
        return NULL;
    return text && strlen(text) == len ? text : "";
}

sw_status on_auth_response(sw_request *req)
{
    answer *a = sw_alloc(req, 1, sizeof *a);
    posting p;
    size_t len = 0;

    if (!a)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &p));
    const sw_value *payload = sw_frame_payload_object(req);
    const char *action = sw_value_text(sw_value_get(payload, "action_id"), &len);
    int approved = sw_value_bool(sw_value_get(payload, "approved"), -1);
    if (!payload)
        return sw_fail(req, SW_INVALID, "invalid_frame", "payload must be an object");
    if (!action || len == 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "action_id is required");
    if (approved < 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "approved must be a boolean");
    if (strlen(action) != len)
        return sw_fail(req, SW_NOT_FOUND, "unknown_action", "no such authorization request");
    const sw_value *said = sw_value_get(payload, "comment");
    const char *comment = sw_value_text(said, &len);
    if (said && sw_value_type(said) != SW_JSON_NULL && (!comment || strlen(comment) != len || len > CHAT_COMMENT_MAX))
        return sw_fail(req, SW_INVALID, "invalid_frame", "comment must be a text of at most %d bytes",
                       CHAT_COMMENT_MAX);
    *a = (answer){
        .action_id = action,
        .approved = approved != 0,
        .user_id = p.envelope.sender_id,
        .channel = "ws",
        .conversation_id = p.envelope.asked,
        .local_id = p.local_id,
        .by_frame = true,
        .command_sha256 = sha256_of(payload),
        .comment = comment,
    };
    return sw_write(req, store_frame, a);
}

/* ---- POST /api/chat/auth/response ---- */

static sw_status store_answer(sw_tx *tx, void *arg)
{
    answer *a = arg;
    sw_status status = decide(sw_tx_state(tx), tx, a);

    if (a->fault)
        return fault_fail_http(sw_tx_request(tx), a->fault);
    SW_TRY(status);
    if (!answer_taken(a))
        return decide_refusal(sw_tx_request(tx), a);
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "status", "processed");
    sw_json_text(out, "action_id", a->now.action_id);
    sw_json_text(out, "decision", a->now.status);
    if (a->outcome == SW_DECISION_NOTED)
        sw_json_text(out, "approved_by", a->now.first_name);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_auth_response(sw_request *req)
{
    const char *action = sw_body_text_or(req, "action_id", 256, "");
    int approved = sw_body_bool(req, "approved", -1);
    answer *a = sw_alloc(req, 1, sizeof *a);

    if (!a)
        return SW_NO_MEMORY;
    /* Agents and Butler may never answer. As over a socket, they do not even learn whether there is such a request. */
    if (role_system(sw_request_principal(req)->role))
        return sw_fail(req, SW_FORBIDDEN, NULL, "not allowed to answer this request");
    if (!*action)
        action = sw_body_text_or(req, "stream_id", 256, "");
    if (!*action)
        sw_invalid(req, "missing_field", "action_id is required");
    if (approved < 0)
        sw_invalid(req, "missing_field", "approved must be a boolean");
    SW_TRY(sw_check(req));
    *a = (answer){
        .action_id = action,
        .approved = approved != 0,
        .user_id = sw_request_principal(req)->user_id,
        .channel = "http",
        .command_sha256 = sha256_of(sw_body(req)),
    };
    return sw_write(req, store_answer, a);
}

/* ---- POST /api/approvals/:action_id/decision: the same, with words and a rule ---- */

/* A text without NUL of a member of the body, or of one inside it. */
static const char *read_text(sw_request *req, const sw_value *in, const char *name, size_t max)
{
    const sw_value *value = sw_value_get(in, name);
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    if (!value || sw_value_type(value) == SW_JSON_NULL)
        return "";
    if (text && strlen(text) == len && len <= max)
        return text;
    sw_invalid(req, NULL, "%s must be a text of at most %zu bytes", name, max);
    return "";
}

static sw_status read_rule(sw_request *req, rule_row **ret)
{
    const sw_value *value = sw_value_get(sw_body(req), "rule"), *expires = sw_value_get(value, "expires_in_s");
    rule_row *rule = sw_alloc(req, 1, sizeof *rule);
    int64_t seconds = sw_value_int(expires, 0);

    if (!value || sw_value_type(value) == SW_JSON_NULL)
        return SW_OK;
    if (!rule)
        return SW_NO_MEMORY;
    *rule = (rule_row){
        .given = {.tool = read_text(req, value, "tool", CHAT_TOOL_MAX),
                  .pattern =
                      read_text(req, value, "pattern", (size_t)sw_option_int(sw_request_host(req), "command_max")),
                  .expires_ms = seconds * 1000,
                  .session_id = ""},
        .note = "",
    };
    if (!*rule->given.tool || !*rule->given.pattern)
        sw_invalid(req, "missing_field", "a rule needs tool and pattern");
    if (sw_value_type(expires) > SW_JSON_NULL && (seconds < 1 || seconds > CHAT_RULE_EXPIRES_MAX_S))
        sw_invalid(req, "invalid_parameter", "invalid expires_in_s");
    const char *why = rule_pattern_wrong(rule->given.pattern);
    if (why)
        sw_invalid(req, "invalid_parameter", "%s", why);
    *ret = rule;
    return SW_OK;
}

sw_status post_decision(sw_request *req)
{
    int approved = sw_body_bool(req, "approved", -1);
    answer *a = sw_alloc(req, 1, sizeof *a);
    rule_row *rule = NULL;

    if (!a)
        return SW_NO_MEMORY;
    if (role_system(sw_request_principal(req)->role))
        return sw_fail(req, SW_FORBIDDEN, NULL, "not allowed to answer this request");
    if (approved < 0)
        sw_invalid(req, "missing_field", "approved must be a boolean");
    const char *comment = read_text(req, sw_body(req), "comment", CHAT_COMMENT_MAX);
    SW_TRY(read_rule(req, &rule));
    SW_TRY(sw_check(req));
    *a = (answer){
        .action_id = sw_path_text(req, "action_id"),
        .approved = approved != 0,
        .user_id = sw_request_principal(req)->user_id,
        .channel = "http",
        .command_sha256 = sha256_of(sw_body(req)),
        .comment = comment,
        .rule = rule,
    };
    return sw_write(req, store_answer, a);
}

/* ---- the service approvals/1. decide_for() runs in the caller's write step, find() on any connection; `self` is
 * chat's state, since the step that calls may be another plugin's ---- */

enum { SW_APPROVAL_FIRST = offsetof(sw_approval, decided_ms) + sizeof(int64_t) }; /* what ABI 1.0 has of it */

/* Copies as many members as the caller's headers know. */
static sw_status give(const sw_approval *whole, sw_approval *ret)
{
    uint32_t size = ret->size < sizeof *whole ? ret->size : (uint32_t)sizeof *whole;

    if (size < SW_APPROVAL_FIRST)
        return SW_INTERNAL;
    memcpy(ret, whole, size);
    ret->size = size;
    return SW_OK;
}

static sw_status tell(const approval *a, sw_approval *ret, int64_t steady_ms)
{
    sw_approval whole = {
        .approval_id = a->id,
        .action_id = a->action_id,
        .status = approval_status(a, steady_ms),
        .decided_by = a->responder_name,
        .command = a->command,
        .reason = a->reason,
        .target_agent_name = a->target_agent_name,
        .channel = a->channel,
        .expires_ms = a->expires_ms,
        .decided_ms = a->decided_ms,
    };
    return give(&whole, ret);
}

/* What is told of a request that does not exist. */
static sw_status tell_unknown(const char *action_id, sw_approval *ret)
{
    sw_approval whole = {
        .action_id = action_id,
        .status = "",
        .decided_by = "",
        .command = "",
        .reason = "",
        .target_agent_name = "",
        .channel = "",
    };
    return give(&whole, ret);
}

static sw_status decide_command(void *self, sw_tx *tx, const sw_answer *given, sw_decision *ret_decision,
                                sw_approval *ret)
{
    answer a = {
        .action_id = given->action_id,
        .approved = given->approved,
        .user_id = given->user_id,
        .responder_name = given->responder_name,
        .channel = given->channel,
        .command_sha256 = given->command_sha256,
    };
    SW_TRY(decide(self, tx, &a));
    *ret_decision = a.outcome;
    if (!ret)
        return SW_OK;
    return a.outcome == SW_DECISION_UNKNOWN ? tell_unknown(a.action_id, ret)
                                            : tell(&a.now, ret, sw_steady_ms(sw_tx_host(tx)));
}

/* Of before 1.2: its callers do not know that an id may stand for another command, and are told that it stands for
 * none.
 */
static sw_status decide_for(void *self, sw_tx *tx, const char *action_id, bool approved, int64_t user_id,
                            const char *responder_name, const char *channel, sw_decision *ret_decision,
                            sw_approval *ret)
{
    sw_answer given = {
        .size = sizeof given,
        .action_id = action_id,
        .approved = approved,
        .user_id = user_id,
        .responder_name = responder_name,
        .channel = channel,
    };
    SW_TRY(decide_command(self, tx, &given, ret_decision, ret));
    if (*ret_decision != SW_DECISION_OTHER_COMMAND)
        return SW_OK;
    *ret_decision = SW_DECISION_UNKNOWN;
    return ret ? tell_unknown(action_id, ret) : SW_OK;
}

static sw_status find(void *self, sw_db *db, const char *action_id, sw_approval *ret)
{
    const chat *c = self;
    approval a;

    SW_TRY(approval_by_action(db, action_id, &a));
    return tell(&a, ret, sw_steady_ms(c->host));
}

const sw_approvals_service APPROVALS_SERVICE = {
    .size = sizeof APPROVALS_SERVICE,
    .decide = decide_for,
    .find = find,
    .ask = ask_for,
    .decide_command = decide_command,
};
