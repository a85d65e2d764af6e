/* The stored rules, and what they say.
 *
 * They are kept read and ready in memory, as one set that does not change: whoever asks borrows it, and the last one to
 * give it back frees it. A step that changes a rule raises the version at once and again at its commit, and the set is
 * read anew by the next who asks on a worker. It keeps what it has read only if the version is still the same, so
 * nothing of before a commit is kept after it. A verdict carries the version: the write step that stores it asks again,
 * in its own transaction, when that is no longer the one of now.
 *
 * Any thread; the lock is held for a few instructions. */
#include "rules/rules.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LIST, OF_AGENT, GET, ADD, CHANGE, REMOVE, COUNT, HIT, FORGET, EXPIRE };

#define COLUMNS \
    "id, agent_id, tool, pattern, effect, expires_ms, session_id, note, created_by, created_ms, hits, last_hit_ms"
#define IN_FORCE "(expires_ms = 0 OR expires_ms > ?2)"

static const sw_statement STATEMENTS[] = {
    [LIST] = {.name = "rule_list",
              .sql = "SELECT " COLUMNS " FROM chat_rules WHERE id > ?1 AND " IN_FORCE " ORDER BY id"},
    [OF_AGENT] = {.name = "rule_list_agent",
                  .sql = "SELECT " COLUMNS " FROM chat_rules WHERE agent_id = ?3 AND id > ?1 AND " IN_FORCE
                         " ORDER BY id"},
    [GET] = {.name = "rule_get", .sql = "SELECT " COLUMNS " FROM chat_rules WHERE id = ?1 AND " IN_FORCE},
    [ADD] = {.name = "rule_add",
             .sql = "INSERT INTO chat_rules (agent_id, tool, pattern, effect, expires_ms, session_id, note, created_by,"
                    " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    [CHANGE] = {.name = "rule_change",
                .sql = "UPDATE chat_rules SET agent_id = ?2, tool = ?3, pattern = ?4, effect = ?5, expires_ms = ?6,"
                       " session_id = ?7, note = ?8 WHERE id = ?1"},
    [REMOVE] = {.name = "rule_remove", .sql = "DELETE FROM chat_rules WHERE id = ?1"},
    [COUNT] = {.name = "rule_count", .sql = "SELECT count(*) FROM chat_rules WHERE expires_ms = 0 OR expires_ms > ?1"},
    [HIT] = {.name = "rule_hit", .sql = "UPDATE chat_rules SET hits = hits + 1, last_hit_ms = ?2 WHERE id = ?1"},
    [FORGET] = {.name = "rule_forget_agent", .sql = "DELETE FROM chat_rules WHERE agent_id = ?1"},
    [EXPIRE] = {.name = "rule_expire", .sql = "DELETE FROM chat_rules WHERE expires_ms > 0 AND expires_ms <= ?1"},
};

const sw_table RULE_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- the rows ---- */

sw_status rules_list(sw_db *db, int64_t agent_id, int64_t after, int64_t steady_ms, sw_rows **ret)
{
    if (agent_id)
        return sw_db_query(db, &STATEMENTS[OF_AGENT], 0, ret, "iii", after, steady_ms, agent_id);
    return sw_db_query(db, &STATEMENTS[LIST], 0, ret, "ii", after, steady_ms);
}

bool rules_next(sw_rows *rows, rule_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (rule_row){
        .given =
            {
                .id = sw_rows_int(rows, 0),
                .agent_id = sw_rows_int(rows, 1),
                .tool = sw_rows_text(rows, 2),
                .pattern = sw_rows_text(rows, 3),
                .effect = rule_effect_of(sw_rows_text(rows, 4)),
                .expires_ms = sw_rows_int(rows, 5),
                .session_id = sw_rows_text(rows, 6),
            },
        .note = sw_rows_text(rows, 7),
        .created_by = sw_rows_text(rows, 8),
        .created_ms = sw_rows_int(rows, 9),
        .hits = sw_rows_int(rows, 10),
        .last_hit_ms = sw_rows_int(rows, 11),
    };
    return true;
}

sw_status rule_get(sw_db *db, int64_t id, int64_t steady_ms, rule_row *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[GET], 0, &rows, "ii", id, steady_ms));
    bool found = rules_next(rows, ret);
    SW_TRY(sw_rows_done(rows));
    return found ? SW_OK : SW_NOT_FOUND;
}

sw_status rules_count(sw_db *db, int64_t steady_ms, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[COUNT], 0, &rows, "i", steady_ms));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

/* ---- what memory keeps ---- */

typedef struct {
    ruleset *set;
    uint64_t version;
    unsigned borrowers; /* and one while it is the current one */
} kept_set;

/* Made by start(), freed by stop(). */
struct rules {
    pthread_mutex_t lock; /* guards all below */
    kept_set *current;    /* NULL: to be read */
    uint64_t version;
};

rules *rules_new(void)
{
    rules *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->version = 1;
    return r;
}

static void give_back(rules *r, kept_set *kept)
{
    pthread_mutex_lock(&r->lock);
    bool last = --kept->borrowers == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    ruleset_free(kept->set);
    free(kept);
}

/* What was read before is not the truth any more. */
static void outdate(rules *r)
{
    pthread_mutex_lock(&r->lock);
    kept_set *old = r->current;
    r->current = NULL;
    r->version++;
    pthread_mutex_unlock(&r->lock);
    if (old)
        give_back(r, old);
}

void rules_free(rules *r)
{
    if (!r)
        return;
    outdate(r);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void outdate_at_commit(void *state, void *arg)
{
    (void)state;
    outdate(arg);
}

/* In a write step that changes them. */
static sw_status changed(const chat *c, sw_tx *tx)
{
    outdate(c->rules);
    sw_tx_on_commit(tx, outdate_at_commit, c->rules);
    return SW_OK;
}

sw_status rules_clear_later(const chat *c, sw_tx *tx)
{
    return changed(c, tx);
}

static uint64_t version_of(rules *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t version = r->version;
    pthread_mutex_unlock(&r->lock);
    return version;
}

static sw_status read_set(const chat *c, sw_db *db, ruleset *set)
{
    sw_rows *rows = NULL;
    const char *why = NULL;
    bool room = true;
    rule_row rule;

    SW_TRY(rules_list(db, 0, 0, 0, &rows));
    while (room && rules_next(rows, &rule)) {
        room = ruleset_add(set, &rule.given, &why);
        if (room || !why)
            continue;
        /* It was checked when it was made. */
        sw_log(c->host, SW_LOG_ERROR, "rule %lld is left out: %s", (long long)rule.given.id, why);
        room = true;
    }
    SW_TRY(sw_rows_done(rows));
    return room ? SW_OK : SW_NO_MEMORY;
}

static sw_status read_all(const chat *c, sw_db *db, ruleset **ret)
{
    ruleset *set = ruleset_new();
    sw_status status = set ? read_set(c, db, set) : SW_NO_MEMORY;

    if (status == SW_OK)
        *ret = set;
    else
        ruleset_free(set);
    return status;
}

static sw_status borrow(const chat *c, sw_db *db, kept_set **ret)
{
    rules *r = c->rules;
    ruleset *set = NULL;

    pthread_mutex_lock(&r->lock);
    uint64_t version = r->version;
    kept_set *kept = r->current;
    if (kept)
        kept->borrowers++;
    pthread_mutex_unlock(&r->lock);
    *ret = kept;
    if (kept)
        return SW_OK;
    SW_TRY(read_all(c, db, &set));
    kept = malloc(sizeof *kept);
    if (!kept) {
        ruleset_free(set);
        return SW_NO_MEMORY;
    }
    *kept = (kept_set){.set = set, .version = version, .borrowers = 1};
    pthread_mutex_lock(&r->lock);
    if (r->version == version && !r->current) {
        r->current = kept;
        kept->borrowers++;
    }
    pthread_mutex_unlock(&r->lock);
    *ret = kept;
    return SW_OK;
}

/* ---- what they say ---- */

/* Names of commands differ in nothing but case on some file systems. */
static bool wrapper_command(void *arg, const char *name)
{
    const sw_host *host = arg;
    char lower[64];
    size_t len = strlen(name);

    if (sw_option_has(host, "wrapper_commands", name))
        return true;
    if (len >= sizeof lower)
        return false;
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    return strcmp(lower, name) != 0 && sw_option_has(host, "wrapper_commands", lower);
}

/* One that was not named counts as a shell, since that is where a command can do most. */
static bool shell_tool(const sw_host *host, const char *tool)
{
    static const char *const SHELLS[] = {"", "Bash", "shell", "exec"};

    for (size_t i = 0; i < sizeof SHELLS / sizeof SHELLS[0]; i++)
        if (strcasecmp(SHELLS[i], tool) == 0)
            return true;
    return sw_option_has(host, "shell_tools", tool);
}

/* What a shell will run is its input; the command is what a human reads. */
static bool other_command(const rule_question *question)
{
    const sw_value *value = sw_value_get(question->input, "command");
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    if (!value)
        return false;
    return !text || len != strlen(question->command) || memcmp(text, question->command, len) != 0;
}

static wish wish_of(const chat *c, const rule_question *question, int64_t now_ms)
{
    bool shell = shell_tool(c->host, question->tool);

    return (wish){
        .agent_id = question->agent_id,
        .tool = question->tool,
        .session_id = question->session_id,
        .command = {question->command, strlen(question->command)},
        .now_ms = now_ms,
        .shell = shell,
        .other_text = shell && other_command(question),
        .is_wrapper = wrapper_command,
        .wrapper_arg = c->host,
    };
}

sw_status rules_ask(const chat *c, sw_request *req, const rule_question *question, rule_answer **ret)
{
    wish w = wish_of(c, question, sw_steady_ms(c->host));
    rule_answer *answer = sw_alloc(req, 1, sizeof *answer);
    char *spare = sw_alloc(req, 1, VERDICT_SPARE(w.command.len));
    kept_set *kept = NULL;

    if (!answer || !spare)
        return SW_NO_MEMORY;
    SW_TRY(borrow(c, sw_request_db(req), &kept));
    ruleset_decide(kept->set, &w, spare, &answer->verdict);
    answer->version = kept->version;
    give_back(c->rules, kept);
    *ret = answer;
    return SW_OK;
}

sw_status rules_ask_again(const chat *c, sw_tx *tx, const rule_question *question, rule_answer *answer)
{
    int64_t until_ms = answer->verdict.until_ms;
    wish w = wish_of(c, question, sw_steady_ms(c->host));
    ruleset *set = NULL;

    if (answer->version == version_of(c->rules) && (!until_ms || until_ms > w.now_ms))
        return SW_OK;
    char *spare = sw_tx_alloc(tx, 1, VERDICT_SPARE(w.command.len));
    if (!spare)
        return SW_NO_MEMORY;
    SW_TRY(read_all(c, sw_tx_db(tx), &set));
    ruleset_decide(set, &w, spare, &answer->verdict);
    ruleset_free(set);
    return SW_OK;
}

static sw_status hit(sw_tx *tx, int64_t id)
{
    return sw_tx_exec(tx, &STATEMENTS[HIT], NULL, "ii", id, sw_tx_now(tx));
}

static bool counted(const verdict *v, size_t before, int64_t id)
{
    for (size_t i = 0; i < before; i++)
        if (v->parts[i].rule_id == id)
            return true;
    return false;
}

sw_status rules_hit(sw_tx *tx, const verdict *v)
{
    if (v->effect != RULE_ALLOW)
        return v->rule_id ? hit(tx, v->rule_id) : SW_OK;
    for (size_t i = 0; i < v->part_count; i++)
        if (!counted(v, i, v->parts[i].rule_id))
            SW_TRY(hit(tx, v->parts[i].rule_id));
    return SW_OK;
}

/* ---- changes ---- */

sw_status rule_add(const chat *c, sw_tx *tx, rule_row *rule)
{
    const rule_given *given = &rule->given;

    rule->created_ms = sw_tx_now(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "isssisssi", given->agent_id, given->tool, given->pattern,
                      rule_effect_name(given->effect), given->expires_ms, given->session_id, rule->note,
                      rule->created_by, rule->created_ms));
    rule->given.id = sw_tx_last_id(tx);
    return changed(c, tx);
}

sw_status rule_change(const chat *c, sw_tx *tx, const rule_row *rule)
{
    const rule_given *given = &rule->given;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CHANGE], NULL, "iisssiss", given->id, given->agent_id, given->tool,
                      given->pattern, rule_effect_name(given->effect), given->expires_ms, given->session_id,
                      rule->note));
    return changed(c, tx);
}

sw_status rule_remove(const chat *c, sw_tx *tx, int64_t id)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "i", id));
    return changed(c, tx);
}

sw_status rules_forget_agent(const chat *c, sw_tx *tx, int64_t agent_id)
{
    int64_t count = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[FORGET], &count, "i", agent_id));
    return count ? changed(c, tx) : SW_OK;
}

/* The set leaves them out by the time alone, so nothing has changed for those who ask. */
sw_status rules_expire(sw_tx *tx, bool *ret_more)
{
    *ret_more = false;
    return sw_tx_exec(tx, &STATEMENTS[EXPIRE], NULL, "i", sw_steady_ms(sw_tx_host(tx)));
}
