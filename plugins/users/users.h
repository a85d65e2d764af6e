/* users: humans, agents and Butler, their credentials as hashes, and their presence.
 *
 * plugin.c is the front door. store.c holds all SQL; model.c writes the user object, list.c many of them; fields.c
 * reads and checks body fields; api_token.c makes and hashes api tokens; fold.c takes the case out of names;
 * first_users.c makes the first admin and Butler; user_presence.c notes who is here; service.c is what other plugins
 * call. */
#ifndef USERS_H
#define USERS_H

#include <steward/plugin.h>
#include <steward/service/users.h>

enum {
    USERS_NAME_MAX = 64,
    USERS_KIND_MAX = 64,
    USERS_DESCRIPTION_MAX = 1024,
    USERS_PASSWORD_MIN = 8, /* bytes */
    USERS_PASSWORD_MAX = 128,
    USERS_BCRYPT_MAX = 72, /* bcrypt does not look past them, so that a longer password would be weaker than it looks */
    USERS_REPORT_MAX = 1024,
    USERS_TOKEN_MIN = 8,
    USERS_TOKEN_MAX = 256,
    USERS_TOKEN_SIZE = 48, /* of a token that the server makes: "ec_", 43 characters, NUL */
    USERS_HINT_SIZE = 12,  /* "abcd...wxyz" */
    USERS_HASH_SIZE = 192, /* of the hash of a password, by any method */
    USERS_ADMIN_ID = 1,
    USERS_BUTLER_ID = 2
};

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    char admin_hash[USERS_HASH_SIZE]; /* of the first admin's password; kept until it is stored, or for ever when
                                         resettable */
    bool resettable;                  /* dev-mock may make the first users again */
    int64_t presence_cursor; /* used by the writer alone: the highest id that this minute's notes have reached */
} users_state;

/* A row that is to be stored. Empty texts are stored as NULL. */
typedef struct {
    int64_t id; /* 0 for the next one; store_add() fills it in */
    const char *name;
    sw_role role;
    const char *password_hash; /* "" for AGENT and BUTLER */
    const char *agent_kind, *runtime_kind, *description;
    const uint8_t *token_hash; /* 32 bytes, or NULL when there is none */
    const char *token_hint;
} new_user;

/* Which rows a list shows. */
typedef struct {
    uint32_t exclude;   /* SW_ROLE_BITs */
    const char *search; /* "" for all */
    int64_t limit;      /* -1 for all */
    int64_t offset;
} users_filter;

/* The columns of a profile, of which model.c writes a user object. */
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

/* store.c: reading. SW_NOT_FOUND when there is no such row. Only store_by_id_any() finds removed users. */
extern const sw_table USER_STATEMENTS;
sw_status store_by_id(sw_db *db, int64_t id, sw_user *ret);
sw_status store_by_id_any(sw_db *db, int64_t id, sw_user *ret);
sw_status store_by_name(sw_db *db, const char *name, sw_user *ret);
sw_status store_by_token(sw_db *db, const uint8_t hash[32], sw_user *ret);
sw_status store_butler(sw_db *db, sw_user *ret);
sw_status store_first_admin(sw_db *db, sw_user *ret);
sw_status store_each_admin(sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg);
sw_status store_other_admins(sw_db *db, int64_t id, int64_t *ret_count);
sw_status store_any(sw_db *db, bool *ret_any);
sw_status store_token_updated(sw_db *db, int64_t id, int64_t *ret_at_ms);
sw_status store_profile(sw_db *db, int64_t id, sw_rows **ret_rows);
sw_status store_list(sw_db *db, const users_filter *filter, sw_rows **ret_rows);
sw_status store_count(sw_db *db, const users_filter *filter, int64_t *ret_count);
sw_status store_each_id(sw_db *db, int64_t after, int64_t limit, sw_rows **ret_rows);
sw_status store_last_seen(sw_db *db, int64_t id, int64_t *ret_at_ms);

/* store.c: writing, in a write step. When store_add() or store_set_token() says SW_CONFLICT, it has made the 409 and
 * its text. */
sw_status store_add(sw_tx *tx, new_user *user);
sw_status store_update(sw_tx *tx, int64_t id, const char *password_hash, sw_role role, const char *description,
                       bool new_generation);
sw_status store_rehash(sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash);
sw_status store_set_token(sw_tx *tx, int64_t id, const uint8_t hash[32], const char *hint);
sw_status store_remove(sw_tx *tx, int64_t id);
sw_status store_note_seen(sw_tx *tx, int64_t id, int64_t at_ms);
sw_status store_note_report(sw_tx *tx, int64_t id, const char *report, size_t len);
sw_status store_clear(sw_tx *tx);

/* model.c. `row` is a profile. `api_token` is NULL but in the answer of the request that made it. `hint` says that the
 * caller is a human, who is shown the hint of the token. */
const char *actor_type(sw_role role);
void user_write(sw_json *out, const char *key, const sw_rows *row, sw_host *host, bool hint, const char *api_token);
void user_write_status(sw_json *out, const sw_rows *row, sw_host *host);
/* Answers a write step with the user as it is now. */
sw_status user_reply(sw_tx *tx, int http_status, int64_t id, const char *api_token);
bool caller_is_human(const sw_request *req);

/* fields.c: body fields. Errors are sticky: call sw_check() after the last field. */
const char *field_username(sw_request *req);
const char *field_agent_name(sw_request *req);
const char *field_password(sw_request *req);
/* Is auth.password_method bcrypt? */
bool by_bcrypt(const sw_host *host);
/* What is wrong with it as a password, as a static text; NULL when nothing is. */
const char *password_fault(const sw_host *host, const char *password);
sw_role field_human_role(sw_request *req, sw_role fallback);
const char *field_kind(sw_request *req, const char *name, const char *fallback);
/* NULL when it was not given. */
const char *field_description(sw_request *req);
/* NULL when it was not given. With `empty_is_absent`, an empty one counts as not given. */
const char *field_api_token(sw_request *req, bool empty_is_absent);
bool username_valid(const char *name);

/* list.c: replies with an array of the rows of a filter, each written by `write`. It is cut at limits.page_bytes. */
sw_status users_reply_rows(sw_request *req, const users_filter *filter,
                           void (*write)(sw_json *out, const sw_rows *row, sw_host *host, bool hint));
/* list.c: reads the query that GET /api/users and GET /api/users/agents share, and replies. */
sw_status users_reply_list(sw_request *req, uint32_t hidden_roles);

/* api_token.c */
sw_status token_make(char out[USERS_TOKEN_SIZE]);
sw_status token_hash(sw_host *host, const char *token, size_t len, uint8_t out[32]);
void token_hint(const char *token, char out[USERS_HINT_SIZE]);
sw_status token_publish(sw_tx *tx, int64_t id, const char *name, sw_role role, const char *raw_token);

/* fold.c: writes `text` with every letter in lower case into `out`, which has `size` bytes. The result is never longer
 * than the text. */
void fold(const char *text, char *out, size_t size);

/* first_users.c */
sw_status users_start(sw_host *host, void **ret_state);
sw_status users_prepare(sw_tx *tx);
void users_stop(void *state);
sw_status first_users_add(sw_tx *tx, const users_state *state);

/* user_presence.c: housekeeping, every minute. */
sw_status presence_note_online(sw_tx *tx, bool *ret_more);

extern const sw_users_service USERS_SERVICE;

/* events/ */
sw_status on_socket_opened(sw_request *req, const void *data);
sw_status on_socket_closed(sw_request *req, const void *data);
sw_status on_store_reset(sw_tx *tx, const void *data);

/* routes/ */
sw_status get_agents(sw_request *req);
sw_status get_agents_status(sw_request *req);
sw_status get_butler(sw_request *req);
sw_status get_ops_status(sw_request *req);
sw_status get_ops_list(sw_request *req);
sw_status get_users(sw_request *req);
sw_status post_users(sw_request *req);
sw_status patch_user(sw_request *req);
sw_status delete_user(sw_request *req);
sw_status delete_agent(sw_request *req);
sw_status post_agents(sw_request *req);
sw_status post_agents_test_connection(sw_request *req);
sw_status patch_agent_token(sw_request *req);

#endif
