/* Frame SYSTEM_LOG: an agent reports. The report is stored as a message under the agent's name, and every human sees
 * it. */
#include "../messages.h"

#include <string.h>

typedef struct {
    message m;
    sw_str local_id;  /* `at` is NULL when there is none */
    uint8_t hash[32]; /* of what a repeat must have in common */
} report;

static sw_status refuse(sw_request *req, const char *why)
{
    return sw_fail(req, SW_INVALID, "invalid_frame", "%s", why);
}

enum { LOCAL_FIND, LOCAL_PUT };

static const sw_statement STATEMENTS[] = {
    [LOCAL_FIND] = {.name = "local_find",
                    .sql = "SELECT frame_hash, message_id, at_ms FROM messages_local_ids"
                           " WHERE sender_id = ?1 AND local_id = ?2 AND at_ms > ?3"},
    [LOCAL_PUT] = {.name = "local_put",
                   .sql =
                       "INSERT OR REPLACE INTO messages_local_ids (sender_id, local_id, frame_hash, message_id, at_ms)"
                       " VALUES (?1, ?2, ?3, ?4, ?5)"},
};

const sw_table REPORT_STATEMENTS = SW_TABLE(STATEMENTS);

/* What was stored under a local_id. */
typedef struct {
    uint8_t hash[32];
    int64_t id, at_ms;
} first_report;

/* ---- on the writer ---- */

/* SW_NOT_FOUND when there is none that is younger than a day. */
static sw_status find_first(sw_tx *tx, int64_t sender_id, sw_str local_id, first_report *ret)
{
    first_report found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[LOCAL_FIND], 0, &rows, "iti", sender_id, local_id.at, local_id.len,
                       sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
    bool any = sw_rows_next(rows);
    if (any) {
        sw_str hash = sw_rows_view(rows, 0);

        if (hash.len == sizeof found.hash)
            memcpy(found.hash, hash.at, hash.len);
        found.id = sw_rows_int(rows, 1);
        found.at_ms = sw_rows_int(rows, 2);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

static sw_status remember(sw_tx *tx, int64_t sender_id, const report *r)
{
    return sw_tx_exec(tx, &STATEMENTS[LOCAL_PUT], NULL, "itbii", sender_id, r->local_id.at, r->local_id.len,
                      (const void *)r->hash, sizeof r->hash, r->m.id, r->m.at_ms);
}

static sw_status store(sw_tx *tx, report *r)
{
    SW_TRY(store_add(tx, &r->m));
    SW_TRY(message_report(tx, &r->m));
    SW_TRY(message_announce(tx, &r->m, true));
    sw_tx_ack(tx, r->m.id, r->m.at_ms);
    return SW_OK;
}

/* The same frame again is the same message. The same local_id with another frame is an error, unless this socket was
 * opened after that frame: agents begin to count anew in each run. */
static sw_status store_once(sw_tx *tx, report *r)
{
    sw_request *req = sw_tx_request(tx);
    const sw_principal *sender = sw_request_principal(req);
    first_report first;
    sw_status found = find_first(tx, sender->user_id, r->local_id, &first);

    if (found == SW_OK && memcmp(first.hash, r->hash, sizeof r->hash) == 0) {
        sw_tx_ack(tx, first.id, first.at_ms);
        return SW_OK;
    }
    if (found == SW_OK && sender->opened_ms <= first.at_ms)
        return sw_fail(req, SW_CONFLICT, "local_id_reused", "local_id was used for another frame");
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    SW_TRY(store(tx, r));
    return remember(tx, sender->user_id, r);
}

static sw_status store_report(sw_tx *tx, void *arg)
{
    report *r = arg;

    return r->local_id.at ? store_once(tx, r) : store(tx, r);
}

/* ---- on a worker ---- */

static sw_status read_level(sw_request *req, const sw_value *level, message *m)
{
    size_t len = 0;

    if (!level || sw_value_type(level) == SW_JSON_NULL) {
        message_set_level(m, "INFO", 4);
        return SW_OK;
    }
    const char *text = sw_value_text(level, &len);
    if (!text || len == 0 || len > MESSAGE_LEVEL_MAX || memchr(text, '\0', len))
        return refuse(req, "level must be a string of 1 to 32 bytes");
    message_set_level(m, text, len);
    return SW_OK;
}

static sw_status read_content(sw_request *req, const sw_value *content, message *m)
{
    size_t len = 0;
    const char *text = sw_value_text(content, &len);

    if (!text || len == 0)
        return refuse(req, "content must be a string that is not empty");
    if (len > MESSAGE_CONTENT_MAX)
        return sw_fail(req, SW_TOO_LARGE, "payload_too_large", "content must be at most %d bytes", MESSAGE_CONTENT_MAX);
    if (memchr(text, '\0', len))
        return refuse(req, "content must not hold a NUL character");
    m->content = (sw_str){text, len};
    return message_encode(req, m);
}

/* Hashes target, conversation and payload as they came. */
static sw_status hash_frame(sw_request *req, uint8_t hash[32])
{
    sw_str payload = sw_frame_payload(req);
    char *text = sw_printf(req, "%lld %lld %.*s", (long long)sw_frame_target(req),
                           (long long)sw_frame_conversation(req), (int)payload.len, payload.at);
    if (!text)
        return SW_NO_MEMORY;
    sw_sha256(text, strlen(text), hash);
    return SW_OK;
}

/* Says what is wrong, so that the line can be mended where it is made. */
static sw_status refuse_payload(sw_request *req)
{
    sw_str raw = sw_frame_payload(req);

    if (raw.len > 0 && raw.at[0] == '"')
        return refuse(req, "payload is a string that is not one valid JSON object {level, content}");
    return refuse(req, "payload must be an object {level, content}, or one as a JSON string");
}

sw_status on_system_log(sw_request *req)
{
    const char *name = sw_request_principal(req)->name;
    const sw_value *payload = sw_frame_payload_object(req);
    report *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    if (!payload)
        return refuse_payload(req);
    r->m.agent_id = (sw_str){name, strlen(name)};
    SW_TRY(read_level(req, sw_value_get(payload, "level"), &r->m));
    SW_TRY(read_content(req, sw_value_get(payload, "content"), &r->m));
    r->local_id = sw_frame_local_id(req);
    if (r->local_id.len > MESSAGES_KEY_MAX || (r->local_id.at && r->local_id.len == 0))
        return refuse(req, "local_id must be 1 to 128 bytes");
    if (r->local_id.at)
        SW_TRY(hash_frame(req, r->hash));
    return sw_write(req, store_report, r);
}
