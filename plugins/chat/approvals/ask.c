/* AUTH_REQUEST: Butler asks a human. The form of a frame is checked on a worker; in the write step ask_approval() the
 * request is stored PENDING with the hash of the exact command, then announced. Another plugin can ask in Butler's
 * name, by approvals/1. */
#include "approvals/approvals.h"

#include "core/common/visible_text.h"

#include <string.h>

/* A request that was checked in its form. */
typedef struct {
    posting frame;
    const char *action_id; /* NULL: the server gives one */
    int64_t target_agent_id;
    const char *command, *reason;
    int64_t expires_ms; /* after it is stored */
} asking;

/* ---- the write step ---- */

enum { ADD, SHOWN };

static const sw_statement STATEMENTS[] = {
    [ADD] =
        {.name = "approval_add",
         .sql =
             "INSERT INTO chat_approvals (action_id, chat_id, butler_id, butler_name, target_user_id, conversation_id,"
             " target_agent_id, target_agent_name, command, command_sha256, reason, status, requested_ms, expires_ms, due_ms)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'PENDING', ?12, ?13, ?14)"},
    [SHOWN] = {.name = "approval_shown", .sql = "UPDATE chat_approvals SET chat_id = ?2 WHERE id = ?1"},
};

const sw_table ASK_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status approval_add(sw_tx *tx, approval *a)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "siisiiissssiii", a->action_id, a->chat_id, a->butler_id,
                      a->butler_name, a->target_user_id, a->conversation_id, a->target_agent_id, a->target_agent_name,
                      a->command, a->command_sha256, a->reason, a->requested_ms, a->expires_ms, a->due_ms));
    a->id = sw_tx_last_id(tx);
    return SW_OK;
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

/* What came of it is told a frame's socket alone. */
static void asked(sw_tx *tx, asking *ask, const approval *a)
{
    ask->frame.id = a->chat_id;
    ask->frame.at_ms = a->requested_ms;
    if (ask->frame.by_frame)
        sw_tx_ack(tx, a->chat_id, a->requested_ms);
}

/* Asked again: the first ACK once more. A decision that Butler has heard is told that socket once more as well; one
 * that it has not heard is on its way. */
static sw_status asked_before(const chat *c, sw_tx *tx, asking *ask, const approval *known)
{
    asked(tx, ask, known);
    if (!ask->frame.by_frame || !known->response_id || (!known->delivered && !delivery_noted(c->delivery, known->id)))
        return SW_OK;
    sw_frame *frame = sw_frame_new_tx(tx);
    if (!frame)
        return SW_NO_MEMORY;
    frame_write_response(sw_frame_json(frame), known);
    sw_frame_mark(frame, known->response_id, 0, 0);
    sw_tx_send_origin(tx, frame);
    return SW_OK;
}

/* A repeated action_id is the same request when it has the same command for the same agent. */
static sw_status known_action(const chat *c, sw_tx *tx, asking *ask, bool *ret_known)
{
    approval known;
    sw_status found = ask->action_id ? approval_by_action(sw_tx_db(tx), ask->action_id, &known) : SW_NOT_FOUND;

    *ret_known = found == SW_OK;
    if (found != SW_OK)
        return found == SW_NOT_FOUND ? SW_OK : found;
    if (strcmp(known.command, ask->command) != 0 || known.target_agent_id != ask->target_agent_id)
        return refuse(ask, FAULT_ACTION_CONFLICT);
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
        .status = STATUS_PENDING,
        .requested_ms = sw_tx_now(tx),
        .expires_ms = sw_tx_now(tx) + ask->expires_ms,
        .due_ms = sw_steady_ms(sw_tx_host(tx)) + ask->expires_ms,
        .decider_name = "",
        .decider_role = "",
        .responder_name = "",
        .channel = "",
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
        .sender_role = sw_role_name(SW_ROLE_BUTLER),
        .receiver_id = a->target_user_id,
        .conversation_id = a->conversation_id,
        .asked_conversation = ask->frame.envelope.asked,
        .payload = ask->frame.payload,
        .digest = digest,
        .recovered = true,
    };
    SW_TRY(approval_add(tx, a));
    row.approval_id = a->id;
    SW_TRY(row_add(tx, &row));
    a->chat_id = row.id;
    return approval_shown(tx, a->id, row.id);
}

static sw_status ask_approval(chat *c, sw_tx *tx, asking *ask)
{
    posting *p = &ask->frame;
    uint8_t digest[32];
    const char *agent_name = "";
    int64_t first = 0;
    bool known = false;
    approval a;

    SW_TRY(known_action(c, tx, ask, &known));
    if (known)
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
    SW_TRY(conversation_settle(c, tx, &p->envelope, &p->fault));
    if (p->fault)
        return fault_status(p->fault);
    SW_TRY(fill(tx, ask, &a));
    a.target_agent_name = agent_name;
    SW_TRY(store(tx, ask, p->local_id.at ? digest : NULL, &a));
    SW_TRY(conversation_touch(c, tx, &p->envelope, false));
    SW_TRY(announce_request(c, tx, &a));
    asked(tx, ask, &a);
    return SW_OK;
}

/* ---- the form of a request, on any thread. Each part gives what is wrong with it, or NULL ---- */

/* A text without NUL, at most as long as the option says; NULL for anything else. */
static const char *text_of(const chat *c, const sw_value *value, const char *max_option)
{
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    if (!text || strlen(text) != len || len > (size_t)sw_option_int(c->host, max_option))
        return NULL;
    return text;
}

static bool action_valid(const char *action, size_t len)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return len >= 1 && len <= CHAT_ACTION_MAX && strspn(action, ALLOWED) == len;
}

static const sw_value *member(const sw_value *object, const char *key)
{
    const sw_value *value = sw_value_get(object, key);
    return sw_value_type(value) == SW_JSON_NULL ? NULL : value;
}

static const char *read_action(const sw_value *payload, asking *ask)
{
    const sw_value *value = member(payload, "action_id");
    size_t len = 0;

    if (!value)
        return NULL;
    ask->action_id = sw_value_text(value, &len);
    if (!ask->action_id || !action_valid(ask->action_id, len))
        return "action_id must have 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'";
    return NULL;
}

static const char *read_expiry(const chat *c, const sw_value *payload, asking *ask)
{
    const sw_value *value = member(payload, "expires_in_s");
    int64_t seconds = sw_value_int(value, 0);

    ask->expires_ms = sw_option_int(c->host, "approval_expiry");
    if (!value)
        return NULL;
    if (sw_value_type(value) != SW_JSON_INT || seconds < CHAT_EXPIRES_MIN_S || seconds > CHAT_EXPIRES_MAX_S)
        return "expires_in_s must be a number from 10 to 604800";
    ask->expires_ms = seconds * 1000;
    return NULL;
}

static const char *read_payload(const chat *c, const sw_value *payload, asking *ask)
{
    const sw_value *reason = member(payload, "reason");

    if (!payload)
        return "payload must be an object";
    const char *why = read_action(payload, ask);
    if (why)
        return why;
    ask->target_agent_id = sw_value_int(member(payload, "target_agent_id"), 0);
    if (ask->target_agent_id <= 0)
        return "target_agent_id is required";
    ask->command = text_of(c, member(payload, "command"), "command_max");
    if (!ask->command || !*ask->command)
        return "command is required, a text of at most 16 KiB";
    if (visible_blank(ask->command, strlen(ask->command)))
        return "command is blank: there is nothing in it that can be seen";
    ask->reason = text_of(c, reason ? reason : member(payload, "reasoning"), "reason_max");
    if (!ask->reason)
        return "reason is required, a text of at most 8 KiB";
    return read_expiry(c, payload, ask);
}

/* ---- the frame, on a worker ---- */

static sw_status store_frame(sw_tx *tx, void *arg)
{
    asking *ask = arg;
    sw_status status = ask_approval(sw_tx_state(tx), tx, ask);

    return ask->frame.fault ? fault_fail(sw_tx_request(tx), ask->frame.fault) : status;
}

sw_status on_auth_request(sw_request *req)
{
    asking *ask = sw_alloc(req, 1, sizeof *ask);

    if (!ask)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &ask->frame));
    if (!ask->frame.payload.at)
        return payload_missing(req);
    const char *why = read_payload(sw_request_state(req), sw_frame_payload_object(req), ask);
    if (why)
        return sw_fail(req, SW_INVALID, "invalid_frame", "%s", why);
    return sw_write(req, store_frame, ask);
}

/* ---- `ask` of approvals/1, in the caller's write step. `self` is chat's state, since the step may be another plugin's
 * ---- */

/* The object, or the one that stands in a JSON string. */
static const sw_value *object_of(sw_tx *tx, sw_str payload)
{
    const sw_value *value = sw_json_parse_tx(tx, payload.at, payload.len);
    size_t len = 0;
    const char *inner = sw_value_text(value, &len);

    if (inner)
        value = sw_json_parse_tx(tx, inner, len);
    return sw_value_type(value) == SW_JSON_OBJECT ? value : NULL;
}

sw_status ask_for(void *self, sw_tx *tx, const sw_chat_post *what, int64_t *ret_chat_id)
{
    chat *c = self;
    asking ask = {.action_id = NULL};

    SW_TRY(posting_of_service(c, tx, what, &ask.frame));
    if (ask.frame.envelope.sender_role != SW_ROLE_BUTLER)
        return SW_FORBIDDEN;
    if (read_payload(c, object_of(tx, ask.frame.payload), &ask))
        return SW_INVALID;
    SW_TRY(ask_approval(c, tx, &ask));
    if (ret_chat_id)
        *ret_chat_id = ask.frame.id;
    return SW_OK;
}
