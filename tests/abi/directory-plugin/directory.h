/* directory: signs people in by a company's directory, in place of the plugin auth.
 *
 * plugin.c is the front door; login.c the login; client.c talks to the directory; token.c makes tokens; service.c says
 * what a token means; recheck.c asks again who may still come in; sessions.c ends sessions; store.c holds all SQL. */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stdatomic.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <steward/service/auth.h>
#include <steward/service/users.h>

enum { HASH_SIZE = 32, NAME_MAX_BYTES = 64, STATEMENT_COUNT = 9 };

/* Made by start(), freed by stop(); only the numbers change in between. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    _Atomic int64_t down_since_ms; /* the directory does not answer since then; 0: it does */
    _Atomic uint64_t logins, refusals;
} directory;

/* ---- client.c: on the slow lane ---- */

/* Whom the directory means, and what its groups make of it here. */
typedef struct {
    char name[NAME_MAX_BYTES + 1];
    sw_role role; /* 0: in none of the groups that may come in */
} person;

/* SW_UNAUTHENTICATED: name or password is wrong; SW_RATE_LIMITED: too many attempts, *ret_retry_s; SW_UNAVAILABLE: no
 * answer that makes sense. */
sw_status client_bind(directory *d, sw_request *req, const char *name, const char *password, person *ret,
                      int *ret_retry_s);
/* SW_NOT_FOUND: the directory does not know that name (any more); SW_UNAVAILABLE: as above. */
sw_status client_find(directory *d, sw_request *req, const char *name, person *ret);

/* ---- token.c ---- */

/* A token for that user, and the hash by which its session is kept. The text lives as long as the step. */
sw_status token_make(sw_tx *tx, const sw_user *user, int64_t expires_ms, const char **ret_token,
                     uint8_t ret_hash[HASH_SIZE]);
void token_hash(const char *token, size_t len, uint8_t out[HASH_SIZE]);

/* ---- store.c ---- */

typedef struct {
    int64_t user_id;
    int64_t generation; /* the user's, when it was opened: void once that has changed */
    int64_t expires_ms;
    int64_t checked_ms; /* when the directory last said that the person may come in */
} session;

extern const sw_statement STATEMENTS[STATEMENT_COUNT];
extern const sw_migration MIGRATIONS[1];
sw_status store_open(sw_tx *tx, const uint8_t hash[HASH_SIZE], const session *s);
/* SW_NOT_FOUND: no such session, or it has expired. */
sw_status store_find(sw_db *db, const uint8_t hash[HASH_SIZE], int64_t now_ms, session *ret);
/* Users with a session that was last checked before `before_ms`, at most `max`. */
sw_status store_due(sw_db *db, int64_t before_ms, int64_t *ret_user_ids, size_t max, size_t *ret_count);
/* The person may come in: sessions of that generation are as good as new, older ones end. */
sw_status store_confirm(sw_tx *tx, int64_t user_id, int64_t generation);
/* One session, or (hash NULL) every one of that user. */
sw_status store_end(sw_tx *tx, int64_t user_id, const uint8_t *hash);
/* Calls `each` for users whose sessions are out of the grace: were last checked before `before_ms`. Those for whom that
 * was done after `again_ms` are left alone. */
sw_status store_suspend(sw_tx *tx, int64_t before_ms, int64_t again_ms, void (*each)(sw_tx *tx, int64_t user_id));
sw_status store_expire(sw_tx *tx, bool *ret_more);
sw_status store_count(sw_db *db, int64_t *ret_count);
sw_status store_clear(sw_tx *tx);

/* ---- the rest ---- */

extern const sw_auth_service AUTH_SERVICE; /* service.c */
sw_status recheck(sw_request *req);        /* recheck.c: a timer's */
sw_status post_login(sw_request *req);     /* login.c */
sw_status post_logout(sw_request *req);    /* sessions.c */
sw_status delete_sessions(sw_request *req);
sw_status on_user_removed(sw_tx *tx, const void *data);
/* Every session and socket of that user ends. */
sw_status end_sessions(sw_tx *tx, int64_t user_id);

#endif
