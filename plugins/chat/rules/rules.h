/* rules/: what answers an agent's request in a human's stead. shell_split, pattern and ruleset know no server;
 * rules_store.c keeps the rules and asks them, rules_routes.c is their HTTP API, for ADMINs alone. */
#ifndef CHAT_RULES_H
#define CHAT_RULES_H

#include "chat.h"
#include "rules/ruleset.h"

enum { CHAT_TOOL_MAX = 128, CHAT_SESSION_MAX = 128, CHAT_NOTE_MAX = 1024, CHAT_RULE_EXPIRES_MAX_S = 10 * 366 * 86400 };

/* A rule as it is stored. */
typedef struct {
    rule_given given;
    const char *note, *created_by;
    int64_t created_ms, hits, last_hit_ms;
} rule_row;

/* ---- asking the rules (rules_store.c) ---- */

/* What an agent wishes to do, for the rules. */
typedef struct {
    int64_t agent_id;
    const char *tool, *session_id, *command; /* "" when they were not said; the command always is */
    const sw_value *input;                   /* the arguments of the tool, NULL when there are none */
} rule_question;

typedef struct {
    verdict verdict;
    uint64_t version; /* of the rules that said so */
} rule_answer;

typedef struct rules rules;

rules *rules_new(void);
void rules_free(rules *r);
/* On a worker. *ret lives as long as the request. */
sw_status rules_ask(const chat *c, sw_request *req, const rule_question *question, rule_answer **ret);
/* In the write step: asks once more when the rules have changed since, or one that spoke has expired. */
sw_status rules_ask_again(const chat *c, sw_tx *tx, const rule_question *question, rule_answer *answer);
/* In the write step: the rules that decided are counted. */
sw_status rules_hit(sw_tx *tx, const verdict *v);

/* ---- the rows (rules_store.c): reading works on any connection, writing in a write step ---- */

extern const sw_table RULE_STATEMENTS;
/* Those in force, by id, with ids above `after`; of `agent_id` alone unless it is 0. */
sw_status rules_list(sw_db *db, int64_t agent_id, int64_t after, int64_t steady_ms, sw_rows **ret);
bool rules_next(sw_rows *rows, rule_row *ret);
/* SW_NOT_FOUND also when it has expired. */
sw_status rule_get(sw_db *db, int64_t id, int64_t steady_ms, rule_row *ret);
sw_status rule_add(const chat *c, sw_tx *tx, rule_row *rule); /* sets id and created_ms */
sw_status rule_change(const chat *c, sw_tx *tx, const rule_row *rule);
sw_status rule_remove(const chat *c, sw_tx *tx, int64_t id);
sw_status rules_count(sw_db *db, int64_t steady_ms, int64_t *ret);
/* Those of an agent that is gone. */
sw_status rules_forget_agent(const chat *c, sw_tx *tx, int64_t agent_id);
/* After a reset, which has removed the rows. */
sw_status rules_clear_later(const chat *c, sw_tx *tx);
/* Housekeeping: expired ones go. */
sw_status rules_expire(sw_tx *tx, bool *ret_more);

/* ---- rules_routes.c ---- */

/* In the write step of an ADMIN: one more rule, if there may be one more. */
sw_status rule_make(const chat *c, sw_tx *tx, rule_row *rule);

/* What is wrong with it, in a static text; NULL when nothing is. */
const char *rule_pattern_wrong(const char *text);

/* for plugin.c */

sw_status get_rules(sw_request *req);
sw_status post_rules(sw_request *req);
sw_status patch_rule(sw_request *req);
sw_status delete_rule(sw_request *req);
sw_status post_rules_test(sw_request *req);

#endif
