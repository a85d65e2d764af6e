/* The tables of this plugin. Each store_*.c holds the SQL of its table beside the functions that bind it; store.c joins
 * them to the one table that the host knows. Reading works on any connection, writing in a write step. */
#ifndef FEISHU_STORE_H
#define FEISHU_STORE_H

#include "feishu.h"

typedef enum {
    ST_CONNECTOR_NEWEST,
    ST_CONNECTOR_ADD,
    ST_CONNECTOR_CHANGE,
    ST_CONNECTOR_VERIFIED,
    ST_CONNECTOR_ENABLE,
    ST_LOG_ADD,
    ST_LOG_PAGE,
    ST_LOG_PRUNE,
    ST_INBOUND_ADD,
    ST_INBOUND_OUTCOME,
    ST_INBOUND_RATE,
    ST_INBOUND_OF_CONVERSATION,
    ST_INBOUND_NEWEST,
    ST_INBOUND_PRUNE,
    ST_THREAD_FIND,
    ST_THREAD_SET,
    ST_OUTBOX_ADD,
    ST_OUTBOX_DUE,
    ST_OUTBOX_CLAIM,
    ST_OUTBOX_SETTLE,
    ST_OUTBOX_RECOVER,
    ST_OUTBOX_CARD,
    ST_OUTBOX_REPLACE,
    ST_OUTBOX_OPEN,
    ST_OUTBOX_PRUNE,
    ST_CLEAR_CONNECTORS,
    ST_CLEAR_LOGS,
    ST_CLEAR_INBOUND,
    ST_CLEAR_THREADS,
    ST_CLEAR_OUTBOX,
    ST_CLEAR_IDS,
    ST_COUNT
} statement_id;

extern const sw_statement FEISHU_STATEMENTS[ST_COUNT];

#define RUN(db, which, ret, ...)      sw_db_query((db), &FEISHU_STATEMENTS[which], 0, (ret), __VA_ARGS__)
#define EXEC(tx, which, changes, ...) sw_tx_exec((tx), &FEISHU_STATEMENTS[which], (changes), __VA_ARGS__)

/* ---- store_connector.c ---- */

extern const char SQL_CONNECTOR_NEWEST[], SQL_CONNECTOR_ADD[], SQL_CONNECTOR_CHANGE[], SQL_CONNECTOR_VERIFIED[],
    SQL_CONNECTOR_ENABLE[];
/* SW_NOT_FOUND when there is none. A secret that cannot be opened reads as "" (logged). */
sw_status connector_newest(feishu *f, sw_db *db, connector *ret);
/* The newest, when it has that id; SW_NOT_FOUND. */
sw_status connector_find(feishu *f, sw_db *db, int64_t id, connector *ret);
/* The same for a route: 404 when it is not there. */
sw_status connector_named(feishu *f, sw_request *req, sw_db *db, int64_t id, connector *ret);
sw_status connector_add(feishu *f, sw_tx *tx, connector *c);    /* sets id and times */
sw_status connector_change(feishu *f, sw_tx *tx, connector *c); /* all of it; sets updated_ms */
sw_status connector_set_verified(sw_tx *tx, int64_t id);
sw_status connector_set_enabled(sw_tx *tx, int64_t id, bool enabled);

/* ---- store_log.c ---- */

extern const char SQL_LOG_ADD[], SQL_LOG_PAGE[], SQL_LOG_PRUNE[];
sw_status log_add(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *detail);
/* Rows: id, level, action, detail, at_ms; newest first, id < before. */
sw_status log_page(sw_db *db, int64_t connector_id, int64_t before, int64_t limit, sw_rows **ret);

/* ---- store_inbound.c ---- */

extern const char SQL_INBOUND_ADD[], SQL_INBOUND_OUTCOME[], SQL_INBOUND_RATE[], SQL_INBOUND_OF_CONVERSATION[],
    SQL_INBOUND_NEWEST[], SQL_INBOUND_PRUNE[], SQL_THREAD_FIND[], SQL_THREAD_SET[];
/* SW_CONFLICT: that message was taken before. */
sw_status inbound_add(sw_tx *tx, int64_t connector_id, const event *e, const char *raw, size_t raw_len,
                      int64_t *ret_id);
sw_status inbound_outcome(sw_tx *tx, int64_t id, const char *outcome, int64_t conversation_id);
/* Accepted messages of that person since then. */
sw_status inbound_rate(sw_db *db, int64_t connector_id, const char *user, int64_t since_ms, int64_t *ret);

/* Where an accepted message came from. */
typedef struct {
    const char *chat_id, *user_id, *message_id;
} origin;
/* The newest accepted one of a conversation, or of all (0). SW_NOT_FOUND. */
sw_status inbound_origin(sw_db *db, int64_t connector_id, int64_t conversation_id, origin *ret);
/* The thread of that user with Butler that a chat is; 0: none yet. */
sw_status thread_find(sw_db *db, const char *chat_id, int64_t user_id, int64_t *ret);
sw_status thread_set(sw_tx *tx, const char *chat_id, int64_t user_id, int64_t conversation_id);

/* ---- store_outbox.c ---- */

extern const char SQL_OUTBOX_ADD[], SQL_OUTBOX_DUE[], SQL_OUTBOX_CLAIM[], SQL_OUTBOX_SETTLE[], SQL_OUTBOX_RECOVER[],
    SQL_OUTBOX_CARD[], SQL_OUTBOX_REPLACE[], SQL_OUTBOX_OPEN[], SQL_OUTBOX_PRUNE[];

typedef struct {
    int64_t id, connector_id, attempts, first_try_ms, next_ms, created_ms;
    const char *kind, *lane, *receive_type, *receive_id, *reply_to, *action_id, *content, *uuid, *message_id, *state;
} outbox_row;

#define KIND_TEXT  "text"
#define KIND_CARD  "card"
#define KIND_PATCH "patch"

sw_status outbox_add(sw_tx *tx, const outbox_row *row); /* uuid is made here */
/* The first open row of each lane, oldest first. */
sw_status outbox_due(sw_db *db, int64_t limit, sw_rows **ret);
bool outbox_next(sw_rows *rows, outbox_row *ret);
/* pending → sending. *ret_done false: it is not pending any more. */
sw_status outbox_claim(sw_tx *tx, int64_t id, const char *uuid, bool *ret_done);

typedef struct {
    const char *state; /* sent, failed, unknown, dropped; pending: once more, at next_ms */
    int64_t next_ms;
    bool certain; /* pending: nobody has seen that attempt */
    const char *message_id;
} outbox_outcome;
sw_status outbox_settle(sw_tx *tx, int64_t id, const char *uuid, const outbox_outcome *o);
/* What was being sent when the server ended waits again. */
sw_status outbox_recover(sw_tx *tx);
/* The card of an action. SW_NOT_FOUND. */
sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret);
sw_status outbox_replace(sw_tx *tx, int64_t id, const char *content);
sw_status outbox_count_open(sw_db *db, int64_t *ret);

/* ---- store_upkeep.c ---- */

extern const char SQL_CLEAR_CONNECTORS[], SQL_CLEAR_LOGS[], SQL_CLEAR_INBOUND[], SQL_CLEAR_THREADS[],
    SQL_CLEAR_OUTBOX[], SQL_CLEAR_IDS[];
/* Removes what is older, some rows at a time. *ret_more: there may be more. */
sw_status store_prune(sw_tx *tx, int64_t inbound_before_ms, int64_t logs_before_ms, bool *ret_more);
sw_status store_clear(sw_tx *tx);

#endif
