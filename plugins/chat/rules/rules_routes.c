/* The rules in the HTTP API: list, make, change, remove, and try one command against them. ADMINs alone, which the
 * table of routes says; every change is a line of the log. A worker checks the form, the write step the rest. */
#include "rules/pattern.h"
#include "rules/rules.h"

#include <string.h>

/* ---- a rule as JSON ---- */

static void id_or_null(sw_json *out, const char *key, int64_t id)
{
    if (id)
        sw_json_int(out, key, id);
    else
        sw_json_null(out, key);
}

static void time_or_null(sw_json *out, const char *key, int64_t at_ms)
{
    if (at_ms)
        sw_json_time(out, key, at_ms);
    else
        sw_json_null(out, key);
}

static void rule_write(sw_json *out, const rule_row *r)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", r->given.id);
    id_or_null(out, "agent_id", r->given.agent_id);
    sw_json_text(out, "tool", r->given.tool);
    sw_json_text(out, "pattern", r->given.pattern);
    sw_json_text(out, "effect", rule_effect_name(r->given.effect));
    time_or_null(out, "expires_at", r->given.expires_ms);
    if (*r->given.session_id)
        sw_json_text(out, "session_id", r->given.session_id);
    else
        sw_json_null(out, "session_id");
    sw_json_text(out, "note", r->note);
    sw_json_text(out, "created_by", r->created_by);
    sw_json_time(out, "created_at", r->created_ms);
    sw_json_int(out, "hits", r->hits);
    time_or_null(out, "last_hit_at", r->last_hit_ms);
    sw_json_object_end(out);
}

/* ---- GET ---- */

sw_status get_rules(sw_request *req)
{
    int64_t page_bytes = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    int64_t agent = sw_query_int(req, "agent_id", 0, 1, INT64_MAX);
    int64_t after = sw_query_int(req, "after_id", 0, 1, INT64_MAX);
    sw_rows *rows = NULL;
    rule_row rule;

    SW_TRY(sw_check(req));
    SW_TRY(rules_list(sw_request_db(req), agent, after, sw_steady_ms(sw_request_host(req)), &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (rules_next(rows, &rule)) {
        if (page_bytes > 0 && sw_json_length(out) >= (size_t)page_bytes) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        rule_write(out, &rule);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}

/* ---- what a body says of a rule ---- */

/* Which members of `rule` were given. */
typedef struct {
    rule_row rule;
    int64_t id;         /* of PATCH */
    int64_t expires_in; /* in ms, 0 when it was not given */
    bool agent, tool, pattern, effect, expires, session, note;
} rule_change_given;

/* A text without NUL, as long as that; "" when it is absent or null. */
static const char *text_read(sw_request *req, const char *name, size_t max)
{
    size_t len = 0;
    const char *text = sw_body_text_or(req, name, max, "");

    if (sw_value_text(sw_value_get(sw_body(req), name), &len) && strlen(text) != len)
        sw_invalid(req, "invalid_parameter", "%s must not hold a NUL", name);
    return text;
}

static void read_effect(sw_request *req, rule_change_given *given)
{
    const char *name = text_read(req, "effect", 16);

    given->effect = *name != '\0';
    given->rule.given.effect = rule_effect_of(name);
    if (given->effect && !given->rule.given.effect)
        sw_invalid(req, "invalid_parameter", "effect must be allow, deny or ask");
}

const char *rule_pattern_wrong(const char *text)
{
    const char *why = NULL;

    pattern_free(pattern_read((sw_str){text, strlen(text)}, false, &why));
    return why;
}

static void read_pattern(sw_request *req, rule_change_given *given)
{
    const char *text = text_read(req, "pattern", (size_t)sw_option_int(sw_request_host(req), "command_max"));

    given->pattern = *text != '\0';
    given->rule.given.pattern = text;
    if (!given->pattern)
        return;
    const char *why = rule_pattern_wrong(text);
    if (why)
        sw_invalid(req, "invalid_parameter", "%s", why);
}

static void read_expires(sw_request *req, rule_change_given *given)
{
    int64_t seconds = sw_body_int(req, "expires_in_s", 0, 1, CHAT_RULE_EXPIRES_MAX_S);
    int64_t at_ms = sw_body_time(req, "expires_at", 0);

    given->expires = sw_body_has(req, "expires_at") || sw_body_has(req, "expires_in_s");
    if (seconds && at_ms)
        sw_invalid(req, "invalid_parameter", "expires_at and expires_in_s exclude each other");
    given->expires_in = seconds * 1000;
    given->rule.given.expires_ms = at_ms;
}

static void rule_read(sw_request *req, rule_change_given *given)
{
    rule_given *rule = &given->rule.given;

    rule->agent_id = sw_body_int(req, "agent_id", 0, 1, INT64_MAX);
    given->agent = sw_body_has(req, "agent_id");
    rule->tool = text_read(req, "tool", CHAT_TOOL_MAX);
    given->tool = *rule->tool != '\0';
    rule->session_id = text_read(req, "session_id", CHAT_SESSION_MAX);
    given->session = sw_body_has(req, "session_id");
    given->rule.note = text_read(req, "note", CHAT_NOTE_MAX);
    given->note = sw_body_has(req, "note");
    read_effect(req, given);
    read_pattern(req, given);
    read_expires(req, given);
}

/* ---- the log of who changed what ---- */

typedef struct {
    sw_host *host;
    const char *what, *by, *effect, *tool;
    int64_t id, agent_id;
} rule_note;

static void rule_log(void *state, void *arg)
{
    const rule_note *n = arg;

    (void)state;
    sw_log(n->host, SW_LOG_INFO, "rule %lld %s by %s: %s, tool %s, agent %lld", (long long)n->id, n->what, n->by,
           n->effect, n->tool, (long long)n->agent_id);
}

static sw_status rule_note_later(sw_tx *tx, const char *what, const rule_row *rule, const char *by)
{
    rule_note *n = sw_tx_alloc(tx, 1, sizeof *n);

    if (!n)
        return SW_NO_MEMORY;
    *n = (rule_note){
        .host = sw_tx_host(tx),
        .what = what,
        .by = by,
        .effect = rule_effect_name(rule->given.effect),
        .tool = rule->given.tool,
        .id = rule->given.id,
        .agent_id = rule->given.agent_id,
    };
    sw_tx_on_commit(tx, rule_log, n);
    return SW_OK;
}

/* ---- what only the write step can say ---- */

/* By the clock that is never set back, so that nobody who sets the other one back keeps a rule alive. */
static sw_status settle_expiry(sw_tx *tx, rule_change_given *given)
{
    int64_t steady_ms = sw_steady_ms(sw_tx_host(tx));

    if (given->expires_in)
        given->rule.given.expires_ms = steady_ms + given->expires_in;
    if (given->rule.given.expires_ms && given->rule.given.expires_ms <= steady_ms)
        return sw_fail(sw_tx_request(tx), SW_INVALID, "invalid_parameter", "expires_at must be in the future");
    return SW_OK;
}

static sw_status check_agent(const chat *c, sw_tx *tx, int64_t agent_id)
{
    sw_user user = {.size = sizeof user};

    if (!agent_id)
        return SW_OK;
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), agent_id, &user);
    if (found == SW_NOT_FOUND || (found == SW_OK && user.role != SW_ROLE_AGENT))
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "no such agent: agent_id");
    return found;
}

sw_status rule_make(const chat *c, sw_tx *tx, rule_row *rule)
{
    int64_t max = sw_option_int(c->host, "rules_max"), count = 0;

    SW_TRY(rules_count(sw_tx_db(tx), sw_steady_ms(c->host), &count));
    if (count >= max)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "there are %lld rules already", (long long)count);
    SW_TRY(rule_add(c, tx, rule));
    return rule_note_later(tx, "made", rule, rule->created_by);
}

/* ---- POST ---- */

static sw_status store_rule(sw_tx *tx, void *arg)
{
    rule_change_given *given = arg;
    const chat *c = sw_tx_state(tx);

    SW_TRY(settle_expiry(tx, given));
    SW_TRY(check_agent(c, tx, given->rule.given.agent_id));
    SW_TRY(rule_make(c, tx, &given->rule));
    rule_write(sw_tx_reply(tx, 201), &given->rule);
    return SW_OK;
}

sw_status post_rules(sw_request *req)
{
    rule_change_given *given = sw_alloc(req, 1, sizeof *given);

    if (!given)
        return SW_NO_MEMORY;
    rule_read(req, given);
    if (!given->tool)
        sw_invalid(req, "missing_field", "tool is required");
    if (!given->pattern)
        sw_invalid(req, "missing_field", "pattern is required");
    if (!given->effect)
        sw_invalid(req, "missing_field", "effect is required");
    SW_TRY(sw_check(req));
    given->rule.created_by = sw_request_principal(req)->name;
    return sw_write(req, store_rule, given);
}

/* ---- PATCH and DELETE ---- */

static sw_status find_rule(sw_tx *tx, int64_t id, rule_row *ret)
{
    sw_status found = rule_get(sw_tx_db(tx), id, sw_steady_ms(sw_tx_host(tx)), ret);

    if (found == SW_NOT_FOUND)
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "no such rule");
    return found;
}

static void apply(const rule_change_given *given, rule_row *rule)
{
    const rule_given *to = &given->rule.given;

    if (given->agent)
        rule->given.agent_id = to->agent_id;
    if (given->tool)
        rule->given.tool = to->tool;
    if (given->pattern)
        rule->given.pattern = to->pattern;
    if (given->effect)
        rule->given.effect = to->effect;
    if (given->expires)
        rule->given.expires_ms = to->expires_ms;
    if (given->session)
        rule->given.session_id = to->session_id;
    if (given->note)
        rule->note = given->rule.note;
}

static sw_status store_change(sw_tx *tx, void *arg)
{
    rule_change_given *given = arg;
    const chat *c = sw_tx_state(tx);
    rule_row rule;

    SW_TRY(find_rule(tx, given->id, &rule));
    SW_TRY(settle_expiry(tx, given));
    SW_TRY(check_agent(c, tx, given->rule.given.agent_id));
    apply(given, &rule);
    SW_TRY(rule_change(c, tx, &rule));
    SW_TRY(rule_note_later(tx, "changed", &rule, sw_request_principal(sw_tx_request(tx))->name));
    rule_write(sw_tx_reply(tx, 200), &rule);
    return SW_OK;
}

sw_status patch_rule(sw_request *req)
{
    rule_change_given *given = sw_alloc(req, 1, sizeof *given);

    if (!given)
        return SW_NO_MEMORY;
    given->id = sw_path_id(req, "id");
    rule_read(req, given);
    if (sw_body_has(req, "tool") && !given->tool)
        sw_invalid(req, "invalid_parameter", "tool must not be empty");
    if (sw_body_has(req, "pattern") && !given->pattern)
        sw_invalid(req, "invalid_parameter", "pattern must not be empty");
    if (sw_body_has(req, "effect") && !given->effect)
        sw_invalid(req, "invalid_parameter", "effect must be allow, deny or ask");
    SW_TRY(sw_check(req));
    return sw_write(req, store_change, given);
}

static sw_status store_removal(sw_tx *tx, void *arg)
{
    const int64_t *id = arg;
    rule_row rule;

    SW_TRY(find_rule(tx, *id, &rule));
    SW_TRY(rule_remove(sw_tx_state(tx), tx, *id));
    SW_TRY(rule_note_later(tx, "removed", &rule, sw_request_principal(sw_tx_request(tx))->name));
    sw_reply_empty(sw_tx_request(tx), 204);
    return SW_OK;
}

sw_status delete_rule(sw_request *req)
{
    int64_t *id = sw_alloc(req, 1, sizeof *id);

    if (!id)
        return SW_NO_MEMORY;
    *id = sw_path_id(req, "id");
    SW_TRY(sw_check(req));
    return sw_write(req, store_removal, id);
}

/* ---- POST test: what would happen, and nothing does ---- */

static void verdict_write(sw_request *req, const verdict *v)
{
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "effect", rule_effect_name(v->effect));
    id_or_null(out, "rule_id", v->rule_id);
    sw_json_text(out, "reason", *v->find ? sw_printf(req, "%s: %s", v->because, v->find) : v->because);
    sw_json_array_begin(out, "parts");
    for (size_t i = 0; i < v->part_count; i++) {
        sw_json_object_begin(out, NULL);
        sw_json_textn(out, "text", v->parts[i].text.at, v->parts[i].text.len);
        sw_json_text(out, "effect", rule_effect_name(v->parts[i].effect));
        id_or_null(out, "rule_id", v->parts[i].rule_id);
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
    sw_json_object_end(out);
}

sw_status post_rules_test(sw_request *req)
{
    const chat *c = sw_request_state(req);
    rule_question question = {
        .agent_id = sw_body_int(req, "agent_id", 0, 1, INT64_MAX),
        .tool = text_read(req, "tool", CHAT_TOOL_MAX),
        .session_id = text_read(req, "session_id", CHAT_SESSION_MAX),
        .command = text_read(req, "command", (size_t)sw_option_int(c->host, "command_max")),
        .input = sw_value_get(sw_body(req), "input"),
    };
    rule_answer *answer = NULL;

    if (!*question.command)
        sw_invalid(req, "missing_field", "command is required");
    SW_TRY(sw_check(req));
    SW_TRY(rules_ask(c, req, &question, &answer));
    verdict_write(req, &answer->verdict);
    return SW_OK;
}
