/* The red button: while an agent is paused, or all are, nothing of it is approved. What is pending is rejected in the
 * step of the button, as many as a step has time for, and the rest by housekeeping right after; meanwhile nobody can
 * approve it. New requests are rejected as they are asked, and what was approved before can't be claimed. */
#include "approvals/approvals.h"

#include <string.h>

enum { AT_ONCE = 8, WITH_THE_BUTTON = 64, REASON_MAX = 1024 };

enum { OF_AGENT, ALL, SET, CLEAR, PENDING };

static const sw_statement STATEMENTS[] = {
    [OF_AGENT] = {.name = "pause_of_agent",
                  .sql = "SELECT agent_id, reason, by_id, by_name, at_ms FROM chat_pauses WHERE agent_id IN (0, ?1)"
                         " ORDER BY agent_id DESC LIMIT 1"},
    [ALL] = {.name = "pause_all",
             .sql = "SELECT agent_id, reason, by_id, by_name, at_ms FROM chat_pauses ORDER BY agent_id"},
    [SET] = {.name = "pause_set",
             .sql = "INSERT INTO chat_pauses (agent_id, reason, by_id, by_name, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
                    " ON CONFLICT (agent_id) DO UPDATE SET reason = ?2, by_id = ?3, by_name = ?4, at_ms = ?5"},
    [CLEAR] = {.name = "pause_clear", .sql = "DELETE FROM chat_pauses WHERE agent_id = ?1"},
    [PENDING] = {.name = "approval_paused",
                 .sql = SELECT_APPROVAL " WHERE a.status = 'PENDING' AND a.due_ms > ?1"
                                        " AND (EXISTS (SELECT 1 FROM chat_pauses p WHERE p.agent_id = 0)"
                                        " OR a.target_agent_id IN (SELECT p.agent_id FROM chat_pauses p)) LIMIT ?2"},
};

const sw_table PAUSE_STATEMENTS = SW_TABLE(STATEMENTS);

static bool pauses_next(sw_rows *rows, pause_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (pause_row){
        .agent_id = sw_rows_int(rows, 0),
        .reason = sw_rows_text(rows, 1),
        .by_id = sw_rows_int(rows, 2),
        .by_name = sw_rows_text(rows, 3),
        .at_ms = sw_rows_int(rows, 4),
    };
    return true;
}

sw_status pause_get(sw_db *db, int64_t agent_id, pause_row *ret, bool *ret_paused)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[OF_AGENT], 0, &rows, "i", agent_id));
    *ret_paused = pauses_next(rows, ret);
    return sw_rows_done(rows);
}

const char *pause_words(sw_tx *tx, const pause_row *p)
{
    static const char BEFORE[] = "paused by ";
    size_t name = strlen(p->by_name), reason = strlen(p->reason);
    char *text = sw_tx_alloc(tx, 1, sizeof BEFORE + name + 2 + reason);

    if (!text)
        return NULL;
    memcpy(text, BEFORE, sizeof BEFORE - 1);
    memcpy(text + sizeof BEFORE - 1, p->by_name, name);
    if (reason) {
        memcpy(text + sizeof BEFORE - 1 + name, ": ", 2);
        memcpy(text + sizeof BEFORE + 1 + name, p->reason, reason);
    }
    return text;
}

/* ---- what is pending ---- */

static sw_status reject(const chat *c, sw_tx *tx, approval *a)
{
    bool paused = false, done = false;
    pause_row p;

    SW_TRY(pause_get(sw_tx_db(tx), a->target_agent_id, &p, &paused));
    if (!paused)
        return SW_OK;
    a->status = STATUS_REJECTED;
    a->decided_ms = sw_tx_now(tx);
    a->decider_id = p.by_id;
    a->decider_name = a->responder_name = p.by_name;
    a->decider_role = sw_role_name(SW_ROLE_ADMIN);
    a->channel = "pause";
    a->comment = pause_words(tx, &p);
    if (!a->comment)
        return SW_NO_MEMORY;
    SW_TRY(approval_decide(tx, a, sw_steady_ms(c->host), &done));
    return done ? announce_decision(c, tx, a, (sw_str){NULL, 0}) : SW_OK;
}

static sw_status reject_some(sw_tx *tx, bool *ret_more)
{
    const chat *c = sw_tx_state(tx);
    approval open[AT_ONCE];
    sw_rows *rows = NULL;
    size_t count = 0;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[PENDING], 0, &rows, "ii", sw_steady_ms(c->host), (int64_t)AT_ONCE));
    while (count < AT_ONCE && approvals_next(rows, &open[count]))
        count++;
    SW_TRY(sw_rows_done(rows));
    for (size_t i = 0; i < count; i++)
        SW_TRY(reject(c, tx, &open[i]));
    *ret_more = count == AT_ONCE;
    return SW_OK;
}

sw_status pause_pending(sw_tx *tx, bool *ret_more)
{
    sw_rows *rows = NULL;

    *ret_more = false;
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[ALL], 0, &rows, ""));
    bool any = sw_rows_next(rows);
    SW_TRY(sw_rows_done(rows));
    return any ? reject_some(tx, ret_more) : SW_OK;
}

sw_status pause_forget(sw_tx *tx, int64_t agent_id)
{
    return sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, "i", agent_id);
}

/* ---- the button ---- */

static void pause_write(sw_json *out, const pause_row *p, bool paused)
{
    sw_json_object_begin(out, NULL);
    if (p->agent_id)
        sw_json_int(out, "agent_id", p->agent_id);
    else
        sw_json_null(out, "agent_id");
    sw_json_bool(out, "paused", paused);
    sw_json_text_opt(out, "reason", p->reason);
    sw_json_text(out, "by", p->by_name);
    sw_json_time(out, "at", p->at_ms);
    sw_json_object_end(out);
}

typedef struct {
    pause_row row;
    bool paused;
    sw_host *host;
} button;

static void button_log(void *state, void *arg)
{
    const button *b = arg;

    (void)state;
    sw_log(b->host, SW_LOG_WARN, "agent %lld (0: all) %s by %s", (long long)b->row.agent_id,
           b->paused ? "paused" : "no longer paused", b->row.by_name);
}

static sw_status check_agent(const chat *c, sw_tx *tx, int64_t agent_id)
{
    sw_user user = {.size = sizeof user};
    sw_status found = agent_id ? c->users->by_id(c->users_self, sw_tx_db(tx), agent_id, &user) : SW_OK;

    if (found == SW_NOT_FOUND || (found == SW_OK && agent_id && user.role != SW_ROLE_AGENT))
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "no such agent: agent_id");
    return found;
}

static sw_status press(sw_tx *tx, void *arg)
{
    button *b = arg;
    bool more = true;

    SW_TRY(check_agent(sw_tx_state(tx), tx, b->row.agent_id));
    b->row.at_ms = sw_tx_now(tx);
    if (b->paused)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[SET], NULL, "isisi", b->row.agent_id, b->row.reason, b->row.by_id,
                          b->row.by_name, b->row.at_ms));
    else
        SW_TRY(pause_forget(tx, b->row.agent_id));
    for (int n = 0; b->paused && more && n < WITH_THE_BUTTON; n += AT_ONCE)
        SW_TRY(reject_some(tx, &more));
    sw_tx_on_commit(tx, button_log, b);
    pause_write(sw_tx_reply(tx, 200), &b->row, b->paused);
    return SW_OK;
}

sw_status post_pause(sw_request *req)
{
    int paused = sw_body_bool(req, "paused", -1);
    button *b = sw_alloc(req, 1, sizeof *b);

    if (!b)
        return SW_NO_MEMORY;
    *b = (button){
        .row = {.agent_id = sw_body_int(req, "agent_id", 0, 1, INT64_MAX),
                .reason = sw_body_text_or(req, "reason", REASON_MAX, ""),
                .by_id = sw_request_principal(req)->user_id,
                .by_name = sw_request_principal(req)->name},
        .paused = paused > 0,
        .host = sw_request_host(req),
    };
    if (paused < 0)
        sw_invalid(req, "missing_field", "paused must be a boolean");
    SW_TRY(sw_check(req));
    return sw_write(req, press, b);
}

sw_status get_pauses(sw_request *req)
{
    sw_rows *rows = NULL;
    pause_row p;

    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[ALL], 0, &rows, ""));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (pauses_next(rows, &p))
        pause_write(out, &p, true);
    sw_json_array_end(out);
    return sw_rows_done(rows);
}
