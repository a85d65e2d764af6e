/* Service "users/1": the table of users. Works on a check step's and on a write step's connection. Texts
 * live as long as the piece of work that the connection is lent to. */
#ifndef STEWARD_SERVICE_USERS_H
#define STEWARD_SERVICE_USERS_H

#include <steward/db.h>
#include <steward/tx.h>

SW_BEGIN_DECLS

/* `size` is set by the caller of the functions that fill one: sw_user user = {.size = sizeof user}. */
typedef struct {
    uint32_t size; /* sizeof(sw_user)         */
    sw_role role;
    int64_t id;
    const char *name;
    const char *password_hash; /* "" for AGENT and BUTLER */
    int64_t generation;        /* the JWT claim `ver`     */
    int64_t created_ms;
    bool removed; /* only from by_id_any     */
    sw_db *db;    /* where it was read: write() reads the rest of the row there */
} sw_user;

typedef struct {
    uint32_t size; /* sizeof(sw_users_service) */
    /* SW_NOT_FOUND when there is none (removed users are not found, but by by_id_any), and *ret is as it was.
     * SW_INTERNAL: its size was not set. Worker or writer; they read the database. */
    sw_status (*by_id)(void *self, sw_db *db, int64_t id, sw_user *ret);
    sw_status (*by_id_any)(void *self, sw_db *db, int64_t id, sw_user *ret);
    sw_status (*by_name)(void *self, sw_db *db, const char *name, sw_user *ret); /* any case */
    sw_status (*by_api_token)(void *self, sw_db *db, const char *token, size_t len, sw_user *ret);
    sw_status (*butler)(void *self, sw_db *db, sw_user *ret);
    /* The ADMIN with the lowest id. */
    sw_status (*first_admin)(void *self, sw_db *db, sw_user *ret);
    /* Every ADMIN by id: calls `each` until it returns false. */
    sw_status (*each_admin)(void *self, sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg);
    /* Replaces the hash (rehash at login); the generation stays. Only while it is still `old_hash`. */
    sw_status (*set_password_hash)(void *self, sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash);
    /* The latest report of an agent (shown as last_report). */
    sw_status (*note_report)(void *self, sw_tx *tx, int64_t id, const char *content);
    /* Writes the user object of the contract (login's answer has its own, shorter form). `hint`: include
     * token_hint. */
    void (*write)(void *self, sw_host *host, sw_json *out, const char *key, const sw_user *user, bool hint);
    /* The human of that name (any case) with that role, for a plugin whose people another machine knows: a row without
     * a password is made when there is none; another role is stored as PATCH does it (a new generation, sockets close).
     * SW_INVALID: no name or role of a human's; SW_CONFLICT: an agent or Butler has the name, or it is the last ADMIN
     * who would be none. */
    sw_status (*provide)(void *self, sw_tx *tx, const char *name, sw_role role, sw_user *ret);
    /* Another password for a human, in two parts with sw_password_hash() between them. May it be one, by the rules of
     * POST and PATCH? SW_INVALID: *ret_why is a sentence without the password, static. Any thread. */
    sw_status (*password_allowed)(void *self, const char *password, const char **ret_why);
    /* Stores the hash as PATCH does it: a new generation, so every token from before is void, and sockets close.
     * SW_NOT_FOUND: nobody; SW_CONFLICT: an agent or Butler, who have no password. */
    sw_status (*change_password)(void *self, sw_tx *tx, int64_t id, const char *hash);
} sw_users_service;

SW_END_DECLS
#endif
