/* The SQL that writes, each statement next to the function that binds it. */
#include "store_rows.h"

#include <string.h>

#define ADD_VALUES                                                                                          \
    " VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), ?8, ?9, CASE WHEN ?8 IS NULL" \
    " THEN NULL ELSE ?10 END, ?10"

const char SQL_ADD[] =
    "INSERT INTO users (username, name_key, role, password_hash, agent_kind, runtime_kind, description, token_hash,"
    " token_hint, token_updated_ms, created_ms)" ADD_VALUES ")";
const char SQL_ADD_WITH_ID[] =
    "INSERT INTO users (username, name_key, role, password_hash, agent_kind, runtime_kind, description, token_hash,"
    " token_hint, token_updated_ms, created_ms, id)" ADD_VALUES ", ?11)";

/* A broken UNIQUE rule as the contract's 409. */
static sw_status conflict(sw_tx *tx, sw_status status)
{
    if (status != SW_CONFLICT || !sw_tx_request(tx))
        return status;
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL,
                   strstr(sw_db_conflict(sw_tx_db(tx)), "token_hash") ? "api_token already in use"
                                                                      : "username already exists");
}

sw_status store_add(sw_tx *tx, new_user *user)
{
    const sw_statement *add = &USER_STATEMENTS[user->id ? ADD_WITH_ID : ADD];
    char key[USERS_NAME_MAX + 1];
    const char *role = sw_role_name(user->role);
    int64_t now = sw_tx_now(tx);
    sw_status stored;

    fold(user->name, key, sizeof key);
    if (user->token_hash)
        stored = sw_tx_exec(tx, add, NULL, user->id ? "sssssssbsii" : "sssssssbsi", user->name, key, role,
                            user->password_hash, user->agent_kind, user->runtime_kind, user->description,
                            (const void *)user->token_hash, (size_t)32, user->token_hint, now, user->id);
    else
        stored =
            sw_tx_exec(tx, add, NULL, user->id ? "sssssssnnii" : "sssssssnni", user->name, key, role,
                       user->password_hash, user->agent_kind, user->runtime_kind, user->description, now, user->id);
    SW_TRY(conflict(tx, stored));
    user->id = sw_tx_last_id(tx);
    return SW_OK;
}

const char SQL_UPDATE[] =
    "UPDATE users SET password_hash = coalesce(?2, password_hash), role = ?3,"
    " description = CASE WHEN ?4 IS NULL THEN description ELSE nullif(?4, '') END, generation = generation + ?5"
    " WHERE id = ?1 AND deleted_ms IS NULL";

sw_status store_update(sw_tx *tx, int64_t id, const char *password_hash, sw_role role, const char *description,
                       bool new_generation)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[UPDATE], NULL, "isssi", id, password_hash, sw_role_name(role), description,
                      (int64_t)new_generation);
}

const char SQL_REHASH[] =
    "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2 AND deleted_ms IS NULL";

sw_status store_rehash(sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[REHASH], NULL, "iss", id, old_hash, new_hash);
}

const char SQL_SET_TOKEN[] = "UPDATE users SET token_hash = ?2, token_hint = ?3, token_updated_ms = ?4"
                             " WHERE id = ?1 AND deleted_ms IS NULL";

sw_status store_set_token(sw_tx *tx, int64_t id, const uint8_t hash[32], const char *hint)
{
    return conflict(tx, sw_tx_exec(tx, &USER_STATEMENTS[SET_TOKEN], NULL, "ibsi", id, (const void *)hash, (size_t)32,
                                   hint, sw_tx_now(tx)));
}

const char SQL_REMOVE[] = "UPDATE users SET deleted_ms = ?2, password_hash = '', token_hash = NULL, token_hint = NULL,"
                          " generation = generation + 1 WHERE id = ?1 AND deleted_ms IS NULL";
const char SQL_FORGET[] = "DELETE FROM presence WHERE user_id = ?1";

sw_status store_remove(sw_tx *tx, int64_t id)
{
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[REMOVE], NULL, "ii", id, sw_tx_now(tx)));
    return sw_tx_exec(tx, &USER_STATEMENTS[FORGET], NULL, "i", id);
}

/* A user that is gone by now (removed, or the store was reset) gets no row. */
const char SQL_NOTE_SEEN[] =
    "INSERT INTO presence (user_id, last_seen_ms) SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL"
    " ON CONFLICT (user_id) DO UPDATE SET last_seen_ms = max(coalesce(last_seen_ms, 0), excluded.last_seen_ms)";

sw_status store_note_seen(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[NOTE_SEEN], NULL, "ii", id, at_ms);
}

const char SQL_NOTE_REPORT[] =
    "INSERT INTO presence (user_id, last_report) SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL"
    " ON CONFLICT (user_id) DO UPDATE SET last_report = excluded.last_report";

sw_status store_note_report(sw_tx *tx, int64_t id, const char *report, size_t len)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[NOTE_REPORT], NULL, "it", id, report, len);
}

const char SQL_CLEAR_PRESENCE[] = "DELETE FROM presence";
const char SQL_CLEAR_USERS[] = "DELETE FROM users";
const char SQL_CLEAR_IDS[] = "DELETE FROM sqlite_sequence WHERE name = 'users'";

sw_status store_clear(sw_tx *tx)
{
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_PRESENCE], NULL, ""));
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_USERS], NULL, ""));
    return sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_IDS], NULL, "");
}
