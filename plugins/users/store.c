/* The table of users: one user as the service gives it, the rows of all of them, and adding and changing one. What one
 * route or file alone asks of it stands there, beside the code that binds it.
 *
 * What reads works on the connection that is given, of a worker or of the writer. What takes an sw_tx is part of a
 * write step. Rows and texts belong to the piece of work that the connection is lent to. */
#include "users.h"

#include <string.h>

#define USER_COLUMNS \
    "SELECT id, role, username, password_hash, generation, created_ms, deleted_ms IS NOT NULL FROM users"

#define ADD_COLUMNS                                                                               \
    "username, name_key, role, password_hash, agent_kind, runtime_kind, description, token_hash," \
    " token_hint, token_updated_ms, created_ms"
#define ADD_VALUES                                                            \
    "?1, ?2, ?3, ?4, nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), ?8, ?9," \
    " CASE WHEN ?8 IS NULL THEN NULL ELSE ?10 END, ?10"

enum {
    BY_ID,
    BY_ID_ANY,
    BY_NAME,
    BY_TOKEN,
    BUTLER,
    FIRST_ADMIN,
    EACH_ADMIN,
    OTHER_ADMINS,
    EACH_ID,
    ADD,
    ADD_WITH_ID,
    UPDATE,
    REHASH
};

static const sw_statement STATEMENTS[] = {
    [BY_ID] = {.name = "users_by_id", .sql = USER_COLUMNS " WHERE id = ?1 AND deleted_ms IS NULL"},
    [BY_ID_ANY] = {.name = "users_by_id_any", .sql = USER_COLUMNS " WHERE id = ?1"},
    [BY_NAME] = {.name = "users_by_name", .sql = USER_COLUMNS " WHERE name_key = ?1 AND deleted_ms IS NULL"},
    [BY_TOKEN] = {.name = "users_by_token", .sql = USER_COLUMNS " WHERE token_hash = ?1 AND deleted_ms IS NULL"},
    [BUTLER] = {.name = "users_butler",
                .sql = USER_COLUMNS " WHERE role = 'BUTLER' AND deleted_ms IS NULL ORDER BY id LIMIT 1"},
    [FIRST_ADMIN] = {.name = "users_first_admin",
                     .sql = USER_COLUMNS " WHERE role = 'ADMIN' AND deleted_ms IS NULL ORDER BY id LIMIT 1"},
    [EACH_ADMIN] = {.name = "users_each_admin",
                    .sql = USER_COLUMNS " WHERE role = 'ADMIN' AND deleted_ms IS NULL ORDER BY id"},
    [OTHER_ADMINS] = {.name = "users_other_admins",
                      .sql = "SELECT count(*) FROM users WHERE role = 'ADMIN' AND deleted_ms IS NULL AND id <> ?1"},
    [EACH_ID] = {.name = "users_each_id",
                 .sql = "SELECT id FROM users WHERE id > ?1 AND deleted_ms IS NULL ORDER BY id LIMIT ?2"},
    [ADD] = {.name = "users_add", .sql = "INSERT INTO users (" ADD_COLUMNS ") VALUES (" ADD_VALUES ")"},
    [ADD_WITH_ID] = {.name = "users_add_with_id",
                     .sql = "INSERT INTO users (" ADD_COLUMNS ", id) VALUES (" ADD_VALUES ", ?11)"},
    [UPDATE] = {.name = "users_update",
                .sql = "UPDATE users SET password_hash = coalesce(?2, password_hash), role = ?3,"
                       " description = CASE WHEN ?4 IS NULL THEN description ELSE nullif(?4, '') END,"
                       " generation = generation + ?5 WHERE id = ?1 AND deleted_ms IS NULL"},
    [REHASH] = {.name = "users_rehash",
                .sql = "UPDATE users SET password_hash = ?3"
                       " WHERE id = ?1 AND password_hash = ?2 AND deleted_ms IS NULL"},
};

const sw_table USER_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- reading ---- */

static bool next_user(sw_db *db, sw_rows *rows, sw_user *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (sw_user){
        .size = sizeof *ret,
        .id = sw_rows_int(rows, 0),
        .role = sw_role_of(sw_rows_text(rows, 1)),
        .name = sw_rows_text(rows, 2),
        .password_hash = sw_rows_text(rows, 3),
        .generation = sw_rows_int(rows, 4),
        .created_ms = sw_rows_int(rows, 5),
        .removed = sw_rows_int(rows, 6) != 0,
        .db = db,
    };
    return true;
}

/* The only row of a query that began with `begun`. */
static sw_status one_user(sw_db *db, sw_status begun, sw_rows *rows, sw_user *ret)
{
    sw_user found;

    SW_TRY(begun);
    bool any = next_user(db, rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status store_by_id(sw_db *db, int64_t id, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_ID], 0, &rows, "i", id);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_id_any(sw_db *db, int64_t id, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_ID_ANY], 0, &rows, "i", id);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_name(sw_db *db, const char *name, sw_user *ret)
{
    char key[USERS_NAME_MAX + 1];
    sw_rows *rows = NULL;

    if (!*name || strlen(name) > USERS_NAME_MAX)
        return SW_NOT_FOUND;
    fold(name, key, sizeof key);
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_NAME], 0, &rows, "s", key);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_token(sw_db *db, const uint8_t hash[32], sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BY_TOKEN], 0, &rows, "b", (const void *)hash, (size_t)32);
    return one_user(db, begun, rows, ret);
}

sw_status store_butler(sw_db *db, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[BUTLER], 0, &rows, "");
    return one_user(db, begun, rows, ret);
}

sw_status store_first_admin(sw_db *db, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[FIRST_ADMIN], 0, &rows, "");
    return one_user(db, begun, rows, ret);
}

sw_status store_each_admin(sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg)
{
    sw_rows *rows;
    sw_user user;

    SW_TRY(sw_db_query(db, &STATEMENTS[EACH_ADMIN], 0, &rows, ""));
    while (next_user(db, rows, &user) && each(arg, &user))
        ;
    return sw_rows_done(rows);
}

sw_status store_one_number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t found = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = found;
    return SW_OK;
}

sw_status store_other_admins(sw_db *db, int64_t id, int64_t *ret_count)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[OTHER_ADMINS], 0, &rows, "i", id);
    return store_one_number(begun, rows, ret_count);
}

sw_status store_each_id(sw_db *db, int64_t after, int64_t limit, sw_rows **ret_rows)
{
    return sw_db_query(db, &STATEMENTS[EACH_ID], 0, ret_rows, "ii", after, limit);
}

/* ---- writing ---- */

/* Turns a broken UNIQUE rule into the 409 that the contract promises. */
sw_status store_conflict(sw_tx *tx, sw_status status)
{
    if (status != SW_CONFLICT || !sw_tx_request(tx))
        return status;
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL,
                   strstr(sw_db_conflict(sw_tx_db(tx)), "token_hash") ? "api_token already in use"
                                                                      : "username already exists");
}

sw_status store_add(sw_tx *tx, new_user *user)
{
    const sw_statement *add = &STATEMENTS[user->id ? ADD_WITH_ID : ADD];
    char key[USERS_NAME_MAX + 1];
    const char *role = sw_role_name(user->role);
    int64_t now = sw_tx_now(tx);
    sw_status stored;

    if (!user->id) /* those of the first users are configured, or ours */
        SW_TRY(name_check(tx, user->name));
    fold(user->name, key, sizeof key);
    if (user->token_hash)
        stored = sw_tx_exec(tx, add, NULL, user->id ? "sssssssbsii" : "sssssssbsi", user->name, key, role,
                            user->password_hash, user->agent_kind, user->runtime_kind, user->description,
                            (const void *)user->token_hash, (size_t)32, user->token_hint, now, user->id);
    else
        stored =
            sw_tx_exec(tx, add, NULL, user->id ? "sssssssnnii" : "sssssssnni", user->name, key, role,
                       user->password_hash, user->agent_kind, user->runtime_kind, user->description, now, user->id);
    SW_TRY(store_conflict(tx, stored));
    user->id = sw_tx_last_id(tx);
    return SW_OK;
}

sw_status store_update(sw_tx *tx, int64_t id, const char *password_hash, sw_role role, const char *description,
                       bool new_generation)
{
    return sw_tx_exec(tx, &STATEMENTS[UPDATE], NULL, "isssi", id, password_hash, sw_role_name(role), description,
                      (int64_t)new_generation);
}

sw_status store_rehash(sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash)
{
    return sw_tx_exec(tx, &STATEMENTS[REHASH], NULL, "iss", id, old_hash, new_hash);
}
