/* Every SQL statement of this plugin, each next to the function that binds it. */
#include "users.h"

#include <string.h>

/* Names of the rows of the table at the end of the file. */
enum {
    BY_ID,
    BY_ID_ANY,
    BY_NAME,
    BY_TOKEN,
    BUTLER,
    FIRST_ADMIN,
    EACH_ADMIN,
    OTHER_ADMINS,
    ANY,
    TOKEN_UPDATED,
    PROFILE,
    LIST,
    COUNT,
    EACH_ID,
    LAST_SEEN,
    ADD,
    ADD_WITH_ID,
    UPDATE,
    REHASH,
    SET_TOKEN,
    REMOVE,
    FORGET,
    NOTE_SEEN,
    NOTE_REPORT,
    CLEAR_PRESENCE,
    CLEAR_USERS,
    CLEAR_IDS
};

#define RUN(db, which, ret, ...) sw_db_query((db), &USER_STATEMENTS[which], 0, (ret), __VA_ARGS__)

/* ---- one user, as the service gives it ---- */

#define USER_COLUMNS                                                                                                   \
    "SELECT id, role, username, password_hash, generation, created_ms, deleted_ms IS NOT NULL FROM users"

static const char SQL_BY_ID[] = USER_COLUMNS " WHERE id = ?1 AND deleted_ms IS NULL";
static const char SQL_BY_ID_ANY[] = USER_COLUMNS " WHERE id = ?1";
static const char SQL_BY_NAME[] = USER_COLUMNS " WHERE name_key = ?1 AND deleted_ms IS NULL";
static const char SQL_BY_TOKEN[] = USER_COLUMNS " WHERE token_hash = ?1 AND deleted_ms IS NULL";
static const char SQL_BUTLER[] = USER_COLUMNS " WHERE role = 'BUTLER' AND deleted_ms IS NULL ORDER BY id LIMIT 1";
static const char SQL_FIRST_ADMIN[] = USER_COLUMNS " WHERE role = 'ADMIN' AND deleted_ms IS NULL ORDER BY id LIMIT 1";
static const char SQL_EACH_ADMIN[] = USER_COLUMNS " WHERE role = 'ADMIN' AND deleted_ms IS NULL ORDER BY id";

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
    sw_status begun = RUN(db, BY_ID, &rows, "i", id);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_id_any(sw_db *db, int64_t id, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, BY_ID_ANY, &rows, "i", id);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_name(sw_db *db, const char *name, sw_user *ret)
{
    char key[USERS_NAME_MAX + 1];
    sw_rows *rows = NULL;

    if (!*name || strlen(name) > USERS_NAME_MAX)
        return SW_NOT_FOUND;
    fold(name, key, sizeof key);
    sw_status begun = RUN(db, BY_NAME, &rows, "s", key);
    return one_user(db, begun, rows, ret);
}

sw_status store_by_token(sw_db *db, const uint8_t hash[32], sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, BY_TOKEN, &rows, "b", (const void *)hash, (size_t)32);
    return one_user(db, begun, rows, ret);
}

sw_status store_butler(sw_db *db, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, BUTLER, &rows, "");
    return one_user(db, begun, rows, ret);
}

sw_status store_first_admin(sw_db *db, sw_user *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, FIRST_ADMIN, &rows, "");
    return one_user(db, begun, rows, ret);
}

sw_status store_each_admin(sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg)
{
    sw_rows *rows;
    sw_user user;

    SW_TRY(RUN(db, EACH_ADMIN, &rows, ""));
    while (next_user(db, rows, &user) && each(arg, &user))
        ;
    return sw_rows_done(rows);
}

/* ---- single numbers ---- */

static sw_status one_number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t found = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = found;
    return SW_OK;
}

static const char SQL_OTHER_ADMINS[] =
    "SELECT count(*) FROM users WHERE role = 'ADMIN' AND deleted_ms IS NULL AND id <> ?1";

sw_status store_other_admins(sw_db *db, int64_t id, int64_t *ret_count)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, OTHER_ADMINS, &rows, "i", id);
    return one_number(begun, rows, ret_count);
}

static const char SQL_ANY[] = "SELECT 1 FROM users LIMIT 1";

sw_status store_any(sw_db *db, bool *ret_any)
{
    sw_rows *rows = NULL;
    int64_t any;
    sw_status begun = RUN(db, ANY, &rows, "");

    SW_TRY(one_number(begun, rows, &any));
    *ret_any = any != 0;
    return SW_OK;
}

static const char SQL_TOKEN_UPDATED[] = "SELECT token_updated_ms FROM users WHERE id = ?1";

sw_status store_token_updated(sw_db *db, int64_t id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, TOKEN_UPDATED, &rows, "i", id);
    return one_number(begun, rows, ret_at_ms);
}

static const char SQL_LAST_SEEN[] = "SELECT last_seen_ms FROM presence WHERE user_id = ?1";

sw_status store_last_seen(sw_db *db, int64_t id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, LAST_SEEN, &rows, "i", id);
    return one_number(begun, rows, ret_at_ms);
}

/* ---- profiles: the columns COL_* of users.h ---- */

#define PROFILE_COLUMNS                                                                                                \
    "SELECT u.id, u.username, u.role, u.agent_kind, u.runtime_kind, u.description, u.token_hint,"                      \
    " u.token_updated_ms, u.created_ms, p.last_seen_ms, p.last_report"                                                 \
    " FROM users u LEFT JOIN presence p ON p.user_id = u.id WHERE u.deleted_ms IS NULL"

static const char SQL_PROFILE[] = PROFILE_COLUMNS " AND u.id = ?1";

sw_status store_profile(sw_db *db, int64_t id, sw_rows **ret_rows)
{
    return RUN(db, PROFILE, ret_rows, "i", id);
}

static const char SQL_LIST[] = PROFILE_COLUMNS "{clauses} ORDER BY u.id LIMIT ?2 OFFSET ?3";
static const char SQL_COUNT[] = "SELECT count(*) FROM users u WHERE u.deleted_ms IS NULL{clauses}";
/* In the order of enum sw_role, so that a role's bit, moved by one, is its clause's. */
static const char *const FILTERS[] = {
    " AND u.role <> 'ADMIN'",
    " AND u.role <> 'MEMBER'",
    " AND u.role <> 'AGENT'",
    " AND u.role <> 'BUTLER'",
    " AND (instr(u.name_key, ?1) > 0 OR instr(lower(u.role), ?1) > 0)",
    NULL,
};
enum { SEARCH = 1 << 4 };

static uint32_t filter_mask(const users_filter *filter)
{
    return (filter->exclude >> 1 & (SEARCH - 1u)) | (*filter->search ? SEARCH : 0u);
}

sw_status store_list(sw_db *db, const users_filter *filter, sw_rows **ret_rows)
{
    return sw_db_query(db, &USER_STATEMENTS[LIST], filter_mask(filter), ret_rows, "sii", filter->search, filter->limit,
                       filter->offset);
}

sw_status store_count(sw_db *db, const users_filter *filter, int64_t *ret_count)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &USER_STATEMENTS[COUNT], filter_mask(filter), &rows, *filter->search ? "s" : "",
                                  filter->search);
    return one_number(begun, rows, ret_count);
}

static const char SQL_EACH_ID[] = "SELECT id FROM users WHERE id > ?1 AND deleted_ms IS NULL ORDER BY id LIMIT ?2";

sw_status store_each_id(sw_db *db, int64_t after, int64_t limit, sw_rows **ret_rows)
{
    return RUN(db, EACH_ID, ret_rows, "ii", after, limit);
}

/* ---- writing ---- */

#define ADD_VALUES                                                                                                     \
    " VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), ?8, ?9, CASE WHEN ?8 IS NULL"            \
    " THEN NULL ELSE ?10 END, ?10"

static const char SQL_ADD[] =
    "INSERT INTO users (username, name_key, role, password_hash, agent_kind, runtime_kind, description, token_hash,"
    " token_hint, token_updated_ms, created_ms)" ADD_VALUES ")";
static const char SQL_ADD_WITH_ID[] =
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

static const char SQL_UPDATE[] =
    "UPDATE users SET password_hash = coalesce(?2, password_hash), role = ?3,"
    " description = CASE WHEN ?4 IS NULL THEN description ELSE nullif(?4, '') END, generation = generation + ?5"
    " WHERE id = ?1 AND deleted_ms IS NULL";

sw_status store_update(sw_tx *tx, int64_t id, const char *password_hash, sw_role role, const char *description,
                       bool new_generation)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[UPDATE], NULL, "isssi", id, password_hash, sw_role_name(role), description,
                      (int64_t)new_generation);
}

static const char SQL_REHASH[] =
    "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2 AND deleted_ms IS NULL";

sw_status store_rehash(sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[REHASH], NULL, "iss", id, old_hash, new_hash);
}

static const char SQL_SET_TOKEN[] = "UPDATE users SET token_hash = ?2, token_hint = ?3, token_updated_ms = ?4"
                                    " WHERE id = ?1 AND deleted_ms IS NULL";

sw_status store_set_token(sw_tx *tx, int64_t id, const uint8_t hash[32], const char *hint)
{
    return conflict(tx, sw_tx_exec(tx, &USER_STATEMENTS[SET_TOKEN], NULL, "ibsi", id, (const void *)hash, (size_t)32,
                                   hint, sw_tx_now(tx)));
}

static const char SQL_REMOVE[] =
    "UPDATE users SET deleted_ms = ?2, password_hash = '', token_hash = NULL, token_hint = NULL,"
    " generation = generation + 1 WHERE id = ?1 AND deleted_ms IS NULL";
static const char SQL_FORGET[] = "DELETE FROM presence WHERE user_id = ?1";

sw_status store_remove(sw_tx *tx, int64_t id)
{
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[REMOVE], NULL, "ii", id, sw_tx_now(tx)));
    return sw_tx_exec(tx, &USER_STATEMENTS[FORGET], NULL, "i", id);
}

/* A user that is gone by now (removed, or the store was reset) gets no row. */
static const char SQL_NOTE_SEEN[] =
    "INSERT INTO presence (user_id, last_seen_ms) SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL"
    " ON CONFLICT (user_id) DO UPDATE SET last_seen_ms = max(coalesce(last_seen_ms, 0), excluded.last_seen_ms)";

sw_status store_note_seen(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[NOTE_SEEN], NULL, "ii", id, at_ms);
}

static const char SQL_NOTE_REPORT[] =
    "INSERT INTO presence (user_id, last_report) SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL"
    " ON CONFLICT (user_id) DO UPDATE SET last_report = excluded.last_report";

sw_status store_note_report(sw_tx *tx, int64_t id, const char *report, size_t len)
{
    return sw_tx_exec(tx, &USER_STATEMENTS[NOTE_REPORT], NULL, "it", id, report, len);
}

static const char SQL_CLEAR_PRESENCE[] = "DELETE FROM presence";
static const char SQL_CLEAR_USERS[] = "DELETE FROM users";
static const char SQL_CLEAR_IDS[] = "DELETE FROM sqlite_sequence WHERE name = 'users'";

sw_status store_clear(sw_tx *tx)
{
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_PRESENCE], NULL, ""));
    SW_TRY(sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_USERS], NULL, ""));
    return sw_tx_exec(tx, &USER_STATEMENTS[CLEAR_IDS], NULL, "");
}

const sw_statement USER_STATEMENTS[USER_STATEMENT_COUNT] = {
    [BY_ID] = {"users_by_id", SQL_BY_ID, NULL},
    [BY_ID_ANY] = {"users_by_id_any", SQL_BY_ID_ANY, NULL},
    [BY_NAME] = {"users_by_name", SQL_BY_NAME, NULL},
    [BY_TOKEN] = {"users_by_token", SQL_BY_TOKEN, NULL},
    [BUTLER] = {"users_butler", SQL_BUTLER, NULL},
    [FIRST_ADMIN] = {"users_first_admin", SQL_FIRST_ADMIN, NULL},
    [EACH_ADMIN] = {"users_each_admin", SQL_EACH_ADMIN, NULL},
    [OTHER_ADMINS] = {"users_other_admins", SQL_OTHER_ADMINS, NULL},
    [ANY] = {"users_any", SQL_ANY, NULL},
    [TOKEN_UPDATED] = {"users_token_updated", SQL_TOKEN_UPDATED, NULL},
    [PROFILE] = {"users_profile", SQL_PROFILE, NULL},
    [LIST] = {"users_list", SQL_LIST, FILTERS},
    [COUNT] = {"users_count", SQL_COUNT, FILTERS},
    [EACH_ID] = {"users_each_id", SQL_EACH_ID, NULL},
    [LAST_SEEN] = {"users_last_seen", SQL_LAST_SEEN, NULL},
    [ADD] = {"users_add", SQL_ADD, NULL},
    [ADD_WITH_ID] = {"users_add_with_id", SQL_ADD_WITH_ID, NULL},
    [UPDATE] = {"users_update", SQL_UPDATE, NULL},
    [REHASH] = {"users_rehash", SQL_REHASH, NULL},
    [SET_TOKEN] = {"users_set_token", SQL_SET_TOKEN, NULL},
    [REMOVE] = {"users_remove", SQL_REMOVE, NULL},
    [FORGET] = {"users_forget", SQL_FORGET, NULL},
    [NOTE_SEEN] = {"users_note_seen", SQL_NOTE_SEEN, NULL},
    [NOTE_REPORT] = {"users_note_report", SQL_NOTE_REPORT, NULL},
    [CLEAR_PRESENCE] = {"users_clear_presence", SQL_CLEAR_PRESENCE, NULL},
    [CLEAR_USERS] = {"users_clear", SQL_CLEAR_USERS, NULL},
    [CLEAR_IDS] = {"users_clear_ids", SQL_CLEAR_IDS, NULL},
};
