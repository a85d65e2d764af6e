/* The SQL that reads, each statement next to the function that binds it; and the table of all statements of this
 * plugin. */
#include "store_rows.h"

#include <string.h>

/* ---- one user, as the service gives it ---- */

#define USER_COLUMNS \
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

#define PROFILE_COLUMNS                                                                           \
    "SELECT u.id, u.username, u.role, u.agent_kind, u.runtime_kind, u.description, u.token_hint," \
    " u.token_updated_ms, u.created_ms, p.last_seen_ms, p.last_report"                            \
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
