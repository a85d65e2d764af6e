/* What is asked, read from a frame, a body or for another plugin, and checked in its form: on any thread. The roads of
 * frame and body are on a worker. */
#include "approvals/asking.h"

#include "core/common/visible_text.h"

#include <string.h>

static const sw_value *member(const sw_value *object, const char *key)
{
    const sw_value *value = sw_value_get(object, key);
    return sw_value_type(value) == SW_JSON_NULL ? NULL : value;
}

/* A text without NUL, at most that long; NULL for anything else. */
static const char *text_of(const sw_value *value, int64_t max)
{
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    return text && strlen(text) == len && len <= (size_t)max ? text : NULL;
}

/* The same, "" when the member is absent. */
static bool read_text(const sw_value *given, const char *key, int64_t max, const char **ret)
{
    const sw_value *value = member(given, key);

    *ret = value ? text_of(value, max) : "";
    return *ret != NULL;
}

/* ---- the members that Butler's requests have always had. Each part gives what is wrong with it, or NULL ---- */

static bool action_valid(const char *action, size_t len)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return len >= 1 && len <= CHAT_ACTION_MAX && strspn(action, ALLOWED) == len;
}

static const char *read_action(const sw_value *given, asking *ask)
{
    const sw_value *value = member(given, "action_id");
    size_t len = 0;

    if (!value)
        return NULL;
    ask->action_id = sw_value_text(value, &len);
    if (!ask->action_id || !action_valid(ask->action_id, len))
        return "action_id must have 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'";
    return NULL;
}

static const char *read_expiry(const chat *c, const sw_value *given, asking *ask)
{
    const sw_value *value = member(given, "expires_in_s");
    int64_t seconds = sw_value_int(value, 0);

    ask->expires_ms = sw_option_int(c->host, "approval_expiry");
    if (!value)
        return NULL;
    if (sw_value_type(value) != SW_JSON_INT || seconds < CHAT_EXPIRES_MIN_S || seconds > CHAT_EXPIRES_MAX_S)
        return "expires_in_s must be a number from 10 to 604800";
    ask->expires_ms = seconds * 1000;
    return NULL;
}

/* Butler names the agent. An agent asks for itself, and need not say so. */
static const char *read_agent(const sw_value *given, asking *ask)
{
    const envelope *from = &ask->frame.envelope;
    const sw_value *value = member(given, "target_agent_id");

    ask->target_agent_id = sw_value_int(value, 0);
    if (from->sender_role == SW_ROLE_AGENT && !value)
        ask->target_agent_id = from->sender_id;
    return ask->target_agent_id > 0 ? NULL : "target_agent_id is required";
}

/* Butler has always had to give one; a body need not. */
static const char *read_reason(const chat *c, const sw_value *given, asking *ask)
{
    const sw_value *reason = member(given, "reason");
    bool required = !ask->by_body && ask->frame.envelope.sender_role == SW_ROLE_BUTLER;

    if (!reason)
        reason = member(given, "reasoning");
    ask->reason = reason || required ? text_of(reason, sw_option_int(c->host, "reason_max")) : "";
    if (ask->reason)
        return NULL;
    return required ? "reason is required, a text of at most 8 KiB" : "reason must be a text of at most 8 KiB";
}

/* ---- the input: its very bytes are kept. `at` stands in one JSON text that was read before, so it is a valid one
 * ---- */

static const char *past_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

static const char *past_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static const char *past_value(const char *at, const char *end)
{
    int depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = past_string(at, end);
        } else if (depth == 0 && strchr(",}] \t\r\n", *at)) {
            return at;
        } else {
            depth += *at == '{' || *at == '[';
            depth -= *at == '}' || *at == ']';
            at++;
        }
        if (depth == 0 && (at[-1] == '"' || at[-1] == '}' || at[-1] == ']'))
            return at;
    }
    return end;
}

/* The text of a member of the object; `at` is NULL when no member has its name written so. */
static sw_str member_text(sw_str json, const char *key)
{
    const char *end = json.at + json.len, *at = past_blanks(json.at, end);
    size_t len = strlen(key);

    for (at++; at < end; at++) {
        const char *name = past_blanks(at, end);
        if (name >= end || *name != '"')
            break;
        const char *after = past_string(name, end), *colon = past_blanks(after, end);
        if (colon >= end)
            break;
        const char *value = past_blanks(colon + 1, end);
        const char *over = past_value(value, end);
        if ((size_t)(after - name) == len + 2 && memcmp(name + 1, key, len) == 0)
            return (sw_str){value, (size_t)(over - value)};
        at = past_blanks(over, end);
    }
    return (sw_str){NULL, 0};
}

static const char *read_input(const chat *c, const sw_value *given, sw_str json, asking *ask)
{
    uint8_t hash[32];

    ask->input = member(given, "input");
    if (!ask->input)
        return NULL;
    ask->input_text = member_text(json, "input");
    if (!ask->input_text.at)
        return "the name of the member input must be written without escapes";
    if (ask->input_text.len > (size_t)sw_option_int(c->host, "input_max"))
        return "input is longer than input_max allows";
    sw_sha256(ask->input_text.at, ask->input_text.len, hash);
    sw_hex(hash, sizeof hash, ask->input_sha256);
    return NULL;
}

/* ---- all of them ---- */

static const char *read_more(const chat *c, const sw_value *given, sw_str json, asking *ask)
{
    if (!read_text(given, "tool", CHAT_TOOL_MAX, &ask->tool))
        return "tool must be a text of at most 128 bytes";
    if (!read_text(given, "cwd", CHAT_CWD_MAX, &ask->cwd))
        return "cwd must be a text of at most 4096 bytes";
    if (!read_text(given, "session_id", CHAT_SESSION_MAX, &ask->session_id))
        return "session_id must be a text of at most 128 bytes";
    return read_input(c, given, json, ask);
}

const char *asking_read(const chat *c, const sw_value *given, sw_str json, asking *ask)
{
    if (!given)
        return "payload must be an object";
    const char *why = read_action(given, ask);
    if (!why)
        why = read_agent(given, ask);
    if (why)
        return why;
    ask->command = text_of(member(given, "command"), sw_option_int(c->host, "command_max"));
    if (!ask->command || !*ask->command)
        return "command is required, a text of at most 16 KiB";
    if (visible_blank(ask->command, strlen(ask->command)))
        return "command is blank: there is nothing in it that can be seen";
    why = read_reason(c, given, ask);
    if (!why)
        why = read_more(c, given, json, ask);
    return why ? why : read_expiry(c, given, ask);
}

static sw_status check(sw_request *req, const asking *ask, const char *why)
{
    if (why)
        return sw_fail(req, SW_INVALID, ask->by_body ? NULL : "invalid_frame", "%s", why);
    if (ask->frame.envelope.sender_role == SW_ROLE_AGENT && ask->target_agent_id != ask->frame.envelope.sender_id)
        return sw_fail(req, SW_FORBIDDEN, NULL, "an agent may ask only for itself");
    return SW_OK;
}

/* Rules answer agents, and never Butler. */
static sw_status ask_rules(sw_request *req, asking *ask)
{
    if (ask->frame.envelope.sender_role != SW_ROLE_AGENT)
        return SW_OK;
    ask->question = (rule_question){
        .agent_id = ask->frame.envelope.sender_id,
        .tool = ask->tool,
        .session_id = ask->session_id,
        .command = ask->command,
        .input = ask->input,
    };
    return rules_ask(sw_request_state(req), req, &ask->question, &ask->ruled);
}

/* A payload that is a string holds the object: its text is what the string says. */
static sw_str object_text(sw_request *req, sw_str payload)
{
    sw_str text = payload;

    if (payload.len && *payload.at == '"')
        text.at = sw_value_text(sw_json_parse(req, payload.at, payload.len), &text.len);
    return text.at ? text : (sw_str){"", 0};
}

sw_status asking_of_frame(sw_request *req, asking **ret)
{
    asking *ask = sw_alloc(req, 1, sizeof *ask);

    if (!ask)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &ask->frame));
    if (!ask->frame.payload.at)
        return payload_missing(req);
    sw_str text = object_text(req, ask->frame.payload);
    SW_TRY(check(req, ask, asking_read(sw_request_state(req), sw_frame_payload_object(req), text, ask)));
    SW_TRY(ask_rules(req, ask));
    *ret = ask;
    return SW_OK;
}

/* The request as it is stored in the chat; a frame has its payload. */
static sw_status write_payload(sw_request *req, asking *ask)
{
    sw_json *out = sw_json_new(req);

    if (!out)
        return SW_NO_MEMORY;
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "target_agent_id", ask->target_agent_id);
    sw_json_text(out, "command", ask->command);
    sw_json_text(out, "reason", ask->reason);
    sw_json_object_end(out);
    ask->frame.payload = sw_json_str(out);
    return ask->frame.payload.at ? SW_OK : SW_NO_MEMORY;
}

sw_status asking_of_body(sw_request *req, asking **ret)
{
    const sw_principal *who = sw_request_principal(req);
    asking *ask = sw_alloc(req, 1, sizeof *ask);

    if (!ask)
        return SW_NO_MEMORY;
    ask->frame = (posting){
        .envelope = {.sender_id = who->user_id,
                     .sender_role = who->role,
                     .target_id = sw_body_int(req, "target_id", 0, 0, INT64_MAX)},
        .sender_name = who->name,
    };
    ask->by_body = true;
    ask->wait_ms = sw_body_int(req, "wait_s", 0, 0, CHAT_WAIT_MAX_S) * 1000;
    SW_TRY(sw_check(req));
    SW_TRY(check(req, ask, asking_read(sw_request_state(req), sw_body(req), sw_body_raw(req), ask)));
    SW_TRY(ask_rules(req, ask));
    SW_TRY(write_payload(req, ask));
    *ret = ask;
    return SW_OK;
}
