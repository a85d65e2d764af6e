/* users: humans, agents and Butler, their credentials as hashes, and their presence.
 *
 * plugin.c is the front door. routes/ has the HTTP API: get_users.c writes users as JSON, users.c adds, changes and
 * removes them, agents.c gives agents their tokens. store.c holds the table of users; names.c says which names may be
 * given and whose they are, fold.c takes the case out of them; first_users.c makes the first admin and Butler;
 * user_presence.c notes who is here; service.c is what other plugins call. */
#ifndef USERS_H
#define USERS_H

#include <stdatomic.h>
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
    USERS_TOKEN_SIZE = 48,  /* of a token that the server makes: "ec_", 43 characters, NUL */
    USERS_HINT_SIZE = 12,   /* "abcd...wxyz" */
    USERS_HASH_SIZE = 192,  /* of the hash of a password, by any method */
    USERS_NAME_WORDS = 512, /* of 64 bits */
    USERS_ADMIN_ID = 1,
    USERS_BUTLER_ID = 2
};

#define USERS_BUTLER_NAME "Butler"

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    char admin_hash[USERS_HASH_SIZE]; /* of the first admin's password; kept until it is stored, or for ever when
                                         resettable */
    bool resettable;                  /* dev-mock may make the first users again */
    int64_t presence_cursor; /* used by the writer alone: the highest id that this minute's notes have reached */
    _Atomic uint64_t agent_names[USERS_NAME_WORDS]; /* see names.c */
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
sw_status store_each_id(sw_db *db, int64_t after, int64_t limit, sw_rows **ret_rows);
/* The only number of a query that began with `begun`; 0 when there is no row. */
sw_status store_one_number(sw_status begun, sw_rows *rows, int64_t *ret);

/* store.c: writing, in a write step. When store_add() says SW_CONFLICT or SW_INVALID, it has made the failure and its
 * text. */
sw_status store_add(sw_tx *tx, new_user *user);
/* Turns a broken UNIQUE rule into that 409. */
sw_status store_conflict(sw_tx *tx, sw_status status);
sw_status store_update(sw_tx *tx, int64_t id, const char *password_hash, sw_role role, const char *description,
                       bool new_generation);
sw_status store_rehash(sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash);
/* service.c: what other plugins call, and the rules of names and passwords. */
extern const sw_users_service USERS_SERVICE;
bool username_valid(const char *name);
/* In the write step that stores the new role of `user`. */
sw_status publish_role(sw_tx *tx, const sw_user *user, sw_role role);
/* Is auth.password_method bcrypt? */
bool by_bcrypt(const sw_host *host);

/* names.c */
extern const sw_table NAME_STATEMENTS;
/* Is all of it to be seen, on one line, as it is? */
bool name_readable(const char *name);
/* May a person take one for the other? */
bool name_like(const char *name, const char *other);
/* In a write step that adds a user: a name that may be taken for Butler's or an ADMIN's is SW_INVALID, and the failure
 * is made. */
sw_status name_check(sw_tx *tx, const char *name);
/* Knows from now on that an agent has this name. */
void names_note(users_state *state, const char *agent);
sw_status names_read(sw_tx *tx, users_state *state);
/* A function of users/1. */
sw_status name_of_system(void *self, sw_db *db, const char *name, sw_role *ret_role);

/* fold.c: writes `text` with every letter in lower case into `out`, which has `size` bytes. The result is never longer
 * than the text. */
void fold(const char *text, char *out, size_t size);

/* first_users.c */
extern const sw_table FIRST_STATEMENTS;
sw_status users_start(sw_host *host, void **ret_state);
sw_status users_prepare(sw_tx *tx);
void users_stop(void *state);
sw_status on_store_reset(sw_tx *tx, const void *data);

/* user_presence.c */
extern const sw_table PRESENCE_STATEMENTS;
sw_status on_socket_opened(sw_request *req, const void *data);
sw_status on_socket_closed(sw_request *req, const void *data);
/* Housekeeping, every minute. */
sw_status presence_note_online(sw_tx *tx, bool *ret_more);
/* A function of users/1: stores the first 1 KiB, cut where a character ends. */
sw_status presence_note_report(void *self, sw_tx *tx, int64_t id, const char *content);

/* routes/get_users.c */
extern const sw_table PROFILE_STATEMENTS;
/* Answers a write step with the user as it is now. */
sw_status user_reply(sw_tx *tx, int http_status, int64_t id, const char *api_token);
/* A function of users/1. A removed user has no profile; then only what `user` holds is written. */
void user_write_any(void *self, sw_host *host, sw_json *out, const char *key, const sw_user *user, bool hint);
sw_status get_users(sw_request *req);
sw_status get_agents(sw_request *req);
sw_status get_agents_status(sw_request *req);
sw_status get_butler(sw_request *req);

/* routes/users.c */
extern const sw_table REMOVAL_STATEMENTS;
/* The text without the white space at both ends. */
const char *field_trimmed(sw_request *req, const char *text);
/* The field of a body, trimmed; NULL when it was not given. */
const char *field_description(sw_request *req);
sw_status post_users(sw_request *req);
sw_status patch_user(sw_request *req);
sw_status delete_user(sw_request *req);
sw_status delete_agent(sw_request *req);

/* routes/agents.c */
extern const sw_table TOKEN_STATEMENTS;
sw_status token_hash(sw_host *host, const char *token, size_t len, uint8_t out[32]);
sw_status post_agents(sw_request *req);
sw_status patch_agent_token(sw_request *req);
sw_status post_agents_test_connection(sw_request *req);

/* routes/get_ops.c */
sw_status get_ops_status(sw_request *req);
sw_status get_ops_list(sw_request *req);

#endif
