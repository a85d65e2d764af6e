/* What must be sent. outbox.c writes it in the transaction of its cause: so nothing is lost, and nothing of what was
 * rolled back goes out. store_outbox.c keeps it until it has been sent. */
#ifndef FEISHU_OUTBOX_H
#define FEISHU_OUTBOX_H

#include "connector.h"

/* Where messages go. */
typedef struct {
    const char *type, *id; /* receive_id_type, receive_id; an empty id means nowhere */
    const char *reply_to;  /* the message that is answered, or ""                    */
} destination;

#define KIND_TEXT  "text"
#define KIND_CARD  "card"
#define KIND_PATCH "patch"

typedef struct {
    int64_t id, connector_id, attempts, first_try_ms, next_ms, created_ms;
    const char *kind, *lane, *receive_type, *receive_id, *reply_to, *action_id, *content, *uuid, *message_id, *state;
} outbox_row;

typedef struct {
    const char *state; /* sent, failed, unknown, dropped; or pending: it is tried once more at next_ms */
    int64_t next_ms;
    bool certain; /* of pending: nobody has seen this attempt */
    const char *message_id;
} outbox_outcome;

/* ---- outbox.c ---- */

/* Subscribers, each in the transaction of its event. */
sw_status on_chat_stored(sw_tx *tx, const void *data);
sw_status on_approval_requested(sw_tx *tx, const void *data);
sw_status on_approval_decided(sw_tx *tx, const void *data);
/* The chat that a conversation came from, else the first chat that is allowed. With `any`, at last the one that the
 * newest accepted message came from. */
sw_status destination_find(sw_db *db, const connector *c, int64_t conversation_id, bool any, destination *ret);
/* Writes {"text":…} into `out` and returns it. *len becomes less when not all of `text` fits into `max` bytes. */
const char *outbox_text_content(sw_json *out, const char *text, size_t *len, size_t max);

/* ---- store_outbox.c ---- */

extern const sw_table STORE_OUTBOX_STATEMENTS;

sw_status outbox_add(sw_tx *tx, const outbox_row *row); /* makes the uuid */
/* The first open row of each lane, oldest first. */
sw_status outbox_due(sw_db *db, int64_t limit, sw_rows **ret);
bool outbox_next(sw_rows *rows, outbox_row *ret);
/* From pending to sending. *ret_done is false when the row is no longer pending. */
sw_status outbox_claim(sw_tx *tx, int64_t id, const char *uuid, bool *ret_done);
sw_status outbox_settle(sw_tx *tx, int64_t id, const char *uuid, const outbox_outcome *o);
/* Rows that were being sent when the server ended wait again. */
sw_status outbox_recover(sw_tx *tx);
/* The card of an action. SW_NOT_FOUND. */
sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret);
sw_status outbox_replace(sw_tx *tx, int64_t id, const char *content);
sw_status outbox_count_open(sw_db *db, int64_t *ret);

#endif
