/* Users as JSON: the user object of the contract, straight from a row, and the routes that read it: GET /api/users,
 * /api/users/agents, /api/users/agents/status and /api/users/butler. On a worker; what is written for a write step or
 * for another plugin is on the thread of its query. */
#include "users.h"

#include <stdio.h>
#include <string.h>

/* The columns of a profile. */
enum {
    COL_ID,
    COL_NAME,
    COL_ROLE,
    COL_AGENT_KIND,
    COL_RUNTIME_KIND,
    COL_DESCRIPTION,
    COL_TOKEN_HINT,
    COL_TOKEN_UPDATED,
    COL_CREATED,
    COL_LAST_SEEN,
    COL_LAST_REPORT
};

/* Which rows a list shows. */
typedef struct {
    uint32_t exclude;   /* SW_ROLE_BITs */
    const char *search; /* "" for all */
    int64_t limit;      /* -1 for all */
    int64_t offset;
} users_filter;

#define PROFILE_COLUMNS                                                                           \
    "SELECT u.id, u.username, u.role, u.agent_kind, u.runtime_kind, u.description, u.token_hint," \
    " u.token_updated_ms, u.created_ms, p.last_seen_ms, p.last_report"                            \
    " FROM users u LEFT JOIN presence p ON p.user_id = u.id WHERE u.deleted_ms IS NULL"

/* The first four are in the order of enum sw_role, so that the bit of a role, moved down by one, is the bit of its
 * clause. */
static const char *const FILTERS[] = {
    " AND u.role <> 'ADMIN'",
    " AND u.role <> 'MEMBER'",
    " AND u.role <> 'AGENT'",
    " AND u.role <> 'BUTLER'",
    " AND (instr(u.name_key, ?1) > 0 OR instr(lower(u.role), ?1) > 0)",
    NULL,
};
enum { SEARCH = 1 << 4 };

enum { PROFILE, LIST, COUNT };

static const sw_statement STATEMENTS[] = {
    [PROFILE] = {.name = "users_profile", .sql = PROFILE_COLUMNS " AND u.id = ?1"},
    [LIST] = {.name = "users_list",
              .sql = PROFILE_COLUMNS "{clauses} ORDER BY u.id LIMIT ?2 OFFSET ?3",
              .clauses = FILTERS},
    [COUNT] = {.name = "users_count",
               .sql = "SELECT count(*) FROM users u WHERE u.deleted_ms IS NULL{clauses}",
               .clauses = FILTERS},
};

const sw_table PROFILE_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- the user object ---- */

static sw_status profile(sw_db *db, int64_t id, sw_rows **ret_rows)
{
    return sw_db_query(db, &STATEMENTS[PROFILE], 0, ret_rows, "i", id);
}

static const char *actor_type(sw_role role)
{
    return SW_ROLE_BIT(role) & SW_ROLES_HUMAN ? "HUMAN" : "SYSTEM";
}

/* Writes status, online, last_seen_at and last_report. Only agents have reports; an agent that never sent one shows its
 * connection, also when it never came. */
static void write_presence(sw_json *out, const sw_rows *row, sw_host *host, sw_role role)
{
    bool online = sw_user_online(host, sw_rows_int(row, COL_ID));
    int64_t seen = online ? sw_now_ms() : sw_rows_int(row, COL_LAST_SEEN);

    sw_json_text(out, "status", online ? "ONLINE" : "OFFLINE");
    sw_json_bool(out, "online", online);
    if (seen)
        sw_json_time(out, "last_seen_at", seen);
    if (SW_ROLE_BIT(role) & SW_ROLES_HUMAN)
        return;
    if (!sw_rows_null(row, COL_LAST_REPORT))
        sw_json_column(out, "last_report", row, COL_LAST_REPORT);
    else
        sw_json_text(out, "last_report", online ? "websocket_connected" : "websocket_disconnected");
}

static sw_role row_role(const sw_rows *row)
{
    return sw_role_of(sw_rows_text(row, COL_ROLE));
}

/* Butler has no stored kinds: it has the same ones in every store. */
static void write_kind(sw_json *out, const char *key, const sw_rows *row, int column, sw_role role, const char *butlers)
{
    if (role == SW_ROLE_BUTLER && sw_rows_null(row, column))
        sw_json_text(out, key, butlers);
    else
        sw_json_column(out, key, row, column);
}

/* `api_token` is NULL but in the answer of the request that made it. `hint` says that the caller is a human, who is
 * shown the hint of the token. */
static void user_write(sw_json *out, const char *key, const sw_rows *row, sw_host *host, bool hint,
                       const char *api_token)
{
    sw_role role = row_role(row);

    sw_json_object_begin(out, key);
    sw_json_int(out, "id", sw_rows_int(row, COL_ID));
    sw_json_column(out, "username", row, COL_NAME);
    sw_json_text(out, "role", sw_role_name(role));
    sw_json_text(out, "actor_type", actor_type(role));
    write_kind(out, "agent_kind", row, COL_AGENT_KIND, role, "butler");
    write_kind(out, "runtime_kind", row, COL_RUNTIME_KIND, role, "websocket");
    sw_json_column(out, "description", row, COL_DESCRIPTION);
    if (api_token)
        sw_json_text(out, "api_token", api_token);
    if (hint)
        sw_json_column(out, "token_hint", row, COL_TOKEN_HINT);
    if (!sw_rows_null(row, COL_TOKEN_UPDATED))
        sw_json_time(out, "token_updated_at", sw_rows_int(row, COL_TOKEN_UPDATED));
    write_presence(out, row, host, role);
    sw_json_time(out, "created_at", sw_rows_int(row, COL_CREATED));
    sw_json_object_end(out);
}

sw_status user_reply(sw_tx *tx, int http_status, int64_t id, const char *api_token)
{
    const users_state *state = sw_tx_state(tx);
    sw_rows *row;

    SW_TRY(profile(sw_tx_db(tx), id, &row));
    if (!sw_rows_next(row)) {
        SW_TRY(sw_rows_done(row));
        return SW_INTERNAL;
    }
    user_write(sw_tx_reply(tx, http_status), NULL, row, state->host, true, api_token);
    return sw_rows_done(row);
}

void user_write_any(void *self, sw_host *host, sw_json *out, const char *key, const sw_user *user, bool hint)
{
    sw_rows *row = NULL;

    (void)self;
    if (user->db && profile(user->db, user->id, &row) == SW_OK && sw_rows_next(row)) {
        user_write(out, key, row, host, hint, NULL);
    } else {
        sw_json_object_begin(out, key);
        sw_json_int(out, "id", user->id);
        sw_json_text(out, "username", user->name);
        sw_json_text(out, "role", sw_role_name(user->role));
        sw_json_text(out, "actor_type", actor_type(user->role));
        sw_json_text(out, "status", "OFFLINE");
        sw_json_bool(out, "online", false);
        sw_json_time(out, "created_at", user->created_ms);
        sw_json_object_end(out);
    }
    if (row && sw_rows_done(row) != SW_OK)
        sw_log(host, SW_LOG_WARN, "user %lld could not be read in full", (long long)user->id);
}

/* ---- lists: GET /api/users and GET /api/users/agents share the query (exclude_role, q, page, limit) and the header
 * X-Total-Count ---- */

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200, SEARCH_MAX = 256 };
#define PAGE_MAX INT64_C(1000000000000)

/* The roles of a comma list of names in any case. A name that is not a role excludes nobody. */
static uint32_t roles_of(const char *list)
{
    uint32_t roles = 0;

    while (*list) {
        char name[16] = "";
        size_t len = strcspn(list, ","), used = 0;

        for (size_t i = 0; i < len && used < sizeof name - 1; i++)
            if (list[i] != ' ' && list[i] != '\t')
                name[used++] = (char)(list[i] >= 'a' && list[i] <= 'z' ? list[i] - 'a' + 'A' : list[i]);
        sw_role role = sw_role_of(name);
        if (role)
            roles |= SW_ROLE_BIT(role);
        list += len + (list[len] == ',');
    }
    return roles;
}

static uint32_t filter_mask(const users_filter *filter)
{
    return (filter->exclude >> 1 & (SEARCH - 1u)) | (*filter->search ? SEARCH : 0u);
}

static sw_status count_users(sw_db *db, const users_filter *filter, int64_t *ret_count)
{
    sw_rows *rows = NULL;
    sw_status begun =
        sw_db_query(db, &STATEMENTS[COUNT], filter_mask(filter), &rows, *filter->search ? "s" : "", filter->search);
    return store_one_number(begun, rows, ret_count);
}

static void reply_total(sw_request *req, int64_t total)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)total);
    sw_reply_header(req, "X-Total-Count", text);
}

static bool caller_is_human(const sw_request *req)
{
    return (SW_ROLE_BIT(sw_request_principal(req)->role) & SW_ROLES_HUMAN) != 0;
}

/* Replies with an array of the rows of a filter, each written by `write`. It is cut at limits.page_bytes. */
static sw_status reply_rows(sw_request *req, const users_filter *filter,
                            void (*write)(sw_json *out, const sw_rows *row, sw_host *host, bool hint))
{
    sw_host *host = sw_request_host(req);
    size_t bytes_max = (size_t)sw_option_core_int(host, "limits.page_bytes");
    bool hint = caller_is_human(req);
    sw_rows *row;

    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[LIST], filter_mask(filter), &row, "sii", filter->search,
                       filter->limit, filter->offset));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (sw_rows_next(row)) {
        if (bytes_max && sw_json_length(out) >= bytes_max) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        write(out, row, host, hint);
    }
    sw_json_array_end(out);
    return sw_rows_done(row);
}

static void write_user(sw_json *out, const sw_rows *row, sw_host *host, bool hint)
{
    user_write(out, NULL, row, host, hint, NULL);
}

static sw_status reply_list(sw_request *req, uint32_t hidden_roles)
{
    const char *exclude = sw_query_text(req, "exclude_role", SEARCH_MAX, "");
    const char *q = sw_query_text(req, "q", SEARCH_MAX, "");
    int64_t page = sw_query_int(req, "page", 1, 1, PAGE_MAX);
    int64_t limit = sw_query_int(req, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX);
    bool paged = sw_query_has(req, "page") || sw_query_has(req, "limit");
    char search[SEARCH_MAX + 1];
    int64_t total;

    SW_TRY(sw_check(req));
    fold(q, search, sizeof search);
    users_filter filter = {
        .exclude = roles_of(exclude) | hidden_roles,
        .search = search,
        .limit = paged ? limit : -1,
        .offset = paged ? (page - 1) * limit : 0,
    };
    SW_TRY(count_users(sw_request_db(req), &filter, &total));
    SW_TRY(reply_rows(req, &filter, write_user));
    reply_total(req, total);
    return SW_OK;
}

sw_status get_users(sw_request *req)
{
    return reply_list(req, 0);
}

/* AGENT and BUTLER users. */
sw_status get_agents(sw_request *req)
{
    return reply_list(req, SW_ROLES_HUMAN);
}

/* ---- in short: which agents are connected ---- */

static void write_status(sw_json *out, const sw_rows *row, sw_host *host, bool hint)
{
    sw_role role = row_role(row);

    (void)hint;
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", sw_rows_int(row, COL_ID));
    sw_json_column(out, "username", row, COL_NAME);
    sw_json_text(out, "role", sw_role_name(role));
    write_presence(out, row, host, role);
    sw_json_object_end(out);
}

sw_status get_agents_status(sw_request *req)
{
    const users_filter agents = {
        .exclude = SW_ROLES_ALL & ~SW_ROLE_BIT(SW_ROLE_AGENT),
        .search = "",
        .limit = -1,
    };

    return reply_rows(req, &agents, write_status);
}

/* ---- the butler ---- */

sw_status get_butler(sw_request *req)
{
    const users_state *state = sw_request_state(req);
    sw_user butler;
    sw_rows *row;

    sw_status found = store_butler(sw_request_db(req), &butler);
    if (found == SW_OK)
        found = profile(sw_request_db(req), butler.id, &row);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "butler not found");
    SW_TRY(found);
    if (sw_rows_next(row))
        user_write(sw_reply_json(req, 200), NULL, row, state->host, caller_is_human(req), NULL);
    return sw_rows_done(row);
}
