/* The SQL of what was sent before, under idempotency keys and local_ids. */
#include "store_rows.h"

#include <string.h>

static void read_hash(const sw_rows *row, int column, uint8_t hash[32])
{
    sw_str view = sw_rows_view(row, column);

    memset(hash, 0, 32);
    if (view.len == 32)
        memcpy(hash, view.at, 32);
}

const char SQL_KEY_FIND[] = "SELECT body_hash, status, first_id, count, at_ms FROM messages_keys"
                            " WHERE user_id = ?1 AND route = ?2 AND key = ?3 AND at_ms > ?4";

sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret)
{
    stored_key found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(RUN(sw_tx_db(tx), KEY_FIND, &rows, "issi", user_id, route, key, sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
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

const char SQL_KEY_PUT[] =
    "INSERT OR REPLACE INTO messages_keys (user_id, route, key, body_hash, status, first_id, count, at_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key, const stored_key *k)
{
    return EXEC(tx, KEY_PUT, NULL, "issbiiii", user_id, route, key, (const void *)k->hash, sizeof k->hash, k->status,
                k->first_id, k->count, k->at_ms);
}

const char SQL_LOCAL_FIND[] = "SELECT frame_hash, message_id, at_ms FROM messages_local_ids"
                              " WHERE sender_id = ?1 AND local_id = ?2 AND at_ms > ?3";

sw_status store_local_find(sw_tx *tx, int64_t sender_id, sw_str local_id, stored_key *ret)
{
    stored_key found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(RUN(sw_tx_db(tx), LOCAL_FIND, &rows, "iti", sender_id, local_id.at, local_id.len,
               sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
    bool any = sw_rows_next(rows);
    if (any) {
        read_hash(rows, 0, found.hash);
        found.first_id = sw_rows_int(rows, 1);
        found.at_ms = sw_rows_int(rows, 2);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

const char SQL_LOCAL_PUT[] =
    "INSERT OR REPLACE INTO messages_local_ids (sender_id, local_id, frame_hash, message_id, at_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5)";

sw_status store_local_put(sw_tx *tx, int64_t sender_id, sw_str local_id, const stored_key *k)
{
    return EXEC(tx, LOCAL_PUT, NULL, "itbii", sender_id, local_id.at, local_id.len, (const void *)k->hash,
                sizeof k->hash, k->first_id, k->at_ms);
}

const char SQL_KEYS_FORGET[] =
    "DELETE FROM messages_keys WHERE (user_id, route, key) IN"
    " (SELECT user_id, route, key FROM messages_keys WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)";
const char SQL_LOCALS_FORGET[] =
    "DELETE FROM messages_local_ids WHERE (sender_id, local_id) IN"
    " (SELECT sender_id, local_id FROM messages_local_ids WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)";

sw_status store_forget(sw_tx *tx, int64_t limit, bool *ret_more)
{
    int64_t before = sw_tx_now(tx) - MESSAGES_REMEMBER_MS, keys, locals;

    SW_TRY(EXEC(tx, KEYS_FORGET, &keys, "ii", before, limit));
    SW_TRY(EXEC(tx, LOCALS_FORGET, &locals, "ii", before, limit));
    *ret_more = keys == limit || locals == limit;
    return SW_OK;
}
