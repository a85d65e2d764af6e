/* The outbox: what must be sent. It is written on the writer, in the transaction of its cause: so nothing is lost, and
 * nothing of what was rolled back goes out. Each row has a uuid from then on, which the platform sends only once. */
#include "core/common/utf8.h"
#include "feishu.h"
#include "out/card.h"
#include "words.h"
#include <stdio.h>
#include <string.h>

enum { BODY_OVERHEAD = 512 };

static const char CHAT_ID[] = "chat_id";

/* ---- the table; sending.c changes the state of its rows ---- */

#define OUTBOX_COLUMNS                                                                                                      \
    "SELECT id, connector_id, kind, lane, receive_type, receive_id, reply_to, action_id, content, uuid, message_id, state," \
    " attempts, first_try_ms, next_ms, created_ms FROM feishu_outbox"

enum { ADD, DUE, CARD, REPLACE, OPEN };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "outbox_add",
             .sql = "INSERT INTO feishu_outbox (connector_id, kind, lane, receive_type, receive_id, reply_to,"
                    " action_id, content, uuid, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    [DUE] = {.name = "outbox_due",
             .sql = OUTBOX_COLUMNS
             " WHERE id IN (SELECT min(id) FROM feishu_outbox WHERE state IN ('pending', 'sending') GROUP BY lane)"
             " AND state = 'pending' ORDER BY id LIMIT ?1"},
    [CARD] = {.name = "outbox_card",
              .sql = OUTBOX_COLUMNS
              " WHERE action_id = ?1 AND action_id <> '' AND kind = 'card' ORDER BY id DESC LIMIT 1"},
    [REPLACE] = {.name = "outbox_replace", .sql = "UPDATE feishu_outbox SET content = ?2 WHERE id = ?1"},
    [OPEN] = {.name = "outbox_open", .sql = "SELECT count(*) FROM feishu_outbox WHERE state IN ('pending', 'sending')"},
};

const sw_table OUTBOX_STATEMENTS = SW_TABLE(STATEMENTS);

/* Makes the uuid. */
static sw_status outbox_add(sw_tx *tx, const outbox_row *row)
{
    char uuid[37];

    SW_TRY(sw_uuid(uuid));
    return sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "issssssssi", row->connector_id, row->kind, row->lane,
                      row->receive_type, row->receive_id, row->reply_to, row->action_id, row->content, uuid,
                      sw_steady_ms(sw_tx_host(tx)));
}

/* Gives another content to a row that nobody has seen. */
static sw_status outbox_replace(sw_tx *tx, int64_t id, const char *content)
{
    return sw_tx_exec(tx, &STATEMENTS[REPLACE], NULL, "is", id, content);
}

static bool outbox_next(sw_rows *rows, outbox_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (outbox_row){
        .id = sw_rows_int(rows, 0),
        .connector_id = sw_rows_int(rows, 1),
        .kind = sw_rows_text(rows, 2),
        .lane = sw_rows_text(rows, 3),
        .receive_type = sw_rows_text(rows, 4),
        .receive_id = sw_rows_text(rows, 5),
        .reply_to = sw_rows_text(rows, 6),
        .action_id = sw_rows_text(rows, 7),
        .content = sw_rows_text(rows, 8),
        .uuid = sw_rows_text(rows, 9),
        .message_id = sw_rows_text(rows, 10),
        .state = sw_rows_text(rows, 11),
        .attempts = sw_rows_int(rows, 12),
        .first_try_ms = sw_rows_int(rows, 13),
        .next_ms = sw_rows_int(rows, 14),
        .created_ms = sw_rows_int(rows, 15),
    };
    return true;
}

sw_status outbox_due(sw_db *db, outbox_row *ret, size_t max, size_t *ret_count)
{
    sw_rows *rows = NULL;
    size_t count = 0;

    SW_TRY(sw_db_query(db, &STATEMENTS[DUE], 0, &rows, "i", (int64_t)max));
    while (count < max && outbox_next(rows, &ret[count]))
        count++;
    SW_TRY(sw_rows_done(rows));
    *ret_count = count;
    return SW_OK;
}

sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret)
{
    sw_rows *rows = NULL;
    outbox_row found;

    SW_TRY(sw_db_query(db, &STATEMENTS[CARD], 0, &rows, "s", action_id));
    bool any = outbox_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status outbox_count_open(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[OPEN], 0, &rows, ""));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

/* ---- where to ---- */

static const char *type_of_user(const char *id)
{
    if (strncmp(id, "ou_", 3) == 0)
        return "open_id";
    return strncmp(id, "on_", 3) == 0 ? "union_id" : "user_id";
}

/* Makes a destination of an origin. false when it may no longer be told: its chat or person is not listed any more.
 * With allow_everyone and no list whoever wrote gets an answer, but not what only `listed` ones may see. */
static bool use(const connector *c, const origin *o, bool listed, destination *ret)
{
    bool everyone = c->allow_everyone && !*c->chats && !*c->people;

    if (!origin_listed(c, o) && (listed || !everyone))
        return false;
    if (*o->chat_id)
        *ret = (destination){CHAT_ID, o->chat_id, o->message_id};
    else
        *ret = (destination){type_of_user(o->user_id), o->user_id, o->message_id};
    return *ret->id != '\0';
}

sw_status destination_find(sw_db *db, const connector *c, int64_t conversation_id, bool listed, destination *ret)
{
    origin o = {"", "", "", ""};
    sw_status found = conversation_id ? inbound_origin(db, c->id, conversation_id, &o) : SW_NOT_FOUND;

    *ret = (destination){CHAT_ID, "", ""};
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK && use(c, &o, listed, ret))
        return SW_OK;
    *ret = (destination){CHAT_ID, "", ""};
    char *first = sw_db_alloc(db, 1, FEISHU_ID_MAX + 1);
    if (!first)
        return SW_NO_MEMORY;
    if (list_first(c->chats, first, FEISHU_ID_MAX + 1)) {
        ret->id = first;
        return SW_OK;
    }
    if (!listed)
        return SW_OK;
    found = inbound_origin_listed(db, c, &o);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK)
        (void)use(c, &o, true, ret);
    ret->reply_to = "";
    return SW_OK;
}

static const char *lane_of(sw_tx *tx, const destination *to)
{
    size_t size = strlen(to->id) + 8;
    char *lane = sw_tx_alloc(tx, 1, size);

    if (lane)
        snprintf(lane, size, "chat:%s", to->id);
    return lane;
}

/* ---- replies ---- */

/* How many bytes a character takes in the body of the request, which is JSON inside JSON. */
static size_t cost(unsigned char c)
{
    if (c == '"' || c == '\\')
        return 4;
    if (c >= ' ')
        return 1;
    return c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f' ? 3 : 7;
}

/* How much of the text fits. It is cut behind the end of a line when one is near, and never inside a character. */
static size_t fitting(const char *text, size_t len, size_t max)
{
    size_t used = 0, at = 0;

    while (at < len && used + cost((unsigned char)text[at]) <= max)
        used += cost((unsigned char)text[at++]);
    if (at == len)
        return len;
    for (size_t back = at; back > at - at / 4; back--)
        if (text[back - 1] == '\n')
            return back;
    at = utf8_cut(text, len, at);
    return at > 0 ? at : 1;
}

const char *outbox_text_content(sw_json *out, const char *text, size_t *len, size_t max)
{
    *len = fitting(text, *len, max > 2 * BODY_OVERHEAD ? max - BODY_OVERHEAD : BODY_OVERHEAD);
    sw_json_object_begin(out, NULL);
    sw_json_textn(out, "text", text, *len);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

static sw_status add_pieces(feishu *f, sw_tx *tx, const connector *c, const destination *to, const char *text,
                            size_t len)
{
    outbox_row row = {.connector_id = c->id,
                      .kind = KIND_TEXT,
                      .lane = lane_of(tx, to),
                      .receive_type = to->type,
                      .receive_id = to->id,
                      .reply_to = to->reply_to,
                      .action_id = ""};
    size_t max = (size_t)sw_option_int(f->host, "text_max");

    if (!row.lane)
        return SW_NO_MEMORY;
    while (len > 0) {
        size_t part = len;
        row.content = outbox_text_content(sw_json_new_tx(tx), text, &part, max);
        if (!row.content)
            return SW_NO_MEMORY;
        SW_TRY(outbox_add(tx, &row));
        text += part;
        len -= part;
    }
    sender_kick_later(tx);
    return SW_OK;
}

/* `text` is NULL when the payload could not be read. */
static sw_status reply(feishu *f, sw_tx *tx, int64_t conversation_id, const char *text, size_t len)
{
    connector c;
    destination to;
    sw_status found = connector_newest(f, sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND || (found == SW_OK && !c.enabled && !c.verified))
        return SW_OK;
    SW_TRY(found);
    if (!connector_has_credentials(&c))
        return note(tx, c.id, "error", "ws_outbound", "Skipped outbound: app_id/app_secret missing");
    SW_TRY(destination_find(sw_tx_db(tx), &c, conversation_id, false, &to));
    if (!*to.id)
        return note(tx, c.id, "info", "ws_outbound", "Skipped outbound: no target chat_id");
    if (!text || text_trim(text, len).len == 0)
        return note(tx, c.id, "error", "ws_outbound", "Skipped outbound: %s",
                    text ? "the message is blank" : "the message can't be read");
    return add_pieces(f, tx, &c, &to, text, len);
}

/* What the Butler says to an ADMIN also goes to the chat that its conversation came from. */
sw_status on_chat_stored(sw_tx *tx, const void *data)
{
    const sw_chat_event *e = data;

    if (e->sender_role != SW_ROLE_BUTLER || e->receiver_role != SW_ROLE_ADMIN || strcmp(e->type, "CHAT") != 0)
        return SW_OK;
    size_t len = strlen(e->payload);
    const char *text = e->payload;
    if (*text == '"') {
        const sw_value *v = sw_json_parse_tx(tx, e->payload, len);
        text = sw_value_text(v, &len);
    }
    return reply(sw_tx_state(tx), tx, e->conversation_id, text, len);
}

/* ---- cards ---- */

/* Every authorization request goes out as a card. */
sw_status on_approval_requested(sw_tx *tx, const void *data)
{
    const sw_approval_event *a = data;
    connector c;
    destination to;
    sw_status found = connector_newest(sw_tx_state(tx), sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND || (found == SW_OK && !c.enabled))
        return SW_OK;
    SW_TRY(found);
    if (!connector_has_credentials(&c))
        return note(tx, c.id, "error", "ws_auth_card", "Skipped auth card: app_id/app_secret missing");
    SW_TRY(destination_find(sw_tx_db(tx), &c, a->conversation_id, true, &to));
    if (!*to.id)
        return note(tx, c.id, "info", "ws_auth_card", "Skipped auth card: no target chat_id");
    uint8_t hash[32];
    char sha256[2 * sizeof hash + 1];
    sw_sha256(a->command, strlen(a->command), hash);
    sw_hex(hash, sizeof hash, sha256);
    card_ask ask = {.action_id = a->action_id,
                    .command_sha256 = sha256,
                    .agent = a->target_agent_name,
                    .command = a->command,
                    .reason = a->reason,
                    .expires_ms = a->expires_ms,
                    .buttons = *c.people != '\0'};
    sw_json *out = sw_json_new_tx(tx);
    card_write_ask(out, NULL, &ask);
    outbox_row row = {.connector_id = c.id,
                      .kind = KIND_CARD,
                      .lane = lane_of(tx, &to),
                      .receive_type = to.type,
                      .receive_id = to.id,
                      .reply_to = "",
                      .action_id = a->action_id,
                      .content = sw_json_str(out).at};
    if (!row.lane || !row.content)
        return SW_NO_MEMORY;
    SW_TRY(outbox_add(tx, &row));
    sender_kick_later(tx);
    return SW_OK;
}

static bool is(const outbox_row *row, const char *state)
{
    return strcmp(row->state, state) == 0;
}

/* The request was decided somewhere, or expired: its card is changed before it goes out, or patched behind it. */
sw_status on_approval_decided(sw_tx *tx, const void *data)
{
    const sw_approval_event *a = data;
    outbox_row card, patch;
    char lane[SENDER_LANE_SIZE];
    sw_json *out = sw_json_new_tx(tx);
    card_result result = {.action_id = a->action_id, .status = a->status, .who = a->decided_by, .at_ms = a->at_ms};
    sw_status found = outbox_find_card(sw_tx_db(tx), a->action_id, &card);

    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    card_write_result(out, NULL, &result);
    const char *content = sw_json_str(out).at;
    if (!content)
        return SW_NO_MEMORY;
    if (is(&card, "pending") && card.attempts == 0)
        return outbox_replace(tx, card.id, content);
    if (!is(&card, "pending") && !is(&card, "sending") && !is(&card, "sent"))
        return SW_OK; /* nobody has it */
    snprintf(lane, sizeof lane, "card:%s", a->action_id);
    patch = (outbox_row){.connector_id = card.connector_id,
                         .kind = KIND_PATCH,
                         .lane = lane,
                         .receive_type = "",
                         .receive_id = "",
                         .reply_to = "",
                         .action_id = a->action_id,
                         .content = content};
    SW_TRY(outbox_add(tx, &patch));
    sender_kick_later(tx);
    return SW_OK;
}
