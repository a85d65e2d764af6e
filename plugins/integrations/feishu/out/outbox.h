/* What must be sent: written in the transaction of its cause, and kept until it has been sent. */
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

extern const sw_table OUTBOX_STATEMENTS;

/* Subscribers, each in the transaction of its event. */
sw_status on_chat_stored(sw_tx *tx, const void *data);
sw_status on_approval_requested(sw_tx *tx, const void *data);
sw_status on_approval_decided(sw_tx *tx, const void *data);
/* The chat that a conversation came from, else the first chat that is allowed. With `listed` only chats on the list or
 * of people on the list count, and at last the one that the newest message of such a chat came from. */
sw_status destination_find(sw_db *db, const connector *c, int64_t conversation_id, bool listed, destination *ret);
/* Writes {"text":…} into `out` and returns it. *len becomes less when not all of `text` fits into `max` bytes. */
const char *outbox_text_content(sw_json *out, const char *text, size_t *len, size_t max);

/* The first open row of each lane, oldest first: `max` of them at the most. */
sw_status outbox_due(sw_db *db, outbox_row *ret, size_t max, size_t *ret_count);
/* The card of an action. SW_NOT_FOUND. */
sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret);
sw_status outbox_count_open(sw_db *db, int64_t *ret);

#endif
