/* One message: it is read from JSON and checked, stored, written as JSON, and told to everybody: to humans by a frame,
 * to other plugins by an event, and to the users plugin as the sender's latest report. Reading is on a worker, all else
 * in the write step; what is sent leaves after the commit. Memory is the request's. */
#include "messages.h"

#include <stdio.h>
#include <string.h>

enum { ADD, ADD_ABOVE, KEY_FIND, KEY_PUT };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "add", .sql = "INSERT INTO messages (agent_id, level, content, at_ms) VALUES (?1, ?2, ?3, ?4)"},
    /* In a store that was restored: ids that its predecessor gave do not come again. */
    [ADD_ABOVE] = {.name = "add_above",
                   .sql = "INSERT INTO messages (id, agent_id, level, content, at_ms)"
                          " VALUES (max(?5, coalesce((SELECT max(id) FROM messages), 0)) + 1, ?1, ?2, ?3, ?4)"},
    [KEY_FIND] = {.name = "key_find",
                  .sql = "SELECT body_hash, status, first_id, count, at_ms FROM messages_keys"
                         " WHERE user_id = ?1 AND route = ?2 AND key = ?3 AND at_ms > ?4"},
    [KEY_PUT] =
        {.name = "key_put",
         .sql = "INSERT OR REPLACE INTO messages_keys (user_id, route, key, body_hash, status, first_id, count, at_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
};

const sw_table MESSAGE_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- from JSON, and to JSON ---- */

void message_set_level(message *m, const char *level, size_t len)
{
    for (size_t i = 0; i < len; i++)
        m->level[i] = level[i] >= 'a' && level[i] <= 'z' ? (char)(level[i] - 'a' + 'A') : level[i];
    m->level[len] = '\0';
}

static sw_status refuse(sw_request *req, size_t position, const char *code, const char *name, const char *rule)
{
    sw_status status = sw_fail(req, SW_INVALID, code, "%s %s", name, rule);

    if (position > 0)
        sw_fail_detail(req, "message %zu of the array", position);
    return status;
}

static sw_status read_text(sw_request *req, const sw_value *object, size_t position, const char *name, size_t max,
                           sw_str *ret)
{
    const sw_value *value = sw_value_get(object, name);
    sw_json_type type = sw_value_type(value);
    size_t len = 0;

    if (!value || type == SW_JSON_NULL)
        return refuse(req, position, "missing_field", name, "is required");
    if (type != SW_JSON_TEXT)
        return refuse(req, position, "invalid_request", name, "must be a string");
    const char *text = sw_value_text(value, &len);
    if (!text || len == 0)
        return refuse(req, position, "missing_field", name, "is required");
    if (len > max) {
        sw_status status = sw_fail(req, SW_INVALID, "field_too_long", "%s must be at most %zu bytes", name, max);
        if (position > 0)
            sw_fail_detail(req, "message %zu of the array", position);
        return status;
    }
    if (memchr(text, '\0', len))
        return refuse(req, position, "invalid_request", name, "must not hold a NUL character");
    *ret = (sw_str){text, len};
    return SW_OK;
}

sw_status message_read(sw_request *req, const sw_value *object, size_t position, message *ret)
{
    sw_str level = {NULL, 0};

    if (sw_value_type(object) != SW_JSON_OBJECT)
        return refuse(req, position, "invalid_request", "a message", "must be an object");
    SW_TRY(read_text(req, object, position, "agent_id", MESSAGE_AGENT_MAX, &ret->agent_id));
    SW_TRY(read_text(req, object, position, "level", MESSAGE_LEVEL_MAX, &level));
    SW_TRY(read_text(req, object, position, "content", MESSAGE_CONTENT_MAX, &ret->content));
    message_set_level(ret, level.at, level.len);
    return message_encode(req, ret);
}

sw_status message_encode(sw_request *req, message *m)
{
    sw_json *text = sw_json_new(req);

    if (!text)
        return SW_NO_MEMORY;
    sw_json_textn(text, NULL, m->content.at, m->content.len);
    m->content_json = sw_json_str(text);
    return m->content_json.at ? SW_OK : SW_NO_MEMORY;
}

void message_write(sw_json *out, const char *key, const message *m)
{
    sw_json_object_begin(out, key);
    sw_json_int(out, "id", m->id);
    sw_json_textn(out, "agent_id", m->agent_id.at, m->agent_id.len);
    sw_json_text(out, "level", m->level);
    sw_json_raw(out, "content", m->content_json.at, m->content_json.len);
    sw_json_time(out, "timestamp", m->at_ms);
    sw_json_object_end(out);
}

/* ---- stored ---- */

sw_status store_add(sw_tx *tx, message *m)
{
    messages_state *state = sw_tx_state(tx);
    int64_t now = sw_tx_now(tx);

    if (now < state->latest_ms)
        SW_TRY(time_range_note_step(tx));
    else
        state->latest_ms = now;
    const sw_statement *add = &STATEMENTS[state->floor ? ADD_ABOVE : ADD];
    SW_TRY(sw_tx_exec(tx, add, NULL, state->floor ? "tstii" : "tsti", m->agent_id.at, m->agent_id.len, m->level,
                      m->content.at, m->content.len, now, state->floor));
    m->id = sw_tx_last_id(tx);
    m->at_ms = now;
    return SW_OK;
}

/* ---- what was stored under an Idempotency-Key ---- */

static void read_hash(const sw_rows *row, int column, uint8_t hash[32])
{
    sw_str view = sw_rows_view(row, column);

    memset(hash, 0, 32);
    if (view.len == 32)
        memcpy(hash, view.at, 32);
}

sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret)
{
    stored_key found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[KEY_FIND], 0, &rows, "issi", user_id, route, key,
                       sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
    bool any = sw_rows_next(rows);
    if (any) {
        read_hash(rows, 0, found.hash);
        found.status = sw_rows_int(rows, 1);
        found.first_id = sw_rows_int(rows, 2);
        found.count = sw_rows_int(rows, 3);
        found.at_ms = sw_rows_int(rows, 4);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key, const stored_key *k)
{
    return sw_tx_exec(tx, &STATEMENTS[KEY_PUT], NULL, "issbiiii", user_id, route, key, (const void *)k->hash,
                      sizeof k->hash, k->status, k->first_id, k->count, k->at_ms);
}

/* ---- told ---- */

sw_status message_announce(sw_tx *tx, const message *m, bool by_frame)
{
    const sw_principal *sender = sw_request_principal(sw_tx_request(tx));
    sw_message_event event = {
        .id = m->id,
        .agent_id = m->agent_id.at,
        .level = m->level,
        .content = m->content.at,
        .at_ms = m->at_ms,
        .sender_id = sender->user_id,
        .by_frame = by_frame,
    };
    sw_audience humans = {.size = sizeof humans, .roles = SW_ROLES_HUMAN};
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    sw_json *out = sw_frame_json(frame);
    sw_json_text(out, "type", "SYSTEM_LOG");
    sw_json_int(out, "sender_id", sender->user_id);
    sw_json_text(out, "sender_name", sender->name);
    sw_json_text(out, "sender_role", sw_role_name(sender->role));
    message_write(out, "payload", m);
    sw_json_time(out, "timestamp", m->at_ms);
    sw_frame_mark(frame, 0, SW_FRAME_DROPPABLE, 0);
    sw_tx_send(tx, frame, &humans);
    return sw_tx_publish(tx, SW_EVENT_MESSAGE_STORED, &event, sizeof event);
}

/* Dashboards show `level` and `content` of any SYSTEM_LOG unchecked: so this one is as complete as a stored message.
 * Its id is of none. */
void message_left_out(sw_json *out, uint64_t count)
{
    char content[120];
    int64_t now = sw_now_ms();

    snprintf(content, sizeof content,
             "%llu log lines were left out here, since this client reads too slowly; they are stored",
             (unsigned long long)count);
    sw_json_text(out, "type", "SYSTEM_LOG");
    sw_json_object_begin(out, "payload");
    sw_json_int(out, "id", 0);
    sw_json_text(out, "agent_id", "steward");
    sw_json_text(out, "level", "WARNING");
    sw_json_text(out, "content", content);
    sw_json_time(out, "timestamp", now);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", now);
}

sw_status message_report(sw_tx *tx, const message *m)
{
    const messages_state *state = sw_tx_state(tx);
    const sw_principal *sender = sw_request_principal(sw_tx_request(tx));

    return state->users->note_report(state->users_self, tx, sender->user_id, m->content.at);
}
