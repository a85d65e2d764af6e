/* Butler, or an agent for itself, asks a human: by the frame AUTH_REQUEST or by POST /api/approvals. A worker checks
 * the form (asking.c); in the write step ask_approval() the request is stored PENDING with the hash of the exact
 * command, then announced. A request of an agent that a rule answers is stored decided, and told to nobody else.
 * Another plugin can ask in Butler's name, by approvals/1. */
#include "approvals/asking.h"

#include <stdio.h>
#include <string.h>

/* ---- the write step ---- */

enum { ADD, ADD_INPUT, SHOWN, PENDING_OF, PENDING_ALL };

static const sw_statement STATEMENTS[] = {
    [ADD] =
        {.name = "approval_add",
         .sql =
             "INSERT INTO chat_approvals (action_id, chat_id, butler_id, butler_name, target_user_id, conversation_id,"
             " target_agent_id, target_agent_name, command, command_sha256, reason, status, requested_ms, expires_ms, due_ms,"
             " requester_role, tool, input_sha256, cwd, session_id, needs)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'PENDING', ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"},
    [ADD_INPUT] = {.name = "approval_add_input",
                   .sql = "INSERT INTO chat_approval_inputs (approval_id, input) VALUES (?1, ?2)"},
    [SHOWN] = {.name = "approval_shown", .sql = "UPDATE chat_approvals SET chat_id = ?2 WHERE id = ?1"},
    [PENDING_OF] = {.name = "approval_pending_of",
                    .sql = "SELECT count(*) FROM (SELECT 1 FROM chat_approvals WHERE butler_id = ?1 AND status ="
                           " 'PENDING' LIMIT ?2)"},
    [PENDING_ALL] = {.name = "approval_pending_all",
                     .sql = "SELECT count(*) FROM (SELECT 1 FROM chat_approvals WHERE status = 'PENDING' LIMIT ?1)"},
};

const sw_table ASK_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status approval_add(sw_tx *tx, approval *a, sw_str input)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "siisiiissssiiisssssi", a->action_id, a->chat_id, a->butler_id,
                      a->butler_name, a->target_user_id, a->conversation_id, a->target_agent_id, a->target_agent_name,
                      a->command, a->command_sha256, a->reason, a->requested_ms, a->expires_ms, a->due_ms,
                      a->requester_role, a->tool, a->input_sha256, a->cwd, a->session_id, a->needs));
    a->id = sw_tx_last_id(tx);
    if (!input.at)
        return SW_OK;
    return sw_tx_exec(tx, &STATEMENTS[ADD_INPUT], NULL, "it", a->id, input.at, input.len);
}

/* Its AUTH_REQUEST row, which needed the approval's id first. */
static sw_status approval_shown(sw_tx *tx, int64_t id, int64_t chat_id)
{
    return sw_tx_exec(tx, &STATEMENTS[SHOWN], NULL, "ii", id, chat_id);
}

static sw_status refuse(asking *ask, fault f)
{
    ask->frame.fault = f;
    return fault_status(f);
}

static bool same_request(const asking *ask, const approval *known)
{
    return strcmp(known->command, ask->command) == 0 && known->target_agent_id == ask->target_agent_id &&
           known->butler_id == ask->frame.envelope.sender_id && strcmp(known->tool, ask->tool) == 0 &&
           strcmp(known->input_sha256, ask->input_sha256) == 0;
}

/* What came of it is told a frame's socket alone. */
static void asked(sw_tx *tx, asking *ask, const approval *a)
{
    ask->frame.id = a->chat_id;
    ask->frame.at_ms = a->requested_ms;
    if (ask->frame.by_frame)
        sw_tx_ack(tx, a->chat_id, a->requested_ms);
}

/* Asked again: the first ACK once more. A decision that has been heard is told that socket once more as well; one
 * that has not been heard is on its way. */
static sw_status asked_before(const chat *c, sw_tx *tx, asking *ask, const approval *known)
{
    asked(tx, ask, known);
    if (!ask->frame.by_frame || !known->decided_ms || (!known->delivered && !delivery_noted(c->delivery, known->id)))
        return SW_OK;
    sw_frame *frame = sw_frame_new_tx(tx);
    if (!frame)
        return SW_NO_MEMORY;
    frame_write_response(sw_frame_json(frame), known);
    sw_frame_mark(frame, known->response_id, 0, 0);
    sw_tx_send_origin(tx, frame);
    return SW_OK;
}

/* A repeated action_id is the same request when its content is the same. */
static sw_status known_action(const chat *c, sw_tx *tx, asking *ask)
{
    approval known;
    sw_status found = ask->action_id ? approval_by_action(sw_tx_db(tx), ask->action_id, &known) : SW_NOT_FOUND;

    ask->known = found == SW_OK;
    if (found != SW_OK)
        return found == SW_NOT_FOUND ? SW_OK : found;
    if (!same_request(ask, &known))
        return refuse(ask, FAULT_ACTION_CONFLICT);
    ask->stored = known;
    return asked_before(c, tx, ask, &known);
}

/* The same for one without an action_id, which is known by its local_id. */
static sw_status repeated(const chat *c, sw_tx *tx, asking *ask, int64_t chat_id)
{
    chat_row row;

    SW_TRY(row_get(sw_tx_db(tx), chat_id, &row));
    return row.approval ? asked_before(c, tx, ask, row.approval) : SW_INTERNAL;
}

static sw_status find_target(const chat *c, sw_tx *tx, asking *ask)
{
    envelope *e = &ask->frame.envelope;
    sw_user user = {.size = sizeof user};
    sw_status found = e->target_id ? c->users->by_id(c->users_self, sw_tx_db(tx), e->target_id, &user)
                                   : c->users->first_admin(c->users_self, sw_tx_db(tx), &user);

    if (found == SW_NOT_FOUND)
        return refuse(ask, FAULT_UNKNOWN_TARGET);
    SW_TRY(found);
    if (!role_human(user.role))
        return refuse(ask, FAULT_TARGET_NOT_HUMAN);
    e->target_id = user.id;
    e->target_role = user.role;
    return SW_OK;
}

static sw_status find_agent(const chat *c, sw_tx *tx, asking *ask, const char **ret_name)
{
    sw_user agent = {.size = sizeof agent};
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), ask->target_agent_id, &agent);

    if (found == SW_NOT_FOUND || (found == SW_OK && agent.role != SW_ROLE_AGENT))
        return refuse(ask, FAULT_UNKNOWN_AGENT);
    SW_TRY(found);
    *ret_name = agent.name;
    return SW_OK;
}

static sw_status fill(sw_tx *tx, const asking *ask, approval *a)
{
    uint8_t hash[32];
    char *sha256 = sw_tx_alloc(tx, 1, 65), *uuid = sw_tx_alloc(tx, 1, 37);

    if (!sha256 || !uuid)
        return SW_NO_MEMORY;
    if (!ask->action_id)
        SW_TRY(sw_uuid(uuid));
    sw_sha256(ask->command, strlen(ask->command), hash);
    sw_hex(hash, sizeof hash, sha256);
    *a = (approval){
        .action_id = ask->action_id ? ask->action_id : uuid,
        .butler_id = ask->frame.envelope.sender_id,
        .butler_name = ask->frame.sender_name,
        .target_user_id = ask->frame.envelope.target_id,
        .conversation_id = ask->frame.envelope.conversation_id,
        .target_agent_id = ask->target_agent_id,
        .command = ask->command,
        .command_sha256 = sha256,
        .reason = ask->reason,
        .requester_role = sw_role_name(ask->frame.envelope.sender_role),
        .tool = ask->tool,
        .input_sha256 = ask->input_sha256,
        .cwd = ask->cwd,
        .session_id = ask->session_id,
        .comment = "",
        .status = STATUS_PENDING,
        .requested_ms = sw_tx_now(tx),
        .expires_ms = sw_tx_now(tx) + ask->expires_ms,
        .due_ms = sw_steady_ms(sw_tx_host(tx)) + ask->expires_ms,
        .decider_name = "",
        .decider_role = "",
        .responder_name = "",
        .channel = "",
        .needs = 1,
        .first_name = "",
        .first_channel = "",
    };
    return SW_OK;
}

static sw_status store(sw_tx *tx, const asking *ask, const uint8_t *digest, approval *a)
{
    chat_row row = {
        .type = TYPE_REQUEST,
        .local_id = ask->frame.local_id,
        .sender_id = a->butler_id,
        .sender_name = a->butler_name,
        .sender_role = a->requester_role,
        .receiver_id = a->target_user_id,
        .conversation_id = a->conversation_id,
        .asked_conversation = ask->frame.envelope.asked,
        .payload = ask->frame.payload,
        .digest = digest,
        .recovered = true,
    };
    SW_TRY(approval_add(tx, a, ask->input_text));
    row.approval_id = a->id;
    SW_TRY(row_add(tx, &row));
    a->chat_id = row.id;
    return approval_shown(tx, a->id, row.id);
}

/* ---- how many ---- */

static sw_status count(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    *ret = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    return sw_rows_done(rows);
}

static sw_status refuse_more(chat *c, asking *ask, fault f)
{
    atomic_fetch_add_explicit(&c->refused, 1, memory_order_relaxed);
    return refuse(ask, f);
}

/* Nobody may bury the requests of others under his own; Butler, who asks for many, has a bound of its own. */
static sw_status check_limits(chat *c, sw_tx *tx, asking *ask)
{
    int64_t me = ask->frame.envelope.sender_id, mine = 0, all = 0;
    bool by_agent = ask->frame.envelope.sender_role == SW_ROLE_AGENT;
    int64_t mine_max = sw_option_int(c->host, by_agent ? "pending_max" : "butler_pending_max");
    int64_t all_max = sw_option_int(c->host, "pending_total_max");
    sw_rows *rows = NULL;

    sw_status begun = sw_db_query(sw_tx_db(tx), &STATEMENTS[PENDING_OF], 0, &rows, "ii", me, mine_max);
    SW_TRY(count(begun, rows, &mine));
    if (!by_agent)
        return mine >= mine_max ? refuse_more(c, ask, FAULT_TOO_MANY_PENDING) : SW_OK;
    begun = sw_db_query(sw_tx_db(tx), &STATEMENTS[PENDING_ALL], 0, &rows, "i", all_max);
    SW_TRY(count(begun, rows, &all));
    if (mine >= mine_max || all >= all_max)
        return refuse_more(c, ask, FAULT_TOO_MANY_PENDING);
    if (!pace_take(c->pace, me, PACE_HUMAN, sw_option_int(c->host, "asked_per_minute")))
        return refuse_more(c, ask, FAULT_TOO_MANY_ASKED);
    return SW_OK;
}

/* ---- what a rule or a pause decides: stored as any other, but nobody is asked, and nobody but who asked is told
 * ---- */

static sw_status tell_decided(sw_tx *tx, const asking *ask)
{
    if (!ask->frame.by_frame)
        return SW_OK;
    sw_frame *frame = sw_frame_new_tx(tx);
    if (!frame)
        return SW_NO_MEMORY;
    frame_write_response(sw_frame_json(frame), &ask->stored);
    return deliver_users(tx, frame, ask->stored.butler_id, 0);
}

static sw_status store_decided(chat *c, sw_tx *tx, asking *ask)
{
    approval *a = &ask->stored;

    if (ask->frame.envelope.sender_role == SW_ROLE_AGENT &&
        !pace_take(c->pace, a->butler_id, PACE_RULE, sw_option_int(c->host, "ruled_per_minute")))
        return refuse_more(c, ask, FAULT_TOO_MANY_ASKED);
    a->target_user_id = 0;
    a->conversation_id = 0;
    a->decided_ms = sw_tx_now(tx);
    a->claimed_ms = strcmp(a->status, STATUS_APPROVED) == 0 ? a->decided_ms : 0;
    a->delivered = true;
    SW_TRY(approval_add(tx, a, ask->input_text));
    SW_TRY(approval_ruled(tx, a));
    asked(tx, ask, a);
    return tell_decided(tx, ask);
}

/* The note of a rule that denies tells the agent what it may do instead. */
static sw_status comment_of(sw_tx *tx, approval *a)
{
    rule_row rule;
    sw_status found = rule_get(sw_tx_db(tx), a->rule_id, sw_steady_ms(sw_tx_host(tx)), &rule);

    if (found == SW_OK)
        a->comment = rule.note;
    return found == SW_NOT_FOUND ? SW_OK : found;
}

static sw_status store_ruled(chat *c, sw_tx *tx, asking *ask)
{
    const verdict *v = &ask->ruled->verdict;
    char *by = sw_tx_alloc(tx, 1, sizeof "rule " + 20);
    approval *a = &ask->stored;

    if (!by)
        return SW_NO_MEMORY;
    snprintf(by, sizeof "rule " + 20, "rule %lld", (long long)v->rule_id);
    a->status = v->effect == RULE_ALLOW ? STATUS_APPROVED : STATUS_REJECTED;
    a->rule_id = v->rule_id;
    a->responder_name = by;
    a->channel = "rule";
    if (v->effect == RULE_DENY)
        SW_TRY(comment_of(tx, a));
    SW_TRY(rules_hit(tx, v));
    return store_decided(c, tx, ask);
}

static sw_status store_paused(chat *c, sw_tx *tx, asking *ask, const pause_row *p)
{
    approval *a = &ask->stored;

    a->status = STATUS_REJECTED;
    a->responder_name = p->by_name;
    a->channel = "pause";
    a->comment = pause_words(tx, p);
    return a->comment ? store_decided(c, tx, ask) : SW_NO_MEMORY;
}

/* ---- the step ---- */

static sw_status ask_human(chat *c, sw_tx *tx, asking *ask, const uint8_t *digest)
{
    posting *p = &ask->frame;
    approval *a = &ask->stored;

    SW_TRY(check_limits(c, tx, ask));
    SW_TRY(conversation_settle(c, tx, &p->envelope, &p->fault));
    if (p->fault)
        return fault_status(p->fault);
    a->conversation_id = p->envelope.conversation_id;
    a->needs = sw_option_bool(c->host, "four_eyes") ? 2 : 1;
    SW_TRY(store(tx, ask, digest, a));
    SW_TRY(conversation_touch(c, tx, &p->envelope, false));
    SW_TRY(announce_request(c, tx, a));
    asked(tx, ask, a);
    return SW_OK;
}

static sw_status ask_approval(chat *c, sw_tx *tx, asking *ask)
{
    posting *p = &ask->frame;
    uint8_t digest[32];
    const char *agent_name = "";
    int64_t first = 0;
    bool paused = false;
    pause_row pause;

    SW_TRY(known_action(c, tx, ask));
    if (ask->known)
        return SW_OK;
    if (p->local_id.at) {
        SW_TRY(repeat_find(tx, p, TYPE_REQUEST, digest, &first));
        if (first)
            return repeated(c, tx, ask, first);
        if (p->fault)
            return fault_status(p->fault);
    }
    SW_TRY(find_target(c, tx, ask));
    SW_TRY(find_agent(c, tx, ask, &agent_name));
    SW_TRY(fill(tx, ask, &ask->stored));
    ask->stored.target_agent_name = agent_name;
    SW_TRY(pause_get(sw_tx_db(tx), ask->target_agent_id, &pause, &paused));
    if (paused)
        return store_paused(c, tx, ask, &pause);
    if (ask->ruled) {
        SW_TRY(rules_ask_again(c, tx, &ask->question, ask->ruled));
        if (ask->ruled->verdict.effect != RULE_ASK)
            return store_ruled(c, tx, ask);
        SW_TRY(rules_hit(tx, &ask->ruled->verdict));
    }
    return ask_human(c, tx, ask, p->local_id.at ? digest : NULL);
}

/* ---- the roads, on a worker ---- */

static sw_status store_frame(sw_tx *tx, void *arg)
{
    asking *ask = arg;
    sw_status status = ask_approval(sw_tx_state(tx), tx, ask);

    return ask->frame.fault ? fault_fail(sw_tx_request(tx), ask->frame.fault) : status;
}

sw_status on_auth_request(sw_request *req)
{
    asking *ask = NULL;

    SW_TRY(asking_of_frame(req, &ask));
    return sw_write(req, store_frame, ask);
}

static sw_status wait_for_it(sw_request *req)
{
    const asking *ask = sw_request_kept(req);

    return wait_for_decision(req, ask->stored.id, ask->wait_ms);
}

static sw_status store_body(sw_tx *tx, void *arg)
{
    asking *ask = arg;
    const approval *a = &ask->stored;
    int64_t steady_ms = sw_steady_ms(sw_tx_host(tx));
    sw_status status = ask_approval(sw_tx_state(tx), tx, ask);

    if (ask->frame.fault)
        return fault_fail_http(sw_tx_request(tx), ask->frame.fault);
    SW_TRY(status);
    if (ask->wait_ms && strcmp(approval_status(a, steady_ms), STATUS_PENDING) == 0) {
        sw_tx_move(tx, SW_LANE_WORKER, wait_for_it);
        return SW_OK;
    }
    return approval_write(sw_tx_reply(tx, ask->known || ask->wait_ms ? 200 : 201), sw_tx_db(tx), a, steady_ms);
}

sw_status post_approvals(sw_request *req)
{
    asking *ask = NULL;

    if (!role_system(sw_request_principal(req)->role))
        return sw_fail(req, SW_FORBIDDEN, NULL, "only agents and Butler ask for approval");
    SW_TRY(asking_of_body(req, &ask));
    sw_request_keep(req, ask);
    return sw_write(req, store_body, ask);
}

/* ---- `ask` of approvals/1, in the caller's write step. `self` is chat's state, since the step may be another plugin's
 * ---- */

/* The object, or the one that stands in a JSON string. */
static const sw_value *object_of(sw_tx *tx, sw_str *payload)
{
    const sw_value *value = sw_json_parse_tx(tx, payload->at, payload->len);
    size_t len = 0;
    const char *inner = sw_value_text(value, &len);

    if (inner) {
        *payload = (sw_str){inner, len};
        value = sw_json_parse_tx(tx, inner, len);
    }
    return sw_value_type(value) == SW_JSON_OBJECT ? value : NULL;
}

sw_status ask_for(void *self, sw_tx *tx, const sw_chat_post *what, int64_t *ret_chat_id)
{
    chat *c = self;
    asking *ask = sw_tx_alloc(tx, 1, sizeof *ask);

    if (!ask)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_service(c, tx, what, &ask->frame));
    if (ask->frame.envelope.sender_role != SW_ROLE_BUTLER)
        return SW_FORBIDDEN;
    sw_str text = ask->frame.payload;
    const sw_value *payload = object_of(tx, &text);
    if (asking_read(c, payload, text, ask))
        return SW_INVALID;
    SW_TRY(ask_approval(c, tx, ask));
    if (ret_chat_id)
        *ret_chat_id = ask->frame.id;
    return SW_OK;
}
